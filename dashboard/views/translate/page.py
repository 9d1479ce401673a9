"""Translate a sentence with every trained model, and see where each one attends."""

from __future__ import annotations

import streamlit as st

from core.experiments.length_quality import LENGTH_QUALITY
from core.store.records import ACTIVE
from dashboard.store import cache
from dashboard.ui import states
from dashboard.views.translate import models, outputs

st.title("Translate", anchor=False)

st.caption("Every trained model translates your sentence; see the output and its attention.")


def _no_model_yet() -> None:
    """The models that are being trained, until one is there; else where to train them."""

    def look() -> None:
        runs = cache.reader().runs(LENGTH_QUALITY.name)
        active = [run for run in runs if run.status in ACTIVE]
        if models.finished() or not active:
            st.rerun()
        states.first_results_coming(active)

    if any(run.status in ACTIVE for run in cache.reader().runs(LENGTH_QUALITY.name)):
        states.live(look, active=True)
    else:
        states.no_model_yet(LENGTH_QUALITY)


offered = models.finished()

if not offered:
    _no_model_yet()
else:
    runs = models.choose(offered)
    text, width = outputs.ask(models.samples(runs))
    if text.strip():
        outputs.side_by_side(runs, text, width)
    else:
        st.info("Type a sentence or select a sample.", icon=":material/keyboard:")
