"""Predict first: a person commits to a guess, and only then sees what was measured.

Guesses stay for the session. A link with `show=true` shows everything, for those who teach.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from core.chapter.claim import Claim, Question, Verdict
from core.formatting import counted
from dashboard.ui import controls
from dashboard.ui.text import number, plain

GUESSES = "guesses"
"""In the session: claim number → Guess."""

CLOSE = 0.1
"""A guessed number is right within this share of the measured one."""

SHOW = "show"


@dataclass(frozen=True)
class Guess:
    """What a person committed to; nothing if they asked to be shown."""

    value: str | float | None = None


def made() -> dict[int, Guess]:
    """The guesses of this session."""
    found: dict[int, Guess] = st.session_state.setdefault(GUESSES, {})
    return found


def show_switch() -> None:
    """For those who teach: everything without guessing, also in a link."""
    controls.switch(
        "Show every verdict without guessing",
        SHOW,
        help="For teaching. The address keeps it, so a link opens the page with everything shown.",
    )


def revealed(claim: Claim) -> bool:
    """Whether this person may see what was measured."""
    return claim.number in made() or st.query_params.get(SHOW) == "true"


def ask(claim: Claim) -> None:
    """The question, and two ways on: a guess, or none."""
    question = claim.question
    with st.container(border=True, key=f"predict-{claim.number}"):
        st.markdown("**Predict first**")
        guess = _control(question, f"guess-{claim.number}")
        with st.container(horizontal=True, vertical_alignment="center"):
            committed = st.button(
                "Commit to this guess",
                type="primary",
                icon=":material/lock:",
                key=f"commit-{claim.number}",
            )
            shown = st.button(
                "Show without guessing",
                type="tertiary",
                icon=":material/visibility:",
                key=f"reveal-{claim.number}",
            )
        if committed and guess is None:
            st.warning("Choose or type a guess first.", icon=":material/edit:")
        elif committed or shown:
            made()[claim.number] = Guess(guess if committed else None)
            st.rerun()


def _control(question: Question, key: str) -> str | float | None:
    """The label is a name for those who do not see it: there, Markdown would be read aloud."""
    st.markdown(plain(question.text))
    if question.choices:
        return st.radio(
            question.text, question.choices, index=None, key=key, label_visibility="collapsed"
        )
    return st.number_input(
        question.text,
        value=None,
        step=1.0,
        format="%g",
        placeholder=f"a number of {question.unit}" if question.unit else "a number",
        key=key,
        label_visibility="collapsed",
        width=320,
    )


def right(guess: Guess, verdict: Verdict) -> bool | None:
    """Whether a guess was right; None without a guess or while nobody can tell."""
    if guess.value is None or verdict.answer is None:
        return None
    if isinstance(guess.value, str) or isinstance(verdict.answer, str):
        return guess.value == verdict.answer
    return abs(guess.value - verdict.answer) <= CLOSE * abs(verdict.answer)


def told(guess: Guess, verdict: Verdict, question: Question) -> str:
    """`You guessed “No longer”, and so it is.`; empty for those who did not guess."""
    if guess.value is None:
        return ""
    yours = f"You guessed {_quoted(guess.value, question)}"
    if verdict.outcome == "not measured yet" and verdict.answer is None:
        return f"{yours}; it waits here for the measurement."
    if verdict.answer is None:
        return f"{yours}; what was measured leaves that open."
    measured = _quoted(verdict.answer, question)
    if right(guess, verdict):
        return f"{yours}, and so it is{'' if guess.value == verdict.answer else f': {measured}'}."
    return f"{yours}; measured: {measured}."


def _quoted(answer: str | float, question: Question) -> str:
    if isinstance(answer, str):
        return f"“{answer}”"
    amount = f"{answer:,.0f}" if answer == round(answer) else number(answer)
    return f"{amount} {question.unit}".strip()


def score(guesses: Mapping[int, Guess], verdicts: Mapping[int, Verdict]) -> str:
    """`You predicted 3 claims, 2 of them right.`; empty before the first guess."""
    committed = [n for n, guess in guesses.items() if guess.value is not None]
    known = [v for n in committed if (v := right(guesses[n], verdicts[n])) is not None]
    if not committed:
        return ""
    predicted = f"You predicted {counted(len(committed), 'claim')}"
    return f"{predicted}, {sum(known)} of {len(known)} right." if known else f"{predicted}."
