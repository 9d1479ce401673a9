"""Which variant, at what price, how sure are we? The Scorecard half of the page Compare."""

from __future__ import annotations

import streamlit as st

from core.scorecard.choices import MODES, machines_there, usual_kinds
from core.scorecard.terms import Terms
from core.scorecard.words import KEY, answer
from dashboard import (
    controls,
    data,
    scorecard_figures,
    scorecard_files,
    scorecard_missing,
    scorecard_questions,
    scorecard_table,
    states,
    verdicts,
)
from dashboard.navigation import CHAPTER
from dashboard.scorecard_terms import asked_terms
from dashboard.wording import plain
from experiments.scorecards import Shelf, Shelved


def draw() -> None:
    """Answer, choices, table, figure; then question by question how sure it is, and the files."""
    reader = data.reader()
    shelved = _shelf(reader.store.uri).at(reader.runs())
    place = st.container()
    kinds, terms, machine = _choices(shelved)
    card = shelved.scorecard(kinds, terms, machine)
    with place:
        states.answer(answer(card))
    if any(question.lines for question in card.questions):
        scorecard_table.draw(card)
        st.caption(plain(KEY))
        scorecard_figures.draw(card)
    scorecard_missing.offer(card)
    st.subheader("Question by question", anchor=False)
    for question in card.questions:
        scorecard_questions.draw(question, shelved.runs)
    _properties(shelved)
    scorecard_files.offer(card, shelved)


@st.cache_resource(show_spinner=False, max_entries=2)
def _shelf(uri: str) -> Shelf:
    return Shelf(lambda run, name: data.reader().table(run, name))


def _choices(shelved: Shelved) -> tuple[list[str], Terms, str]:
    """Columns, terms and machine: in the address, so that a link reopens the same card."""
    usual = usual_kinds(shelved.records)
    kinds = controls.pinned("Variants", list(shelved.kinds), "kinds", usual)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        mode = controls.choice("Compared at", MODES, "mode")
        terms = asked_terms(shelved, kinds, mode)
        machines = machines_there(shelved.records)
        machine = ""
        if machines:
            machine = controls.pick("Times measured on", machines, "machine", machines[0])
    return kinds, terms, machine


def _properties(shelved: Shelved) -> None:
    """The chapter's table of the three cells, as the Chapter page judges it."""
    verdict = shelved.properties()
    st.subheader("The chapter's table of the three cells", anchor=False)
    with st.container(border=True, key="properties"):
        condition = f" **{plain(f'{verdict.condition}.')}**" if verdict.condition else ""
        st.markdown(verdicts.mark(verdict.outcome) + condition)
        st.table(verdicts.table(verdict.table), border="horizontal")
        verdicts.evidence("properties", verdict.evidence, shelved.runs)
        st.page_link(
            CHAPTER.path,
            label="Claim 9 in the chapter: how it is measured, and what is missing",
            icon=CHAPTER.icon,
            query_params={"claim": "9"},
        )
