"""Axes: titles and units from a Row's columns, and logarithms written as powers of ten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair

from core.experiment import Column

SUPERSCRIPTS = dict(zip("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", strict=True))
PLAIN_DECADES = 2.0
"""A logarithmic axis shorter than this is labelled 0.2, 0.5, 1 instead of with powers of ten."""
FINEST_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def is_logarithm(column: Column) -> bool:
    """Whether a column holds log₁₀ of what was measured."""
    return column.name.startswith("log10_")


def heading(column: Column) -> str:
    """Title and unit; of a logarithm those of the number itself, as its axis shows it."""
    if not is_logarithm(column):
        return column.title if column.unit in column.title.lower() else column.heading
    unit = column.unit.removeprefix("log₁₀").strip()
    return f"{column.title} {unit}".strip() + " (log scale)"


def value_axis(column: Column, low: float, high: float, height: int) -> altair.Axis:
    """The axis of a measure that spans low to high on so many pixels."""
    if not is_logarithm(column):
        return altair.Axis(title=None, tickCount=max(3, height // 60))
    ticks = decades(low, high, height // 48)
    label = "format(pow(10, datum.value), '.2~g')"
    if high - low > PLAIN_DECADES:
        label = power_of_ten("datum.value")
    else:
        ticks = [math.log10(n) for n in plain_ticks(low, high)]
    return altair.Axis(title=None, values=ticks, labelExpr=label)


def decades(low: float, high: float, most: int) -> list[float]:
    """Whole exponents from low to high, at most so many, in even steps."""
    first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
    step = next((s for s in FINEST_STEPS if (last - first) / s <= most), FINEST_STEPS[-1])
    return [float(e) for e in range(math.ceil(first / step) * step, last + 1, step)]


def plain_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten whose logarithms lie between low and high."""
    exponents = range(math.floor(low), math.ceil(high) + 1)
    ticks = [digit * 10.0**exponent for exponent in exponents for digit in (1, 2, 5)]
    return [tick for tick in ticks if low - 1e-9 <= math.log10(tick) <= high + 1e-9]


def power_of_ten(value: str) -> str:
    """A Vega expression that writes the number in `value` as 10⁻²⁵."""
    text = f"format({value}, 'd')"
    text = f"replace({text}, regexp('−', 'g'), '-')"
    for plain, raised in SUPERSCRIPTS.items():
        text = f"replace({text}, regexp('{plain}', 'g'), '{raised}')"
    return f"'10' + {text}"


def spread(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels apart that would overlap: each as near to its height as the gap allows."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    placed = [heights[index] for index in order]
    for _ in range(60):
        for upper in range(1, len(placed)):
            overlap = gap - (placed[upper] - placed[upper - 1])
            if overlap > 1e-9:
                placed[upper - 1] -= overlap / 2
                placed[upper] += overlap / 2
        if placed and placed[0] < low:
            placed[0] = low
        if placed and placed[-1] > high:
            placed[-1] = high
    result = [0.0] * len(heights)
    for index, height in zip(order, placed, strict=True):
        result[index] = height
    return result


def tooltip(column: Column, field: str, title: str = "") -> Any:
    """A hover line; logarithms have been turned back into numbers under `field`."""
    wording = title or (column.title if is_logarithm(column) else column.heading)
    return altair.Tooltip(field, title=wording, format=".4~g", type="quantitative")
