"""Step a cell through a sequence; move its start and watch the gradient follow."""

from __future__ import annotations

import streamlit as st

from dashboard.ui import states
from dashboard.views.cell_explorer import explorer
from dashboard.views.translate import models

st.title("Cell explorer", anchor=False)

st.caption("What a cell does at every step, and how far back its gradient reaches.")

offered = models.finished()

states.live(lambda: explorer.explore(offered), active=False)  # a slider runs this part alone
