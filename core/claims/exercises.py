"""The chapter's three exercises: a variation of a claim that one click starts."""

from __future__ import annotations

from dataclasses import dataclass

from core.claims.claim import Claim
from core.claims.depth import DEPTH, LAYERS
from core.claims.gates import DEFAULT_START, GATES
from core.claims.measurement import Measurement
from core.claims.widths import WIDTH, WIDTHS


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
        "An LSTM in its place",
        "Replace the RNN by an LSTM or a GRU. How long does half of the gradient last?",
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
