"""What the pages show unless they are asked for something else, computed before anybody asks.

It is kept where the pages look for it; nothing is drawn. To import this imports nearly all that the
pages need.
"""

from __future__ import annotations

import scipy.special  # noqa: F401 - what the first interval of a page needs

from core.analysis import more_seeds, sentences
from core.experiments import all_experiments
from dashboard.store import cache
from dashboard.views import cards
from dashboard.views.chapter import claims
from dashboard.views.choose import scorecard


def compute() -> None:
    """The answer to every question, the scorecard and the verdicts on claims. Raises
    `StoreError`."""
    for experiment in all_experiments():
        comparison = cards.headline_comparison(experiment)
        if comparison is not None:
            sentences.answer(comparison)
            more_seeds.seeds_to_add(comparison)  # this and some answers take simulations
    scorecard.usual(cache.snapshot())
    claims.judge({})
