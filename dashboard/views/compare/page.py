"""Any finished runs side by side, every comparison so far, or every question on equal terms."""

from __future__ import annotations

import streamlit as st

from dashboard.ui import controls
from dashboard.views.compare import comparison, comparisons, scorecard

RUNS, COMPARISONS, SCORECARD = "Runs", "Comparisons", "Scorecard"

st.title("Compare", anchor=False)

shown = controls.choice("Show", [RUNS, COMPARISONS, SCORECARD], "show")
if shown == SCORECARD:
    scorecard.draw_scorecard()
elif shown == COMPARISONS:
    comparisons.draw_comparisons()
else:
    comparison.draw_picked()
