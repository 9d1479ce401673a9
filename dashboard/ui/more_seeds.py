"""The buttons that add seeds to a comparison: as many as would decide it, or until they do."""

from __future__ import annotations

import streamlit as st

from core.analysis.comparison import Comparison
from core.analysis.more_seeds import (
    MAX_ADDED,
    Plan,
    fewest_seeds,
    looks_at,
    measured_elsewhere,
    planned_looks,
    seeds_to_add,
    undecided,
    with_more_seeds,
)
from core.formatting import counted, listed
from core.settings import BadSetting
from core.store.records import ACTIVE
from dashboard import access
from dashboard.store import cache
from dashboard.ui import actions, states
from experiments import durations


def offer(comparison: Comparison) -> None:
    """Offer to add seeds where the headline is open; nothing where that is no help. Times of
    another computer are to be repeated there."""
    if not undecided(comparison):
        return
    if measured_elsewhere(comparison):
        st.caption("Not decided, and measured on another computer; repeat it there.")
        return
    now = fewest_seeds(comparison)
    number = seeds_to_add(comparison)
    plan = _plan(comparison, number or 1)
    if plan is None or _under_way(comparison, plan):
        return
    noun = "launch" if comparison.repeat == "launch" else "seed"
    key = f"more-seeds-{comparison.experiment.name}"
    with st.container(horizontal=True, vertical_alignment="center", key=key):
        clicked = number is not None and st.button(
            f"Add {counted(number, noun)}",
            icon=":material/exposure_plus_1:",
            key=f"add-{key}",
            disabled=not access.may_launch(),
            help=(
                "As many as find the difference, if it is what it seems, with a probability of "
                "80%. Every verdict is then corrected for having been looked at once more."
            ),
        )
        if number is not None:
            st.text(_estimate(plan))
        with st.popover("Until decided", icon=":material/all_inclusive:", key=f"until-{key}"):
            limit = st.number_input(
                f"At most how many {noun}{'es' if noun == 'launch' else 's'} each",
                now + 1,
                now + MAX_ADDED,
                min(max(4 * now, 12), now + MAX_ADDED),
                key=f"limit-{key}",
                help=(
                    "The seeds are doubled until there is a verdict. The looks are fixed before "
                    "the first, and every p is corrected for all of them."
                ),
            )
            totals = looks_at(now, limit)
            planned = f"{listed([f'{total:,}' for total in totals])} each"
            times = planned_looks(comparison, totals)
            st.text(f"{counted(len(totals), 'look')}, at {planned}; p × {times}.")
            if whole := _plan(comparison, limit - now):
                st.text(f"At the longest {_estimate(whole)}")
            started = st.button(
                "Start", type="primary", key=f"start-{key}", disabled=not access.may_launch()
            )
    if clicked and actions.launch_more_seeds(plan, comparison.looks + 1):
        st.rerun()
    if started and actions.launch_until_decided(comparison, limit):
        st.rerun()


def _plan(comparison: Comparison, number: int) -> Plan | None:
    """The runs to add; None for runs of a cell that is not installed here, or settings of old."""
    try:
        return with_more_seeds(comparison, number)
    except BadSetting:
        return None


def _under_way(comparison: Comparison, plan: Plan) -> bool:
    """Whether a sweep that the runs would join is not done: they may be those asked for before."""
    runs = cache.reader().runs(comparison.experiment.name)
    active = {run.sweep for run in runs if run.status in ACTIVE}
    return bool(active & {sweep for _, _, sweep in plan})


def _estimate(plan: Plan) -> str:
    finished = [run for run in cache.reader().runs() if run.status == "FINISHED"]
    pairs = [(experiment, config) for experiment, config, _ in plan]
    return states.estimate_line(len(plan), durations.estimate(pairs, finished))
