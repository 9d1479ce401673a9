"""Move a cell's start and watch its gradient follow; step it through a text."""

from __future__ import annotations

import streamlit as st

from dashboard.ui import states
from dashboard.views.cell_explorer import explorer
from dashboard.views.translate import models

st.title("Cell explorer", anchor=False)

offered = models.finished()

states.live(lambda: explorer.explore(offered), active=False)  # a slider runs this part alone
