"""Picked runs side by side: the Runs half of the page Compare, a part for each experiment."""

from __future__ import annotations

import streamlit as st

from core.experiments import EXPERIMENTS
from dashboard import comparing, data, picking, side_by_side, taking_away
from dashboard.drawing import Chart
from dashboard.section import Section
from dashboard.wording import plain
from experiments.comparing import Comparison


def draw() -> None:
    """The choice of runs, each experiment's comparison, and the files."""
    runs = data.reader().runs()
    if not any(run.status == "FINISHED" for run in runs):
        comparing.nothing_yet(runs)
        return
    picked = picking.pick(runs)
    experiments = [e for e in EXPERIMENTS if any(r.experiment == e.name for r in picked.runs)]
    st.caption(plain(comparing.told(picked, experiments)))
    found: list[Comparison] = []
    drawings: dict[str, Chart] = {}
    for experiment in experiments:
        prefix = "" if len(experiments) == 1 else f"{experiment.name}-"
        if prefix:
            st.header(experiment.title, anchor=False, divider="gray")
        top, row = st.container(), st.container(horizontal=True, vertical_alignment="bottom")
        with row:
            section = Section(comparing.compared(experiment, picked, prefix), prefix)
        chart = side_by_side.draw(section, row, top)
        found.append(section.comparison)
        drawings |= {} if chart is None else {experiment.name: chart}
    taking_away.offer(found, drawings)
