"""The claims of both chapters: predict, measure, read the verdict; exercises and a quiz."""

from __future__ import annotations

import streamlit as st

from core.chapter import CLAIMS
from dashboard.views import claim_runs
from dashboard.views.chapter import claims, predictions, quiz

st.title("What the chapter claims", anchor=False)

st.caption(
    "Fifteen claims of the textbook on recurrent networks, and seven on what came after them, each "
    "measured on this machine. Select a number to open its claim."
)

claims.start_at_linked()

predictions.remember()

judged = claims.status()

claims.draw_wall(judged)

claims.show_computing_error()

claim_runs.offer_all(CLAIMS, judged, "claims")

claim_runs.watch(claims.still_computing)

claims.draw_claims(judged)

st.subheader("Three exercises", anchor=False)

quiz.draw_exercises(judged)

st.subheader("Check yourself", anchor=False)

st.caption("The answers follow from what was measured here, and cite it.")

quiz.draw_quiz(judged)
