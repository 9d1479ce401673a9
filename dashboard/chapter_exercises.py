"""The chapter's exercises: a variation that one click measures, answered by a claim's verdict."""

from __future__ import annotations

import streamlit as st

from core.claims import EXERCISES, Exercise
from dashboard import guesses, judging, starting, verdicts
from dashboard.navigation import CHAPTER
from dashboard.wording import plain
from experiments.claim_runs import needed_for
from experiments.evidence import Judged


def draw(judged: Judged) -> None:
    """Side by side where there is room."""
    with st.grid(len(EXERCISES), min_column_width=260):
        for number, exercise in enumerate(EXERCISES, start=1):
            with st.container(border=True, key=f"exercise-{number}"):
                _exercise(number, exercise, judged)


def _exercise(number: int, exercise: Exercise, judged: Judged) -> None:
    claim = exercise.claim
    st.markdown(f"**{plain(exercise.title)}**")
    st.markdown(plain(exercise.task))

    needed = needed_for(exercise.measurement, judged)
    if needed.finished < needed.total:
        starting.offer(
            f"exercise-{number}",
            f"exercise-{number}",
            lambda: needed_for(exercise.measurement, judging.judged()),
        )
        return
    verdict = judged.verdicts[claim.number]
    if guesses.revealed(claim):
        st.markdown(verdicts.mark(verdict.outcome))
        st.markdown(plain(verdict.figure))
        return
    st.caption(f"Measured. Claim {claim.number} asks for your prediction first.")
    st.page_link(
        CHAPTER.path,
        label=f"Open claim {claim.number}",
        icon=":material/psychology:",
        query_params={"claim": str(claim.number)},
    )
