"""On what terms does the scorecard compare? A width or a budget, of those that the store has."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.scorecard.choices import MODES, WIDTH_OF_NOTHING, fullest, terms_there
from core.scorecard.terms import Terms
from dashboard import controls
from dashboard.navigation import LAUNCH, launching
from experiments.scorecards import Shelved

USUAL_BUDGET = 100_000
"""Asked for while nothing was measured at equal parameters."""


def asked_terms(shelved: Shelved, kinds: Sequence[str], mode: str) -> Terms:
    """Those in the address, or the ones on which most questions have an answer."""
    width = mode == MODES[0]
    there = terms_there(shelved.records, mode)
    chosen = [shelved.kinds[kind] for kind in kinds]
    usual = fullest(shelved.records, chosen, mode) or next(iter(there), None)
    if usual is None:
        return Terms(hidden_size=WIDTH_OF_NOTHING) if width else _no_budget()
    options = {f"{next(iter(terms.settings.values()))}": terms for terms in there}
    default = f"{next(iter(usual.settings.values()))}"
    title, key = ("Hidden size", "width") if width else ("Parameter budget", "budget")
    return options[controls.pick(title, list(options), key, default)]


def _no_budget() -> Terms:
    """Nothing was launched with a budget: where that is done."""
    st.page_link(
        LAUNCH.path,
        label="Launch at equal parameters",
        icon=LAUNCH.icon,
        query_params={**launching("parameter-count"), "parameter_budget": str(USUAL_BUDGET)},
    )
    return Terms(parameter_budget=USUAL_BUDGET)
