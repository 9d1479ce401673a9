"""The curves of compared groups over one another: any measure of any table, against any axis."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import pandas
from pandas.api.types import is_numeric_dtype

from core.experiment import Column, Experiment, Row
from dashboard import curves, seeds
from dashboard.comparison import Table
from dashboard.declared import has_seeds
from experiments.comparing import Comparison

FEWEST_SIZES, MOST_SIZES = 2, 12
DOUBLINGS = 8.0
"""An axis that spans more than so many times its beginning at few places is logarithmic."""
LEAST_STEP = 1.2
"""From each place to the next: steps that grow."""


def tables(experiment: Experiment) -> dict[str, type[Row]]:
    """Title → every table that is declared to have a curve. None is read for that."""
    return {r.title: r for r in experiment.rows if any(c.curve for c in r.columns())}


def axes(row: type[Row], seen: pandas.DataFrame) -> list[Column]:
    """Axes of numbers that differ, the curve first; a seed is no place to draw against."""
    found = [c for c in row.columns() if c.role == "axis" and c.name != "seed"]
    numbers = [c for c in found if is_numeric_dtype(seen[c.name]) and seen[c.name].nunique() > 1]
    return sorted(numbers, key=lambda column: not column.curve)


def measures(row: type[Row], seen: pandas.DataFrame) -> list[Column]:
    """Those that have a value."""
    return [c for c in row.columns() if c.role == "measure" and seen[c.name].notna().any()]


def rows(comparison: Comparison, row: type[Row], table: Table) -> pandas.DataFrame:
    """The table of all runs, `label` being the group; the newest of what was measured twice."""
    frames = []
    for group in comparison.groups:
        for run in group.runs:
            frame = table(run, row.table)
            if frame is not None and not frame.empty:
                kind = "" if comparison.experiment.timed else _kind(run.settings)
                frames.append(frame.assign(run_id=run.run_id, label=group.name, kind=kind))
    if not frames:
        return pandas.DataFrame(columns=["label", "run_id", *row.header()])
    together = pandas.concat(frames, ignore_index=True)
    if comparison.experiment.timed:
        return together
    axes = [column.name for column in row.columns() if column.role == "axis"]
    return together.drop_duplicates(["label", "kind", *axes], keep="last")


def _kind(settings: Mapping[str, object]) -> str:
    return str(
        sorted((n, str(v)) for n, v in settings.items() if n not in ("device", "threads", "seeds"))
    )


def bands(seen: pandas.DataFrame, row: type[Row], x: str, measure: Column) -> pandas.DataFrame:
    """Columns label, x, value, low, high, n: over seeds; of a single run's own estimate its own."""
    across = ["label", x]
    if not measure.estimate:
        return curves.bands(seen, across, measure.name)
    if has_seeds(row):
        return seeds.pooled(seen, across, measure.name)
    if seen.groupby("label")["run_id"].nunique().max() == 1:
        return seeds.recorded(seen, across, measure.name)
    return curves.bands(seen, across, measure.name)


def logarithmic(values: pandas.Series[Any]) -> bool:
    """Whether an axis of a few sizes that double is better drawn so."""
    places = sorted({float(value) for value in values if math.isfinite(value)})
    if not FEWEST_SIZES < len(places) <= MOST_SIZES or places[0] <= 0:
        return False
    steps = [later / before for before, later in itertools.pairwise(places)]
    return places[-1] / places[0] > DOUBLINGS and min(steps) > LEAST_STEP
