"""What a Row's declaration says of its columns' types: whole numbers, and the values of an axis."""

from __future__ import annotations

from collections.abc import Iterable
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from core.experiment import Column, Row


def whole_numbers(row: type[Row]) -> frozenset[str]:
    """Columns that hold whole numbers: they are shown whole."""
    return frozenset(name for name, hint in _hints(row).items() if {*_members(hint)} == {int})


def possible(row: type[Row], name: str) -> tuple[str, ...]:
    """The values that a column may have, in the order declared; empty if it may have any."""
    hint = _hints(row)[name]
    return tuple(str(v) for v in get_args(hint)) if get_origin(hint) is Literal else ()


def in_order(row: type[Row], name: str, values: Iterable[Any]) -> list[Any]:
    """The different values of a column as they are declared, else sorted, words as they came."""
    found = list(dict.fromkeys(values))
    declared = possible(row, name)
    if declared:
        return sorted(found, key=declared.index)
    return found if any(isinstance(value, str) for value in found) else sorted(found)


def curve_of(row: type[Row]) -> Column:
    """The axis that the row's measures are drawn against."""
    return next(column for column in row.columns() if column.curve)


def column_of(row: type[Row], name: str) -> Column:
    """The column of that name."""
    return next(column for column in row.columns() if column.name == name)


def has_seeds(row: type[Row]) -> bool:
    """Whether it has one line for each seed, rather than one for all that was measured."""
    return any(column.name == "seed" for column in row.columns())


def _hints(row: type[Row]) -> dict[str, Any]:
    return get_type_hints(row)


def _members(hint: Any) -> list[Any]:
    return [m for m in (get_args(hint) or (hint,)) if m is not NoneType]
