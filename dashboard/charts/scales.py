"""Columns, headings and axes as a Row declares them; logarithms are written as powers of ten."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import altair
import pandas

from core.experiment import Column, Row
from core.formatting import SUPERSCRIPTS

LOGARITHM = "log10_"

MIN_TICKS = 3
"""Numbers on an axis, from which any other can be read."""

MAX_PLAIN_DECADES = 2.0
"""A logarithmic axis up to this long is labelled 0.2, 0.5, 1 instead of with powers of ten."""


def whole_numbers(row: type[Row]) -> frozenset[str]:
    """The columns that hold whole numbers, which are shown whole."""
    return frozenset(
        name
        for name, hint in get_type_hints(row).items()
        if {*(get_args(hint) or (hint,))} - {NoneType} == {int}
    )


def declared_values(row: type[Row], name: str) -> tuple[str, ...]:
    """The values that a column may have, in the order declared; empty if it may have any."""
    hint = get_type_hints(row)[name]
    return tuple(str(v) for v in get_args(hint)) if get_origin(hint) is Literal else ()


def in_order(row: type[Row], name: str, values: Iterable[Any]) -> list[Any]:
    """The distinct values of a column: as declared, else numbers sorted and texts as they come."""
    if isinstance(values, pandas.Series):  # to iterate over a column of text is slow
        values = values.unique().tolist()
    distinct = list(dict.fromkeys(values))
    declared = declared_values(row, name)
    if declared:
        return sorted(distinct, key=declared.index)
    return distinct if any(isinstance(v, str) for v in distinct) else sorted(distinct)


def curve_of(row: type[Row]) -> Column:
    """The axis that the row's measures are drawn against."""
    return next(column for column in row.columns() if column.curve)


def column_of(row: type[Row], name: str) -> Column:
    """The column of that name."""
    return next(column for column in row.columns() if column.name == name)


def has_seeds(row: type[Row]) -> bool:
    """Whether the table has one line for each seed, rather than one for all of them."""
    return any(column.role == "seed" for column in row.columns())


def is_logarithm(column: Column) -> bool:
    """Whether a column holds log₁₀ of its measure."""
    return column.name.startswith(LOGARITHM)


def logarithm_of(column: Column) -> Column:
    """The column that holds log₁₀ of this one."""
    return dataclasses.replace(column, name=f"{LOGARITHM}{column.name}")


def of_a_logarithm(column: Column) -> bool:
    """Whether the measure itself is a logarithm: such a measure spans very many decades."""
    return column.unit.startswith("log₁₀")


def heading(column: Column) -> str:
    """Title and unit; of a logarithm those of the number itself, as its axis shows it."""
    if not is_logarithm(column):
        return column.title if column.unit in column.title.lower() else column.heading
    if of_a_logarithm(column):
        symbol = column.unit.removeprefix("log₁₀").strip()
        return f"{column.title} {symbol}".strip() + " (log scale)"
    return f"{column.title} ({', '.join(filter(None, (column.unit, 'log scale')))})"


def tooltip(column: Column, field: str) -> altair.Tooltip:
    """A tooltip line for numbers that are in `field` as text."""
    title = column.title if of_a_logarithm(column) else column.heading
    return altair.Tooltip(field, title=title, type="nominal")


def value_axis(column: Column, low: float, high: float, pixels: int) -> altair.Axis:
    """The axis of a measure that spans low to high on this many pixels."""
    if not is_logarithm(column):
        # Longer numbers have no room beside an axis.
        form = ",~r" if max(abs(low), abs(high)) < 1e9 else ".2~e"
        return altair.Axis(title=None, tickCount=max(MIN_TICKS + 1, pixels // 60), format=form)
    ticks = [math.log10(tick) for tick in plain_ticks(low, high)]
    is_long, counted_in_decades = high - low > MAX_PLAIN_DECADES, of_a_logarithm(column)
    if is_long and (counted_in_decades or len(ticks) > pixels // 28):
        ticks = decades(low, high, max(MIN_TICKS + 1, pixels // 48))
    powers = is_long and counted_in_decades
    label = power_of_ten("datum.value") if powers else plain_number("pow(10, datum.value)")
    return altair.Axis(title=None, values=ticks, labelExpr=label)


def decades(low: float, high: float, max_ticks: int) -> list[float]:
    """Whole exponents from low to high, at most `max_ticks` of them, evenly spaced."""
    first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
    steps = (1, 2, 5, 10, 20, 50, 100, 200, 500)
    step = next((s for s in steps if (last - first) / s <= max_ticks), steps[-1])
    return [float(e) for e in range(math.ceil(first / step) * step, last + 1, step)]


def plain_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten whose logarithms lie between low and high; where these are
    too few to read a value from, evenly spaced numbers.
    """
    exponents = range(math.floor(low), math.ceil(high) + 1)
    ticks = [digit * 10.0**exponent for exponent in exponents for digit in (1, 2, 5)]
    inside = [tick for tick in ticks if low - 1e-9 <= math.log10(tick) <= high + 1e-9]
    return inside if len(inside) >= MIN_TICKS else even_ticks(10**low, 10**high)


def even_ticks(low: float, high: float) -> list[float]:
    """The fewest multiples of 1, 2 or 5 times a power of ten from low to high, but three."""
    if not low < high:
        return [low]
    exponent = math.floor(math.log10(high - low))
    for step in (digit * 10.0**e for e in (exponent, exponent - 1) for digit in (5, 2, 1)):
        places = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
        if len(places) >= MIN_TICKS:
            return [float(f"{place * step:.12g}") for place in places]
    return [low, high]


def plain_number(value: str) -> str:
    """A Vega expression that writes a number as 0.02, 5,000 or 20M."""
    return f"{value} >= 1e6 ? format({value}, '.4~s') : format({value}, ',.4~r')"


def power_of_ten(value: str) -> str:
    """A Vega expression that writes the number in `value` as 10⁻²⁵."""
    text = f"format({value}, 'd')"
    text = f"replace({text}, regexp('−', 'g'), '-')"
    for plain, raised in SUPERSCRIPTS.items():
        text = f"replace({text}, regexp('[{plain}]', 'g'), '{raised}')"
    return f"'10' + {text}"
