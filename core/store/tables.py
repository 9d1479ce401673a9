"""Reading a table that a run has recorded as CSV."""

from __future__ import annotations

import csv
import functools
from io import BytesIO, StringIO
from typing import Any, get_args, get_origin, get_type_hints

import pandas

from core.experiment import Row
from core.experiments import all_experiments


def read_table(content: bytes, row: type[Row] | None) -> pandas.DataFrame:
    """A table of these rows. Text is text: a sentence may be `null`, `nan`, `NA` or nothing, which
    pandas would take for a number that is missing. Raises ValueError for what is no CSV.
    """
    known: Any = row
    table = pandas.read_csv(BytesIO(content), low_memory=False)  # else put together from pieces
    texts = [name for name in (_texts(known) if row else ()) if name in table]
    taken = [n for n in texts if table[n].dtype.kind in "fib" or table[n].hasnans]
    if taken:  # by Python's reader: to ask pandas again takes as long as the numbers did
        try:
            lines = [*csv.DictReader(StringIO(content.decode(), newline=""), restval="")]
        except csv.Error as error:
            raise ValueError(str(error)) from error
        if len(lines) != len(table):
            raise ValueError("lines of the table are broken")
        for name in taken:
            table[name] = pandas.array([line[name] for line in lines], dtype="str")
    # All columns of a kind in one block: else pandas takes eight times as long to give each out.
    return table.copy()


def is_blank(values: pandas.Series[Any]) -> bool:
    """Whether a column holds nothing: no number, and no text."""
    return bool((values.isna() | (values == "")).all())


def row_of(experiment: str, table: str) -> type[Row] | None:
    """The rows of an experiment's table, None if this version of Unroll knows none of that name."""
    rows = (row for one in all_experiments() if one.name == experiment for row in one.rows)
    return next((row for row in rows if row.table == table), None)


@functools.cache
def _texts(row: Any) -> tuple[str, ...]:
    """The columns that hold text."""
    hints = get_type_hints(row)
    return tuple(name for name in row.header() if name in hints and _is_text(hints[name]))


def _is_text(hint: object) -> bool:
    """Whether every value is a text: `str`, or a `Literal` of texts."""
    kinds = get_args(hint) if get_origin(hint) is not None else (hint,)
    return all(kind is str or isinstance(kind, str) for kind in kinds)
