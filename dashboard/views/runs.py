"""Every run, newest first: its status, what it measured, and how to reproduce it."""

from __future__ import annotations

import streamlit as st

from core.experiments import all_experiments
from core.formatting import counted
from core.store.records import ACTIVE, STATUSES
from dashboard.navigation import LAUNCH
from dashboard.store import cache
from dashboard.ui import controls, housekeeping, states, tables
from dashboard.ui.text import STATUS_WORDS
from dashboard.views import run_details
from dashboard.views.compare import picking

ALL = "All"

st.title("Runs", anchor=False)

with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
    experiment = controls.choice(
        "Experiment", [ALL, *(e.name for e in all_experiments())], "experiment"
    )
    words = controls.any_of("Status", [STATUS_WORDS[status] for status in STATUSES], "status")
    text = controls.words("Search", "text", placeholder="name or note")
    deleted = controls.switch("Deleted", "deleted", default=False)
    states.refresh_button()


def look() -> None:
    """The list, drawn again every second while a run is active."""
    runs = housekeeping.deleted_runs() if deleted else cache.reader().runs(archived=True)
    if deleted and not runs:
        return
    if not runs:
        st.info("There are no runs yet.", icon=":material/inbox:")
        st.page_link(LAUNCH.path, label="Launch a comparison", icon=LAUNCH.icon)
        return
    wanted = [
        run
        for run in reversed(runs)
        if deleted == run.deleted
        if experiment in (ALL, run.experiment)
        and (not words or STATUS_WORDS[run.status] in words)
        and tables.contains(run, text)
    ]
    st.caption(f"{counted(len(wanted), 'run')} of {len(runs):,}. {tables.BY_KEYBOARD}")
    tables.table(wanted)
    chosen = st.query_params.get_all("run")
    if len(chosen) > 1:
        housekeeping.actions_on([run for run in runs if run.run_id in chosen], "selected")
    if len(chosen) == 1:
        run_details.show_run(chosen[0])
    elif chosen and not deleted:
        picking.compare_link(f"Compare these {len(chosen)} runs", chosen)


states.live(look, active=any(run.status in ACTIVE for run in cache.reader().active()))
