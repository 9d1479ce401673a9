"""What a claim of the chapter is: a statement, a guess to make, what measures it, and its verdict.

A verdict is computed from finished runs, never written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from core.experiment import Config, Experiment
from core.statistics import Estimate
from core.words import listed

if TYPE_CHECKING:
    from core.claims.measurement import Measurement
    from core.claims.results import Results

Outcome = Literal[
    "holds",
    "holds only when",
    "does not hold here",
    "not enough data to tell",
    "not measured yet",
]
Truth = bool | None
"""Of one part of a claim; None where the data leaves it open."""
Facts = Mapping[str, Any]
"""What `Claim.compute` found, as plain numbers, lists and text: it can be kept as JSON."""


@dataclass(frozen=True)
class Question:
    """What a person commits to before seeing the figure: one of the choices, or a number."""

    text: str
    choices: tuple[str, ...] = ()
    """Empty: a number is asked for."""
    unit: str = ""


@dataclass(frozen=True)
class Line:
    """One property of the three cells: what the chapter says, and what was measured."""

    title: str
    claimed: tuple[str, str, str]
    """Of RNN, LSTM and GRU."""
    measured: tuple[str, str, str]
    truth: Truth
    missing: bool = False
    """Whether it has not been measured yet."""


@dataclass(frozen=True)
class Verdict:
    """What the measurements say of a claim."""

    outcome: Outcome
    figure: str
    """The measured figure in words: values, intervals, n."""
    condition: str = ""
    """Completes `holds only when …`."""
    answer: str | float | None = None
    """The right answer to the claim's question; None where nobody can tell yet."""
    evidence: tuple[str, ...] = ()
    """Ids of the runs used."""
    numbers: Mapping[str, Estimate] = field(default_factory=dict)
    """What was measured, by a short name: quiz questions cite these."""
    table: tuple[Line, ...] = ()

    @property
    def sentence(self) -> str:
        """`Holds only when the recurrent gain is 2. At PyTorch's default …`."""
        opening = f"{self.outcome} {self.condition}".strip()
        return f"{opening[0].upper()}{opening[1:]}. {self.figure}"


@dataclass(frozen=True)
class Claim:
    """One of the fifteen."""

    number: int
    title: str
    statement: str
    """The chapter's, in a sentence."""
    method: str
    """How it is measured."""
    question: Question
    rule: Callable[[Results], Verdict]
    measurements: tuple[Measurement, ...] = ()
    """The runs that measure it; none where it is computed on the spot."""
    compute: Callable[[], Facts] | None = None
    """What can be computed on the spot, in under a second; imports torch when called."""

    def verdict(self, results: Results) -> Verdict:
        """Judged by what has been measured so far."""
        return self.rule(results)

    def configs(self) -> list[tuple[Experiment, Config]]:
        """Every run that measures it."""
        return [(m.experiment, config) for m in self.measurements for config in m.configs()]

    def missing(self, results: Results) -> list[tuple[Experiment, Config]]:
        """Those of them that no finished run answers yet: what a Run button starts."""
        return [
            (experiment, config)
            for experiment, config in self.configs()
            if not results.has(experiment, config)
        ]


def combined(truths: Sequence[Truth], figure: str, condition: str = "", **more: Any) -> Verdict:
    """From the truth of a claim's parts: all, none, some (under a condition), or still open."""
    if False not in truths:
        outcome: Outcome = "holds" if None not in truths else "not enough data to tell"
    elif True in truths:
        outcome = "holds only when"
    else:
        outcome = "does not hold here" if None not in truths else "not enough data to tell"
    only = condition if outcome == "holds only when" else ""
    return Verdict(outcome, figure, only, **more)


def of_parts(parts: Mapping[str, Truth], figure: str, **more: Any) -> Verdict:
    """From what a claim says, part by part: `holds only when it says no more than that …`."""
    true = [f"that {part}" for part, truth in parts.items() if truth]
    condition = f"it says no more than {listed(true)}" if true else ""
    return combined(list(parts.values()), figure, condition, **more)


def every(truths: Iterable[Truth]) -> Truth:
    """Of what must all be true: False beats open, open beats True."""
    known = list(truths)
    return False if False in known else None if None in known else True


def either(names: Sequence[str]) -> str:
    """`a`, `a or b`, `a, b or c`; empty if there is none."""
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def not_measured(what: str, **more: Any) -> Verdict:
    """`Not measured yet. Missing: …`."""
    return Verdict("not measured yet", f"Missing: {what}.", **more)


def exactly(value: float) -> Estimate:
    """A number without uncertainty."""
    return Estimate(value, None, None, 0)


TO_COMPUTE = "its computation, which takes less than a second"


def computing(name: str) -> Callable[[], Facts]:
    """A function of `core.claims.computing`, which costs torch's import when it is called."""

    def compute() -> Facts:
        from core.claims import computing as functions

        return getattr(functions, name)()  # type: ignore[no-any-return]

    return compute
