"""The chapter's exercises, which one click measures, and the self-check with measured answers."""

from __future__ import annotations

import streamlit as st

from core.chapter.quiz import EXERCISES, QUIZ, Answer, Exercise, QuizQuestion
from dashboard.navigation import CHAPTER
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
        st.markdown(plain(verdict.figure))
        return
    st.caption(f"Measured. Claim {claim.number} asks for your prediction first.")
    st.page_link(
        CHAPTER.path,
        label=f"Open claim {claim.number}",
        icon=":material/psychology:",
        query_params={"claim": str(claim.number)},
    )


CHOSEN = "quiz"
"""In the session: question → what the person chose."""


def draw_quiz(judged: ClaimStatus) -> None:
    """Draw every question, and how many answers were right."""
    chosen: dict[int, str] = st.session_state.setdefault(CHOSEN, {})
    answers = [question.answer(judged.verdicts[question.claim]) for question in QUIZ]
    if words := score(chosen, answers):
        st.markdown(f"**{plain(words)}**")
    with st.grid(2, min_column_width=320):
        for number, (question, answer) in enumerate(zip(QUIZ, answers, strict=True)):
            with st.container(border=True, key=f"quiz-{number}"):
                if number in chosen:
                    _answered(number, question, answer, chosen[number], judged)
                else:
                    _ask(number, question, chosen)


def score(chosen: dict[int, str], answers: list[Answer]) -> str:
    """`2 of 3 right.`; questions whose answer is not known yet do not count."""
    known = [n for n in chosen if answers[n].choice is not None]
    right = sum(chosen[n] == answers[n].choice for n in known)
    return f"{right} of {len(known)} right." if known else ""


def _ask(number: int, question: QuizQuestion, chosen: dict[int, str]) -> None:
    st.markdown(f"**{number + 1}.** {plain(question.text)}")
    choice = st.radio(
        question.text,
        question.choices,
        index=None,
        key=f"choice-{number}",
        label_visibility="collapsed",
    )
    if st.button("Check", key=f"check-{number}", icon=":material/check:", disabled=choice is None):
        chosen[number] = str(choice)
        st.rerun()


def _answered(
    number: int, question: QuizQuestion, answer: Answer, choice: str, judged: ClaimStatus
) -> None:
    st.markdown(f"**{number + 1}.** {plain(question.text)}")
    if answer.choice is None:
        st.markdown(f":gray-badge[:material/help: Not known yet] You chose “{plain(choice)}”.")
    elif choice == answer.choice:
        st.markdown(f":green-badge[:material/check_circle: Right] {plain(choice)}")
    else:
        st.markdown(
            f":red-badge[:material/cancel: Wrong] You chose “{plain(choice)}”; "
            f"it is “{plain(answer.choice)}”."
        )
    st.markdown(plain(answer.because))
    claim_runs.show_evidence(f"quiz-{number}", answer.evidence, judged.runs)
    if st.button("Try again", key=f"again-{number}", type="tertiary", icon=":material/replay:"):
        st.session_state[CHOSEN].pop(number)
        st.rerun()
