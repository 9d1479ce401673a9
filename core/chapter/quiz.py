"""The chapter's exercises, each a variation that one click starts, and a self-check whose right
answers follow from what was measured here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.analysis.comparison import PairOutcome
from core.chapter.claim import Claim, Measurement, Verdict
from core.chapter.cost import SHRINKS, WIDTH, WIDTHS
from core.chapter.gradients import (
    DEFAULT_START,
    DEPTH,
    GATES,
    LAYERS,
    TWICE_BY_BIAS,
    TWICE_BY_CELL,
)
from core.formatting import exact_number, spread
from core.stats.estimates import Estimate


@dataclass(frozen=True)
class Exercise:
    """What to change, and the claim whose verdict says what came of it."""

    title: str
    task: str
    claim: Claim
    measurement: Measurement
    """The runs to start: before and after the change."""


EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        "From 256 to 64",
        "Take 64 hidden units instead of 256. What becomes of the parameter counts?",
        WIDTH,
        WIDTHS,
    ),
    Exercise(
        "Gates instead of a plain RNN",
        "Replace the RNN with an LSTM or a GRU. How far does 1% of the gradient reach?",
        GATES,
        DEFAULT_START,
    ),
    Exercise(
        "Three layers",
        "Stack three LSTM layers instead of one. How does the gradient spread over time?",
        LAYERS,
        DEPTH,
    ),
)


Numbers = Mapping[str, Estimate]
Findings = Mapping[str, PairOutcome]
"""Numbers and findings of a claim's verdict."""


@dataclass(frozen=True)
class Answer:
    """The right choice, and what was measured."""

    choice: str | None
    """None if it is not decided yet."""
    because: str
    """The numbers that decide, with their intervals; or what is missing."""
    evidence: tuple[str, ...]
    """Ids of the runs that they are from."""


@dataclass(frozen=True)
class QuizQuestion:
    """A question that the verdict of one claim answers."""

    claim: int
    text: str
    choices: tuple[str, ...]
    rule: Callable[[Numbers, Findings], str | None]
    cites: tuple[str, ...] = ()
    """Names of the verdict's numbers that decide; empty: all of them."""
    unit: str = ""
    over: str = "seed"
    """What the intervals are over."""

    def answer(self, verdict: Verdict) -> Answer:
        """From the verdict of its claim."""
        known = {name: e for name, e in verdict.numbers.items() if e.value is not None}
        if not known or not set(self.cites) <= known.keys():
            return Answer(None, verdict.figure, verdict.evidence)
        cited = {name: known[name] for name in self.cites or known}
        values = [f"{name}: {self._in_words(estimate)}" for name, estimate in cited.items()]
        choice = self.rule(cited, verdict.findings)
        return Answer(choice, f"Measured here: {'; '.join(values)}.", verdict.evidence)

    def _in_words(self, estimate: Estimate) -> str:
        """`1.05 steps (95% CI …, n = 8)`; what is exact has no interval."""
        value = exact_number(estimate.value)
        return f"{value}{self.unit} ({spread(estimate, over=self.over)})" if estimate.n else value


POWERS = ("Fewer than 10", "10 to 20", "More than 20")

SHARES = ("In all", "In some", "In none")

HELPS = ("An LSTM instead of an RNN", "Forget bias 1", "Both", "Neither")

FASTER = ("Yes", "No", "That depends on the machine")

FURTHEST = ("RNN", "LSTM", "GRU", "No clear winner")


DIRECTIONS = ("Any decoder", "Only a one-directional decoder")

MOVES = ("It makes it shorter", "Nothing", "It makes it longer")


def _powers(numbers: Numbers, findings: Findings) -> str | None:
    """None where the interval straddles two choices."""
    (ratio,) = numbers.values()
    if ratio.low is None or ratio.high is None:
        return None
    low, high = (sum(end > bound for bound in (10, 20)) for end in (ratio.low, ratio.high))
    return POWERS[low] if low == high else None


def _shares(numbers: Numbers, findings: Findings) -> str | None:
    networks, exploding = (estimate.value for estimate in numbers.values())
    return SHARES[0] if exploding == networks else SHARES[1] if exploding else SHARES[2]


def _helps(numbers: Numbers, findings: Findings) -> str | None:
    """Which of the two lets 1% of the gradient reach twice as far; None where one is open."""
    outcomes = [findings.get(name) for name in (TWICE_BY_CELL, TWICE_BY_BIAS)]
    if not {*outcomes} <= {"better", "worse"}:
        return None
    if len({*outcomes}) == 1:
        return HELPS[2] if "better" in outcomes else HELPS[3]
    return HELPS[outcomes.index("better")]


def _faster(numbers: Numbers, findings: Findings) -> str | None:
    """Machine by machine; None where a machine leaves it open."""
    outcomes = {f for name, f in findings.items() if name.startswith("GRU against LSTM on ")}
    if not outcomes or not outcomes <= {"better", "worse"}:
        return None
    return FASTER[2] if len(outcomes) > 1 else FASTER[0] if "better" in outcomes else FASTER[1]


def _furthest(numbers: Numbers, findings: Findings) -> str | None:
    """The cell that is better than both others; None where seeds are too few for a verdict."""
    outcomes = {
        one: [findings.get(f"{one} against {other}") for other in numbers if other != one]
        for one in numbers
    }
    best = [name for name, against in outcomes.items() if {*against} == {"better"}]
    if best:
        return best[0].split()[0]
    undecided = {None, "not enough seeds"}
    return None if any(undecided & {*against} for against in outcomes.values()) else FURTHEST[3]


def _shrinks(numbers: Numbers, findings: Findings) -> str | None:
    """The nearest on a log scale: the bounds are √32 and √128."""
    (times,) = numbers.values()
    return SHRINKS[sum((times.value or 0.0) ** 2 > bound for bound in (32, 128))]


def _directions(numbers: Numbers, findings: Findings) -> str | None:
    (refused,) = numbers.values()
    return DIRECTIONS[bool(refused.value)]


def _moves(numbers: Numbers, findings: Findings) -> str | None:
    outcomes = {"worse": MOVES[0], "not distinguishable": MOVES[1], "better": MOVES[2]}
    return outcomes.get(findings.get("with attention against without", ""))


QUIZ: tuple[QuizQuestion, ...] = (
    QuizQuestion(
        4,
        "In the chapter's plain RNN with PyTorch's initialisation, by how many powers of ten is "
        "the first step's gradient smaller than the last's?",
        POWERS,
        _powers,
        ("RNN 64",),
        " powers of ten",
    ),
    QuizQuestion(
        5,
        "In how many of the networks whose largest singular values are above 1 does the gradient "
        "explode?",
        SHARES,
        _shares,
        ("networks above 1", "of them exploding"),
    ),
    QuizQuestion(
        8,
        "Which change lets 1% of the gradient reach at least twice as far: an LSTM instead of an "
        "RNN, or forget bias 1 in that LSTM?",
        HELPS,
        _helps,
        ("RNN 64", "LSTM 64", "LSTM 64 · forget bias 1"),
        " steps",
    ),
    QuizQuestion(
        7,
        "Which cell learned to look back furthest?",
        FURTHEST,
        _furthest,
        ("RNN 32", "LSTM 32", "GRU 32"),
        " steps",
    ),
    QuizQuestion(
        9,
        "The GRU has three quarters of the LSTM's parameters. Does it train faster?",
        FASTER,
        _faster,
        unit=" times the plain RNN's time",
        over="launch",
    ),
    QuizQuestion(
        10,
        "An LSTM that reads 16 features goes from 256 hidden units to 64. By how much does it "
        "shrink?",
        SHRINKS,
        _shrinks,
        ("times at 16 features",),
    ),
    QuizQuestion(
        12, "Which decoder can generate token by token?", DIRECTIONS, _directions, ("refused",)
    ),
    QuizQuestion(
        13,
        "What does attention do to the sentence length at which accuracy has halved?",
        MOVES,
        _moves,
        ("without attention", "with attention"),
        " words",
    ),
)
