"""Every run, newest first: how it stands, what it measured, and how to repeat it."""

from __future__ import annotations

import streamlit as st

from core.experiments import EXPERIMENTS
from core.tracking import ACTIVE, STATUSES
from core.words import counted
from dashboard import address, comparing, controls, data, details, listing, states
from dashboard.navigation import LAUNCH
from dashboard.wording import STATUS_WORDS

ALL = "All"

st.title("Runs", anchor=False)
address.notices_here()
with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
    experiment = controls.choice("Experiment", [ALL, *(e.name for e in EXPERIMENTS)], "experiment")
    words = controls.any_of("Status", [STATUS_WORDS[status] for status in STATUSES], "status")
    text = controls.words("Containing", "text", placeholder="name or note")


def look() -> None:
    """The list, again every second while something is active."""
    runs = data.reader().runs()
    if not runs:
        st.info("Nothing has been run yet.", icon=":material/inbox:")
        st.page_link(LAUNCH.path, label="Launch a comparison", icon=LAUNCH.icon)
        return
    wanted = [
        run
        for run in reversed(runs)
        if experiment in (ALL, run.experiment)
        and (not words or STATUS_WORDS[run.status] in words)
        and listing.contains(run, text)
    ]
    st.caption(f"{counted(len(wanted), 'run')} of {len(runs):,}. {listing.BY_KEYBOARD}")
    listing.table(wanted)
    chosen = st.query_params.get_all("run")
    if len(chosen) == 1:
        details.show(chosen[0])
    elif chosen:
        comparing.link(f"Compare these {len(chosen)} runs", chosen)


states.live(look, active=any(run.status in ACTIVE for run in data.reader().active()))
