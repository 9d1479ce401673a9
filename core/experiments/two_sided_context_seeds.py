"""What each seed of a `two-sided-context` run came to; a seed that diverged has no value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.settings import Value

if TYPE_CHECKING:
    from core.experiment import Tables

MEASURES = {
    "present_accuracy": ("itself", "mean", False),
    "ahead_accuracy": ("itself", "mean", True),
    "lowest_accuracy": ("itself", "min", True),
    "highest_accuracy": ("itself", "max", True),
    "wider_accuracy": ("wider", "mean", True),
    "wider_highest_accuracy": ("wider", "max", True),
    "delayed_accuracy": ("delayed", "mean", True),
}
"""Measure of the summary → network, statistic over look-aheads, whether those above zero."""


def by_seed(settings: Mapping[str, Value], tables: Tables) -> dict[str, dict[int, float]]:
    """Measure → seed → value."""
    context = tables("context")
    if context is None or context.empty:
        return {}
    found: dict[str, dict[int, float]] = {}
    for name, (network, statistic, ahead) in MEASURES.items():
        rows = context[(context["network"] == network) & ((context["look_ahead"] > 0) == ahead)]
        groups = rows.groupby("seed")["accuracy"]
        whole = groups.agg(statistic)[groups.count() == groups.size()]
        found[name] = {int(str(seed)): float(value) for seed, value in whole.items()}
    return found
