"""Any finished runs side by side: what differs, by how much, and whether it is noise."""

from __future__ import annotations

import streamlit as st

from core.experiments import EXPERIMENTS
from dashboard import address, comparing, data, picking, side_by_side, taking_away
from dashboard.side_by_side import Section
from dashboard.wording import plain

st.title("Compare", anchor=False)
address.notices_here()
runs = data.reader().runs()
if not any(run.status == "FINISHED" for run in runs):
    comparing.nothing_yet(runs)
    st.stop()
picked = picking.pick(runs)
experiments = [e for e in EXPERIMENTS if any(r.experiment == e.name for r in picked.runs)]
st.caption(plain(comparing.told(picked, experiments)))
found, drawings, measure = [], {}, ""
for experiment in experiments:
    alone = len(experiments) == 1
    prefix = "" if alone else f"{experiment.name}-"
    if not alone:
        st.header(experiment.title, anchor=False, divider="gray")
    comparison = comparing.compared(experiment, picked, prefix)
    found.append(comparison)
    measure, chart = side_by_side.draw(Section(comparison, prefix))
    if chart is not None:
        drawings[experiment.name] = chart
taking_away.offer(found, measure if len(found) == 1 else "", drawings)
