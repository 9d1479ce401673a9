"""What a paper published, the runs that measure it here, and what decides whether it reproduces.

A paper's claim is a few expectations about networks, each judged by a comparison of their finished
runs; its verdict follows from them. Nobody writes an outcome by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from core.analysis.comparison import Comparison, PairOutcome
from core.analysis.sentences import estimate_in_words, verdict
from core.chapter.claim import (
    MatchedRuns,
    MeasuredClaim,
    Measurement,
    Outcome,
    Part,
    Results,
    Truth,
    Verdict,
    combined,
    compare_matched,
    every,
    evidence,
    not_measured,
)
from core.formatting import listed

REPRODUCTION: Mapping[Outcome, str] = {
    "holds": "reproduces",
    "partly": "reproduces in part",
    "does not hold": "does not reproduce here",
    "not decided": "undecided",
    "not measured yet": "not measured yet",
}
"""A verdict's outcome as it is said of a published claim."""

REPRODUCTION_VERBS: Mapping[Outcome, tuple[str, str]] = {
    "holds": ("reproduces", "reproduce"),
    "partly": ("reproduces in part", "reproduce in part"),
    "does not hold": ("does not reproduce here", "do not reproduce here"),
    "not decided": ("is undecided", "are undecided"),
}
"""The same as a verb phrase for one measured claim, and for several."""


@dataclass(frozen=True, eq=False)
class Networks:
    """The networks of a card, by name, and the comparison of their runs."""

    matched: Mapping[str, MatchedRuns]
    comparison: Comparison


Judgement = tuple[str, Truth]
"""(what was measured, in words; whether it is as published)."""
Judge = Callable[[Networks], Judgement]


@dataclass(frozen=True)
class Expectation:
    """One part of a published claim, and how finished runs judge it."""

    statement: str
    judge: Judge


@dataclass(frozen=True, eq=False)
class Paper(MeasuredClaim):
    """A published claim beside its measurement here."""

    name: str
    """`cho-2014`: what an address and the command line call it."""
    title: str
    authors: str
    year: int
    source: str
    """Title of the paper and where it appeared."""
    link: str
    place: str
    """Where in the paper the claim and its figures stand."""
    setup: str
    """What the paper measured, and with what."""
    published: str
    """What it found."""
    method: str
    """What is measured here."""
    differences: str
    """How this differs from the paper's set-up."""
    networks: Mapping[str, Measurement]
    """Name in the card's sentences → the runs; all settings but the seeds are fixed."""
    expectations: tuple[Expectation, ...]

    @property
    def key(self) -> str:
        return self.name

    @property
    def citation(self) -> str:
        """`Cho et al. (2014)`."""
        return f"{self.authors} ({self.year})"

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        return tuple(self.networks.values())

    def verdict(self, results: Results) -> Verdict:
        """Whether each expectation is met; not before every network of the card is measured."""
        found = {name: results.of(measurement) for name, measurement in self.networks.items()}
        matched = {name: runs[0] for name, runs in found.items() if runs}
        if missing := [name for name in self.networks if name not in matched]:
            return not_measured(listed(missing), evidence=evidence(*matched.values()))
        networks = Networks(matched, compare_matched(matched))
        parts = [
            Part(expectation.statement, *expectation.judge(networks))
            for expectation in self.expectations
        ]
        return combined(
            [part.truth for part in parts],
            " ".join(f"{part.measured}." for part in parts),
            parts=tuple(parts),
            evidence=evidence(*matched.values()),
        )


# --- How networks are judged


EQUAL: tuple[PairOutcome, ...] = ("equal", "equal within the margin")


def better(measure: str, first: str, second: str) -> Judge:
    """The first network is significantly better than the second; false if it is worse, or
    equal within the measure's margin."""
    truths: dict[PairOutcome, Truth] = {"better": True, "worse": False}
    return _compared(measure, first, second, truths | dict.fromkeys(EQUAL, False))


def not_better(measure: str, first: str, second: str) -> Judge:
    """The first network is worse, or equal within the measure's margin. That the two are not
    distinguishable leaves it open: it is no evidence of equality."""
    truths: dict[PairOutcome, Truth] = {"better": False, "worse": True}
    return _compared(measure, first, second, truths | dict.fromkeys(EQUAL, True))


def as_good(measure: str, first: str, second: str) -> Judge:
    """The networks are equal within the measure's margin. That they are not distinguishable leaves
    it open."""
    truths: dict[PairOutcome, Truth] = {"better": False, "worse": False}
    return _compared(measure, first, second, truths | dict.fromkeys(EQUAL, True))


def _compared(measure: str, first: str, second: str, truths: Mapping[PairOutcome, Truth]) -> Judge:
    """The verdict on two networks in the comparison of all of the card's."""

    def judge(networks: Networks) -> Judgement:
        comparison = networks.comparison
        result = comparison.result(measure)
        difference = result.against(first, second) if result else None
        if result is None or difference is None:
            return f"Nothing to compare {first} and {second} by", None
        found = verdict(difference, comparison.repeat, result.column)
        values = _values(networks, measure, (first, second))
        return f"{values}; {first} against {second}: {found}", truths.get(difference.finding)

    return judge


def above(measure: str, limit: float, *names: str) -> Judge:
    """Each network's measure is surely at or above a limit; false if one of them surely is not."""

    def judge(networks: Networks) -> Judgement:
        truths: list[Truth] = []
        for name in names:
            low, high = networks.comparison.bounds(name, measure) or (-math.inf, math.inf)
            truths.append(True if low >= limit else False if high < limit else None)
        return _values(networks, measure, names), every(truths)

    return judge


def below(measure: str, limit: float, name: str) -> Judge:
    """A network's measure is surely below a limit; false if it surely is not."""

    def judge(networks: Networks) -> Judgement:
        words, truth = above(measure, limit, name)(networks)
        return words, None if truth is None else not truth

    return judge


def _values(networks: Networks, measure: str, names: Iterable[str]) -> str:
    """`Span 50.0 steps [40.0–50.0] (n = 12) in LSTM`."""
    comparison = networks.comparison
    result = comparison.result(measure)
    if result is None:
        return f"No value of {listed(list(names))}"
    values = [f"{estimate_in_words(comparison, result, name)} in {name}" for name in names]
    return f"{result.column.title} {listed(values)}"
