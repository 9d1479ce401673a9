"""One question of the scorecard: who is best and how sure, what its runs share, what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from core.architecture import variant_title
from core.experiment import Config, Experiment
from core.scorecard.card import Question
from core.scorecard.words import absence, basis_in_words, standing
from core.settings import Value
from core.tracking import RunRecord
from core.words import listed
from dashboard import verdicts
from dashboard.navigation import LAUNCH
from dashboard.wording import plain

VARIED = ("cell", "bidirectional", "seed")
"""In what runs of one launch differ; a budget decides the width of each."""


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
        for title, query in launches(question.experiment, question.missing):
            st.page_link(LAUNCH.path, label=plain(title), icon=LAUNCH.icon, query_params=query)


def _sizes(question: Question) -> str:
    """`RNN 281 (99,474)`: hidden size, and recurrent parameters."""
    sizes = question.sizes.items()
    return listed([f"{kind} {s.hidden_size:,} ({s.parameters:,} parameters)" for kind, s in sizes])


def launches(
    experiment: Experiment, configs: Sequence[Config]
) -> list[tuple[str, dict[str, str | Sequence[str]]]]:
    """(`Launch RNN and GRU`, the query that fills the launch form in): one for equal settings."""
    groups: dict[tuple[tuple[str, Value], ...], list[Config]] = {}
    for config in configs:
        groups.setdefault(tuple(_asked(experiment, config).items()), []).append(config)
    found = []
    for asked, members in groups.items():
        variants = list(dict.fromkeys(c.architecture.variant for c in members))
        kinds = list(dict.fromkeys(c.architecture.kind for c in members))
        query = {name: _in_address(value) for name, value in asked}
        seeds = {"seeds": str(len({c.seed for c in members}))} if experiment.a_run_per_seed else {}
        titles = [variant_title(variant) for variant in variants]
        found.append(
            (
                f"Launch {listed(kinds)}",
                {"experiment": experiment.name, "variants": titles, **query, **seeds},
            )
        )
    return found


def _asked(experiment: Experiment, config: Config) -> dict[str, Value]:
    """What differs from the form's defaults."""
    default = experiment.config().flat()
    free = (*VARIED, *(("hidden_size",) if config.parameter_budget is not None else ()))
    return {
        name: value
        for name, value in config.flat().items()
        if name not in free and value != default[name]
    }


def _in_address(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
