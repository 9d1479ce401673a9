"""Translate a sentence with every trained model, and see where each one attends."""

from __future__ import annotations

import streamlit as st

from core.experiments.length_quality import LENGTH_QUALITY
from dashboard.ui import states
from dashboard.views.translate import models, outputs

st.title("Translate", anchor=False)

st.caption("Every trained model translates your sentence; see the output and its attention.")

offered = models.finished()

if not offered:
    states.no_model_yet(LENGTH_QUALITY)
else:
    runs = models.choose(offered)
    text, width = outputs.ask(models.samples(runs))
    if text.strip():
        outputs.side_by_side(runs, text, width)
    else:
        st.info("Type a sentence or select a sample.", icon=":material/keyboard:")
