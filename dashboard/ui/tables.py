"""The table of runs, in which one or several can be selected."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import pandas
import streamlit as st

from core.formatting import counted, inline_text
from core.store.records import RunRecord
from dashboard.ui.text import STATUS_COLOURS, STATUS_WORDS, duration, progress, status_message

MAX_ROWS = 1000

LETTERS = 200
"""A longer name or note is cut in a table; the page of the run has all of it."""

ROW_PIXELS = 35

BY_KEYBOARD = "By keyboard: arrow keys move, Shift+Space selects a row."


NAME_PIXELS = (110, 420)
"""The least and the most width of a column of names."""


def name_column(names: Iterable[str]) -> Any:
    """A column that stays in view and is as wide as its longest name."""
    least, most = NAME_PIXELS
    longest = max((len(str(name)) for name in names), default=0)
    return st.column_config.TextColumn(pinned=True, width=min(most, max(least, 8 * longest + 20)))


def contains(run: RunRecord, text: str) -> bool:
    """Whether the texts of a run contain every word, in upper or lower case."""
    everything = " ".join((run.name, run.run_id, run.sweep, run.note, run.error)).lower()
    return all(word in everything for word in text.lower().split())


def frame(runs: Sequence[RunRecord]) -> pandas.DataFrame:
    """One row per run, in the order given."""
    return pandas.DataFrame(
        {
            "Status": [[STATUS_WORDS[run.status]] for run in runs],
            "Run": [inline_text(run.name, LETTERS) for run in runs],
            "Progress": [100 * progress(run) for run in runs],
            "Duration": [duration(run.seconds) for run in runs],
            "Submitted": [datetime.fromtimestamp(run.submitted) for run in runs],
            "Message": [inline_text(run.note or status_message(run), LETTERS) for run in runs],
            "Experiment": [run.experiment for run in runs],
            "Sweep": [inline_text(run.sweep, LETTERS) for run in runs],
        }
    )


def table(runs: Sequence[RunRecord]) -> None:
    """The table; selecting rows puts their runs into the address."""
    shown = list(runs[:MAX_ROWS])
    if not shown:
        st.text("No runs match these filters.")
        return
    ids = [run.run_id for run in shown]
    chosen = st.query_params.get_all("run")
    # Rows move when runs are added: the key then changes, so that the selection follows its run.
    key = "runs-" + hashlib.sha256("".join(ids).encode()).hexdigest()[:12]

    def choose() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        if rows:
            st.query_params["run"] = [ids[row] for row in rows]
        elif "run" in st.query_params:
            del st.query_params["run"]

    st.dataframe(
        frame(shown),
        hide_index=True,
        height=min(420, ROW_PIXELS * (len(shown) + 1) + 3),
        key=key,
        on_select=choose,
        selection_mode="multi-row",
        selection_default={
            "selection": {"rows": [ids.index(i) for i in chosen if i in ids], "columns": []}
        },
        column_config={
            "Status": st.column_config.MultiselectColumn(
                width=110,
                pinned=True,
                options=list(STATUS_WORDS.values()),
                color=list(STATUS_COLOURS.values()),
            ),
            "Run": st.column_config.TextColumn(width=230),
            "Progress": st.column_config.ProgressColumn(
                min_value=0, max_value=100, format="%.0f%%", width="small"
            ),
            "Duration": st.column_config.TextColumn(width="small"),
            "Message": st.column_config.TextColumn(width="large"),
            "Submitted": st.column_config.DatetimeColumn(format="D MMM, HH:mm", width=115),
        },
        alt="Runs, newest first",
    )
    if len(runs) > MAX_ROWS:
        st.caption(
            f"and {counted(len(runs) - MAX_ROWS, 'older run')}; narrow the filters to see them"
        )
