"""Any finished runs side by side, or every question at once on equal terms."""

from __future__ import annotations

import streamlit as st

from dashboard.ui import controls
from dashboard.views.compare import comparison, scorecard

RUNS, SCORECARD = "Runs", "Scorecard"

st.title("Compare", anchor=False)

if controls.choice("Show", [RUNS, SCORECARD], "show") == SCORECARD:
    scorecard.draw_scorecard()
else:
    comparison.draw_picked()
