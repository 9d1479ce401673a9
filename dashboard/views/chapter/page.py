"""The chapter's fifteen claims: predict, measure, read the verdict; exercises and a quiz."""

from __future__ import annotations

import streamlit as st

from core.chapter import CLAIMS
from dashboard.ui.text import plain
from dashboard.views import claim_runs
from dashboard.views.chapter import claims, predictions, quiz
from experiments.evidence import headline

st.title("What the chapter claims", anchor=False)

st.caption("Fifteen claims on recurrent networks. Predict each, then see what was measured here.")

judged = claims.status()

st.subheader(plain(headline(judged.verdicts.values())), anchor=False)

if score := predictions.score(predictions.guesses(), judged.verdicts):
    st.markdown(plain(score))

claims.show_computing_error()

with st.container(horizontal=True, vertical_alignment="center", key="chapter-controls"):
    predictions.show_switch()
    claim_runs.offer_all(CLAIMS, claims.status(), "claims")

claim_runs.watch(claims.still_computing)

with st.container(gap="xsmall", key="claims"):
    claims.draw_claims(judged)

st.subheader("Three exercises", anchor=False)

quiz.draw_exercises(judged)

st.subheader("Check yourself", anchor=False)

st.caption("The answers follow from what was measured here, and cite it.")

quiz.draw_quiz(judged)
