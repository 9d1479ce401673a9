"""What experiments that train every seed of a network share: settings, and words of their results.

Without torch; the training itself is `core.training.TaskTraining`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from core.analysis.comparison import Comparison
from core.experiment import Tables
from core.settings import Value

Clip = Annotated[
    float | None,
    Field(
        ge=1e-6,
        le=1e6,
        title="Clipping",
        description="Largest norm of each network's gradient; none: not clipped.",
    ),
]

BatchSize = Annotated[
    int, Field(ge=1, le=4096, title="Batch size", description="Per seed and step.")
]

Validations = Annotated[
    int, Field(ge=1, le=1000, title="Validations", description="Evenly spaced over training.")
]

BySeed = Callable[[Mapping[str, Value], Tables], dict[str, dict[int, float]]]


def values_by_seed(names: Sequence[str]) -> BySeed:
    """Read these columns of the table `seeds`: measure → seed → value. A seed that diverged has
    none."""

    def by_seed(settings: Mapping[str, Value], tables: Tables) -> dict[str, dict[int, float]]:
        rows = tables("seeds")
        if rows is None or rows.empty:
            return {}
        return {
            name: {
                int(seed): float(value)
                for seed, value in zip(rows["seed"], rows[name], strict=True)
                if value == value  # not a missing one
            }
            for name in names
        }

    return by_seed


def text_of(summary: Mapping[str, Any], name: str) -> str:
    """A note of a flat summary; empty where it has none."""
    value = summary.get(name)
    return value if isinstance(value, str) else ""


def diverged(comparison: Comparison) -> Iterator[str]:
    """`In RNN training diverged, and is left out: seed 0.`"""
    for name in comparison.summaries:
        if text := text_of(comparison.summaries[name], "diverged"):
            yield f"In {name} training diverged, and is left out: {text}."
