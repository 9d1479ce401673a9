"""Type a sentence; see what each trained model makes of it, and where it looked."""

from __future__ import annotations

import streamlit as st

from core.experiments.length_quality import LENGTH_QUALITY
from dashboard import address, controls, states, translating, translations

MOST_BEAM, USUAL_BEAM = 8, 4

st.title("Translate", anchor=False)
st.caption("What each trained model makes of a sentence, and where it looked.")
address.notices_here()
offered = translating.finished()
if not offered:
    states.no_model_yet(LENGTH_QUALITY)
else:
    runs = translating.choose(offered)
    samples = translating.samples(runs)
    text = translations.ask_source(samples)
    menu, beam = st.columns([3, 1], vertical_alignment="bottom")
    with menu:
        translations.offer(samples, text)
    with beam:
        width = controls.number("Beam width", 1, MOST_BEAM, "beam", USUAL_BEAM)
    translations.reference(samples, text)
    if text.strip():
        translations.side_by_side(runs, text, width)
    else:
        st.info("Type a sentence, or take a sample.", icon=":material/keyboard:")
