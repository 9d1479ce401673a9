"""Compared groups as tables: the settings in which they differ, and every measure."""

from __future__ import annotations

from collections.abc import Mapping

import pandas
import streamlit as st

from experiments.comparing import Comparison, Result, exact
from experiments.comparing_words import MARKS, interval, repeats_in_words, said


def settings(comparison: Comparison) -> None:
    """One line per group, only settings that differ."""
    if not comparison.settings:
        st.text("None: these runs differ in nothing that was set.")
        return
    names = [group.name for group in comparison.groups]
    table = pandas.DataFrame({"Group": names})
    for line in comparison.settings:
        table[line.title] = [line.values[name] for name in names]
    _wide(table, "Settings in which the groups differ, one line per group")


def results(comparison: Comparison) -> None:
    """One line per group: each measure with its interval, n and mark; and the notes."""
    names = [group.name for group in comparison.groups]
    table = pandas.DataFrame({"Group": names})
    table["Runs"] = [len(group.runs) for group in comparison.groups]
    for result in comparison.results:
        table[result.column.heading] = [_cell(comparison, result, name) for name in names]
    for title, notes in comparison.notes.items():
        table[title] = [notes.get(name, "") for name in names]
    help_of = {r.column.heading: r.column.description or None for r in comparison.results}
    _wide(table, "Every measure with its 95% interval and n, one line per group", help_of)


def _cell(comparison: Comparison, result: Result, name: str) -> str:
    estimate = result.estimates[name]
    if estimate.value is None:
        return "–"
    ends = interval(estimate)
    parts = [said(estimate.value), f"({ends})" if ends else ""]
    if not exact(result):
        parts.append(f"· {repeats_in_words(result, name, comparison.repeat)}")
    parts.append(MARKS[result.marks.get(name, "")])
    return " ".join(filter(None, parts))


def _wide(
    table: pandas.DataFrame, alt: str, help_of: Mapping[str, str | None] | None = None
) -> None:
    config = {
        title: st.column_config.TextColumn(help=text) for title, text in (help_of or {}).items()
    }
    config["Group"] = st.column_config.TextColumn(pinned=True)
    st.dataframe(table, hide_index=True, column_config=config, alt=alt)
