"""What a claim is, the runs that measure it, and the results that its rule reads.

A claim is a statement, what measures it, and a rule that computes its verdict from finished runs;
no verdict is written by hand. The chapter's claims also have a guess to make; published ones
(`core.papers`) a source. Estimates and differences come from `core.analysis.comparison`, as on
every page.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import pandas

from core.analysis.comparison import Comparison, PairOutcome, Table, compare_groups
from core.analysis.groups import Group, machine_title
from core.analysis.runs import finished_run
from core.experiment import Config, Experiment
from core.experiments import all_experiments
from core.formatting import as_number
from core.settings import Setting, Value
from core.stats.estimates import Estimate
from core.store.records import RunRecord

Key = tuple[Value, ...]
"""Values of the settings that decide what a run measures: equal for runs of one kind."""


@dataclass(frozen=True)
class Measurement:
    """Some variants of one experiment under some settings."""

    title: str
    experiment: Experiment
    variants: tuple[str, ...]
    settings: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    preset: str = ""
    headline: bool = False
    """Whether pages show its sweep first, as the answer to the experiment's question."""

    def configs(self) -> list[Config]:
        """The validated configs, one run each."""
        return self.experiment.configs(self.variants, self.settings, self.preset)

    @cached_property
    def kinds(self) -> Mapping[Key, Config]:
        """One config of each kind of run, in order."""
        kinds: dict[Key, Config] = {}
        for config in self.configs():
            kinds.setdefault(key_of(self.experiment, config.flat()), config)
        return kinds

    def includes(self, settings: Mapping[str, Any]) -> bool:
        """Whether a run of the experiment with these flat settings is one of those asked for."""
        return key_of(self.experiment, settings) in self.kinds


def key_of(experiment: Experiment, settings: Mapping[str, Any]) -> Key:
    """The key of a run, from flat settings as a config or a table has them."""
    return tuple(
        _plain(setting, settings.get(setting.name, setting.default))
        for setting in experiment.identity
    )


def _plain(setting: Setting, value: Any) -> Value:
    """Undo what a table does: it turns True into 1, 1 into 1.0, None and new settings into nan."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None if setting.optional else setting.default
    if bool in setting.types:
        return bool(value)
    return float(value) if {int, float} & {*setting.types} else str(value)


Run = Mapping[str, Any]
"""A finished run: run_id, flat settings, summary. What is missing may be None or nan."""
Facts = Mapping[str, Any]
"""The result of `Claim.compute`: plain numbers, lists and text, which JSON can hold."""
Truth = bool | None
"""Whether one part of a claim is true; None where the data leave it open."""


TRUTHS: Mapping[PairOutcome, Truth] = {"better": True, "worse": False}


def _no_table(run_id: str, table: str) -> None:
    """The tables of results of which only the summaries are known."""


@dataclass(frozen=True, eq=False)
class Results:
    """Finished runs, and what was computed on the spot."""

    runs: Mapping[str, pandas.DataFrame] = field(default_factory=dict)
    """Experiment name → its finished runs, oldest first: run_id, settings and summary columns."""
    table: Callable[[str, str], pandas.DataFrame | None] = _no_table
    """(run id, table name) → the rows that the run recorded; None if there are none."""
    computed: Mapping[int, Facts] = field(default_factory=dict)
    """Claim number → what its `compute` returned."""

    @cached_property
    def _by_kind(self) -> Mapping[str, Mapping[Key, Sequence[Run]]]:
        kinds: dict[str, dict[Key, list[Run]]] = {}
        for experiment in all_experiments():
            if experiment.name in self.runs:
                of_experiment = kinds.setdefault(experiment.name, {})
                for row in self.runs[experiment.name].to_dict("records"):
                    run = {str(name): value for name, value in row.items()}
                    of_experiment.setdefault(key_of(experiment, run), []).append(run)
        return kinds

    def has(self, experiment: Experiment, config: Config) -> bool:
        """Whether there is a finished run of this kind, and of its seed where each is a run."""
        runs = self._by_kind.get(experiment.name, {}).get(key_of(experiment, config.flat()), ())
        return any(not experiment.one_run_per_seed or run["seed"] == config.seed for run in runs)

    def of(self, *measurements: Measurement) -> list[MatchedRuns]:
        """The finished runs of these measurements, in the order of the measurements."""
        matched: dict[tuple[str, Key], MatchedRuns] = {}
        for measurement in measurements:
            experiment = measurement.experiment
            by_key = self._by_kind.get(experiment.name, {})
            for key, config in measurement.kinds.items():
                if key in by_key:
                    runs = tuple(by_key[key])
                    matched.setdefault(
                        (experiment.name, key), MatchedRuns(experiment, config, runs, self.table)
                    )
        return list(matched.values())


@dataclass(frozen=True, eq=False)
class MatchedRuns:
    """Finished runs of one kind, the newest last."""

    experiment: Experiment
    config: Config
    runs: tuple[Run, ...]
    table: Callable[[str, str], pandas.DataFrame | None]

    @property
    def name(self) -> str:
        """`LSTM 64 · forget bias 1`."""
        return self.config.architecture.label

    @property
    def cell(self) -> str:
        return self.config.architecture.cell

    @property
    def run(self) -> Run:
        """The run with the most seeds or repetitions; among equals, the newest."""
        return max(
            reversed(self.runs),
            key=lambda run: as_number(run.get("seeds")) or as_number(run.get("repetitions")) or 0.0,
        )

    @property
    def run_id(self) -> str:
        return str(self.run["run_id"])

    @property
    def machines(self) -> Mapping[str, MatchedRuns]:
        """Where times are measured: `CPU (Intel …)` → its runs; `CPU (Intel …) on lab-7` where
        that tells two computers apart."""
        machines: dict[str, list[Run]] = {}
        for run in self.runs:
            name = machine_title(str(run["device"]), str(run["chip"]), str(run.get("host") or ""))
            machines.setdefault(name, []).append(run)
        return {
            name: MatchedRuns(self.experiment, self.config, tuple(runs), self.table)
            for name, runs in machines.items()
        }

    @cached_property
    def group(self) -> tuple[Group, Table]:
        """These runs as a group, and the function that reads their tables, for a comparison."""
        settings = self.experiment.settings
        records = tuple(
            finished_run(
                str(run["run_id"]),
                self.experiment.name,
                {s.name: _plain(s, run.get(s.name, s.default)) for s in settings},
                order=order,
            )
            for order, run in enumerate(self.runs)
        )
        summaries = {str(run["run_id"]): pandas.DataFrame([dict(run)]) for run in self.runs}

        def table(record: RunRecord, name: str) -> pandas.DataFrame | None:
            if name == self.experiment.summary.table:
                return summaries[record.run_id]
            return self.table(record.run_id, name)

        return Group(self.name, records), table

    @cached_property
    def _comparison(self) -> Comparison:
        return compare_matched({self.name: self})

    def estimate(self, name: str) -> Estimate:
        """A summary measure, as in any comparison of these runs."""
        return self._comparison.estimate(self.name, name)


def compare_matched(
    matched: Mapping[str, MatchedRuns], measures: Collection[str] | None = None
) -> Comparison:
    """Compare runs of one experiment under these names, by every measure or by these alone: all
    pairs are one family of tests for each."""
    groups = {name: Group(name, runs.group[0].runs) for name, runs in matched.items()}
    tables = {run.run_id: runs.group[1] for runs in matched.values() for run in runs.group[0].runs}
    experiment = next(iter(matched.values())).experiment
    return compare_groups(
        experiment,
        list(groups.values()),
        lambda run, name: tables[run.run_id](run, name),
        measures=measures,
    )


def finding_of(comparison: Comparison, measure: str, first: str, second: str) -> PairOutcome:
    """The verdict on one group against another."""
    result = comparison.result(measure)
    difference = result.against(first, second) if result else None
    return "not enough seeds" if difference is None else difference.finding


def is_better(comparison: Comparison, measure: str, first: str, second: str) -> Truth:
    """Whether the first group is significantly better than the second, or worse.

    None where they are not distinguishable or the seeds are too few for a verdict.
    """
    return TRUTHS.get(finding_of(comparison, measure, first, second))


def number_of(run: Run, name: str) -> float | None:
    """A column's number; None where it is empty or not there."""
    return as_number(run.get(name))


def evidence(*matched: MatchedRuns) -> tuple[str, ...]:
    """Ids of the runs that were read, each once."""
    return tuple(dict.fromkeys(str(run["run_id"]) for one in matched for run in one.runs))


Outcome = Literal["holds", "partly", "does not hold", "not decided", "not measured yet"]
"""Not decided: it is measured, and the measurements leave it open."""

Section = Literal[
    "Sharing weights",
    "Vanishing gradients",
    "Gates",
    "Depth and direction",
    "Sequence to sequence",
    "Speed",
    "Why attention won",
    "What came back",
]
"""The sections of both chapters, in their order."""


@dataclass(frozen=True)
class Question:
    """What the reader guesses before seeing the figure: one of the choices, or a number."""

    text: str
    choices: tuple[str, ...] = ()
    """Empty: a number is asked for."""
    unit: str = ""


@dataclass(frozen=True)
class PropertyRow:
    """One property of the three cells: what the chapter says, and what was measured."""

    title: str
    claimed: tuple[str, str, str]
    """The chapter's entries for RNN, LSTM and GRU."""
    measured: tuple[str, str, str]
    truth: Truth
    missing: bool = False
    """Whether it has not been measured yet."""
    difference: str = ""
    """What the comparison of the three cells says, where they are not exact numbers."""


@dataclass(frozen=True)
class Part:
    """One part of a claim, and what was measured of it."""

    statement: str
    measured: str
    """The figures in words: values, intervals, n, and the test that compares them."""
    truth: Truth


PART_WORDS: Mapping[Truth, str] = {True: "Holds", False: "Does not hold", None: "Not decided"}


@dataclass(frozen=True)
class Verdict:
    """What the measurements say of a claim."""

    outcome: Outcome
    figure: str
    """All that was measured, in words: values, intervals, n."""
    summary: str = ""
    """What decides it, in a sentence or two."""
    measured: str = ""
    """The measured value of the claim's quantity, which stands beside the textbook's."""
    spread: str = ""
    """How sure that value is: `95% CI 26–31, n = 8`, `exact`."""
    answer: str | float | None = None
    """The right answer to the claim's question; None if it is not decided yet."""
    evidence: tuple[str, ...] = ()
    """Ids of the runs used."""
    numbers: Mapping[str, Estimate] = field(default_factory=dict)
    """What was measured, by a short name: quiz questions cite these."""
    findings: Mapping[str, PairOutcome] = field(default_factory=dict)
    """Verdicts on pairs, by `first against second`, which decide quiz questions."""
    table: tuple[PropertyRow, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def sentence(self) -> str:
        """`Does not hold. Off by a factor of 10²³ … The last step's gradient is …`."""
        return " ".join(filter(None, [f"{self.outcome.capitalize()}.", self.summary, self.figure]))


class MeasuredClaim:
    """A claim, of the chapter or of a paper, that a rule judges by finished runs."""

    title: str

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The runs that measure it; none where it is computed on the spot."""
        raise NotImplementedError

    @property
    def key(self) -> int | str:
        """What distinguishes it from the other claims of its kind."""
        raise NotImplementedError

    def verdict(self, results: Results) -> Verdict:
        """The verdict by what has been measured so far."""
        raise NotImplementedError

    def configs(self) -> list[tuple[Experiment, Config]]:
        """Every run that measures it."""
        return [(m.experiment, config) for m in self.measurements for config in m.configs()]

    def missing(self, results: Results) -> list[tuple[Experiment, Config]]:
        """Those of them without a finished run, which a Run button starts."""
        return [
            (experiment, config)
            for experiment, config in self.configs()
            if not results.has(experiment, config)
        ]


@dataclass(frozen=True, eq=False)
class Claim(MeasuredClaim):
    """One of the chapter's, or of the second chapter's, which the papers make."""

    number: int
    title: str
    """The claim in a few words."""
    statement: str
    """The chapter's statement, in a sentence."""
    method: str
    """How it is measured."""
    question: Question
    rule: Callable[[Results], Verdict]
    measurements: tuple[Measurement, ...] = ()
    """The runs that measure it; none where it is computed on the spot."""
    compute: Callable[[], Facts] | None = None
    """What can be computed on the spot, in under a second; imports torch when called."""
    section: Section = field(kw_only=True)
    quantity: str = field(kw_only=True)
    """What the textbook's value and the measured one are values of."""
    textbook: str = field(kw_only=True)
    """The textbook's value, or that of another source."""
    source: str = field(default="Textbook", kw_only=True)
    """Who makes the claim."""
    formula: str = field(kw_only=True)
    """LaTeX."""
    why: str = field(kw_only=True)
    """Why one would expect it, in a sentence."""

    @property
    def key(self) -> int:
        return self.number

    def verdict(self, results: Results) -> Verdict:
        """What its rule says of what has been measured so far."""
        return self.rule(results)


def combined(truths: Sequence[Truth], figure: str, summary: str = "", **more: Any) -> Verdict:
    """The verdict when all, none, or some parts of a claim are true, or some are still open."""
    if False not in truths:
        outcome: Outcome = "holds" if None not in truths else "not decided"
    elif True in truths:
        outcome = "partly"
    else:
        outcome = "does not hold" if None not in truths else "not decided"
    return Verdict(outcome, figure, summary, **more)


def of_parts(parts: Mapping[str, Truth], figure: str, **more: Any) -> Verdict:
    """The verdict on named parts of a claim: `Holds: …; …. Does not hold: ….`."""
    by_truth = {
        truth: [part for part, own in parts.items() if own is truth] for truth in PART_WORDS
    }
    summary = " ".join(
        f"{PART_WORDS[truth]}: {'; '.join(statements)}."
        for truth, statements in by_truth.items()
        if statements
    )
    return combined(
        list(parts.values()),
        figure,
        summary,
        parts=tuple(Part(part, "", truth) for part, truth in parts.items()),
        **more,
    )


def every(truths: Iterable[Truth]) -> Truth:
    """Whether all are true: False if any is false, else None if any is open."""
    known = list(truths)
    return False if False in known else None if None in known else True


def not_measured(what: str, **more: Any) -> Verdict:
    """The verdict `Not measured yet. Missing: …`."""
    return Verdict("not measured yet", f"Missing: {what}.", **more)


def exactly(value: float) -> Estimate:
    """A number without uncertainty."""
    return Estimate(value, None, None, 0)


EXACT = "exact"
"""How sure a count or a shape is."""

TO_COMPUTE = "its computation, which takes less than a second"


def computing(name: str) -> Callable[[], Facts]:
    """A function that imports and calls one of `core.chapter.computed`, which needs torch."""

    def compute() -> Facts:
        facts: Facts = getattr(importlib.import_module("core.chapter.computed"), name)()
        return facts

    return compute
