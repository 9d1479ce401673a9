"""Choose an experiment, variants and settings, start the runs, and watch the rows arrive."""

from __future__ import annotations

import streamlit as st

from core.analysis.sizes import planned_sizes
from core.experiments import all_experiments, experiment_named
from core.settings import BadSetting
from dashboard.store import cache
from dashboard.ui import actions, controls, forms, states
from dashboard.ui.text import plain
from dashboard.views import active_runs
from experiments import queue
from experiments.suites import SUITES

st.title("Launch", anchor=False)

st.caption(
    "A sweep runs every selected variant with the same settings. You can close this page: "
    "the queue is in the store."
)

now = st.container()

name = controls.choice(
    "Experiment", [e.name for e in all_experiments()], "experiment", then=forms.start_over
)

experiment = experiment_named(name)

st.markdown(f"##### {plain(experiment.question)}")

request = forms.request(experiment)

try:
    configs = request.configs()
except BadSetting as error:
    configs = []
    st.error(plain(str(error)), icon=":material/rule:")

if configs:
    states.sizes(experiment, planned_sizes(experiment, configs))

with st.container(horizontal=True, vertical_alignment="center"):
    start = st.button(
        "Start", type="primary", icon=":material/play_arrow:", disabled=not configs, key="start"
    )
    if configs:
        finished = [run for run in cache.reader().runs(name) if run.status == "FINISHED"]
        seconds = queue.estimate(finished[-200:], experiment, configs)
        st.text(states.estimate_line(len(configs), seconds))
    elif not request.variants:
        st.text("Select at least one variant.")

if start:
    launched = actions.launch(experiment, configs)
    if launched is not None:
        st.query_params["watch"] = launched

with st.expander("Or queue a whole suite", icon=":material/library_add:"):
    for suite in SUITES:
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button(suite.title, key=f"suite-{suite.name}", icon=":material/add:"):
                actions.launch_suite(suite)
            st.text(f"{len(suite.configs())} runs. {suite.description}")

with now:
    active_runs.live_runs(st.query_params.get("watch", ""), figures=True)
