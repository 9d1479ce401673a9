"""The frame of every results page: answer, figure, controls, table, method, downloads.

A results page opens it with `open_page(EXPERIMENT)`, draws its own figures with `figures.py`, and
closes it with `close_page`. Everything else follows from the experiment's declaration.
"""

from __future__ import annotations

import streamlit as st

from core.experiment import Experiment
from core.tracking import ACTIVE
from dashboard import address, choosing, comparing, comparison, data, states
from dashboard.comparison import Comparison
from dashboard.results import circumstances, described, results_table
from dashboard.shown import Shown, read
from experiments.labels import MACHINE


def open_page(experiment: Experiment) -> Shown | None:
    """Heading, answer and the choice of runs; None when there is nothing to draw yet."""
    st.title(experiment.title, anchor=False)
    st.caption(experiment.question)
    address.notices_here()
    found = data.compared(experiment)
    if not found:
        states.nothing_yet(experiment)
        return None
    answer = st.container()
    chosen = choosing.choose(experiment, found)
    _watch(chosen.comparison)
    choosing.newer(found, chosen.comparison)
    if not chosen.runs:
        _without_result(experiment, chosen.comparison)
        return None
    told = comparison.results(experiment, chosen.runs, data.reader().table, without=(MACHINE,))
    with answer:
        states.answer(experiment.answer(told))
    return read(experiment, chosen.runs)


def close_page(shown: Shown, method: str) -> None:
    """The table of results, and how they were measured."""
    st.subheader("Results", anchor=False)
    results_table(shown)
    comparing.link("Compare these runs", [run.run_id for run in shown.runs])
    with st.expander("How this was measured", icon=":material/science:"):
        st.markdown(method)
        st.markdown(described(shown.experiment))
        st.markdown(circumstances(shown))


def _watch(chosen: Comparison) -> None:
    """While runs of this comparison are still coming: how far, and a new figure with each."""
    if chosen.broken and chosen.finished:
        states.some_failed(chosen.broken)
    if not (chosen.active and chosen.finished):
        return
    waiting = {run.run_id for run in chosen.active}

    def look() -> None:
        now = [r for r in data.reader().runs(chosen.runs[0].experiment) if r.sweep == chosen.name]
        if {run.run_id for run in now if run.status in ACTIVE} != waiting:
            st.rerun()
        states.progress_line(now)

    states.live(look, active=True)


def _without_result(experiment: Experiment, chosen: Comparison) -> None:
    if not chosen.active:
        states.all_failed(chosen.broken)
        return

    def look() -> None:
        now = next(c for c in data.compared(experiment) if c.name == chosen.name)
        if now.finished or not now.active:
            st.rerun()
        states.first_results_coming(now.active)

    states.live(look, active=True)
