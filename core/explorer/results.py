"""What has been computed of a cell: its gradient curves, and every value of its steps.

This module needs no torch: these are sent to whoever draws them.

Shapes: T time, N numbers of a state or of all, S seeds, K distances.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy
import pandas

from core.experiment import Row
from core.experiments.gradient_decay.declaration import GradientDecaySummary
from core.explorer.diagram import Diagram
from core.explorer.exploration import LargestRow, NormRow, SpectrumRow, ValueRow
from core.stats.estimates import Estimate, finite

Array = numpy.ndarray[Any, Any]

MAX_ROWS = 128
"""Numbers of a part that its map shows. Calculations and files have all of them."""

ZEROS = {"log10_input_gradient": "input_zeros", "log10_state_gradient": "state_zeros"}
"""Measure → the count of its norms that are exactly zero."""


class Curve(NamedTuple):
    """The gradient by distance, seed by seed, and what follows from it."""

    rows: pandas.DataFrame
    decays: pandas.DataFrame
    """The decay rate of each seed."""
    summary: GradientDecaySummary


class Position(NamedTuple):
    """The curve where a slider stands."""

    value: float | None
    """None is PyTorch's default."""
    log10_SK: Array
    """The measure that is shown; nan where a norm is exactly zero or has overflowed."""
    zero_share: float
    """The share of the norms that are exactly zero."""
    left: float
    """log10 of the share of the gradient that reaches the start, median over the seeds; −∞ where
    it has vanished, ∞ where it has overflowed."""
    loss: Estimate | None = None
    """Held-out loss, while training."""


class Part(NamedTuple):
    """A gate, a candidate, a state or an output at every step."""

    name: str
    """What an equation makes: `f`, `h'`."""
    title: str
    gate: bool
    """Whether it is a number from 0 to 1."""
    all_TN: Array
    """Every number, or the norms of a matrix's rows."""
    norm_T: Array
    """The Euclidean norm of all numbers."""
    form: str = ""
    """What the values are where they are norms: `norms of 64 rows of 16 numbers`."""
    cut: str = ""
    """Which of many numbers the map shows: `numbers 1 to 128 of 256`."""
    first: int = 0
    """How many numbers before those on the map are left out."""
    places: bool = False
    """Whether its numbers are not the units': their order says where they stand."""

    @property
    def values_TN(self) -> Array:
        """What its map shows."""
        return self.all_TN[:, self.first : self.first + MAX_ROWS]

    @property
    def rows(self) -> bool:
        """Whether the values are norms of rows."""
        return bool(self.form)

    @property
    def summary(self) -> str:
        """What the map shows where that is not every number."""
        return ", ".join(filter(None, [self.form, self.cut]))


class Stepped(NamedTuple):
    """A cell that has been stepped through its sequence. Steps count from 1."""

    tokens: tuple[str, ...]
    """What each step reads; empty strings where it is drawn."""
    units: int
    parts: tuple[Part, ...]
    drawing: Diagram | None
    """None of a cell that declares no equation."""
    description: str
    """How its file describes a cell that declares no equation."""
    why_no_jacobian: str
    """Why no step Jacobian is taken at all; empty where it is."""
    why_no_spectrum: str
    """Why no singular values are taken; empty where they are."""

    @property
    def steps(self) -> int:
        """The length of the sequence."""
        return len(self.tokens)

    def value_rows(self) -> Iterator[ValueRow]:
        """Every value at every step, for a file: of a matrix the norms of its rows."""
        for part in self.parts:
            for step, values in enumerate(part.all_TN.tolist(), start=1):
                for unit, value in enumerate(values, start=1):
                    yield ValueRow(
                        step=step,
                        token=self.tokens[step - 1],
                        part=f"{part.title} ({part.form})" if part.form else part.title,
                        unit=unit,
                        value=finite(value),
                    )

    def norm_rows(self) -> list[NormRow]:
        """The Euclidean norm of every part at every step, over all of its numbers."""
        return [
            NormRow(step=step, part=part.title, norm=finite(norm))
            for part in self.parts
            for step, norm in enumerate(part.norm_T.tolist(), start=1)
        ]


class Singular(NamedTuple):
    """The singular values of the step Jacobians: the largest at some steps, all of them at one."""

    largest: Sequence[LargestRow]
    spectrum: Sequence[SpectrumRow]
    radius: float | None
    """The spectral radius at that step; None where the Jacobian is not finite."""


def as_table(rows: Sequence[Row]) -> pandas.DataFrame:
    """Rows of one type as a table."""
    return pandas.DataFrame([row.flat() for row in rows], columns=type(rows[0]).header())
