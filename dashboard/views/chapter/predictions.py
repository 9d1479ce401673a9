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
    """What a person committed to; the value is None if they chose not to guess."""

    value: str | float | None = None


def guesses() -> dict[int, Guess]:
    """The guesses of this session by claim number."""
    by_claim: dict[int, Guess] = st.session_state.setdefault(GUESSES, {})
    return by_claim


def show_switch() -> None:
    """Offer a switch, for teaching, that shows every verdict without guessing."""
    controls.switch(
        "Show every verdict without guessing",
        SHOW,
        help="For teaching. The address keeps it, so a link opens the page with everything shown.",
    )


def revealed(claim: Claim) -> bool:
    """Whether this person may see what was measured."""
    return claim.number in guesses() or st.query_params.get(SHOW) == "true"


def ask(claim: Claim) -> None:
    """Ask for a guess, with a way to see the verdict without one."""
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
            guesses()[claim.number] = Guess(guess if committed else None)
            st.rerun()


def _control(question: Question, key: str) -> str | float | None:
    """Draw the input for a guess; its hidden label is for screen readers, without Markdown."""
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


def is_right(guess: Guess, verdict: Verdict) -> bool | None:
    """Whether a guess was right; None without a guess or while that is not known."""
    if guess.value is None or verdict.answer is None:
        return None
    if isinstance(guess.value, str) or isinstance(verdict.answer, str):
        return guess.value == verdict.answer
    return abs(guess.value - verdict.answer) <= CLOSE * abs(verdict.answer)


def feedback(guess: Guess, verdict: Verdict, question: Question) -> str:
    """`You guessed “No longer”, which is right.`; empty without a guess."""
    if guess.value is None:
        return ""
    yours = f"You guessed {_quoted(guess.value, question)}"
    if verdict.outcome == "not measured yet" and verdict.answer is None:
        return f"{yours}; it is not measured yet."
    if verdict.answer is None:
        return f"{yours}; the measurements do not decide it."
    measured = _quoted(verdict.answer, question)
    if is_right(guess, verdict):
        exact = "" if guess.value == verdict.answer else f" (measured: {measured})"
        return f"{yours}, which is right{exact}."
    return f"{yours}; measured: {measured}."


def _quoted(answer: str | float, question: Question) -> str:
    if isinstance(answer, str):
        return f"“{answer}”"
    amount = f"{answer:,.0f}" if answer == round(answer) else number(answer)
    return f"{amount} {question.unit}".strip()


def score(guesses: Mapping[int, Guess], verdicts: Mapping[int, Verdict]) -> str:
    """`You predicted 3 claims, 2 of them right.`; empty before the first guess."""
    committed = [n for n, guess in guesses.items() if guess.value is not None]
    known = [v for n in committed if (v := is_right(guesses[n], verdicts[n])) is not None]
    if not committed:
        return ""
    predicted = f"You predicted {counted(len(committed), 'claim')}"
    return f"{predicted}, {sum(known)} of {len(known)} right." if known else f"{predicted}."
