"""What papers found, beside what small networks on this machine find."""

from __future__ import annotations

import streamlit as st

from core.papers import PAPERS, REPRODUCTION_VERBS
from dashboard.ui.text import plain
from dashboard.views import claim_runs
from dashboard.views.papers import cards
from experiments.evidence import headline

st.title("Published claims, measured here", anchor=False)

st.caption(
    "What papers on recurrent networks found, and whether small networks on this machine find it "
    "too. Every outcome is computed from finished runs."
)

judged = cards.status()

st.subheader(plain(headline(judged.verdicts.values(), "paper", REPRODUCTION_VERBS)), anchor=False)

with st.container(horizontal=True, vertical_alignment="center", key="papers-controls"):
    claim_runs.offer_all(PAPERS, judged, "papers")

claim_runs.watch()

with st.container(gap="xsmall", key="papers"):
    cards.draw_papers(judged)
