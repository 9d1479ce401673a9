"""Which variant, at what price, how sure are we? The Scorecard half of the page Compare."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.scorecard.card import Scorecard
from core.scorecard.choices import (
    MODES,
    WIDTH_OF_NOTHING,
    Mode,
    fullest,
    machines_there,
    terms_there,
    usual_kinds,
)
from core.scorecard.terms import Terms
from core.scorecard.words import KEY, answer
from core.words import counted
from dashboard import controls, data, scorecard_figures, scorecard_questions, states
from dashboard.navigation import CHAPTER, LAUNCH
from dashboard.scorecard_files import files
from dashboard.verdicts import mark, table
from dashboard.wording import plain
from experiments.scorecards import Shelf, Shelved


def draw() -> None:
    """Answer, choices, table, figure, then question by question how sure it is."""
    shelved = _shelf(data.reader().store.uri).at(data.reader().runs())
    place = st.container()
    kinds, terms, machine = _choices(shelved)
    card = shelved.scorecard(kinds, terms, machine)
    with place:
        states.answer(answer(card))
    if any(question.lines for question in card.questions):
        scorecard_questions.overview(card)
        st.caption(plain(KEY))
        scorecard_figures.draw(card)
    scorecard_questions.draw(card, shelved.runs)
    _properties(shelved)
    files(card, shelved)


@st.cache_resource(show_spinner=False, max_entries=2)
def _shelf(uri: str) -> Shelf:
    return Shelf(lambda run, name: data.reader().table(run, name))


def _choices(shelved: Shelved) -> tuple[list[str], Terms, str]:
    """Columns, terms and machine: all in the address, so that a link reopens the same card."""
    records = shelved.records
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        mode: Mode = "Equal width"
        mode = _mode(controls.choice("Compare at", MODES, "mode"))
        terms = _terms(shelved, mode)
        machines = machines_there(records)
        machine = ""
        if machines:
            machine = controls.pick("Times measured on", machines, "machine", machines[0])
    kinds = _kinds(shelved)
    return kinds, terms, machine
