"""Synthetic finished runs, as a table of them has them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import pandas

from core.claims import Results
from core.experiment import Experiment
from core.statistics import Estimate

_ids = itertools.count()


@dataclasses.dataclass(frozen=True)
class Made:
    """A run of an experiment: its flat columns, and its tables."""

    experiment: str
    columns: Mapping[str, Any]
    tables: Mapping[str, pandas.DataFrame]


def run(
    experiment: Experiment,
    variant: str = "rnn",
    preset: str = "",
    settings: Mapping[str, Any] | None = None,
    tables: Mapping[str, pandas.DataFrame] | None = None,
    **summary: Any,
) -> Made:
    """A finished run of these settings with these summary values; Estimates take four columns."""
    given = {name: (value,) for name, value in (settings or {}).items()}
    config = experiment.configs((variant,), given, preset)[0]
    flat: dict[str, Any] = {"run_id": f"run{next(_ids)}", **config.flat()}
    for name, value in summary.items():
        flat[name] = value
        if isinstance(value, Estimate):
            parts = ("", "_low", "_high", "_n")
            flat |= dict(
                zip((f"{name}{p}" for p in parts), dataclasses.astuple(value), strict=True)
            )
    return Made(experiment.name, flat, tables or {})


def results(*runs: Made, computed: Mapping[int, Any] | None = None) -> Results:
    """Of these runs, oldest first."""
    names = dict.fromkeys(made.experiment for made in runs)
    frames = {
        name: pandas.DataFrame([dict(made.columns) for made in runs if made.experiment == name])
        for name in names
    }
    tables = {(made.columns["run_id"], name): t for made in runs for name, t in made.tables.items()}
    return Results(frames, lambda run_id, name: tables.get((run_id, name)), computed or {})


def around(value: float, width: float = 0.01, n: int = 8) -> Estimate:
    """With an interval of ± `width`, or none from a single seed."""
    return Estimate(value, *((value - width, value + width) if n > 1 else (None, None)), n)
