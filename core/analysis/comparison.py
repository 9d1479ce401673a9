"""Comparison of runs: groups, estimates and verdicts. What is better is decided here alone.

Every page, command, report and claim of the chapter uses this module, so that the same runs never
get two answers. All pairs of the compared groups are one family of tests: each pair is tested by
the test that the measure declares, and p is corrected by Holm's method for all pairs. Counts are
compared exactly, times over launches. Where there are too few seeds for any verdict, the result
says how many are needed; where two groups are not distinguishable, which difference these seeds
would have shown, and whether they are equal within the measure's margin.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from core.analysis.groups import Group, SettingDifference, grouped, setting_differences
from core.analysis.runs import (
    MeasuredRun,
    PerSeedValues,
    Repeat,
    last_row,
    per_seed_values,
    repeat_of,
    seeds_of,
)
from core.experiment import Column, Experiment
from core.settings import Value
from core.stats.aggregation import Aggregation, Values
from core.stats.estimates import CONFIDENCE, MISSING, Estimate, settled_estimate
from core.stats.tests import TestResult, holm
from core.store.records import RunRecord

if TYPE_CHECKING:
    import pandas

Table = Callable[[RunRecord, str], "pandas.DataFrame | None"]
"""(run, table name) → the rows that the run recorded; None if there are none."""
PairOutcome = Literal[
    "better",
    "worse",
    "higher",
    "lower",
    "equal",
    "equal within the margin",
    "not distinguishable",
    "not enough seeds",
]
"""The verdict on the first group against the second: higher and lower if no direction is better,
equal for exact numbers alone, equal within the margin by two one-sided tests, not enough seeds if
no values of so few could differ significantly."""
OPPOSITE: Mapping[PairOutcome, PairOutcome] = {
    "better": "worse",
    "worse": "better",
    "higher": "lower",
    "lower": "higher",
}
DISTINGUISHED: tuple[PairOutcome, ...] = ("better", "worse", "higher", "lower")
CORRECTION = "Holm"
LEVEL = 1 - CONFIDENCE
MAX_COMPARED = 16
"""The most groups whose pairs are all tested: 120 pairs. Each pair weakens all of the tests."""
Mark = Literal["best", "among the best", ""]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Power:
    """What the samples of two groups can show; computed when it is asked for."""

    aggregation: Aggregation
    samples: tuple[Values, Values]
    level: float
    """Of the strictest test of the family."""

    @cached_property
    def detectable(self) -> float | None:
        return self.aggregation.detectable(*self.samples, self.level)

    @cached_property
    def seeds_to_decide(self) -> int | None:
        return self.aggregation.seeds_to_decide(*self.samples, self.level)


@dataclass(frozen=True)
class Difference:
    """The verdict on a first group against a second."""

    first: str
    second: str
    finding: PairOutcome
    test: str
    """Its name; empty for exact numbers, and where there were too few seeds for a test."""
    n: tuple[int, int]
    """The number of seeds in each group."""
    p_value: float | None
    """For this pair alone, uncorrected."""
    corrected_p: float | None
    """Corrected by Holm's method for all the pairs that were compared, and for looks."""
    seeds_needed: int | None = None
    """If there are too few seeds: how many in each group so many pairs need."""
    power: Power | None = field(default=None, repr=False, compare=False)
    """Where the two are not distinguishable."""

    @property
    def detectable(self) -> float | None:
        """The smallest difference that these seeds would have shown, with 80% power; None where
        the two are distinguished, or their spread is not known."""
        return self.power.detectable if self.power else None

    @property
    def seeds_to_decide(self) -> int | None:
        """How many seeds in each group would show the difference seen, if it is real, with 80%
        power; None where no reasonable number would."""
        return self.power.seeds_to_decide if self.power else None

    @property
    def reversed(self) -> Difference:
        """The same verdict on the second group against the first."""
        return replace(
            self,
            first=self.second,
            second=self.first,
            finding=OPPOSITE.get(self.finding, self.finding),
            n=self.n[::-1],
            power=self.power and replace(self.power, samples=self.power.samples[::-1]),
        )

    @property
    def distinguished(self) -> bool:
        """Whether the two differ significantly."""
        return self.finding in DISTINGUISHED


def pairwise_tests(
    groups: Mapping[str, Values],
    aggregation: Aggregation,
    better: Literal["higher", "lower"] | None = None,
    *,
    margin: float = 0.0,
    looks: int = 1,
) -> list[Difference]:
    """Test every pair of groups, in the order given; `groups` has one value per seed."""
    pairs = itertools.combinations(groups, 2)
    samples = {(a, b): (groups[a], groups[b]) for a, b in pairs}
    return contrasts(samples, aggregation, better, margin, looks)


def contrasts(
    pairs: Mapping[Pair, tuple[Values, Values]],
    aggregation: Aggregation,
    better: Literal["higher", "lower"] | None = None,
    margin: float = 0.0,
    looks: int = 1,
) -> list[Difference]:
    """Test some pairs of samples, which together are the family that p is corrected for.

    A pair may be of two measures (two directions against a wider single one) or of one measure
    and a multiple of it (twice as long as). `looks`: how often such samples are looked at while
    seeds are added.
    """
    results = [aggregation.test(*samples) for samples in pairs.values()]
    tested = [result for result in results if result is not None]
    corrected = iter(_corrected([result.p_value for result in tested], looks))
    smallest = iter(_corrected([result.min_p for result in tested], looks))
    needed = aggregation.seeds_needed(len(pairs) * looks, LEVEL)
    equivalent = _equivalent_pairs(pairs, aggregation, margin, looks)
    differences = []
    for ((a, b), (first, second)), result in zip(pairs.items(), results, strict=True):
        n = len(first), len(second)
        if result is None:
            verdict = Difference(a, b, "not enough seeds", "", n, None, None, needed)
        elif aggregation.exact:
            equal = {*first} == {*second}
            finding = "equal" if equal else _direction(result, result.p_value, better)
            verdict = Difference(a, b, finding, "", n, None, None)
        else:
            p, min_p = next(corrected), next(smallest)
            verdict = Difference(
                a, b, "not distinguishable", aggregation.test_name, n, result.p_value, p
            )
            if p <= LEVEL:
                verdict = replace(verdict, finding=_direction(result, p, better))
            elif (a, b) in equivalent:
                verdict = replace(verdict, finding="equal within the margin")
            elif min_p > LEVEL:
                verdict = replace(verdict, finding="not enough seeds", seeds_needed=needed)
            else:
                power = Power(aggregation, (first, second), LEVEL / len(tested) / looks)
                verdict = replace(verdict, power=power)
        differences.append(verdict)
    return differences


def _equivalent_pairs(
    pairs: Mapping[Pair, tuple[Values, Values]],
    aggregation: Aggregation,
    margin: float,
    looks: int,
) -> set[Pair]:
    """The pairs that differ by less than the margin, corrected for all pairs."""
    if not margin or aggregation.exact:
        return set()
    p_values = {pair: aggregation.p_equivalent(*pairs[pair], margin) for pair in pairs}
    known = {pair: p for pair, p in p_values.items() if p is not None}
    corrected = _corrected(list(known.values()), looks)
    return {pair for pair, p in zip(known, corrected, strict=True) if p <= LEVEL}


def _corrected(p_values: Sequence[float], looks: int) -> list[float]:
    """For all pairs by Holm's method, and for all looks by Bonferroni's."""
    return [min(1.0, looks * p) for p in holm(p_values)]


def _direction(
    result: TestResult, p_value: float, better: Literal["higher", "lower"] | None
) -> PairOutcome:
    if p_value >= 1:
        return "not distinguishable"
    if better is None:
        return "higher" if result.higher else "lower"
    return "better" if result.higher == (better == "higher") else "worse"


def marks(
    values: Mapping[str, float | None],
    differences: Sequence[Difference],
    better: Literal["higher", "lower"] | None,
) -> dict[str, Mark]:
    """Which groups are best: one only if it is significantly better than all others, else all
    that are not distinguishable from the best value; none if seeds are too few for a verdict."""
    known = {name: value for name, value in values.items() if value is not None}
    none: dict[str, Mark] = dict.fromkeys(values, "")
    if better is None or len(known) < 2:
        return none
    top = (max if better == "higher" else min)(known, key=known.__getitem__)
    against = {
        d.second if d.first == top else d.first: d
        for d in differences
        if top in (d.first, d.second)
    }
    ties = [name for name in known if name != top and not against[name].distinguished]
    too_few = any(against[name].finding == "not enough seeds" for name in ties)
    if too_few or len(ties) == len(known) - 1:
        return none
    mark: Mark = "among the best" if ties else "best"
    return none | dict.fromkeys([top, *ties], mark)


@dataclass(frozen=True, eq=False)
class Result:
    """One measure of every group."""

    column: Column
    estimates: Mapping[str, Estimate]
    """By the name of the group."""
    values: Mapping[str, Values]
    """One value for each seed or launch, which the verdicts compare."""
    differences: tuple[Difference, ...]
    """The verdict on every pair of groups; empty for too many groups, or for a single one."""
    marks: Mapping[str, Mark]
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Group → how many of its seeds have no finite value, if others of them do."""

    @property
    def judged(self) -> bool:
        """Whether one direction is better."""
        return self.column.better is not None

    @property
    def exact(self) -> bool:
        """Whether the measure is counted rather than estimated."""
        return self.column.aggregation.exact

    def bounds(self, name: str) -> tuple[float, float] | None:
        """What decides on which side of a limit a group's measure is."""
        return self.column.aggregation.bounds(self.estimates[name], self.values[name])

    @property
    def repeats(self) -> Mapping[str, int]:
        """Group → its number of seeds, of launches, or for counts of runs."""
        return {name: len(values) for name, values in self.values.items()}

    def ordered(self) -> list[str]:
        """The groups that have a value, the best first (the highest where neither is better)."""
        known = {name: e.value for name, e in self.estimates.items() if e.value is not None}
        return sorted(known, key=known.__getitem__, reverse=self.column.better != "lower")

    def against(self, first: str, second: str) -> Difference | None:
        """The verdict on the first group against the second."""
        for difference in self.differences:
            if (difference.first, difference.second) == (first, second):
                return difference
            if (difference.second, difference.first) == (first, second):
                return difference.reversed
        return None

    def of(self, name: str) -> list[Difference]:
        """The verdicts on a group against each of the others."""
        return [d for other in self.repeats if (d := self.against(name, other)) is not None]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Groups of runs of one experiment."""

    experiment: Experiment
    groups: tuple[Group, ...]
    settings: tuple[SettingDifference, ...]
    """Only those that differ."""
    results: tuple[Result, ...]
    """Every measure of the summary that any group has, in the order declared."""
    summaries: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    """Group → the flat summary of its newest run."""
    without: tuple[RunRecord, ...] = ()
    """Runs that have recorded no summary."""
    grouped_by: str = ""
    measure: str = ""
    """The measure that the answer is about; if empty, the default headline."""
    looks: int = 1
    """How often it is looked at while seeds are added, for which every p is corrected."""

    @property
    def repeat(self) -> Repeat:
        """The unit that is repeated."""
        return repeat_of(self.experiment)

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """Every run, group by group."""
        return tuple(run for group in self.groups for run in group.runs)

    @cached_property
    def notes(self) -> Mapping[str, Mapping[str, str]]:
        """Title of a note of the summary → group → its text."""
        columns = [c for c in self.experiment.summary.columns() if c.role == "note"]
        notes = {
            column.title: {
                name: str(text)
                for name, summary in self.summaries.items()
                if (text := summary.get(column.name)) == text
            }
            for column in columns
        }
        return {title: texts for title, texts in notes.items() if any(texts.values())}

    @cached_property
    def default_headline(self) -> Result | None:
        """The first declared headline that differs between groups; else the first headline, or the
        first measure that has a better direction.

        A headline that a setting of all runs makes equal (parameters at one budget) is skipped."""
        declared = [
            self.result(headline.name)
            for headline in self.experiment.headlines
            if any(run.settings.get(headline.fixed_by) is None for run in self.runs)
        ]
        measured = [result for result in declared if result is not None]
        judged = [result for result in self.results if result.judged]
        differing = [r for r in measured if len({e.value for e in r.estimates.values()}) > 1]
        return next(iter([*differing, *measured, *judged, *self.results]), None)

    @property
    def headline(self) -> Result | None:
        """The measure that the answer is about."""
        return self.result(self.measure) or self.default_headline

    def result(self, name: str) -> Result | None:
        """A measure by its column's name."""
        return next((result for result in self.results if result.column.name == name), None)

    def contrasts(
        self, pairs: Mapping[Pair, tuple[Values, Values]], aggregation: Aggregation
    ) -> list[Difference]:
        """Test samples of these groups that are more when they are higher: a family of its own."""
        return contrasts(pairs, aggregation, "higher", looks=self.looks)

    def estimate(self, group: str, name: str) -> Estimate:
        """A measure of one group."""
        result = self.result(name)
        return result.estimates[group] if result else MISSING

    def bounds(self, group: str, name: str) -> tuple[float, float] | None:
        """What decides on which side of a limit a measure of one group is; see `Result.bounds`."""
        result = self.result(name)
        return result.bounds(group) if result else None


def compare(
    experiment: Experiment,
    runs: Sequence[RunRecord],
    table: Table,
    group_by: str = "",
    measure: str = "",
    looks: int = 1,
) -> Comparison:
    """Compare finished runs of one experiment, in groups (see `groups.groupings`).

    `looks`: how often they will be looked at while seeds are added; runs that were added know it.
    """
    ordered = sorted(runs, key=lambda run: run.submitted)
    readable = [run for run in ordered if has_rows(table(run, experiment.summary.table))]
    groups = grouped(experiment, readable, group_by)
    comparison = compare_groups(experiment, groups, table, looks)
    without = tuple(run for run in ordered if run not in readable)
    return replace(comparison, without=without, grouped_by=group_by, measure=measure)


def compare_groups(
    experiment: Experiment,
    groups: Sequence[Group],
    table: Table,
    looks: int = 1,
    measures: Collection[str] | None = None,
) -> Comparison:
    """Compare groups of finished runs that have recorded a summary, by every measure or by these
    alone: each measure is a family of its own."""
    looks = max([looks, *(run.looks for group in groups for run in group.runs)])
    samples = {
        group.name: per_seed_values(
            experiment,
            [
                MeasuredRun(run.run_id, run.settings, lambda name, run=run: table(run, name))  # type: ignore[misc]
                for run in group.runs
            ],
        )
        for group in groups
    }
    summaries = {group.name: _newest_summary(experiment, group, table) for group in groups}
    seeds = {group.name: seeds_of(experiment, group.runs) for group in groups}
    results = []
    for declared in experiment.summary.columns():
        if declared.role != "measure" or (measures is not None and declared.name not in measures):
            continue
        column = declared.of(run.settings for group in groups for run in group.runs)
        values = {g.name: list(samples[g.name].get(column.name, {}).values()) for g in groups}
        estimates = {
            g.name: _estimate(column, g, samples[g.name], summaries[g.name]) for g in groups
        }
        if not any(estimate.n for estimate in estimates.values()):
            continue
        known = {name: numbers for name, numbers in values.items() if numbers}
        differences = (
            pairwise_tests(
                known, column.aggregation, column.better, margin=column.margin, looks=looks
            )
            if len(known) <= MAX_COMPARED
            else []
        )
        best = (
            marks({name: estimates[name].value for name in known}, differences, column.better)
            if differences
            else {}
        )
        left_out = {name: seeds[name] - len(numbers) for name, numbers in known.items()}
        missing = {name: count for name, count in left_out.items() if count > 0}
        results.append(Result(column, estimates, values, tuple(differences), best, missing))
    return Comparison(
        experiment=experiment,
        groups=tuple(groups),
        settings=setting_differences(experiment, groups),
        results=tuple(results),
        summaries=summaries,
        looks=looks,
    )


def has_rows(table: pandas.DataFrame | None) -> bool:
    return table is not None and not table.empty


def _newest_summary(experiment: Experiment, group: Group, table: Table) -> Mapping[str, Value]:
    summary = table(group.runs[-1], experiment.summary.table)
    assert summary is not None, "only runs with a summary are grouped"
    return last_row(summary)


def _estimate(
    column: Column, group: Group, samples: PerSeedValues, summary: Mapping[str, Value]
) -> Estimate:
    """The estimate over all seeds; of a single sample, the one that its run recorded.

    Runs of earlier versions recorded intervals that do not cover; their seeds are estimated anew.
    """
    by_seed = samples.get(column.name, {})
    values, drifts = list(by_seed.values()), samples.get(column.drift)
    if drifts and len(values) > 1:
        return settled_estimate(by_seed, drifts)
    estimate = column.aggregation.estimate(values) if len(values) > 1 else MISSING
    if estimate.value is None and len(group.runs) == 1:
        estimate = column.read(summary, group.runs[0].settings)
        if estimate.value is None and values:  # a measure newer than the run, read from its tables
            return column.aggregation.estimate(values)
        if not column.estimate and estimate.value is not None:
            estimate = replace(estimate, n=max(1, len(values)))
    elif estimate.value is None and values:
        estimate = column.aggregation.estimate(values)
    return estimate.within(0.0, 100.0) if column.unit.startswith("%") else estimate
