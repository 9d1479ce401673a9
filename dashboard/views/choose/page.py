"""Which layer fits? Limits first, then every question at once on equal terms."""

from __future__ import annotations

import streamlit as st

from dashboard.views.choose import scorecard

st.title("Choose", anchor=False)
scorecard.draw()
