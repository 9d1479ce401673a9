"""The chapter's exercises, which one click measures, and the self-check with measured answers."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.chapter.quiz import EXERCISES, QUIZ, Answer, Exercise, QuizQuestion
from dashboard.ui.text import plain
from dashboard.views import claim_runs
from dashboard.views.chapter import claims, predictions
from experiments.evidence import ClaimStatus, needed_for


def draw_exercises(judged: ClaimStatus) -> None:
    """Draw the exercises side by side where there is room."""
    with st.grid(len(EXERCISES), min_column_width=260):
        for number, exercise in enumerate(EXERCISES, start=1):
            with st.container(border=True, key=f"exercise-{number}"):
                _exercise(number, exercise, judged)


def _exercise(number: int, exercise: Exercise, judged: ClaimStatus) -> None:
    claim = exercise.claim
    st.markdown(f"**{plain(exercise.title)}**")
    st.markdown(plain(exercise.task))

    needed = needed_for(exercise.measurement, judged)
    if needed.finished < needed.total:
        claim_runs.offer(
            f"exercise-{number}",
            f"exercise-{number}",
            lambda: needed_for(exercise.measurement, claims.status()),
        )
        return
    verdict = judged.verdicts[claim.number]
    if predictions.revealed(claim):
        st.markdown(claim_runs.outcome_badge(verdict.outcome))
        st.markdown(plain(verdict.summary or verdict.figure))
    else:
        st.caption(f"Measured. Claim {claim.number} asks for your prediction first.")
    st.button(
        f"Open claim {claim.number}",
        icon=":material/arrow_upward:",
        key=f"open-claim-{claim.number}",
        on_click=claims.open_claim,
        args=(claim.number,),
    )


def draw_quiz(judged: ClaimStatus) -> None:
    """Draw every question, and how many answers were right."""
    chosen = predictions.memory().quiz
    answers = {
        question.claim: question.answer(judged.verdicts[question.claim]) for question in QUIZ
    }
    if words := score(chosen, answers):
        st.markdown(f"**{plain(words)}**")
    with st.grid(2, min_column_width=320):
        for number, question in enumerate(QUIZ, start=1):
            with st.container(border=True, key=f"quiz-{number}"):
                st.markdown(f"**{number}.** {plain(question.text)}")
                if question.claim in chosen:
                    _answered(question, answers[question.claim], judged)
                else:
                    _ask(question)


def score(chosen: Mapping[int, str], answers: Mapping[int, Answer]) -> str:
    """`2 of 3 right.`; questions whose answer is not known yet do not count."""
    known = [n for n in chosen if answers[n].choice is not None]
    right = sum(chosen[n] == answers[n].choice for n in known)
    return f"{right} of {len(known)} right." if known else ""


def _ask(question: QuizQuestion) -> None:
    choice = st.radio(
        question.text,
        question.choices,
        index=None,
        key=f"choice-{question.claim}",
        label_visibility="collapsed",
    )
    checked = st.button(
        "Check",
        key=f"check-{question.claim}",
        icon=":material/check:",
        disabled=choice is None,
    )
    if checked:
        predictions.change(lambda own: own.quiz.update({question.claim: str(choice)}))


def _answered(question: QuizQuestion, answer: Answer, judged: ClaimStatus) -> None:
    choice = predictions.memory().quiz[question.claim]
    if answer.choice is None:
        st.markdown(f":gray-badge[:material/help: Not decided yet] You chose “{plain(choice)}”.")
    elif choice == answer.choice:
        st.markdown(f":green-badge[:material/check_circle: Correct] {plain(choice)}")
    else:
        st.markdown(
            f":red-badge[:material/cancel: Incorrect] You chose “{plain(choice)}”; "
            f"it is “{plain(answer.choice)}”."
        )
    st.markdown(plain(answer.because))
    claim_runs.show_evidence(f"quiz-{question.claim}", answer.evidence, judged.runs)
    if st.button(
        "Try again", key=f"again-{question.claim}", type="tertiary", icon=":material/replay:"
    ):
        predictions.change(lambda own: own.quiz.pop(question.claim))
