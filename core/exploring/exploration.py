"""What is explored: `gradient-decay`'s own settings, for one sequence per seed, short ones too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from core.experiment import Row, axis, measure
from core.experiments.gradient_decay import GradientDecayConfig

LONGEST = 200
"""Steps. A figure with one tick for each has room for no more."""
Part = Literal["encoder", "decoder"]


class ExplorerConfig(GradientDecayConfig):
    """One cell: its start, and what it reads."""

    sequence_length: int = Field(
        100, ge=1, le=LONGEST, title="Length", description="Time steps T of a random sequence."
    )
    batch_size: int = Field(1, ge=1, le=1, title="Samples", description="Each seed reads one.")
    spectrum: bool = Field(False, title="Jacobians", description="Taken where they are looked at.")


@dataclass(frozen=True)
class Exploration:
    """A cell, and the sequence that it reads."""

    config: ExplorerConfig
    text: str = ""
    """What was typed; without a letter in it the sequence is drawn from N(0, 1)."""
    one_hot: bool = False
    """Whether a letter is a unit vector, instead of its own fixed draw from N(0, 1)."""


@dataclass(frozen=True)
class ValueRow(Row):
    """What one unit has after one step."""

    table: ClassVar[str] = "steps"
    title: ClassVar[str] = "Steps"

    step: int = axis("Step", curve=True)
    token: str = axis("Read")
    part: str = axis("Part")
    unit: int = axis("Unit")
    value: float = measure("Value")


@dataclass(frozen=True)
class NormRow(Row):
    """How large a gate, a candidate or a state is after one step."""

    table: ClassVar[str] = "norms"
    title: ClassVar[str] = "Norms"

    step: int = axis("Step", curve=True)
    part: str = axis("Part")
    norm: float = measure("Norm", description="Euclidean, over all units.")


@dataclass(frozen=True)
class LargestRow(Row):
    """The largest singular value of ∂s_t/∂s_{t−1} at one step."""

    table: ClassVar[str] = "largest"
    title: ClassVar[str] = "Largest singular values"

    step: int = axis("Step", curve=True)
    largest_singular_value: float = measure("Largest singular value of the step Jacobian")


@dataclass(frozen=True)
class SpectrumRow(Row):
    """One singular value of one step's Jacobian."""

    table: ClassVar[str] = "spectrum"
    title: ClassVar[str] = "Singular values"

    index: int = axis("Index", curve=True, description="1 is the largest.")
    singular_value: float = measure("Singular value of the step Jacobian")


def steps_taken(steps: int, most: int, always: int) -> Sequence[int]:
    """At most so many steps of 1 … `steps`, evenly spaced, and one that is always among them."""
    spacing = -(-steps // most)
    return sorted({*range(1, steps + 1, spacing), always})
