"""Any finished runs side by side, or every comparison so far."""

from __future__ import annotations

import streamlit as st

from dashboard.navigation import CHOOSE
from dashboard.ui import controls
from dashboard.views.compare import comparison, comparisons

RUNS, COMPARISONS = "Runs", "Comparisons"

if st.query_params.get("show") == "Scorecard":  # the address of Choose until November 2026
    asked = {key: controls.asked(key) for key in st.query_params if key != "show"}
    st.switch_page(CHOOSE.path, query_params=asked)

st.title("Compare", anchor=False)

if controls.choice("Show", [RUNS, COMPARISONS], "show") == COMPARISONS:
    comparisons.draw_comparisons()
else:
    comparison.draw_picked()
