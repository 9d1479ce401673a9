"""From measured rows to the data of a chart: bands, baselines, fitted lines, thinned curves.

A band has the columns value, low, high and n. Over seeds it is the estimate that the measure
declares: a mean with Student's t interval (of a logarithm, the geometric mean), or a median with
its distribution-free one. Fewer than five seeds have no such interval: their band is their range,
and says so.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import pandas

from core.experiment import Row
from core.stats.aggregation import MEAN, Aggregation
from core.stats.estimates import (
    CONFIDENCE,
    AtLeast,
    Estimate,
    median_estimate,
    median_interval_places,
)
from dashboard.charts.scales import in_order

MAX_POINTS = 240
"""Most points of one curve: a figure is hardly wider than three pixels for each."""

ESTIMATE_SUFFIXES = ("", "_low", "_high", "_n")
"""The suffixes of the four columns of an Estimate."""

UNBOUNDED = (-math.inf, math.inf)


@dataclass(frozen=True)
class Repeats:
    """The repetitions behind a band, as the tooltip describes them."""

    interval: str = "95% interval"
    count: str = ""
    """What `n` counts; empty where nothing is repeated."""
    whole: bool = False
    """Whether the values are whole numbers."""
    further: tuple[tuple[str, str], ...] = ()
    """(column, title) of other counts in the hover."""


SEEDS = Repeats(count="Seeds")


def bands(
    rows: pandas.DataFrame,
    across: Sequence[str],
    measure: str,
    aggregation: Aggregation = MEAN,
) -> pandas.DataFrame:
    """Columns `across`, value, low, high, n: the estimate over everything else.

    A single seed has no interval: low and high are empty then. `ranged` is true where they are the
    smallest and the largest value.
    """
    measured = rows.dropna(subset=[measure])
    groups = measured.groupby(list(across), sort=True, observed=True)[measure]
    if aggregation.of_median:
        return _medians(groups, [*across])
    from scipy.special import stdtrit  # slower to import than a page is to draw

    means = groups.agg(value="mean", deviation="std", n="count").reset_index()
    degrees = (means["n"] - 1).clip(lower=1)
    half = stdtrit(degrees, (1 + CONFIDENCE) / 2) * means["deviation"] / numpy.sqrt(means["n"])
    means = means.assign(low=means["value"] - half, high=means["value"] + half)
    return means[[*across, "value", "low", "high", "n"]]


def _medians(groups: Any, across: list[str]) -> pandas.DataFrame:
    """Medians with the intervals of `median_estimate`."""
    medians: pandas.DataFrame = groups.agg(
        value="median", low="min", high="max", n="count"
    ).reset_index()
    medians["ranged"] = (medians["n"] > 1) & medians["n"].map(median_interval_places).isna()
    medians.loc[medians["n"] < 2, ["low", "high"]] = math.nan
    inside = medians["n"].map(lambda n: median_interval_places(n) is not None)
    if inside.any():
        ends = [_median_ends(values) for _, values in groups if median_interval_places(len(values))]
        medians.loc[inside, ["low", "high"]] = ends
    return medians


def _median_ends(values: pandas.Series[float]) -> tuple[float | None, float | None]:
    estimate = median_estimate(values.tolist())
    return estimate.low, estimate.high


def estimate_bands(
    rows: pandas.DataFrame,
    across: Sequence[str],
    measure: str,
    sums: Sequence[str] = (),
    bounds: tuple[float, float] = UNBOUNDED,
    aggregation: Aggregation = MEAN,
) -> pandas.DataFrame:
    """Columns `across`, value, low, high, n (seeds) and the `sums`, of an Estimate per seed.

    Several seeds give the estimate over their values, which says how another seed may turn out; a
    single seed keeps its own interval, which does not. No interval exceeds `bounds`.
    """
    measured = rows.dropna(subset=[measure])
    groups = measured.groupby(list(across), sort=True, observed=True)
    own = groups.agg(
        own_low=(f"{measure}_low", "first"),
        own_high=(f"{measure}_high", "first"),
        **{name: (name, "sum") for name in sums},
    ).reset_index()
    pooled = bands(rows, across, measure, aggregation).merge(own, on=list(across))
    for end in ("low", "high"):
        pooled[end] = pooled[end].where(pooled["n"] > 1, pooled[f"own_{end}"]).astype(float)
    return clip(pooled.drop(columns=["own_low", "own_high"]), bounds)


def recorded_bands(
    rows: pandas.DataFrame,
    across: Sequence[str],
    measure: str,
    bounds: tuple[float, float] = UNBOUNDED,
) -> pandas.DataFrame:
    """Columns `across`, value, low, high, n of an Estimate, row by row as it was recorded."""
    names = zip(ESTIMATE_SUFFIXES, ("value", "low", "high", "n"), strict=True)
    columns = {f"{measure}{end}": name for end, name in names}
    estimates = rows[[*across, *columns]].rename(columns=columns).dropna(subset=["value"])
    return clip(estimates, bounds)


def of_estimates(estimates: Mapping[str, Estimate]) -> pandas.DataFrame:
    """Columns label, value, low, high, n, at_least: the estimates that have a value.

    `at_least` is true where no upper end is known, because the measurement ended there.
    """
    known = {label: e for label, e in estimates.items() if e.value is not None}
    parts = {part: [getattr(e, part) for e in known.values()] for part in ("value", "low", "high")}
    bands = pandas.DataFrame(
        {"label": list(known), **parts, "n": [e.n for e in known.values()]}
    ).astype(dict.fromkeys(parts, float))
    ends = ((e.value, e.high) for e in known.values())
    return bands.assign(at_least=[any(isinstance(x, AtLeast) for x in pair) for pair in ends])


def median_bands(
    rows: pandas.DataFrame, across: Sequence[str], measure: str, ends: Sequence[str], count: str
) -> pandas.DataFrame:
    """Columns `across`, value, low, high, n: one measurement, or several of the same thing.

    Several give their median, the lowest low, the highest high and the sum of their repetitions.
    `ends` names the columns of low and high, `count` that of the repetitions; both may be empty.
    """
    known = rows.assign(
        value=rows[measure],
        low=rows[ends[0]] if ends else math.nan,
        high=rows[ends[1]] if ends else math.nan,
        n=rows[count] if count else 1,
    ).dropna(subset=["value"])
    groups = known.groupby(list(across), sort=True, observed=True)
    return groups.agg(
        value=("value", "median"), low=("low", "min"), high=("high", "max"), n=("n", "sum")
    ).reset_index()


def clip(bands: pandas.DataFrame, bounds: tuple[float, float]) -> pandas.DataFrame:
    """Clip the intervals to the possible values."""
    ends = bands[["low", "high"]].astype(float).clip(*bounds)
    return bands.assign(low=ends["low"], high=ends["high"])


def logarithms(bands: pandas.DataFrame) -> pandas.DataFrame:
    """Take log₁₀ of the bands, without the values that are zero or infinite."""
    above = bands[(bands["value"] > 0) & (bands["value"] < numpy.inf)]
    low = above["low"].where(above["low"] > 0)
    return above.assign(
        value=numpy.log10(above["value"]), low=numpy.log10(low), high=numpy.log10(above["high"])
    )


def thin(rows: pandas.DataFrame, axis: str, max_values: int = MAX_POINTS) -> pandas.DataFrame:
    """Keep at most `max_values` evenly spaced values of an axis, first and last included."""
    values = numpy.sort(rows[axis].unique())
    if len(values) <= max_values:
        return rows
    chosen = values[numpy.linspace(0, len(values) - 1, max_values).round().astype(int)]
    return rows[rows[axis].isin(chosen)]


def first_slice(
    table: pandas.DataFrame, row: type[Row], over: Collection[str] = ()
) -> pandas.DataFrame:
    """Take a table at the first (or latest) value of every axis but its curve, seed and `over`."""
    for column in row.columns():
        free = column.curve or column.name in over
        if column.role == "axis" and not free and len(table):
            values = in_order(row, column.name, table[column.name])
            table = table[table[column.name] == values[-1 if column.latest else 0]]
    return table


def complete(rows: pandas.DataFrame, axis: str, missing: Sequence[str]) -> pandas.DataFrame:
    """Leave out the places where samples are missing from a label's mean.

    Where some norms are exactly zero, the mean over the others says nothing about the decay;
    `missing` names the columns that count such samples.
    """
    if not missing:
        return rows
    short = rows[list(missing)].sum(axis=1).groupby([rows["label"], rows[axis]]).transform("sum")
    return rows[short == 0]


def shares(
    rows: pandas.DataFrame, axis: str, zeros: str, samples: Mapping[str, int]
) -> pandas.DataFrame:
    """Columns label, axis, share: the share of samples that are exactly zero, where any is.

    `samples` maps a run id to the samples of each of its seeds.
    """
    if not (rows[zeros] > 0).any():
        return pandas.DataFrame(columns=["label", axis, "share"])
    counted = rows.assign(samples=rows["run_id"].map(samples))
    sums = counted.groupby(["label", axis])[[zeros, "samples"]].sum().reset_index()
    some = sums[sums[zeros] > 0]
    return some.assign(share=some[zeros] / some["samples"])[["label", axis, "share"]]


def relative(rows: pandas.DataFrame, axis: str, measure: str) -> pandas.DataFrame:
    """Subtract every seed's first logarithm: all curves start at 10⁰."""
    first = rows.sort_values(axis).groupby(["run_id", "seed"])[measure].transform("first")
    return rows.assign(**{measure: rows[measure] - first})


def baselines(rows: pandas.DataFrame, axis: str, baseline: str) -> pandas.DataFrame:
    """Columns series, axis, value: every distinct curve in the column `baseline`.

    Most labels share one curve: it is drawn once, as far as the longest of them goes.
    """
    known = rows.dropna(subset=[baseline]).sort_values(axis)
    distinct: list[dict[float, float]] = []
    for _, part in known.groupby("label", sort=False):
        curve = dict(zip(part[axis], part[baseline], strict=True))
        for other in distinct:
            if all(other.get(x, y) == y for x, y in curve.items()):
                other.update(curve)
                break
        else:
            distinct.append(curve)
    lines = [(str(i), x, y) for i, curve in enumerate(distinct) for x, y in sorted(curve.items())]
    return pandas.DataFrame(lines, columns=["series", axis, "value"])


def fitted_lines(
    bands: pandas.DataFrame,
    rates: pandas.DataFrame,
    axis: str,
    rate: str,
    distances: Mapping[str, int],
    across: tuple[float, float],
) -> pandas.DataFrame:
    """Columns label, axis, value: each label's straight line with its decay rate per step.

    It runs through the middle of the part k = T/10 … 6T/10 of the curve that rates are fitted to
    (as in `core.measure.gradients.decay_rates`), cut to what lies `across`. The rate is the
    geometric mean over seeds; `distances` maps a label to its T.
    """
    slopes = numpy.log10(rates[rate].where(rates[rate] > 0)).groupby(rates["label"]).mean()
    lines = []
    for label, curve in bands.groupby("label"):
        steps = distances[str(label)]
        fitted = curve[curve[axis].between(steps // 10, 6 * steps // 10)]
        if fitted.empty or label not in slopes or numpy.isnan(slopes[label]):
            continue
        middle, height = fitted[axis].mean(), fitted["value"].mean()
        ends = max(fitted[axis].min(), across[0]), min(fitted[axis].max(), across[1])
        lines += [
            {"label": label, axis: end, "value": height + slopes[label] * (end - middle)}
            for end in (ends if ends[0] < ends[1] else ())
        ]
    return pandas.DataFrame(lines, columns=["label", axis, "value"])
