"""Step a cell through a sequence; move its start and watch the gradient follow."""

from __future__ import annotations

import streamlit as st

from dashboard import explorer, states, translating

st.title("Cell explorer", anchor=False)
st.caption("What a cell does at every step, and how far back its gradient reaches.")
offered = translating.finished()
states.live(lambda: explorer.explore(offered), active=False)  # a slider runs this part alone
