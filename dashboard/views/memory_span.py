"""How far back can it learn to look?"""

from __future__ import annotations

import streamlit as st

from core.experiments.memory_span import MEMORY_SPAN
from dashboard import spans
from dashboard.attempt_figures import Attempts
from dashboard.curve_figures import Curves
from dashboard.dot_figures import Dots
from dashboard.figures import tabs
from dashboard.frame import close_page, open_page
from dashboard.leading import PERCENT, POSITIVE, leading
from dashboard.measures import Measure
from dashboard.scatter_figures import Scatter

FIGURES = (
    leading(MEMORY_SPAN),
    Scatter(
        "Half-life and span",
        x="half_life_end",
        y="span",
        before="half_life_start",
        beyond="next_lag",
        told=("reported_learning_rate", "steps_to_learn", "parameters"),
        diagonal="span = half-life",
        key="small: before training · large: after · bars: 95% intervals",
        note=spans.READING,
    ),
    Curves(
        "Half-life by lag",
        "lags",
        (Measure("half_life_end", logarithm=True), Measure("half_life_start", logarithm=True)),
        sizes=True,
        key="half_life",
    ),
    Attempts(
        "By learning rate",
        "attempts",
        "learning_rate",
        "learned",
        share=("lags", "success"),
        reported="reported_learning_rate",
        tried="rates_tried",
        note=spans.CHOICE,
    ),
    Curves(
        "Training",
        "training",
        (Measure("accuracy", bounds=PERCENT), Measure("loss", bounds=POSITIVE)),
    ),
    Dots("By variant", ("span", "half_life_end", "half_life_start", "steps_to_learn")),
)

shown = open_page(MEMORY_SPAN)
if shown is not None:
    st.caption(spans.line(shown))
    tabs(shown, FIGURES)
    close_page(shown, spans.METHOD)
