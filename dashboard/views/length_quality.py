"""How does seq2seq quality fall with length, and does attention save it?"""

from __future__ import annotations

import math

import streamlit as st

from core.experiments.length_quality import LENGTH_QUALITY
from dashboard import trained
from dashboard.curve_figures import Curves
from dashboard.dot_figures import Dots
from dashboard.figures import tabs
from dashboard.frame import close_page, open_page
from dashboard.leading import PERCENT, TRAINING, leading
from dashboard.measures import Measure
from dashboard.sample_figures import Looks, Samples
from dashboard.setting_figures import BySetting

FIGURES = (
    leading(LENGTH_QUALITY),
    Samples("Samples", "samples"),
    Looks("Attention", "attention", "samples"),
    Curves("By position", "positions", (Measure("token_accuracy", bounds=PERCENT),)),
    TRAINING[LENGTH_QUALITY.name],
    Dots(
        "By variant",
        ("bottleneck_length", "token_accuracy", "bleu", "within_accuracy", "beyond_accuracy"),
    ),
    BySetting(
        "Capacity",
        "hidden_size",
        ("bottleneck_length", "token_accuracy", "bleu"),
        bounds=(0.0, math.inf),
        note=(
            "The bottleneck is measured against what the same model reaches on the shortest "
            "sentences: where that is little, a long one says little, and where it is not clearly "
            "above a blind guess, there is none."
        ),
    ),
)

shown = open_page(LENGTH_QUALITY)
if shown is not None:
    st.caption(trained.line(shown))
    tabs(shown, FIGURES)
    close_page(shown, trained.METHOD)
