"""On what terms does the scorecard compare? A width or a budget, of those that the store has."""

from __future__ import annotations

from collections.abc import Sequence

from core.scorecard.choices import MODES, USUAL, fullest, terms_there
from core.scorecard.terms import Terms
from dashboard import controls
from experiments.scorecards import Shelved


def asked_terms(shelved: Shelved, kinds: Sequence[str], mode: str) -> Terms:
    """Those in the address, or the ones on which most questions have an answer."""
    width = mode == MODES[0]
    there = terms_there(shelved.records, mode)
    chosen = [shelved.kinds[kind] for kind in kinds]
    usual = fullest(shelved.records, chosen, mode) or next(iter(there), None)
    if usual is None:
        return USUAL[mode]
    options = {f"{next(iter(terms.settings.values()))}": terms for terms in there}
    default = f"{next(iter(usual.settings.values()))}"
    title, key = ("Hidden size", "width") if width else ("Parameter budget", "budget")
    return options[controls.pick(title, list(options), key, default)]
