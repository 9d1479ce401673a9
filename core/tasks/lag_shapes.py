"""The shapes of the lag tasks and what their lags mean, without torch.

`core.tasks.lag_tasks` draws the sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TaskName = Literal["recall", "adding", "copy"]

COPIED = 10
"""Symbols of a copy task, as in Hochreiter & Schmidhuber (1997) and its successors."""


@dataclass(frozen=True)
class LagWords:
    """What the lag of a task is: axes, table headings and sentences take their words from here."""

    task: str
    """Completes `Task: …`."""
    title: str
    """Of an axis."""
    unit: str
    span: str
    """The title of the largest lag of which all shorter ones were learned too."""
    furthest: str
    """The title of the largest lag learned."""
    noun: str
    """In a sentence."""
    symbol: str
    """What precedes a value: `T = `."""
    meaning: str
    """A sentence: which distance the lag is."""

    def value(self, lag: float) -> str:
        """`15`; `T = 50`."""
        return f"{self.symbol}{lag:,.0f}"


LAG_WORDS: dict[TaskName, LagWords] = {
    "recall": LagWords(
        task="delayed recall of a symbol",
        title="Lag",
        unit="steps",
        span="Span",
        furthest="Longest lag learned",
        noun="lag",
        symbol="",
        meaning="The lag of recall is the number of steps after the symbol: it lies so far back.",
    ),
    "adding": LagWords(
        task="the adding problem",
        title="Sequence length T",
        unit="steps; older number about 3T/4 back",
        span="Span in length T",
        furthest="Longest length T learned",
        noun="sequence length",
        symbol="T = ",
        meaning=(
            "The lag of adding is the sequence length T: the older number lies between T/2 and "
            "T − 1 steps back, on average about 3T/4."
        ),
    ),
    "copy": LagWords(
        task="copy memory",
        title="Lag",
        unit=f"steps; each symbol held {COPIED} more",
        span="Span",
        furthest="Longest lag learned",
        noun="lag",
        symbol="",
        meaning=(
            "The lag of copy is the number of steps from the last symbol to the delimiter: each "
            f"symbol is written lag + {COPIED} steps after it was read."
        ),
    ),
}


@dataclass(frozen=True)
class LagShape:
    """The shape of one task's sequences at any lag."""

    task: TaskName
    inputs: int
    """Features of a step."""
    outputs: int
    """Scores of an answer; 1 where the answer is a number."""
    extra_steps: int
    """Steps of a sequence beyond the lag."""

    def steps(self, lag: int) -> int:
        """Steps of a sequence."""
        return lag + self.extra_steps

    def distance(self, lag: int) -> float:
        """Steps from reading to answering what must be remembered longest, on average.

        For adding, the older number is marked at one of the first ⌊T/2⌋ steps, all equally likely,
        and the answer is read at step T − 1.
        """
        if self.task == "recall":
            return lag
        if self.task == "copy":
            return lag + COPIED
        return lag - 1 - (lag // 2 - 1) / 2


def lag_shape(task: TaskName, symbols: int) -> LagShape:
    """The shape of a task over that many symbols; adding has none."""
    if task == "recall":  # symbols one-hot and a cue; the symbol stands before the lag
        return LagShape(task, inputs=symbols + 1, outputs=symbols, extra_steps=1)
    if task == "adding":  # a number and its mark; the lag is the whole length
        return LagShape(task, inputs=2, outputs=1, extra_steps=0)
    # Copy: symbols, blank and delimiter one-hot; no answer is the delimiter.
    return LagShape(task, inputs=symbols + 2, outputs=symbols + 1, extra_steps=2 * COPIED)
