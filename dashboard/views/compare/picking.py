"""Which finished runs are compared: whole sweeps, single runs, or the default.

The address holds both: `sweep` names sweeps of which all finished runs are compared, `runs` adds
single ones. Rows are ticked in a fragment, and the comparison follows when somebody asks for it:
nothing is computed for every tick.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas
import streamlit as st

from core.analysis.groups import variant_of
from core.analysis.search import with_id
from core.experiments import all_experiments
from core.formatting import counted, inline_text, listed
from core.models.architecture import variant_title
from core.store.records import RunRecord
from dashboard.navigation import COMPARE
from dashboard.store import cache
from dashboard.store.sweeps import Sweep, sweeps
from dashboard.ui import controls, search, tables
from dashboard.ui.controls import say_bad_link
from dashboard.ui.text import day, local, plain

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
    sweeps: tuple[Sweep, ...]
    """Those that the address names, or the one that is shown by default."""
    by_hand: bool
    """Whether the address names single runs."""
    asked: bool
    """Whether the address names anything."""

    @property
    def in_words(self) -> str:
        """`6 finished runs of forget bias.`"""
        times = Counter(inline_text(sweep.subject) for sweep in self.sweeps)
        of = listed([f"{name} ({n} sweeps)" if n > 1 else name for name, n in times.items()])
        what = counted(len(self.runs), "finished run")
        if not self.by_hand:
            return f"{what} of {of}." if of else f"{what}."
        return f"{what}, selected by hand{f' and of {of}' if of else ''}."


def pick(runs: Sequence[RunRecord]) -> Picked:
    """Draw the choice of sweeps and the table of runs, closed at first; return the runs to
    compare."""
    finished = [run for run in reversed(runs) if run.status == "FINISHED"]
    offered = sweeps(finished)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        asked = _sweeps_asked(offered)
        single = _runs_asked(finished, runs)
        chosen = asked or (() if single else _default())
        everything = {run.run_id: run for sweep in chosen for run in sweep.finished}
        everything |= {run.run_id: run for run in single}
        runs_picked = tuple(everything.values())[:MAX_PICKED]
        picked = Picked(runs_picked, tuple(chosen), bool(single), bool(asked or single))
    if len(everything) > MAX_PICKED:
        st.warning(
            f"{len(everything):,} runs are selected; the first {MAX_PICKED} of them are compared."
        )
    with st.expander(
        "Select single runs",
        icon=":material/checklist:",
        expanded=any(st.query_params.get(key) for key in (search.KEY, "pick")),
        key="picker",
        on_change="rerun",
    ) as place:
        if place.open:
            _selection(finished, picked)
    return picked


def _sweeps_asked(offered: Sequence[Sweep]) -> tuple[Sweep, ...]:
    """Ask for whole sweeps by name: all of one, and as many others as somebody adds."""
    named = {sweep.name: sweep for sweep in offered}
    asked = [name for name in controls.asked("sweep") if name in named]
    shown = dict.fromkeys([*asked, *list(named)[:MAX_SWEEPS]])
    titles = {name: _title(named[name]) for name in shown}
    chosen = controls.several(
        "Whole sweeps", titles, "sweep", (), placeholder="Choose sweeps to compare"
    )
    return tuple(named[name] for name in chosen)


def _title(sweep: Sweep) -> str:
    """`forget bias · 6 runs, 28 Nov`."""
    runs = counted(len(sweep.finished), "run")
    return f"{inline_text(sweep.subject)} · {runs}, {day(sweep.launched)}"


def _runs_asked(finished: Sequence[RunRecord], runs: Sequence[RunRecord]) -> tuple[RunRecord, ...]:
    """The finished runs in the address; a notice for the first one that is not finished."""
    asked = list(dict.fromkeys(i[:ID_LETTERS] for i in controls.asked(KEY)))
    by_id = {run.run_id[:ID_LETTERS]: run for run in finished}
    present = [identifier for identifier in asked if identifier in by_id]
    for identifier in [i for i in asked if i not in by_id][:1]:
        here = with_id(runs, identifier)
        why = f"it is {here[0].status.lower()}" if here else "it may have been deleted"
        say_bad_link(KEY, identifier, why)
    return tuple(by_id[identifier] for identifier in present)


def _default() -> tuple[Sweep, ...]:
    """The headline sweep of the first experiment with a result."""
    experiment = st.query_params.get("experiment", ALL)
    for one in all_experiments():
        headline = cache.headline(one) if experiment in (ALL, one.name) else None
        if headline is not None and headline.finished:
            return (headline,)
    return ()


@st.fragment
def _selection(finished: Sequence[RunRecord], picked: Picked) -> None:
    """The search and the table of runs; ticks are compared when somebody presses the button."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        names = [ALL, *(e.name for e in all_experiments())]
        experiment = controls.choice("Experiment", names, "pick", most=0)
        query = search.box()
    wanted = [r for r in query.find(finished) if experiment in (ALL, r.experiment)]
    ticked = st.session_state.setdefault("ticked", {})
    address = tuple(run.run_id[:ID_LETTERS] for run in picked.runs)
    if ticked.get("of") != address:  # another address: begin with what it compares
        ticked.clear()
        ticked.update(of=address, ids=list(address) if picked.asked else [], table=0)
    lines = f"{counted(len(wanted), 'matching run')}, {len(ticked['ids'])} selected"
    lines += "; only the newest are listed" if len(wanted) > MAX_LINES else ""
    st.caption(plain(f"{lines}. {tables.BY_KEYBOARD}"))
    if wanted:
        _lines_to_pick(wanted[:MAX_LINES], ticked)
    else:
        st.text("No finished runs match this search.")
    with st.container(horizontal=True):
        count = len(ticked["ids"])
        if st.button(
            f"Compare {counted(count, 'run')}" if count else "Compare",
            key="pick-compare",
            type="primary",
            disabled=not 0 < count <= MAX_PICKED,
        ):
            controls.drop("sweep")
            _put(ticked["ids"])
            st.rerun(scope="app")
        every = [run.run_id[:ID_LETTERS] for run in wanted]
        st.button(
            f"Select all {len(wanted)}",
            key="pick-all",
            disabled=not 0 < len(wanted) <= MAX_PICKED,
            help=f"Up to {MAX_PICKED} runs can be compared.",
            on_click=_tick,
            args=(ticked, list(dict.fromkeys([*ticked["ids"], *every]))),
        )
        st.button("Clear", key="pick-none", disabled=not count, on_click=_tick, args=(ticked, []))


def _lines_to_pick(shown: Sequence[RunRecord], ticked: dict[str, Any]) -> None:
    """Draw the table itself; what is ticked and not listed stays ticked."""
    ids = [run.run_id[:ID_LETTERS] for run in shown]
    key = f"pick {ticked['table']} {hash(tuple(ids))}"
    elsewhere = [identifier for identifier in ticked["ids"] if identifier not in ids]
    rows = [place for place, identifier in enumerate(ids) if identifier in ticked["ids"]]

    def choose() -> None:
        chosen = [ids[row] for row in st.session_state[key]["selection"]["rows"]]
        ticked["ids"] = [*elsewhere, *chosen]

    config: dict[str, Any] = {"Submitted": st.column_config.DatetimeColumn(format="D MMM, HH:mm")}
    st.dataframe(
        _lines(shown),
        hide_index=True,
        height=min(TABLE_HEIGHT, tables.ROW_PIXELS * (len(shown) + 1) + 3),
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
            "Submitted": [local(run.submitted) for run in runs],
            "Sweep": [inline_text(run.sweep_name, tables.LETTERS) for run in runs],
            "User": [inline_text(run.user, tables.LETTERS) for run in runs],
        }
    )


def _tick(ticked: dict[str, Any], ids: Sequence[str]) -> None:
    """Tick exactly these runs, in a new table."""
    ticked["ids"] = list(ids)
    ticked["table"] += 1


def _put(ids: Sequence[str]) -> None:
    if ids:
        st.query_params[KEY] = list(ids)
    else:
        st.query_params.pop(KEY, None)


def compare_link(label: str, run_ids: Iterable[str]) -> None:
    """Link to Compare with these runs selected; it explains those that have not finished."""
    ids = [run_id[:ID_LETTERS] for run_id in run_ids][:MAX_PICKED]
    st.page_link(COMPARE.path, label=label, icon=COMPARE.icon, query_params={KEY: ids})
