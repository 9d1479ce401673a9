"""The chapter's fifteen claims: predict, measure, read the verdict; exercises and a quiz."""

from __future__ import annotations

import streamlit as st

from dashboard import (
    address,
    chapter_exercises,
    chapter_quiz,
    claim_cards,
    guesses,
    judging,
    starting,
)
from dashboard.wording import plain
from experiments.claim_words import head

st.title("What the chapter claims", anchor=False)
st.caption("Fifteen claims on recurrent networks. Predict each, then see what was measured here.")
address.notices_here()
judged = judging.judged()
st.subheader(plain(head(judged.verdicts.values())), anchor=False)
if score := guesses.score(guesses.made(), judged.verdicts):
    st.markdown(plain(score))
judging.say_what_is_not_computed()
with st.container(horizontal=True, vertical_alignment="center", key="chapter-controls"):
    guesses.show_switch()
    starting.offer_all()
judging.watch()
with st.container(gap="xsmall", key="claims"):
    claim_cards.draw(judged)
st.subheader("Three exercises", anchor=False)
chapter_exercises.draw(judged)
st.subheader("Check yourself", anchor=False)
st.caption("The answers follow from what was measured here, and cite it.")
chapter_quiz.draw(judged)
