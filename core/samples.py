"""What did every single seed come to? One value per seed for the measures of a run's summary.

A verdict on a difference needs these: an interval says how sure one number is, not whether two of
them differ. Where times are measured a launch is one sample, because its repetitions share a
process; what is counted is one number, whatever the seed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from core.experiment import Column, Experiment, Tables
from core.pooling import EXACT
from core.settings import Value

CIRCUMSTANCES = ("seed", "seeds", "device", "threads")
"""Settings that make no other network: the same seed under others is the same sample."""
Repeat = Literal["seed", "launch", "count"]
Unit = tuple[str, int]
"""What varies independently: the settings with their seed, or a launch."""
Samples = dict[str, dict[Unit, float]]
"""Measure → unit → value."""


@dataclass(frozen=True)
class Measured:
    """A finished run, as far as samples need it."""

    run_id: str
    settings: Mapping[str, Value]
    tables: Tables


def repeat_of(experiment: Experiment) -> Repeat:
    """What is repeated, so that something can be said of noise."""
    if experiment.timed:
        return "launch"
    return "seed" if experiment.by_seed or experiment.a_run_per_seed else "count"


def samples(experiment: Experiment, runs: Iterable[Measured]) -> Samples:
    """Of runs, the newest last: a seed that was measured twice counts once, the newest time."""
    found: Samples = {}
    for run in runs:
        settings = {n: v for n, v in run.settings.items() if n not in CIRCUMSTANCES}
        kind = json.dumps(settings, sort_keys=True)
        for name, values in _of_run(experiment, run).items():
            for seed, value in values.items():
                unit = (run.run_id, 0) if experiment.timed else (kind, seed)
                units = found.setdefault(name, {})
                units.pop(unit, None)
                units[unit] = value
    return found


def _of_run(experiment: Experiment, run: Measured) -> dict[str, dict[int, float]]:
    """Measure → seed → value, of what is known."""
    summary = run.tables(experiment.summary.table)
    if summary is None or summary.empty:
        return {}
    seed = int(run.settings.get("seed") or 0)
    columns = [c for c in experiment.summary.columns() if c.role == "measure" and c.name in summary]
    whole = [c for c in columns if _one_per_run(experiment, c)]
    found = {c.name: {seed: float(summary[c.name].iloc[-1])} for c in whole}
    if experiment.by_seed is not None:
        by_seed = experiment.by_seed(run.settings, run.tables)
        found |= {name: dict(values) for name, values in by_seed.items()}
    known = {n: {s: v for s, v in values.items() if v == v} for n, values in found.items()}
    return {name: values for name, values in known.items() if values}


def _one_per_run(experiment: Experiment, column: Column) -> bool:
    """Whether the number of the summary is one sample."""
    return column.pooled is EXACT or experiment.timed or experiment.a_run_per_seed
