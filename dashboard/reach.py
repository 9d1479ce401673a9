"""A logarithmic axis of what may also be zero or infinite: those stand apart, at its ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import altair
import numpy
import pandas

from core.experiment import Column
from dashboard.scales import logarithm_of, plain_number, value_axis

MARGIN = 0.06
"""Of the axis, beyond the outermost finite value."""
APART = 0.13
"""Of the axis, from the outermost finite value to where zero or infinity stands."""
LEAST = 0.5
"""Decades that an axis shows at least."""


@dataclass(frozen=True)
class Reach:
    """Where the values of a column stand, as log₁₀."""

    column: Column
    low: float
    high: float
    """Of what is finite and above zero."""
    zero: bool = False
    infinite: bool = False
    """Whether anything stands apart at that end."""

    @property
    def ends(self) -> tuple[float, float]:
        """Where the axis begins and ends."""
        before, after = (
            APART + MARGIN if apart else MARGIN for apart in (self.zero, self.infinite)
        )
        length = self.high - self.low
        return self.low - before * length, self.high + after * length

    @property
    def inner(self) -> tuple[float, float]:
        """As far as it is to scale."""
        margin = MARGIN * (self.high - self.low)
        return self.low - margin / 2, self.high + margin / 2

    @property
    def breaks(self) -> list[float]:
        """Where the scale ends and what stands apart begins."""
        half = APART / 2 * (self.high - self.low)
        return [self.low - half] * self.zero + [self.high + half] * self.infinite

    def placed(self, values: pandas.Series[float]) -> pandas.Series[float]:
        """Where values stand; zero and infinity at the ends."""
        apart = APART * (self.high - self.low)
        inside = values.where((values > 0) & (values < math.inf))
        places = inside.map(math.log10, na_action="ignore")
        return places.mask(values == 0, self.low - apart).mask(
            values == math.inf, self.high + apart
        )

    def axis(self, pixels: int, title: str | None = None) -> altair.Axis:
        """Plain numbers, and 0 and ∞ at the ends if anything is there."""
        length = self.high - self.low
        scale = value_axis(logarithm_of(self.column), self.low, self.high, pixels)
        ticks = list(scale.to_dict()["values"])
        ticks += [self.low - APART * length] * self.zero
        ticks += [self.high + APART * length] * self.infinite
        inner = plain_number("pow(10, datum.value)")
        zero, infinite = self.low - length / 100, self.high + length / 100
        return altair.Axis(
            title=title,
            values=ticks,
            labelExpr=f"datum.value < {zero} ? '0' : datum.value > {infinite} ? '∞' : {inner}",
            labelOverlap="greedy",
        )


def reach(column: Column, values: Sequence[pandas.Series[float]]) -> Reach:
    """The axis that holds all of these values, ends of intervals among them."""
    every = pandas.concat([part.astype(float) for part in values]).dropna()
    finite = numpy.log10(every[(every > 0) & (every < math.inf)])
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    short = max(0.0, LEAST - (high - low)) / 2
    return Reach(
        column,
        low - short,
        high + short,
        zero=bool((every == 0).any()),
        infinite=bool((every == math.inf).any()),
    )
