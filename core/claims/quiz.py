"""A short self-check: the right choice follows from what was measured here, and cites it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.claims.claim import Verdict
from core.experiments.throughput_finding import differ, quotient
from core.statistics import Estimate
from core.words import number, spread

Numbers = Mapping[str, Estimate]
"""Of a claim's verdict."""


@dataclass(frozen=True)
class Answer:
    """The right choice, and what was measured."""

    choice: str | None
    """None where nobody can tell yet."""
    because: str
    """The numbers that decide, with their intervals; or what is missing."""
    evidence: tuple[str, ...]
    """Ids of the runs that they are from."""


@dataclass(frozen=True)
class QuizQuestion:
    """Answered by the verdict of one claim."""

    claim: int
    text: str
    choices: tuple[str, ...]
    rule: Callable[[Numbers], str | None]
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
        told = [f"{name}: {self._told(estimate)}" for name, estimate in cited.items()]
        return Answer(self.rule(cited), f"Measured here: {'; '.join(told)}.", verdict.evidence)

    def _told(self, estimate: Estimate) -> str:
        """`1.05 steps (95% interval …, 8 seeds)`; what is exact has no interval."""
        value = estimate.value or 0.0
        if not estimate.n:
            return f"{value:,.0f}" if value == round(value) else number(value)
        return f"{number(value)}{self.unit} ({spread(estimate, over=self.over)})"


POWERS = ("Fewer than 10", "10 to 20", "More than 20")
SHARES = ("In all of them", "In some of them", "In none of them")
HELPS = ("The LSTM in place of the RNN", "The forget bias of 1 in place of the drawn one")
FASTER = ("Yes", "No", "That depends on the machine")
FURTHEST = ("RNN", "LSTM", "GRU", "They are not distinguishable")
SHRINKS = ("About 4 times", "About 8 times", "About 16 times")
DIRECTIONS = ("Any decoder", "Only a decoder of one direction")
MOVES = ("It moves it to shorter sentences", "Nothing", "It moves it to longer sentences")


def _powers(numbers: Numbers) -> str | None:
    """None where the interval straddles two choices."""
    (ratio,) = numbers.values()
    if ratio.low is None or ratio.high is None:
        return None
    low, high = (sum(end > bound for bound in (10, 20)) for end in (ratio.low, ratio.high))
    return POWERS[low] if low == high else None


def _shares(numbers: Numbers) -> str | None:
    networks, exploding = (estimate.value for estimate in numbers.values())
    return SHARES[0] if exploding == networks else SHARES[1] if exploding else SHARES[2]


def _helps(numbers: Numbers) -> str | None:
    plain, lstm, biased = numbers.values()
    by_cell, by_bias = quotient(lstm, plain), quotient(biased, lstm)
    if not differ(by_cell, by_bias):
        return None
    return HELPS[(by_bias.value or 0.0) > (by_cell.value or 0.0)]


def _faster(numbers: Numbers) -> str | None:
    """Machine by machine: numbers are called `LSTM on CPU (…)`."""
    machines = [name.removeprefix("GRU on ") for name in numbers if name.startswith("GRU on ")]
    pairs = [(numbers[f"GRU on {name}"], numbers[f"LSTM on {name}"]) for name in machines]
    if not all(differ(gru, lstm) for gru, lstm in pairs):
        return None
    found = {(gru.value or 0.0) < (lstm.value or 0.0) for gru, lstm in pairs}
    return FASTER[2] if len(found) > 1 else FASTER[0] if True in found else FASTER[1]


def _furthest(numbers: Numbers) -> str | None:
    if any(span.low is None for span in numbers.values()):
        return None
    best = max(numbers, key=lambda name: numbers[name].value or 0.0)
    ahead = all(differ(numbers[best], span) for name, span in numbers.items() if name != best)
    return best.split()[0] if ahead else FURTHEST[3]


def _shrinks(numbers: Numbers) -> str | None:
    """The nearest on a log scale: the bounds are √32 and √128."""
    (times,) = numbers.values()
    return SHRINKS[sum((times.value or 0.0) ** 2 > bound for bound in (32, 128))]


def _directions(numbers: Numbers) -> str | None:
    (refused,) = numbers.values()
    return DIRECTIONS[bool(refused.value)]


def _moves(numbers: Numbers) -> str | None:
    without, looking = numbers.values()
    apart = differ(without, looking)
    if apart is None:
        return None
    return MOVES[1] if not apart else MOVES[2 * ((looking.value or 0.0) > (without.value or 0.0))]


QUIZ: tuple[QuizQuestion, ...] = (
    QuizQuestion(
        4,
        "In the chapter's plain RNN as PyTorch starts it, by how many powers of ten is the first "
        "step's gradient smaller than the last's?",
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
        "What makes half of the gradient last longer by the larger factor?",
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
        ("RNN 64", "LSTM 64", "GRU 64"),
        " steps",
    ),
    QuizQuestion(
        9,
        "The GRU has three quarters of the LSTM's parameters. Does it train faster?",
        FASTER,
        _faster,
        unit=" times the plain RNN's time",
        over="repetition",
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
        12, "Which decoder can write token by token?", DIRECTIONS, _directions, ("refused",)
    ),
    QuizQuestion(
        13,
        "What does attention do to the length at which token accuracy is half of its start?",
        MOVES,
        _moves,
        ("without attention", "with attention"),
        " words",
    ),
)
