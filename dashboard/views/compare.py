"""Any finished runs side by side, or every question at once on equal terms."""

from __future__ import annotations

import streamlit as st

from dashboard import address, controls, picked_runs, scorecard

RUNS, SCORECARD = "Runs", "Scorecard"

st.title("Compare", anchor=False)
address.notices_here()
if controls.choice("Show", [RUNS, SCORECARD], "show") == SCORECARD:
    scorecard.draw()
else:
    picked_runs.draw()
