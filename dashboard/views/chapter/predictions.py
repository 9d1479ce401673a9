"""Predict first: who asks for it commits to a guess before the page shows what was measured.

`predict=true` in the address hides verdicts until they are guessed; without it everything is shown.
Guesses and answers of the quiz are in the session and in this person's browser, so that they
survive a reload. They are not in the address: a shared link would carry them along.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from core.chapter import CLAIMS
from core.chapter.claim import Claim, Question, Verdict
from core.chapter.quiz import QUIZ
from dashboard.ui import browser, controls
from dashboard.ui.text import number, plain

MEMORY = "chapter"
"""What the session and the browser call it."""

CLOSE = 0.1
"""A guessed number is right within this share of the measured one."""

PREDICT = "predict"


@dataclass(frozen=True)
class Guess:
    """What a person committed to; the value is None if they chose not to guess."""

    value: str | float | None = None


@dataclass
class Memory:
    """What one person has guessed and answered, by claim number."""

    guesses: dict[int, Guess] = field(default_factory=dict)
    quiz: dict[int, str] = field(default_factory=dict)
    changed: bool = False
    """Whether it differs from what the browser keeps."""

    def text(self) -> str:
        """As JSON."""
        guesses = {number: guess.value for number, guess in self.guesses.items()}
        return json.dumps({"guesses": guesses, "quiz": self.quiz})

    def add(self, text: str) -> None:
        """Add what the browser kept, as far as today's questions have such answers."""
        try:
            kept = json.loads(text)
            guesses, quiz = dict(kept["guesses"]), dict(kept["quiz"])
        except (KeyError, TypeError, ValueError):
            return
        for claim in CLAIMS:
            value = guesses.get(str(claim.number), ...)
            if _is_an_answer(value, claim.question):
                self.guesses.setdefault(claim.number, Guess(value))
        for question in QUIZ:
            choice = quiz.get(str(question.claim))
            if choice in question.choices:
                self.quiz.setdefault(question.claim, choice)


def _is_an_answer(value: Any, question: Question) -> bool:
    if value is None:  # shown without a guess
        return True
    if question.choices:
        return value in question.choices
    return isinstance(value, int | float) and not isinstance(value, bool)


def memory() -> Memory:
    """This person's guesses and answers."""
    own: Memory = st.session_state.setdefault(MEMORY, Memory())
    return own


def remember() -> None:
    """Exchange guesses and answers with the browser; once on the page, before they are read."""
    own = memory()
    found = browser.kept(MEMORY, own.text() if own.changed else None)
    if found and not own.changed:
        own.add(found)


def change(make: Callable[[Memory], object]) -> None:
    """Change what this person has guessed or answered, and show the page again."""
    make(memory())
    memory().changed = True
    st.rerun()


def predict_switch() -> None:
    """Offer to hide every verdict until it is guessed."""
    controls.switch(
        "Predict first",
        PREDICT,
        help="Hides each verdict until you have committed to a guess. Your guesses stay in this "
        "browser; a link that you share does not contain them.",
    )


def revealed(claim: Claim) -> bool:
    """Whether this person may see what was measured."""
    return st.query_params.get(PREDICT) != "true" or claim.number in memory().guesses


def ask(claim: Claim) -> None:
    """Ask for a guess, with a way to see the verdict without one."""
    number = claim.number
    with st.container(border=True, key=f"predict-{number}"):
        st.markdown("**Predict first**")
        guess = _control(claim.question, f"guess-{number}")
        with st.container(horizontal=True, vertical_alignment="center"):
            committed = st.button(
                "Commit to this guess",
                type="primary",
                icon=":material/lock:",
                key=f"commit-{number}",
            )
            shown = st.button(
                "Show without guessing",
                type="tertiary",
                icon=":material/visibility:",
                key=f"reveal-{number}",
            )
        if committed and guess is None:
            st.warning("Choose or type a guess first.", icon=":material/edit:")
        elif committed or shown:
            made = Guess(guess if committed else None)
            change(lambda own: own.guesses.update({number: made}))


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
    """`3 of 15 predicted, 2 of them right`; of those whose answer is known."""
    committed = [n for n, guess in guesses.items() if guess.value is not None]
    known = [v for n in committed if (v := is_right(guesses[n], verdicts[n])) is not None]
    predicted = f"{len(committed)} of {len(CLAIMS)} predicted"
    if not known:
        return predicted
    of = "" if len(known) == len(committed) else f" of {len(known)} that are measured"
    return f"{predicted}, {sum(known)}{of} right"
