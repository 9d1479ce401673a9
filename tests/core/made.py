"""Synthetic finished runs: the flat columns of a table of them, and per-seed tables to match."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy
import pandas
import pytest
from scipy.stats import t

from core.analysis.comparison import Comparison, compare
from core.analysis.runs import finished_run
from core.chapter.claim import Results
from core.experiment import Experiment
from core.experiments import experiment_named
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from core.formatting import read_estimate
from core.models.registry import USUAL_CELLS, cell_kinds, variants
from core.stats.estimates import Estimate, half_life

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
    if "decay_rate" in summary:
        rate = summary["decay_rate"]
        summary.setdefault("half_life_steps", rate.transformed(half_life))
        for name, factor in FALLS.items():
            summary.setdefault(name, rate.transformed(lambda r, f=factor: fall(r, f, flat)))
    for name, value in summary.items():
        flat[name] = value
        if isinstance(value, Estimate):
            parts = ("", "_low", "_high", "_n")
            flat |= dict(
                zip((f"{name}{p}" for p in parts), dataclasses.astuple(value), strict=True)
            )
    if "span" in summary:
        flat.setdefault("reported_learning_rate", 0.003)
    return Made(experiment.name, flat, {**seed_tables(experiment, flat), **(tables or {})})


FALLS = {"half_distance_steps": 2.0, "percent_distance_steps": 100.0}
"""Distances of a run, and how many times smaller the gradient is there."""


def fall(rate: float, factor: float, flat: Mapping[str, Any]) -> float:
    """Where a gradient that fades by the same rate from the first step on has fallen so far."""
    return min(half_life(rate) * math.log2(factor), flat["sequence_length"] - 1)


def seed_tables(experiment: Experiment, flat: Mapping[str, Any]) -> dict[str, pandas.DataFrame]:
    """The tables that `by_seed` reads, such that single seeds come to the summary's estimates."""
    if experiment is GRADIENT_DECAY:
        columns = ("decay_rate", "state_decay_rate", "log10_last_over_first")
        values = {
            name: sample(read_estimate(flat, name), logarithm="decay" in name)
            for name in columns
            if name in flat
        }
        if not values:
            return {}
        if "decay_rate" in values:
            for name, factor in FALLS.items():
                values[name] = [fall(rate, factor, flat) for rate in values["decay_rate"]]
        decay = pandas.DataFrame({name: pandas.Series(numbers) for name, numbers in values.items()})
        return {"decay": decay.assign(layer=1, training_step=0, seed=range(len(decay)))}
    if experiment is MEMORY_SPAN and "span_by_seed" in flat:
        spans = [int(span) for span in flat["span_by_seed"].split(", ")]
        lags = {"lag": spans, "learned": [int(span > 0) for span in spans]}
        lives = {"half_life_start": 2.0, "half_life_end": 4.0, "steps_to_learn": 100.0, "loss": 1.0}
        seeds = {"seed": range(len(spans)), "learning_rate": flat["reported_learning_rate"]}
        return {"attempts": pandas.DataFrame({**seeds, **lags, **lives})}
    if experiment is TWO_SIDED_CONTEXT:
        frames = []
        for name, network in (("ahead_accuracy", "itself"), ("wider_accuracy", "wider")):
            if name in flat:
                accuracy = sample(read_estimate(flat, name))
                rows = {"network": network, "look_ahead": 1, "seed": range(len(accuracy))}
                frames.append(pandas.DataFrame({**rows, "accuracy": accuracy}))
        return {"context": pandas.concat(frames)} if frames else {}
    return {}


def sample(estimate: Estimate, logarithm: bool = False) -> list[float]:
    """n values whose (geometric) mean and t interval are those of the estimate."""
    if estimate.value is None:
        return []
    if estimate.n < 2 or estimate.low is None or estimate.high is None:
        return [estimate.value] * max(1, estimate.n)
    low, high = estimate.low, estimate.high
    if logarithm:
        low, high = (math.log(min(max(end, 1e-300), 1e300)) for end in (low, high))
    deviation = (high - low) / 2 * math.sqrt(estimate.n) / t.ppf(0.975, estimate.n - 1)
    steps = numpy.linspace(-1, 1, estimate.n)
    values = (low + high) / 2 + deviation * steps / steps.std(ddof=1)
    return [float(x) for x in (numpy.exp(values) if logarithm else values)]


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


def compared(*runs: Made, measure: str = "", by: str = "") -> Comparison:
    """These runs of one experiment side by side, as every page compares them."""
    experiment = experiment_named(runs[0].experiment)
    names = [setting.name for setting in experiment.settings]
    records, tables = [], {}
    for order, made in enumerate(runs):
        run_id = made.columns["run_id"]
        settings = {name: made.columns.get(name) for name in names}
        tags = {name: made.columns.get(name) or "" for name in ("device", "chip")}
        records.append(finished_run(run_id, experiment.name, settings, **tags, order=order))
        tables[run_id, experiment.summary.table] = pandas.DataFrame([dict(made.columns)])
        tables |= {(run_id, name): table for name, table in made.tables.items()}
    return compare(experiment, records, lambda r, name: tables.get((r.run_id, name)), by, measure)


def every_cell() -> list[Any]:
    """All cells, likewise."""
    usual = {*USUAL_CELLS, "min-gru"}
    return [
        pytest.param(name, marks=[pytest.mark.slow] * (name not in usual)) for name in cell_kinds()
    ]


def every_variant() -> list[Any]:
    """All variants, to walk through: of the successors the first one, the others are slow tests."""
    usual = {*USUAL_CELLS, "min-gru"}
    return [
        pytest.param(name, marks=[pytest.mark.slow] * (kind["cell"] not in usual))
        for name, kind in variants().items()
    ]
