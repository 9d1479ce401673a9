"""Which finished runs are compared: those in the address, or the newest sweep.

Filters narrow down what can be selected; what is selected stays selected. All of it works on the
runs in memory, whatever the size of the store.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pandas
import streamlit as st

from core.analysis import groups
from core.analysis.groups import variant_of
from core.experiments import all_experiments
from core.formatting import counted, inline_text
from core.models.architecture import variant_title
from core.models.registry import variants
from core.store.records import RunRecord
from dashboard.navigation import COMPARE
from dashboard.store.sweeps import newest_readable, sweeps
from dashboard.ui import controls, tables
from dashboard.ui.controls import say_bad_link
from dashboard.ui.text import plain

ID_LETTERS = 8


ALL = "All"

MAX_PICKED = 100
"""Most runs side by side; any beyond that are left out."""

MAX_LINES = 200
"""Lines of the table in which runs are selected, the newest first."""

MAX_SWEEPS = 200

KEY = "runs"

TABLE_HEIGHT = 290


@dataclass(frozen=True)
class Picked:
    """The runs to compare, and how they were selected."""

    runs: tuple[RunRecord, ...]
    by_hand: bool
    """Whether the address names the runs."""


def pick(runs: Sequence[RunRecord]) -> Picked:
    """Draw the filters and the table of runs, closed at first; return the runs to compare."""
    finished = [run for run in reversed(runs) if run.status == "FINISHED"]
    by_id = {run.run_id[:ID_LETTERS]: run for run in finished}
    asked = _requested(by_id, {run.run_id[:ID_LETTERS]: run for run in runs})
    with st.expander(
        "Select runs",
        icon=":material/checklist:",
        expanded=_open(),
        key="picker",
        on_change="rerun",
    ) as place:
        if place.open:
            wanted = _filtered(finished)
            chosen = asked or _default(finished)
            _table(wanted, [run.run_id[:ID_LETTERS] for run in chosen], bool(asked))
            return Picked(chosen, bool(asked))
    return Picked(asked or _default(finished), bool(asked))


def _open() -> bool:
    """Whether the address has filters, which a link should then show."""
    return any(st.query_params.get(key) for key in ("variant", "on", "text", "since", "until"))


def _requested(
    finished: dict[str, RunRecord], known: dict[str, RunRecord]
) -> tuple[RunRecord, ...]:
    """The finished runs in the address; a notice for the first one that is not finished."""
    ids = list(dict.fromkeys(i[:ID_LETTERS] for i in st.query_params.get_all(KEY)))
    present = [identifier for identifier in ids if identifier in finished]
    for identifier in [i for i in ids if i not in finished][:1]:
        here = known.get(identifier)
        why = f"it is {here.status.lower()}" if here else "it may have been deleted"
        say_bad_link(KEY, identifier, why)
    return tuple(finished[identifier] for identifier in present[:MAX_PICKED])


def _default(finished: Sequence[RunRecord]) -> tuple[RunRecord, ...]:
    """The sweep in the address, else the newest of the first experiment with a result."""
    name, experiment = (st.query_params.get(k, ALL) for k in ("sweep", "experiment"))
    if name != ALL and (members := [run for run in finished if run.sweep == name]):
        return tuple(members[:MAX_PICKED][::-1])
    for one in all_experiments():
        if experiment in (ALL, one.name):
            mine = [run for run in reversed(finished) if run.experiment == one.name]
            newest = newest_readable(sweeps(mine))
            if newest is not None:
                return newest.finished[:MAX_PICKED]
    return ()


def _filtered(finished: Sequence[RunRecord]) -> list[RunRecord]:
    """Ask for filters; return the runs that match them, the newest first."""
    places = {run.run_id: groups.machine_in_words(groups.machine_of(run)) for run in finished}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        names = [ALL, *(e.name for e in all_experiments())]
        experiment = controls.choice("Experiment", names, "experiment", most=0)
        variant = controls.choice("Variant", [ALL, *variants()], "variant", most=0)
        machine = controls.choice(
            "Machine", [ALL, *sorted({*places.values()} - {""})], "on", most=0
        )
        sweeps = {ALL: ALL} | {name: inline_text(name) for name in _sweeps(finished)}
        sweep = controls.choice("Sweep", list(sweeps), "sweep", most=0, names=sweeps)
        since, until = controls.day("From", "since"), controls.day("Until", "until")
        text = controls.words("Search", "text", placeholder="name or note")
    first, last = _moment(since), _moment(until, days=1)
    return [
        run
        for run in finished
        if experiment in (ALL, run.experiment)
        and variant in (ALL, variant_of(run))
        and machine in (ALL, places[run.run_id])
        and sweep in (ALL, run.sweep)
        and (first is None or run.submitted >= first)
        and (last is None or run.submitted < last)
        and tables.contains(run, text)
    ]


def _sweeps(finished: Sequence[RunRecord]) -> list[str]:
    """The names of the newest sweeps, and of the one that the address asks for."""
    every = dict.fromkeys(run.sweep for run in finished if run.sweep)
    asked = st.query_params.get("sweep", ALL)
    return list(dict.fromkeys([*list(every)[:MAX_SWEEPS], *([asked] * (asked in every))]))


def _moment(day: date | None, days: int = 0) -> float | None:
    """The beginning of a day, or of one so many days later, in this machine's time."""
    if day is None:
        return None
    return time.mktime((datetime(day.year, day.month, day.day) + timedelta(days)).timetuple())


def _table(wanted: Sequence[RunRecord], picked: Sequence[str], by_hand: bool) -> None:
    """Draw the table, and the buttons that select all of it or nothing."""
    lines = f"{counted(len(wanted), 'matching run')}, {len(picked)} selected"
    lines += "; only the newest are listed" if len(wanted) > MAX_LINES else ""
    st.caption(plain(f"{lines}. {tables.BY_KEYBOARD}"))
    if wanted:
        _lines_to_pick(wanted[:MAX_LINES], picked if by_hand else ())
    else:
        st.text("No finished runs match these filters.")
    with st.container(horizontal=True):
        st.button(
            "Select all of these",
            key="pick-all",
            disabled=not 0 < len(wanted) <= MAX_PICKED,
            help=f"Up to {MAX_PICKED} runs can be compared.",
            on_click=_take,
            args=([run.run_id[:ID_LETTERS] for run in wanted],),
        )
        st.button("Clear", key="pick-none", disabled=not by_hand, on_click=_take, args=([],))


def _lines_to_pick(shown: Sequence[RunRecord], picked: Sequence[str]) -> None:
    """Draw the table itself; what is selected and not listed stays selected."""
    ids = [run.run_id[:ID_LETTERS] for run in shown]
    key = f"pick {st.session_state.get('picks', 0)} {hash(tuple(ids))}"
    elsewhere = [identifier for identifier in picked if identifier not in ids]
    rows = [place for place, identifier in enumerate(ids) if identifier in picked]

    def choose() -> None:
        chosen = [ids[row] for row in st.session_state[key]["selection"]["rows"]]
        _put([*elsewhere, *chosen][:MAX_PICKED])

    config: dict[str, Any] = {"Submitted": st.column_config.DatetimeColumn(format="D MMM, HH:mm")}
    st.dataframe(
        _lines(shown),
        hide_index=True,
        height=TABLE_HEIGHT,
        key=key,
        on_select=choose,
        selection_mode="multi-row",
        selection_default={"selection": {"rows": rows, "columns": []}},
        column_config=config,
        alt="Finished runs to select from, newest first",
    )


def _lines(runs: Sequence[RunRecord]) -> pandas.DataFrame:
    return pandas.DataFrame(
        {
            "Run": [inline_text(run.name, tables.LETTERS) for run in runs],
            "Experiment": [run.experiment for run in runs],
            "Variant": [variant_title(variant_of(run)) for run in runs],
            "Result": [inline_text(run.note, tables.LETTERS) for run in runs],
            "Submitted": [datetime.fromtimestamp(run.submitted) for run in runs],
            "Sweep": [inline_text(run.sweep, tables.LETTERS) for run in runs],
        }
    )


def _take(ids: Sequence[str]) -> None:
    """Select exactly these runs, in a new table."""
    _put(ids)
    st.session_state["picks"] = st.session_state.get("picks", 0) + 1


def _put(ids: Sequence[str]) -> None:
    if ids:
        st.query_params[KEY] = list(ids)
    else:
        st.query_params.pop(KEY, None)


def compare_link(label: str, run_ids: Iterable[str]) -> None:
    """Link to Compare with these runs selected; it explains those that have not finished."""
    ids = [run_id[:ID_LETTERS] for run_id in run_ids][:MAX_PICKED]
    st.page_link(COMPARE.path, label=label, icon=COMPARE.icon, query_params={KEY: ids})
