"""Axes: titles and units from a Row's columns, and logarithms written as powers of ten."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import altair

from core.experiment import Column

LOGARITHM = "log10_"
SUPERSCRIPTS = dict(zip("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", strict=True))
PLAIN_DECADES = 2.0
"""A logarithmic axis shorter than this is labelled 0.2, 0.5, 1 instead of with powers of ten."""
MOST_WRITTEN_OUT = 1e9
"""Beside an axis there is room for no more digits."""
PLAIN_PIXELS = 28
"""Between the ticks of such an axis at least."""
FINEST_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def is_logarithm(column: Column) -> bool:
    """Whether a column holds log₁₀ of what was measured."""
    return column.name.startswith(LOGARITHM)


def logarithm_of(column: Column) -> Column:
    """The column that holds log₁₀ of this one."""
    return dataclasses.replace(column, name=f"{LOGARITHM}{column.name}")


def heading(column: Column) -> str:
    """Title and unit; of a logarithm those of the number itself, as its axis shows it."""
    if not is_logarithm(column):
        return column.title if column.unit in column.title.lower() else column.heading
    if of_a_logarithm(column):
        symbol = column.unit.removeprefix("log₁₀").strip()
        return f"{column.title} {symbol}".strip() + " (log scale)"
    return f"{column.title} ({', '.join(filter(None, (column.unit, 'log scale')))})"


def size_axis(column: Column, measured: Sequence[float]) -> altair.Axis:
    """A logarithmic axis of sizes: what was measured is what is written under it."""
    return altair.Axis(
        title=heading(column),
        grid=False,
        values=list(measured),
        format=",d",
        labelOverlap="greedy",
        labelSeparation=6,
    )


def value_axis(column: Column, low: float, high: float, pixels: int) -> altair.Axis:
    """The axis of a measure that spans low to high on so many pixels."""
    if not is_logarithm(column):
        form = ",~r" if max(abs(low), abs(high)) < MOST_WRITTEN_OUT else ".2~e"
        return altair.Axis(title=None, tickCount=max(3, pixels // 60), format=form)
    fine = [math.log10(tick) for tick in plain_ticks(low, high)]
    crowded = len(fine) > pixels // PLAIN_PIXELS
    if high - low > PLAIN_DECADES and (crowded or of_a_logarithm(column)):
        ticks = decades(low, high, pixels // 48)
    else:
        ticks = fine
    powers = high - low > PLAIN_DECADES and of_a_logarithm(column)
    label = power_of_ten("datum.value") if powers else plain_number("pow(10, datum.value)")
    return altair.Axis(title=None, values=ticks, labelExpr=label)


def of_a_logarithm(column: Column) -> bool:
    """Whether the measure itself is a logarithm: those run over decades that nobody counts."""
    return column.unit.startswith("log₁₀")


def plain_number(value: str) -> str:
    """A Vega expression that writes a number as 0.02, 5,000 or 20M."""
    return f"{value} >= 1e6 ? format({value}, '.2~s') : format({value}, ',.2~r')"


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


def beside(
    lefts: Sequence[float],
    widths: Sequence[float],
    heights: Sequence[float],
    gap: float,
    ends: tuple[float, float],
) -> list[float]:
    """Heights of names that start at `lefts`: moved apart where they would overlap."""
    placed = list(heights)
    for group in overlapping(lefts, widths):
        moved = spread([heights[index] for index in group], gap, *ends)
        for index, height in zip(group, moved, strict=True):
            placed[index] = height
    return placed


def overlapping(lefts: Sequence[float], widths: Sequence[float]) -> list[list[int]]:
    """Groups of indices whose stretches from left to left + width are connected."""
    groups: list[list[int]] = []
    reached = -math.inf
    for index in sorted(range(len(lefts)), key=lambda index: lefts[index]):
        if lefts[index] >= reached:
            groups.append([])
        groups[-1].append(index)
        reached = max(reached, lefts[index] + widths[index])
    return groups


def tooltip(column: Column, field: str, title: str = "") -> Any:
    """A hover line of numbers that are in `field` as text."""
    wording = title or (column.title if of_a_logarithm(column) else column.heading)
    return altair.Tooltip(field, title=wording, type="nominal")
