"""What is explored: `gradient-decay`'s settings, for one sequence per seed, and typed text.

A text is a sequence with one step for each letter, as people count letters: `naïve 👩‍👩‍👧` →
n a ï v e ␣ 👩‍👩‍👧, however many code points they are made of. The first letter typed is the first
step, in any writing direction. This module needs no torch.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, NamedTuple

import regex
from pydantic import Field

from core.experiment import Row, axis, measure
from core.experiments.gradient_decay.declaration import GradientDecayConfig
from core.formatting import counted

MAX_STEPS = 200
"""The most steps of a sequence: a figure with one tick for each has room for no more."""

MAX_CLUSTER = 16
"""Code points of one letter: a family emoji has 11; a letter under a thousand accents has more."""

Part = Literal["encoder", "decoder"]


class ExplorerConfig(GradientDecayConfig):
    """One cell: its initialisation, and what it reads."""

    sequence_length: int = Field(
        100, ge=1, le=MAX_STEPS, title="Length", description="Time steps T of a random sequence."
    )
    batch_size: int = Field(1, ge=1, le=1, title="Samples", description="Each seed reads one.")
    spectrum: bool = Field(False, title="Jacobians", description="Measured where they are shown.")


TRAINING_LENGTH = 20
"""Steps over which a cell that is trained here has to remember a symbol."""

TRAINING_STEPS, SNAPSHOTS = 100, 21


def training_config(config: ExplorerConfig) -> GradientDecayConfig:
    """The settings of `gradient-decay` that train the explored cell for a few seconds."""
    return GradientDecayConfig(
        architecture=config.architecture,
        seed=config.seed,
        sequence_length=TRAINING_LENGTH,
        training_steps=TRAINING_STEPS,
        checkpoints=SNAPSHOTS,
        learning_rate=0.01,
        spectrum=False,
        device="cpu",
    )


class Shift(NamedTuple):
    """A number that is added to every number of a parameter of the cell, by the cell's name."""

    parameter: str
    by: float


SHIFT = "shift"
"""What a slider moves that adds to a parameter of a cell."""


class Start(NamedTuple):
    """A part of a finished run's model."""

    uri: str
    run_id: str
    part: Part


@dataclass(frozen=True)
class Exploration:
    """A cell, and the sequence that it reads."""

    config: ExplorerConfig
    text: str = ""
    """The typed text; without a letter in it the sequence is drawn from N(0, 1)."""
    one_hot: bool = False
    """Whether a letter is a unit vector, instead of its own fixed draw from N(0, 1)."""
    shift: Shift | None = None

    def at(self, setting: str, value: float | None) -> Exploration:
        """The same with another value of a setting of the cell's start, or of its `SHIFT`."""
        if setting == SHIFT and self.shift is not None:
            return replace(self, shift=Shift(self.shift.parameter, value or 0.0))
        architecture = self.config.architecture.model_copy(update={setting: value})
        return replace(self, config=self.config.model_copy(update={"architecture": architecture}))


class TypedText(NamedTuple):
    """The letters that are read, and a remark in a sentence if they are not the whole text."""

    letters: tuple[str, ...]
    remark: str


def split_letters(text: str) -> TypedText:
    """Split a text into its letters, the first 200 of them."""
    # No letter that is read lies further on: the rest of an endless text is not searched.
    clusters = regex.findall(r"\X", text[: MAX_STEPS * MAX_CLUSTER])
    letters = tuple(_visible(cluster) for cluster in clusters[:MAX_STEPS])
    cut = len(clusters) > MAX_STEPS or len(text) > MAX_STEPS * MAX_CLUSTER
    remark = f"Only the first {counted(len(letters), 'letter')} are read." if cut else ""
    return TypedText(letters, remark)


def _visible(letter: str) -> str:
    """A letter that can stand under a figure: spaces and unprintable ones have a sign."""
    signs = {" ": "␣", "\n": "⏎", "\t": "⇥"}
    if letter in signs:
        return signs[letter]
    printable = "".join(c for c in letter[:MAX_CLUSTER] if c.isprintable() or c in "\u200d\ufe0f")
    if printable and unicodedata.combining(printable[0]):
        return f"◌{printable}"
    return printable or "�"


@dataclass(frozen=True)
class ValueRow(Row):
    """The value of one unit after one step."""

    table: ClassVar[str] = "steps"
    title: ClassVar[str] = "Steps"

    step: int = axis("Step", curve=True)
    token: str = axis("Read")
    part: str = axis("Part")
    unit: int = axis("Unit")
    value: float | None = measure("Value")


@dataclass(frozen=True)
class NormRow(Row):
    """The size of a gate, a candidate or a state after one step."""

    table: ClassVar[str] = "norms"
    title: ClassVar[str] = "Norms"

    step: int = axis("Step", curve=True)
    part: str = axis("Part")
    norm: float | None = measure("Norm", description="Euclidean, over all numbers.")


@dataclass(frozen=True)
class KeptRow(Row):
    """How much of one state a step keeps where it was."""

    table: ClassVar[str] = "kept"
    title: ClassVar[str] = "Kept"

    step: int = axis("Step", curve=True)
    part: str = axis("State")
    kept: float | None = measure(
        "Share kept",
        description="Mean of ∂s_t,i/∂s_t−1,i over the numbers i of the state: 1 keeps all of it.",
    )


@dataclass(frozen=True)
class LargestRow(Row):
    """The largest singular value of ∂s_t/∂s_{t−1} at one step."""

    table: ClassVar[str] = "largest"
    title: ClassVar[str] = "Largest singular values"

    step: int = axis("Step", curve=True)
    largest_singular_value: float | None = measure("Largest singular value of the step Jacobian")


@dataclass(frozen=True)
class SpectrumRow(Row):
    """One singular value of one step's Jacobian."""

    table: ClassVar[str] = "spectrum"
    title: ClassVar[str] = "Singular values"

    index: int = axis("Index", curve=True, description="1 is the largest.")
    singular_value: float | None = measure("Singular value of the step Jacobian")
