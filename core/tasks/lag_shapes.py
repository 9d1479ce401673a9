"""The shapes of the lag tasks, without torch: what a step reads, what an answer scores, how long.

`core.tasks.lag_tasks` draws the sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TaskName = Literal["recall", "adding", "copy"]

COPIED = 10
"""Symbols of a copy task, as in Hochreiter & Schmidhuber (1997) and its successors."""


@dataclass(frozen=True)
class LagShape:
    """The shape of one task's sequences at any lag."""

    inputs: int
    """Features of a step."""
    outputs: int
    """Scores of an answer; 1 where the answer is a number."""
    extra_steps: int
    """Steps of a sequence beyond the lag."""

    def steps(self, lag: int) -> int:
        """Steps of a sequence."""
        return lag + self.extra_steps


def lag_shape(task: TaskName, symbols: int) -> LagShape:
    """The shape of a task over that many symbols; adding has none."""
    if task == "recall":  # symbols one-hot and a cue; the symbol stands before the lag
        return LagShape(inputs=symbols + 1, outputs=symbols, extra_steps=1)
    if task == "adding":  # a number and its mark; the lag is the whole length
        return LagShape(inputs=2, outputs=1, extra_steps=0)
    # Copy: symbols, blank and delimiter one-hot; no answer is the delimiter.
    return LagShape(inputs=symbols + 2, outputs=symbols + 1, extra_steps=2 * COPIED)
