"""One answer per question, from the newest comparison, and the runs that are active."""

from __future__ import annotations

import streamlit as st

from core.experiments import all_experiments
from dashboard.store import cache
from dashboard.ui import actions
from dashboard.views import active_runs, cards
from experiments.suites import SUITES

st.title("What recurrent networks remember", anchor=False)

st.caption("One answer per question, each from the newest sweep measured here.")

anything = bool(cache.reader().runs())

if not anything:
    first = SUITES[0]
    with st.container(border=True, key="first-step"):
        st.subheader("Nothing has been measured yet", anchor=False)
        st.text(
            f"{first.title}: {first.description} The answers appear on this page.",
            width="stretch",
        )
        if st.button(
            "Measure the first look", type="primary", icon=":material/play_arrow:", key="first_look"
        ) and actions.launch_suite(first):
            st.rerun()

for experiment in all_experiments() if anything else ():
    cards.answer(experiment)

active_runs.live_runs()

if not cache.reader().active():
    active_runs.worker_line()
