"""What does reading in both directions buy?"""

from __future__ import annotations

import streamlit as st

from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from dashboard import sides
from dashboard.curve_figures import Curves
from dashboard.dot_figures import Dots
from dashboard.figures import tabs
from dashboard.frame import close_page, open_page
from dashboard.leading import ACCURACY, PERCENT, TRAINING, leading
from dashboard.measures import Measure
from dashboard.side_figures import Control, Generating

FIGURES = (
    leading(TWO_SIDED_CONTEXT),
    Control(
        "At equal parameters",
        "wider",
        Curves("At equal parameters", "context", (ACCURACY,)),
        note=(
            "One direction is given the hidden size that brings its recurrent layers closest to "
            "the parameters of the bidirectional form: what it lacks is not capacity."
        ),
    ),
    Control(
        "Answering later",
        "delayed",
        Curves("Answering later", "context", (ACCURACY,)),
        note=(
            "One direction tags a step only so many steps later as it must look ahead, when it "
            "has read the token that is needed: what it lacked was seeing it."
        ),
    ),
    Generating(
        "Why it cannot generate",
        Curves("Why it cannot generate", "revisions", (Measure("revised", bounds=PERCENT),)),
        note=(
            "What is handed on before the next token is there must stand. One direction never "
            "revises a tag; both directions do, mostly until the token that it needs is read."
        ),
    ),
    TRAINING[TWO_SIDED_CONTEXT.name],
    Dots(
        "By variant",
        sides.ACCURACIES,
        bounds=PERCENT,
    ),
)

shown = open_page(TWO_SIDED_CONTEXT)
if shown is not None:
    st.caption(sides.line(shown))
    tabs(shown, FIGURES)
    close_page(shown, sides.METHOD)
