"""The scorecard: one column per kind, one line per headline measure, question by question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.architecture import Architecture
from core.differences import Difference, Mark, differences, marks
from core.experiment import Column, Config, Experiment, Headline
from core.experiments import EXPERIMENTS
from core.parameters import count_parameters
from core.scorecard.basis import Basis, Record, on_terms
from core.scorecard.measured import Cell, Table, read
from core.scorecard.missing import wanted
from core.scorecard.terms import Terms


@dataclass(frozen=True, eq=False)
class Line:
    """One headline measure of all columns."""

    headline: Headline
    column: Column
    cells: Mapping[str, Cell]
    """Kind → what was measured; what has not been run is not in it."""
    differences: tuple[Difference, ...]
    """Of every pair of kinds, corrected for all of them."""
    marks: Mapping[str, Mark]
    """Kind → whether it is the best by more than noise."""
    fixed: bool
    """Whether the terms make it equal for all, as nearly as they can."""

    @property
    def best(self) -> str:
        """The kind that is better than every other by more than noise; empty if none is."""
        return next((kind for kind, mark in self.marks.items() if mark == "best"), "")


@dataclass(frozen=True, eq=False)
class Size:
    """What a kind comes to on the terms of a scorecard."""

    hidden_size: int
    parameters: int
    """Of its recurrent layers, achieved."""


@dataclass(frozen=True, eq=False)
class Question:
    """One experiment on a scorecard."""

    experiment: Experiment
    basis: Basis | None
    """What its runs share; None where there are none on these terms."""
    elsewhere: tuple[Terms, ...]
    """On which other terms there are runs of these kinds."""
    machines: tuple[str, ...]
    """On which other machines there are some on these terms, if times are measured."""
    lines: tuple[Line, ...]
    sizes: Mapping[str, Size]
    missing: tuple[Config, ...]
    """What would fill the empty cells, in the order of the columns."""

    @property
    def runs(self) -> tuple[str, ...]:
        """Ids of the runs that its cells were read from."""
        ids = (run for line in self.lines for cell in line.cells.values() for run in cell.runs)
        return tuple(dict.fromkeys(ids))


@dataclass(frozen=True, eq=False)
class Scorecard:
    """All questions, on one set of terms."""

    terms: Terms
    kinds: tuple[Architecture, ...]
    """The columns."""
    machine: str
    """Where times were measured; empty if there are none."""
    questions: tuple[Question, ...]

    @property
    def missing(self) -> list[tuple[Experiment, Config]]:
        """All runs that would fill it."""
        return [(q.experiment, config) for q in self.questions for config in q.missing]


def scorecard(
    records: Sequence[Record],
    kinds: Sequence[Architecture],
    terms: Terms,
    table: Table,
    machine: str = "",
) -> Scorecard:
    """From finished runs, oldest first. Of runs that are not chosen no table is read."""
    questions = tuple(
        _question(experiment, records, kinds, terms, table, machine) for experiment in EXPERIMENTS
    )
    return Scorecard(terms, tuple(kinds), machine, questions)


def _question(
    experiment: Experiment,
    records: Sequence[Record],
    kinds: Sequence[Architecture],
    terms: Terms,
    table: Table,
    machine: str,
) -> Question:
    names = [kind.kind for kind in kinds]
    there = on_terms(experiment, records, names, terms, machine)
    basis = there[0] if there else None
    anywhere = on_terms(experiment, records, names)
    others = tuple(dict.fromkeys(b.terms for b in anywhere if b.terms != terms))
    machines = tuple(b.where for b in on_terms(experiment, records, names, terms))
    lines = tuple(_lines(basis, table)) if basis else ()
    there_already = {name for line in lines for name in line.cells}
    absent = [kind for kind in kinds if kind.kind not in there_already]
    like = basis or next(iter(anywhere), None)
    missing = tuple(wanted(experiment, absent, terms, like))
    sizes = _sizes(basis) if basis else {}
    elsewhere = tuple(dict.fromkeys(machines)) if experiment.timed and basis is None else ()
    return Question(experiment, basis, others, elsewhere, lines, sizes, missing)


def _lines(basis: Basis, table: Table) -> Iterator[Line]:
    columns = {column.name: column for column in basis.experiment.summary.columns()}
    readings = {kind: read(basis, kind, table) for kind in basis.runs}
    for headline in headlines(basis.experiment):
        column = columns[headline.name]
        cells = {kind: r.cell(column) for kind, r in readings.items() if r is not None}
        fixed = headline.fixed_by in basis.terms.settings
        groups = {k: cell.values for k, cell in cells.items() if cell.values and not fixed}
        found = differences(groups, column.pooled, column.better)
        values = {kind: cells[kind].estimate.value for kind in groups}
        told = marks(values, found, column.better)
        yield Line(headline, column, cells, tuple(found), told, fixed)


def headlines(experiment: Experiment) -> tuple[Headline, ...]:
    """As declared; of an experiment that declares none the first measure that is judged."""
    if experiment.headlines:
        return experiment.headlines
    judged = [column for column in experiment.summary.columns() if column.better]
    return tuple(
        Headline(c.name, f"has the {'highest' if c.better == 'higher' else 'lowest'} {c.title}")
        for c in judged[:1]
    )


def _sizes(basis: Basis) -> Mapping[str, Size]:
    return {kind: size for kind, runs in basis.runs.items() if (size := _size(basis, runs[-1]))}


def _size(basis: Basis, run: Record) -> Size | None:
    if run.architecture is None:
        return None
    width = int(run.settings["hidden_size"])
    shape = run.architecture.model_copy(update={"hidden_size": width})
    config = basis.experiment.config.from_flat(dict(basis.shared))
    return Size(width, count_parameters(shape, config.features).core)
