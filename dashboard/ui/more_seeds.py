"""The button that adds as many seeds as would decide a comparison."""

from __future__ import annotations

import streamlit as st

from core.analysis.comparison import Comparison
from core.analysis.more_seeds import seeds_to_add, with_more_seeds
from core.formatting import counted
from core.settings import BadSetting
from core.store.records import ACTIVE
from dashboard.store import cache
from dashboard.ui import actions, states
from experiments import durations


def offer(comparison: Comparison) -> None:
    """Offer to add as many seeds as would decide the headline; nothing where that is no help."""
    number = seeds_to_add(comparison)
    if number is None:
        return
    experiment = comparison.experiment
    try:
        plan = with_more_seeds(comparison, number)
    except BadSetting:  # runs of a cell that is not installed here, or with settings of old
        return
    active = {run.sweep for run in cache.reader().runs(experiment.name) if run.status in ACTIVE}
    if active & {sweep for _, _, sweep in plan}:
        return  # they may be the very seeds that were asked for
    noun = counted(number, "launch" if comparison.repeat == "launch" else "seed")
    key = f"more-seeds-{experiment.name}"
    with st.container(horizontal=True, vertical_alignment="center", key=key):
        clicked = st.button(
            f"Add {noun}",
            icon=":material/exposure_plus_1:",
            key=f"add-{key}",
            help=(
                "As many as find the difference, if it is what it seems, with a probability of "
                "80%. Every verdict is then corrected for having been looked at once more."
            ),
        )
        finished = [run for run in cache.reader().runs() if run.status == "FINISHED"]
        pairs = [(experiment, config) for _, config, _ in plan]
        st.text(states.estimate_line(len(plan), durations.estimate(pairs, finished)))
    if clicked and actions.launch_more_seeds(plan, comparison.looks + 1):
        st.rerun()
