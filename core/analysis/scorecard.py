"""The scorecard: every question's headline measures side by side, on equal terms.

    card = scorecard(records, kinds, Terms(hidden_size=64), table)

A column is a *kind*, an architecture whatever its width: `LSTM · forget bias 1`. Terms say what is
equal: the width, or the parameters. The runs of one question share their *basis*: every setting but
the architecture and what the terms fix, and the device that measured them; where times are measured
the very machine. `table(run_id, name)` reads what a run has recorded, of the chosen runs only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from core.analysis.comparison import Difference, Mark, Result, compare_groups, has_rows
from core.analysis.groups import Group, Identity
from core.analysis.runs import finished_run
from core.experiment import SEEDS, Column, Config, Experiment, Headline
from core.experiments import all_experiments, experiment_named
from core.models.architecture import Architecture
from core.models.counting import count_parameters
from core.models.registry import variants
from core.settings import BadSetting, Setting, Value, settings_of
from core.stats.estimates import MISSING, Estimate
from core.store.records import RunRecord

if TYPE_CHECKING:
    import pandas


WIDTH = "hidden_size"

_SETTINGS = tuple(s for s in settings_of(Architecture) if s.name != WIDTH)

PLAIN: Mapping[str, Architecture] = {
    architecture.kind: architecture
    for architecture in (Architecture.from_flat(kind) for kind in variants().values())
}
"""The six variants at their default initialisation, by kind."""


def kind_of(settings: Mapping[str, Any]) -> Architecture | None:
    """Of a run's flat settings, at the default width: equal for runs of one column.

    None for a run that this version of Unroll no longer understands.
    """
    return _kind(tuple(settings.get(setting.name, setting.default) for setting in _SETTINGS))


@functools.lru_cache(maxsize=4096)
def _kind(values: tuple[Value, ...]) -> Architecture | None:
    names = (setting.name for setting in _SETTINGS)
    try:
        return Architecture.from_flat(dict(zip(names, values, strict=True)))
    except BadSetting:
        return None


# --- On what terms are variants compared: at equal width, or at equal parameters?

BUDGET = "parameter_budget"


@dataclass(frozen=True)
class Terms:
    """One hidden size for all, or one parameter budget that decides each variant's own."""

    hidden_size: int | None = None
    parameter_budget: int | None = None

    def __post_init__(self) -> None:
        if (self.hidden_size is None) == (self.parameter_budget is None):
            raise ValueError("terms are one hidden size or one parameter budget, not both")

    @property
    def in_words(self) -> str:
        """`hidden size 64`, `a budget of 100,000 recurrent parameters`."""
        if self.hidden_size is not None:
            return f"hidden size {self.hidden_size:,}"
        return f"a budget of {self.parameter_budget:,} recurrent parameters"

    @property
    def settings(self) -> Mapping[str, int]:
        """What they ask of a config."""
        asked = {WIDTH: self.hidden_size, BUDGET: self.parameter_budget}
        return {name: value for name, value in asked.items() if value is not None}


def terms_of(settings: Mapping[str, Any]) -> Terms | None:
    """On which a run was made; None for one that does not say."""
    if (budget := settings.get(BUDGET)) is not None:
        return Terms(parameter_budget=int(budget))
    width = settings.get(WIDTH)
    return None if width is None else Terms(hidden_size=int(width))


# --- Which runs may stand side by side? Those that share all but what is compared.

MAX_READ = 100
"""Runs of one kind: of more that repeat each other only the newest are read."""


@dataclass(frozen=True, eq=False)
class Record:
    """A finished run: what was asked of it, and where it was measured."""

    run_id: str
    experiment: str
    settings: Mapping[str, Any] = field(repr=False)
    device: str
    """`cpu`, `cuda`, `mps`; empty where it does not say."""
    chip: str

    @property
    def machine(self) -> str:
        """`CPU (Intel …)`."""
        return f"{self.device.upper()} ({self.chip})"

    @cached_property
    def terms(self) -> Terms | None:
        """At which width, or budget."""
        return terms_of(self.settings)

    @cached_property
    def architecture(self) -> Architecture | None:
        """Its kind."""
        return kind_of(self.settings)

    @cached_property
    def kind(self) -> str:
        """The column that it belongs to; empty for none."""
        return self.architecture.kind if self.architecture else ""

    @cached_property
    def shared(self) -> Identity:
        """What runs that stand beside it must have in common with it."""
        settings = shared_settings(experiment_named(self.experiment))
        return tuple(self.settings.get(s.name, s.default) for s in settings)


@dataclass(frozen=True, eq=False)
class Basis:
    """What the runs of one question share, and those runs."""

    experiment: Experiment
    terms: Terms
    shared: Mapping[str, Value]
    """Setting → its value in all of them."""
    where: str
    """The device that measured them, or the machine."""
    runs: Mapping[str, tuple[Record, ...]]
    """Kind → its runs on this basis, oldest first."""


def on_terms(
    experiment: Experiment,
    records: Iterable[Record],
    kinds: Collection[str],
    terms: Terms | None = None,
    machine: str = "",
) -> list[Basis]:
    """Every basis of an experiment with a run of any of these kinds, the best choice first.

    Best is what covers most of the kinds; of equals the one that was measured last. `terms` and,
    where times are measured, `machine` leave only those.
    """
    groups: dict[tuple[Terms, Identity, str], dict[str, list[Record]]] = {}
    order: dict[tuple[Terms, Identity, str], int] = {}
    for index, run in enumerate(records):
        if run.experiment != experiment.name or run.kind not in kinds or run.terms is None:
            continue
        if terms not in (None, run.terms) or not _measured_on(experiment, run, machine):
            continue
        place = run.machine if experiment.timed else run.device
        group = run.terms, run.shared, place
        groups.setdefault(group, {}).setdefault(run.kind, []).append(run)
        order[group] = index
    best_first = sorted(groups, key=lambda group: (-len(groups[group]), -order[group]))
    return [_basis(experiment, group, groups[group], kinds) for group in best_first]


def _measured_on(experiment: Experiment, run: Record, machine: str) -> bool:
    return not (experiment.timed and machine) or run.machine == machine


def _basis(
    experiment: Experiment,
    group: tuple[Terms, Identity, str],
    runs: Mapping[str, Sequence[Record]],
    kinds: Collection[str],
) -> Basis:
    terms, key, where = group
    names = (setting.name for setting in shared_settings(experiment))
    by_kind = {kind: tuple(runs[kind]) for kind in kinds if kind in runs}
    return Basis(experiment, terms, dict(zip(names, key, strict=True)), where, by_kind)


def shared_settings(experiment: Experiment) -> tuple[Setting, ...]:
    """The settings that runs of one question must have in common."""
    return tuple(s for s in experiment.identity if not s.of_architecture and s.name != BUDGET)


# --- Cells

Table = Callable[[str, str], "pandas.DataFrame | None"]
"""(run id, table name) → the rows that the run recorded; None if there are none."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One measure of one kind."""

    estimate: Estimate
    """Without a value where a kind has none: a bidirectional network's latency."""
    over: str
    """What its n counts: `seed`, `run`, `repetition`, `sentence`; empty of an exact number."""
    values: tuple[float, ...]
    """One for each seed, or timed run: what a verdict is made of."""
    runs: tuple[str, ...]
    """Ids of the runs that it was read from."""


def _cell(group: Group, column: Column, result: Result | None, experiment: Experiment) -> Cell:
    runs = tuple(run.run_id for run in group.runs)
    if result is None or result.estimates[group.name].value is None:
        return Cell(MISSING, "", (), runs)
    within = len(runs) == 1 and column.estimate
    if column.pooled.exact:
        over = ""
    elif experiment.timed:
        over = "repetition" if within else "run"
    else:
        over = "sentence" if experiment.one_run_per_seed and within else "seed"
    return Cell(result.estimates[group.name], over, tuple(result.values[group.name]), runs)


# --- Which runs would fill the empty cells? Exactly what the other cells were made with.


def wanted(
    experiment: Experiment,
    architectures: Sequence[Architecture],
    terms: Terms,
    like: Basis | None,
) -> list[Config]:
    """Configs of these kinds with the shared settings and the seeds of a basis; without one with
    the experiment's defaults. A kind that cannot be had on these terms has none."""
    found = []
    for architecture in architectures:
        shape = {name: value for name, value in architecture.flat().items() if name != WIDTH}
        for seed in _seeds(experiment, like):
            asked = {**shape, **_shared_values(like), **seed, **terms.settings}
            try:
                found.append(experiment.config.from_flat(asked))
            except BadSetting:
                break
    return found


def _shared_values(like: Basis | None) -> Mapping[str, Value]:
    """The settings of its runs, with the most seeds or repetitions that any of them has."""
    if like is None:
        return {}
    repeats = {
        name: max(values)
        for name in (
            s.name for s in like.experiment.settings if s.role == "replicate" and s.name != "seed"
        )
        if (values := [run.settings[name] for run in _runs(like) if name in run.settings])
    }
    return {**like.shared, **repeats}


def _seeds(experiment: Experiment, like: Basis | None) -> list[Mapping[str, Any]]:
    if not experiment.one_run_per_seed:
        return [{}]
    seeds = {run.settings["seed"] for run in _runs(like)} if like else set()
    first, number = (min(seeds), len(seeds)) if seeds else (0, int(str(SEEDS.default)))
    return [{"seed": seed} for seed in range(first, first + number)]


def _runs(basis: Basis) -> list[Record]:
    return [run for runs in basis.runs.values() for run in runs]


# --- The scorecard: one column per kind, one line per headline measure, question by question.


@dataclass(frozen=True, eq=False)
class MeasureLine:
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
class QuestionCard:
    """One experiment on a scorecard."""

    experiment: Experiment
    basis: Basis | None
    """What its runs share; None where there are none on these terms."""
    elsewhere: tuple[Terms, ...]
    """On which other terms there are runs of these kinds."""
    machines: tuple[str, ...]
    """On which other machines there are some on these terms, if times are measured."""
    lines: tuple[MeasureLine, ...]
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
    questions: tuple[QuestionCard, ...]

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
        _question(experiment, records, kinds, terms, table, machine)
        for experiment in all_experiments()
    )
    return Scorecard(terms, tuple(kinds), machine, questions)


def _question(
    experiment: Experiment,
    records: Sequence[Record],
    kinds: Sequence[Architecture],
    terms: Terms,
    table: Table,
    machine: str,
) -> QuestionCard:
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
    return QuestionCard(experiment, basis, others, elsewhere, lines, sizes, missing)


def _lines(basis: Basis, table: Table) -> Iterator[MeasureLine]:
    """Every headline of the runs on one basis, as any comparison of these runs says it."""
    experiment = basis.experiment

    def read(run: RunRecord, name: str) -> pandas.DataFrame | None:
        return table(run.run_id, name)

    groups = []
    for kind, records in basis.runs.items():
        runs = [
            finished_run(r.run_id, r.experiment, r.settings, r.device, r.chip, order)
            for order, r in enumerate(records[-MAX_READ:])
        ]
        readable = tuple(run for run in runs if has_rows(read(run, experiment.summary.table)))
        if readable:
            groups.append(Group(kind, readable))
    comparison = compare_groups(experiment, groups, read)
    columns = {column.name: column for column in experiment.summary.columns()}
    for headline in headlines(experiment):
        column, result = columns[headline.name], comparison.result(headline.name)
        cells = {group.name: _cell(group, column, result, experiment) for group in groups}
        fixed = headline.fixed_by in basis.terms.settings
        open_line = None if fixed else result
        yield MeasureLine(
            headline,
            column,
            cells,
            open_line.differences if open_line else (),
            open_line.marks if open_line else {},
            fixed,
        )


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


# --- What can a scorecard of these runs be asked for, and what does it show if nobody asks?

MODES = ("Equal width", "Equal parameters")

USUAL: Mapping[str, Terms] = {
    MODES[0]: Terms(hidden_size=64),
    MODES[1]: Terms(parameter_budget=100_000),
}
"""Asked for while nothing is measured in that mode."""


def terms_there(records: Iterable[Record], mode: str) -> list[Terms]:
    """Every width, or every budget, at which something was measured, in rising order."""
    found = {run.terms for run in records if run.terms is not None and run.kind}
    if mode == MODES[0]:
        widths = sorted(t.hidden_size for t in found if t.hidden_size is not None)
        return [Terms(hidden_size=width) for width in widths]
    budgets = sorted(t.parameter_budget for t in found if t.parameter_budget is not None)
    return [Terms(parameter_budget=budget) for budget in budgets]


def fullest(records: Iterable[Record], kinds: Sequence[Architecture], mode: str) -> Terms | None:
    """The terms on which most questions have an answer; of equals those on which most is measured,
    then those of the newest run. None where nothing is measured in this mode."""
    names = {kind.kind for kind in kinds}
    questions: dict[Terms, set[str]] = {}
    cells: dict[Terms, set[tuple[str, str]]] = {}
    newest: dict[Terms, int] = {}
    for index, run in enumerate(records):
        if run.terms is not None and run.kind in names:
            questions.setdefault(run.terms, set()).add(run.experiment)
            cells.setdefault(run.terms, set()).add((run.experiment, run.kind))
            newest[run.terms] = index
    there = [t for t in questions if (t.hidden_size is not None) == (mode == MODES[0])]
    return max(there, key=lambda t: (len(questions[t]), len(cells[t]), newest[t]), default=None)


def kinds_there(records: Iterable[Record]) -> dict[str, Architecture]:
    """The six variants, then whatever else was measured, in the order of the cells."""
    order = list(PLAIN.values())
    found = {run.kind: run.architecture for run in records if run.architecture is not None}
    others = {kind: architecture for kind, architecture in found.items() if kind not in PLAIN}
    cells = [kind.variant for kind in order]
    ranked = sorted(others.items(), key=lambda item: (cells.index(item[1].variant), item[0]))
    return {**PLAIN, **dict(ranked)}


def usual_kinds(records: Iterable[Record]) -> list[str]:
    """The three cells; the six variants once there is a run of a bidirectional one."""
    both = any(run.architecture and run.architecture.bidirectional for run in records)
    return [kind for kind, shape in PLAIN.items() if both or not shape.bidirectional]


def machines_there(records: Sequence[Record]) -> list[str]:
    """Where times were measured, the machine of the newest run first."""
    timed = (run.machine for run in reversed(records) if experiment_named(run.experiment).timed)
    return list(dict.fromkeys(timed))
