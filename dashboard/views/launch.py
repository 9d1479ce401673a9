"""Choose an experiment, variants and settings, start the runs, and watch the rows arrive."""

from __future__ import annotations

import streamlit as st

from core.analysis.sizes import planned_sizes, size_of
from core.experiment import Config
from core.experiments import all_experiments, experiment_named
from core.formatting import counted
from core.settings import BadSetting
from core.store.records import ACTIVE, RunRecord
from dashboard import access
from dashboard.navigation import page_of
from dashboard.store import cache
from dashboard.ui import actions, controls, forms, states, suites
from dashboard.ui.text import plain
from dashboard.views import active_runs
from dashboard.views.compare.picking import ID_LETTERS
from experiments import queue
from experiments.durations import estimate
from experiments.suites import SUITES

st.title("Launch", anchor=False)

st.caption(
    "A sweep runs every selected variant with the same settings. You can close this "
    "page: runs continue."
)

access.say_what_viewers_miss()

active_runs.link_to_live_runs()

titles = {e.name: e.title for e in all_experiments()}

chosen = controls.choice(
    "Experiment", list(titles), "experiment", names=titles, then=forms.start_over
)

experiment = experiment_named(chosen)

st.markdown(f"##### {plain(experiment.question)}")

request = forms.request(experiment)

try:
    configs = request.configs()
except BadSetting as error:
    configs = []
    st.error(plain(str(error)), icon=":material/rule:")

if configs:
    sizes = request.of_sizes().configs()
    if {size_of(config) for config in configs} != {size_of(config) for config in sizes}:
        sizes = configs
    states.sizes(experiment, planned_sizes(experiment, sizes))

name = controls.words(
    "Name",
    "name",
    placeholder="What pages, MLflow and the command line call this sweep; optional",
)


def recorded() -> dict[Config, RunRecord]:
    """The runs of the form that are made already, queued or running."""
    equal = queue.equal_runs(cache.reader().runs(chosen), [(experiment, c) for c in configs])
    return {config: run for config, run in zip(configs, equal, strict=True) if run is not None}


def watch(sweep: str, with_runs: list[RunRecord], started: int) -> None:
    """Show a sweep below, together with earlier runs of the same form."""
    ids = [run.run_id[:ID_LETTERS] for run in with_runs if run.sweep != sweep]
    st.query_params["watch"] = [sweep, *ids]
    controls.drop("again")
    queued = f"{counted(started, 'run')} queued" if started else "These runs are started already"
    active_runs.announce(queued)
    st.rerun()


earlier = recorded()

again = bool(earlier) and controls.switch(
    f"Repeat the {counted(len(earlier), 'run')} that exist already", "again"
)

wanted = configs if again else [config for config in configs if config not in earlier]

waiting = [run for run in earlier.values() if run.status in ACTIVE]

finished = [run for run in cache.reader().runs() if run.status == "FINISHED"]

with st.container(horizontal=True, vertical_alignment="center"):
    start = st.button(
        "Started" if waiting and not wanted else "Start",
        type="primary",
        icon=":material/check:" if waiting and not wanted else ":material/play_arrow:",
        disabled=not (wanted and access.may_launch()),
        key="start",
    )
    if configs:
        made = len(earlier) - len(waiting)
        seconds = estimate([(experiment, config) for config in wanted], finished)
        product = request.product(len(configs))
        st.text(states.launch_line(product, len(wanted), made, len(waiting), seconds))
    elif not request.variants:
        st.text("Select at least one variant.")
    page = page_of(chosen)
    if earlier and not wanted and page is not None and "watch" not in st.query_params:
        st.page_link(
            page.path,
            label=f"Open {page.title}",
            icon=page.icon,
            query_params={"runs": [run.run_id[:ID_LETTERS] for run in earlier.values()]},
        )

if wanted and experiment.timed:
    states.busy_machine()

if configs:
    with st.popover("As a command", icon=":material/terminal:"):
        st.code(request.command(name), language="bash", wrap_lines=True)

if start:
    with actions.LAUNCHING:
        cache.reader().refresh()  # a second click comes before the page shows what the first did
        earlier = recorded()
        wanted = configs if again else [config for config in configs if config not in earlier]
        launched = actions.launch(experiment, wanted, name, again=again) if wanted else None
    if wanted:
        if launched is not None:
            watch(launched, [] if again else [*earlier.values()], len(wanted))
    elif earlier:
        actions.wake()  # the first click may have been cut short before it did
        watch(next(iter(earlier.values())).sweep, [*earlier.values()], 0)


every = st.expander(
    "Or queue a whole suite", icon=":material/library_add:", key="suites", on_change="rerun"
)

if every.open:
    with every:
        for suite in SUITES:
            if (begun := suites.offer(suite)) is not None:
                watch(begun.sweep, [], begun.number)

active_runs.live_runs(st.query_params.get_all("watch"), figures=True)
