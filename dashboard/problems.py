"""Where a figure has no value, and why: a list under it."""

from __future__ import annotations

from typing import Any

import pandas
import streamlit as st

from core.experiment import Column, Row
from core.words import listed
from dashboard.wording import in_words, plain

MOST_LINES = 12


def sentences(row: type[Row], rows: pandas.DataFrame, x: Column) -> list[str]:
    """`attention, training, sequence length 2,048 and 4,096: out of memory`, one per problem."""
    notes = [column.name for column in row.columns() if column.role == "note"]
    if not notes or rows.empty:
        return []
    others = [
        column.name
        for column in row.columns()
        if column.role == "axis" and column.name not in (x.name, "subject")
    ]
    broken = rows[rows[notes[0]] != ""]
    groups = broken.groupby(["label", *others, notes[0]], sort=False)[x.name]
    everywhere = rows[x.name].nunique()
    return [
        f"{', '.join([*map(in_words, where), *_at(x, places, everywhere)])}: {problem}"
        for (*where, problem), places in groups
    ]


def _at(x: Column, places: pandas.Series[Any], everywhere: int) -> list[str]:
    """Where, unless it is so wherever anything was measured."""
    if places.nunique() == everywhere > 1:
        return []
    return [f"{x.title.lower()} {listed([in_words(p) for p in sorted(set(places))])}"]


def listed_below(row: type[Row], rows: pandas.DataFrame, x: Column) -> None:
    """The list, if there is anything to list."""
    said = sentences(row, rows, x)
    if not said:
        return
    lines = [f"- {plain(sentence)}" for sentence in said[:MOST_LINES]]
    if len(said) > MOST_LINES:
        lines.append(f"- and {len(said) - MOST_LINES} more, in the CSV")
    st.caption("\n".join(["Without a value:", "", *lines]))
