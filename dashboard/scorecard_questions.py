"""One question of the scorecard: who is best and how sure, what its runs share, what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from core.architecture import variant_title
from core.scorecard.card import Question
from core.scorecard.words import absence, basis_in_words, standing
from core.settings import Value
from core.tracking import RunRecord
from core.words import listed
from dashboard import verdicts
from dashboard.navigation import LAUNCH
from dashboard.wording import plain
from experiments.scorecard_launches import Launch, launches


def draw(question: Question, runs: Mapping[str, RunRecord]) -> None:
    """On a card of its own."""
    name = question.experiment.name
    with st.container(border=True, key=f"question-{name}"):
        st.markdown(f"##### {plain(question.experiment.question)}")
        for line in question.lines:
            st.markdown(plain(standing(line)))
        if question.basis is not None:
            st.caption(plain(f"All of its runs: {basis_in_words(question.basis)}."))
            if question.basis.terms.parameter_budget is not None:
                st.caption(plain(f"Achieved: {_sizes(question)}."))
        else:
            st.text(absence(question))
        verdicts.evidence(f"question-{name}", question.runs, runs)
        for launch in launches(question.experiment, question.missing):
            label = plain(f"Launch {listed(launch.kinds)}")
            st.page_link(LAUNCH.path, label=label, icon=LAUNCH.icon, query_params=query(launch))


def _sizes(question: Question) -> str:
    """`RNN 281 (99,474)`: hidden size, and recurrent parameters."""
    sizes = question.sizes.items()
    return listed([f"{kind} {s.hidden_size:,} ({s.parameters:,} parameters)" for kind, s in sizes])


def query(launch: Launch) -> dict[str, str | Sequence[str]]:
    """What fills the launch form in."""
    settings = {name: _in_address(value) for name, value in launch.settings.items()}
    titles = [variant_title(variant) for variant in launch.variants]
    return {"experiment": launch.experiment.name, "variants": titles, **settings}


def _in_address(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
