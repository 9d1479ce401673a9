"""One answer per question, from the newest comparison; and what is running now."""

from __future__ import annotations

import streamlit as st

from core.experiments import EXPERIMENTS
from dashboard import actions, cards, data, watching
from experiments.suites import SUITES

st.title("What recurrent networks remember", anchor=False)
st.caption("One answer per question, each from the newest comparison measured here.")

anything = bool(data.reader().runs())
if not anything:
    first = SUITES[0]
    with st.container(border=True, key="first-step"):
        st.subheader("Nothing has been measured yet", anchor=False)
        st.text(
            f"{first.title}: {first.description} The answers then appear on this page.",
            width="stretch",
        )
        if st.button(
            "Measure the first look", type="primary", icon=":material/play_arrow:", key="first_look"
        ) and actions.launch_suite(first):
            st.rerun()

for experiment in EXPERIMENTS if anything else ():
    cards.answer(experiment)
watching.live_runs()
if not data.reader().active():
    watching.worker_line()
