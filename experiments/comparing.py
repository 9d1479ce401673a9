"""Finished runs side by side, as data: what differs in their settings, what each came to, and which
of them differ by more than noise. The Compare page and the command line show the same.

Measures mean something within one experiment only: each has a `Comparison` of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas

from core.differences import Difference, Mark, differences, marks
from core.experiment import Column, Experiment
from core.pooling import EXACT
from core.samples import Measured, Repeat, Samples, repeat_of, samples
from core.settings import Value
from core.statistics import MISSING, Estimate
from core.tracking import RunRecord
from core.words import read_estimate
from experiments.grouping import Group, Line, grouped, lines

Table = Callable[[RunRecord, str], pandas.DataFrame | None]
MOST_COMPARED = 16
"""Groups of which every pair is judged: 120 pairs. Nobody reads more, and each makes all of them
harder to tell apart."""


@dataclass(frozen=True, eq=False)
class Result:
    """One measure of every group."""

    column: Column
    estimates: Mapping[str, Estimate]
    """By the name of the group."""
    repeats: Mapping[str, int]
    """Of each group: seeds, launches, or runs of what is counted."""
    differences: tuple[Difference, ...]
    """Of every pair of groups; empty where there are too many groups, or a single one."""
    marks: Mapping[str, Mark]

    @property
    def judged(self) -> bool:
        """Whether one direction is better."""
        return self.column.better is not None

    def against(self, first: str, second: str) -> Difference | None:
        """What can be said of the first group against the second."""
        for found in self.differences:
            if (found.first, found.second) == (first, second):
                return found
            if (found.second, found.first) == (first, second):
                return found.reversed
        return None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Groups of runs of one experiment."""

    experiment: Experiment
    groups: tuple[Group, ...]
    settings: tuple[Line, ...]
    """Only those that differ."""
    results: tuple[Result, ...]
    """Every measure of the summary that any group has, in the order declared."""
    without: tuple[RunRecord, ...] = ()
    """Runs that have recorded no summary."""
    grouped_by: str = ""
    measure: str = ""
    """The one that the answer is about; empty: the first that is judged."""
    notes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Title of a note of the summary → group → what it says."""

    @property
    def repeat(self) -> Repeat:
        """What is repeated."""
        return repeat_of(self.experiment)

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """Every run, group by group."""
        return tuple(run for group in self.groups for run in group.runs)

    @property
    def headline(self) -> Result | None:
        """The measure that was asked for, else the first that is judged."""
        return self.result(self.measure) or self.first

    @cached_property
    def first(self) -> Result | None:
        """The first measure that has a better direction and differs, else the first judged one."""
        found = [result for result in self.results if result.judged]
        differing = [r for r in found if len({e.value for e in r.estimates.values()}) > 1]
        return next(iter([*differing, *found, *self.results]), None)

    def result(self, name: str) -> Result | None:
        """A measure by its column's name."""
        return next((result for result in self.results if result.column.name == name), None)


def compare(
    experiment: Experiment,
    runs: Sequence[RunRecord],
    table: Table,
    group_by: str = "",
    measure: str = "",
) -> Comparison:
    """Finished runs of one experiment, in groups (see `grouping.groupings`), oldest runs first."""
    ordered = sorted(runs, key=lambda run: run.submitted)
    summary = experiment.summary.table
    readable = [run for run in ordered if _rows(table(run, summary))]
    groups = grouped(experiment, readable, group_by)
    found = {group.name: _samples(experiment, group, table) for group in groups}
    last = {group.name: _last(experiment, group, table) for group in groups}
    columns = [c for c in experiment.summary.columns() if c.role == "measure"]
    results = [_result(experiment, column, groups, found, last) for column in columns]
    return Comparison(
        experiment=experiment,
        groups=groups,
        settings=lines(experiment, groups),
        results=tuple(r for r in results if any(e.n for e in r.estimates.values())),
        without=tuple(run for run in ordered if run not in readable),
        grouped_by=group_by,
        measure=measure,
        notes=_notes(experiment, last),
    )


def _rows(table: pandas.DataFrame | None) -> bool:
    return table is not None and not table.empty


def _samples(experiment: Experiment, group: Group, table: Table) -> Samples:
    def measured(run: RunRecord) -> Measured:
        return Measured(run.run_id, run.settings, lambda name: table(run, name))

    return samples(experiment, [measured(run) for run in group.runs])


def _last(experiment: Experiment, group: Group, table: Table) -> Mapping[str, Value]:
    """The summary of the group's newest run, flat."""
    summary = table(group.runs[-1], experiment.summary.table)
    assert summary is not None, "only runs with a summary are grouped"
    return {str(name): value for name, value in summary.iloc[-1].items()}


def _result(
    experiment: Experiment,
    column: Column,
    groups: Sequence[Group],
    found: Mapping[str, Samples],
    last: Mapping[str, Mapping[str, Value]],
) -> Result:
    values = {g.name: list(found[g.name].get(column.name, {}).values()) for g in groups}
    estimates = {g.name: _estimate(column, g, values[g.name], last[g.name]) for g in groups}
    known = {name: numbers for name, numbers in values.items() if numbers}
    pairs = differences(known, column.pooled, column.better) if len(known) <= MOST_COMPARED else []
    best = marks({n: estimates[n].value for n in known}, pairs, column.better) if pairs else {}
    repeats = {name: len(numbers) for name, numbers in values.items()}
    return Result(column, estimates, repeats, tuple(pairs), best)


def _estimate(
    column: Column, group: Group, values: Sequence[float], last: Mapping[str, Value]
) -> Estimate:
    """Of one run its own estimate, as it was recorded; of several that of all their seeds."""
    if len(group.runs) == 1:
        if column.estimate:
            return read_estimate(last, column.name)
        value = last.get(column.name)
        known = value is not None and value == value
        return Estimate(float(value), None, None, max(1, len(values))) if known else MISSING  # type: ignore[arg-type]
    if not values:
        return MISSING
    return column.pooled.estimate(values)


def _notes(
    experiment: Experiment, last: Mapping[str, Mapping[str, Value]]
) -> dict[str, dict[str, str]]:
    found = {}
    for column in experiment.summary.columns():
        said = {name: str(v) for name, line in last.items() if (v := line.get(column.name)) == v}
        if column.role == "note" and any(said.values()):
            found[column.title] = said
    return found


def exact(result: Result) -> bool:
    """Whether the measure is counted rather than estimated."""
    return result.column.pooled is EXACT
