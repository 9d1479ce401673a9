"""Every run, newest first: its status, what it measured, and how to reproduce it."""

from __future__ import annotations

import streamlit as st

from core.experiments import all_experiments
from core.store.records import ACTIVE, STATUSES
from dashboard.navigation import LAUNCH
from dashboard.store import cache
from dashboard.ui import bundles, controls, housekeeping, search, states, tables
from dashboard.ui.text import STATUS_WORDS
from dashboard.views import run_details
from dashboard.views.compare import picking

ALL = "All"


def _forget_columns(_: str) -> None:
    """Another experiment has other columns."""
    controls.drop("columns")


st.title("Runs", anchor=False)

with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
    experiment = controls.choice(
        "Experiment",
        [ALL, *(e.name for e in all_experiments())],
        "experiment",
        names={e.name: e.title for e in all_experiments()},
        then=_forget_columns,
    )
    words = controls.any_of("Status", [STATUS_WORDS[status] for status in STATUSES], "status")
with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="search-row"):
    query = search.box()
    deleted = controls.switch("Deleted", "deleted", default=False)
    states.refresh_button()
    bundles.upload()


def look() -> None:
    """The list, drawn again every second while a run is active."""
    runs = housekeeping.deleted_runs() if deleted else cache.reader().runs(archived=True)
    if not runs and not deleted:
        st.info("There are no runs yet.", icon=":material/inbox:")
        st.page_link(LAUNCH.path, label="Launch a comparison", icon=LAUNCH.icon)
    wanted = [
        run
        for run in query.find(reversed(runs))
        if experiment in (ALL, run.experiment) and (not words or STATUS_WORDS[run.status] in words)
    ]
    chosen = tables.selected(runs)
    if runs:
        tables.table(wanted, chosen, len(runs))
    asked = st.query_params.get_all("run")
    if len(chosen) > 1:
        housekeeping.actions_on(chosen, "selected")
        if not deleted:
            ids = [run.run_id for run in chosen]
            with st.container(horizontal=True, vertical_alignment="center"):
                picking.compare_link(f"Compare these {len(chosen)} runs", ids)
                bundles.offer(chosen, "bundle")
    elif asked:
        run_details.show_run(chosen[0].run_id if chosen else asked[0])
    run_details.list_unreadable(cache.reader().unreadable())


states.live(look, active=any(run.status in ACTIVE for run in cache.reader().active()))
