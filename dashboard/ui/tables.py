"""The table of runs, in which one or several can be selected."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas
import streamlit as st

from core.analysis.groups import (
    differs,
    has,
    machine_of,
    machine_titles,
    value_in_words,
    value_of,
)
from core.analysis.runs import last_row
from core.analysis.search import with_id
from core.experiment import Column, Experiment
from core.experiments import all_experiments
from core.formatting import counted, inline_text, interval
from core.settings import Setting, settings_of
from core.stats.estimates import AtLeast
from core.store.records import ACTIVE, RunRecord
from dashboard.store import cache
from dashboard.ui import controls
from dashboard.ui.text import STATUS_COLOURS, STATUS_WORDS, local, progress, status_message

MAX_ROWS = 1000

LETTERS = 200
"""A longer name or note is cut in a table; the page of the run has all of it."""

ROW_PIXELS = 35

SHOWN_ROWS, SHOWN_WITH_DETAILS = 18, 8
"""The most rows that are on the screen at once; fewer above the details of a run."""

MAX_SETTINGS = 4
"""The most settings that are shown unless somebody asks for more."""

BY_KEYBOARD = "By keyboard: arrow keys move, Shift+Space selects a row."

FIXED: Mapping[str, str] = {
    "experiment": "Experiment",
    "result": "Result",
    "progress": "Progress",
    "seconds": "Duration (s)",
    "submitted": "Submitted",
    "machine": "Machine",
    "sweep": "Sweep",
    "user": "User",
    "comment": "Comment",
}
"""What every run has, besides its status and its name."""

TITLES = {experiment.name: experiment.title for experiment in all_experiments()}

NAME_PIXELS = (110, 420)
"""The least and the most width of a column of names."""


def name_column(names: Iterable[str]) -> Any:
    """A column that stays in view and is as wide as its longest name."""
    least, most = NAME_PIXELS
    longest = max((len(str(name)) for name in names), default=0)
    return st.column_config.TextColumn(pinned=True, width=min(most, max(least, 8 * longest + 20)))


def selected(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """The runs that the address selects, by their ids or the beginnings of their ids."""
    asked = [with_id(runs, beginning) for beginning in st.query_params.get_all("run")]
    return [found[0] for found in asked if len(found) == 1]


def table(runs: Sequence[RunRecord], chosen: Sequence[RunRecord], known: int) -> None:
    """The table of some of the `known` runs, with the columns that the address asks for; selecting
    rows puts their runs into the address."""
    shown = list(runs[:MAX_ROWS])
    names = {run.experiment for run in shown}
    experiment = next((e for e in all_experiments() if names == {e.name}), None)
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.caption(f"{len(runs):,} of {counted(known, 'run')}. {BY_KEYBOARD}", width="content")
        columns = _columns(shown, experiment)
    if not shown:
        st.text("No runs match this search.")
        return
    ids = [run.run_id for run in shown]
    # Rows move when runs are added: the key then changes, so that the selection follows its run.
    key = "runs-" + hashlib.sha256("".join(ids).encode()).hexdigest()[:12]

    def choose() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        if rows:
            st.query_params["run"] = [ids[row] for row in rows]
        elif "run" in st.query_params:
            del st.query_params["run"]

    frame, config = _filled(shown, columns, experiment)
    rows = [ids.index(run.run_id) for run in chosen if run.run_id in ids]
    # Streamlit sends the table again when anything about it differs, and not when the box around it
    # becomes lower.
    at_first = st.session_state.setdefault(f"{key}-at-first", rows)
    most = min(len(shown), SHOWN_WITH_DETAILS if chosen else SHOWN_ROWS)
    with st.container(height=ROW_PIXELS * (most + 1) + 3, border=False, key="list-of-runs"):
        st.dataframe(
            frame,
            hide_index=True,
            height="stretch",
            key=key,
            on_select=choose,
            selection_mode="multi-row",
            selection_default={"selection": {"rows": at_first, "columns": []}},
            column_config=config,
            placeholder="–",
            alt="Runs, newest first",
        )
    if len(runs) > MAX_ROWS:
        st.caption(
            f"and {counted(len(runs) - MAX_ROWS, 'older run')}; narrow the search to see them"
        )


def _columns(runs: Sequence[RunRecord], experiment: Experiment | None) -> list[str]:
    """The columns that somebody chose; at first those that say most of these runs."""
    known, first = dict(FIXED), ["experiment", "result", "seconds", "submitted", "sweep", "user"]
    if len({machine_of(run) for run in runs if "device" in run.tags}) > 1:
        first.insert(first.index("sweep"), "machine")
    if any(run.status in ACTIVE for run in runs):
        first.insert(first.index("result") + 1, "progress")
    if experiment is not None:
        settings = settings_of(experiment.config)
        known |= {setting.name: setting.title for setting in settings}
        measures = _measures(experiment)
        known |= {name: column.heading for name, column in measures.items()}
        # The name of a run says its direction and its seeds.
        differing = [
            s.name
            for s in settings
            if s.role == "identity" and s.name != "bidirectional" and differs(runs, s)
        ]
        headlines = [one.name for one in experiment.headlines if one.name in measures][:2]
        first.remove("experiment")
        first = [*differing[:MAX_SETTINGS], *headlines, *first]
    with st.popover("Columns", icon=":material/view_column:"):
        chosen = controls.several("Columns", known, "columns", first)
        if experiment is None:
            st.caption("Settings and measures can be shown where all runs are of one experiment.")
    return chosen


def _measures(experiment: Experiment) -> dict[str, Column]:
    columns = experiment.summary.columns()
    return {column.name: column for column in columns if column.role == "measure"}


def _filled(
    runs: Sequence[RunRecord], columns: Sequence[str], experiment: Experiment | None
) -> tuple[pandas.DataFrame, dict[str, Any]]:
    """The cells, and how Streamlit shows each column."""
    names = [f"{'★ ' * run.starred}{inline_text(run.name, LETTERS)}" for run in runs]
    cells: dict[str, Any] = {"Status": [[STATUS_WORDS[run.status]] for run in runs], "Run": names}
    text, date = st.column_config.TextColumn, st.column_config.DatetimeColumn
    config: dict[str, Any] = {
        "Status": st.column_config.MultiselectColumn(
            width=110,
            pinned=True,
            options=list(STATUS_WORDS.values()),
            color=list(STATUS_COLOURS.values()),
        ),
        "Run": text(width=230),
        "Progress": st.column_config.ProgressColumn(
            min_value=0, max_value=100, format="%.0f%%", width="small"
        ),
        "Duration (s)": st.column_config.NumberColumn(format="%.1f", width="small"),
        "Result": text(width="large"),
        "Submitted": date(format="D MMM, HH:mm", width=115),
        "User": text(width="small"),
    }
    settings = {} if experiment is None else {s.name: s for s in settings_of(experiment.config)}
    measures = {} if experiment is None else _measures(experiment)
    for name in columns:
        if name in FIXED:
            cells[FIXED[name]] = _fixed(name, runs)
        elif name in settings:
            cells[settings[name].title] = [_setting(run, settings[name]) for run in runs]
        elif experiment is not None:
            cells |= _measured(experiment, measures[name], runs)
            config[measures[name].heading] = st.column_config.NumberColumn(
                format="%.4g", help=measures[name].description or None
            )
    return pandas.DataFrame(cells), config


def _fixed(name: str, runs: Sequence[RunRecord]) -> list[Any]:
    machines = machine_titles(runs) if name == "machine" else {}
    values: Mapping[str, Callable[[RunRecord], Any]] = {
        "result": lambda run: inline_text(run.note or status_message(run), LETTERS),
        "progress": lambda run: 100 * progress(run),
        "seconds": lambda run: run.seconds,
        "submitted": lambda run: local(run.submitted),
        "experiment": lambda run: TITLES.get(run.experiment, run.experiment),
        "machine": lambda run: machines[run.run_id],
        "sweep": lambda run: inline_text(run.sweep_name, LETTERS),
        "user": lambda run: inline_text(run.user, LETTERS),
        "comment": lambda run: inline_text(run.comment, LETTERS),
    }
    return [values[name](run) for run in runs]


def _setting(run: RunRecord, setting: Setting) -> float | str | None:
    """A number, so that it sorts as one, or a word."""
    if not has(run, setting):
        return None
    value = value_of(run, setting)
    is_number = {int, float} & {*setting.types} and not setting.choices
    if is_number:
        return None if value is None else float(value)
    return inline_text(value_in_words(value), LETTERS)


def _measured(
    experiment: Experiment, column: Column, runs: Sequence[RunRecord]
) -> dict[str, list[Any]]:
    """The value of every run that has finished, and its interval where any has one."""
    values: list[float | None] = []
    intervals: list[str] = []
    for run in runs:
        rows = None
        if run.status == "FINISHED":
            rows = cache.reader().table(run, experiment.summary.table)
        if rows is None or rows.empty:
            values.append(None)
            intervals.append("")
            continue
        line = last_row(rows)
        estimate = column.read(line, run.settings)
        values.append(None if estimate.value is None else float(estimate.value))
        at_least = "at least" if isinstance(estimate.value, AtLeast) else ""
        intervals.append(interval(estimate) or at_least)
    cells: dict[str, list[Any]] = {column.heading: values}
    return cells | ({f"{column.title}, 95% CI": intervals} if any(intervals) else {})
