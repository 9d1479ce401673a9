"""From rows to what a figure draws: bands over seeds, straight lines, and no more points than seen.

Bands over seeds are the mean with Student's t interval; of a logarithm that is the geometric mean
of what was measured. What comes with an interval of its own (a time, over repetitions) keeps it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy
import pandas

from core.experiment import Row
from core.statistics import CONFIDENCE
from dashboard.declared import in_order

MOST_POINTS = 240
"""Of one curve: a figure is hardly wider than three times that."""


@dataclass(frozen=True)
class Repeats:
    """What a band is over, as the hover says it."""

    interval: str = "95% interval"
    count: str = ""
    """Of what `n` is the number; empty where nothing is repeated."""
    whole: bool = False
    """Whether the values are whole numbers."""
    further: tuple[tuple[str, str], ...] = ()
    """(column, title) of other numbers that the hover gives."""


SEEDS = Repeats(count="Seeds")


def thin(rows: pandas.DataFrame, axis: str, most: int = MOST_POINTS) -> pandas.DataFrame:
    """Keep evenly spaced values of an axis, first and last included."""
    values = numpy.sort(rows[axis].unique())
    if len(values) <= most:
        return rows
    kept = values[numpy.linspace(0, len(values) - 1, most).round().astype(int)]
    return rows[rows[axis].isin(kept)]


def bands(rows: pandas.DataFrame, across: Sequence[str], measure: str) -> pandas.DataFrame:
    """Columns `across`, then value, low, high, n: mean and 95% interval over everything else.

    A single seed has no interval: low and high are empty then.
    """
    from scipy.special import stdtrit

    measured = rows.dropna(subset=[measure])
    groups = measured.groupby(list(across), sort=True, observed=True)[measure]
    found = groups.agg(value="mean", deviation="std", n="count").reset_index()
    degrees = (found["n"] - 1).clip(lower=1)
    half = stdtrit(degrees, (1 + CONFIDENCE) / 2) * found["deviation"] / numpy.sqrt(found["n"])
    found = found.assign(low=found["value"] - half, high=found["value"] + half)
    return found[[*across, "value", "low", "high", "n"]]


def pooled(
    rows: pandas.DataFrame, across: Sequence[str], measure: str, ends: Sequence[str], count: str
) -> pandas.DataFrame:
    """Columns `across`, then value, low, high, n: one measurement, or several of the same thing.

    Of several: the median, from the lowest low to the highest high, and all repetitions. `ends`
    names the columns of low and high, `count` that of the repetitions; empty where there are none.
    """
    nothing = numpy.nan
    known = rows.assign(
        value=rows[measure],
        low=rows[ends[0]] if ends else nothing,
        high=rows[ends[1]] if ends else nothing,
        n=rows[count] if count else 1,
    ).dropna(subset=["value"])
    groups = known.groupby(list(across), sort=True, observed=True)
    return groups.agg(
        value=("value", "median"), low=("low", "min"), high=("high", "max"), n=("n", "sum")
    ).reset_index()


def logarithms(bands: pandas.DataFrame) -> pandas.DataFrame:
    """The bands on a logarithmic axis; what is zero or infinite has no place there."""
    above = bands[(bands["value"] > 0) & (bands["value"] < numpy.inf)]
    low = above["low"].where(above["low"] > 0)
    return above.assign(
        value=numpy.log10(above["value"]), low=numpy.log10(low), high=numpy.log10(above["high"])
    )


def baselines(rows: pandas.DataFrame, axis: str, baseline: str) -> pandas.DataFrame:
    """Columns series, axis, value: every different curve of what measures are compared with.

    Most labels have the same one: that is drawn once, as far as the longest of them goes.
    """
    known = rows.dropna(subset=[baseline]).sort_values(axis)
    found: list[dict[float, float]] = []
    for _, part in known.groupby("label", sort=False):
        curve = dict(zip(part[axis], part[baseline], strict=True))
        same = (known for known in found if all(known.get(x, y) == y for x, y in curve.items()))
        merged = next(same, None)
        if merged is None:
            found.append(curve)
        else:
            merged.update(curve)
    lines = [(str(i), x, y) for i, curve in enumerate(found) for x, y in sorted(curve.items())]
    return pandas.DataFrame(lines, columns=["series", axis, "value"])


def first_slice(
    table: pandas.DataFrame, row: type[Row], over: Collection[str] = ()
) -> pandas.DataFrame:
    """A table at one value of every axis but its curve, the seeds and `over`: first, or latest."""
    kept = ("seed", *over)
    for column in row.columns():
        if column.role == "axis" and not column.curve and column.name not in kept and len(table):
            values = in_order(row, column.name, table[column.name])
            table = table[table[column.name] == values[-1 if column.latest else 0]]
    return table


def ends(rows: pandas.DataFrame, axis: str) -> tuple[int, int]:
    """The first and the last value of an axis of whole numbers."""
    return int(rows[axis].min()), int(rows[axis].max())


def within(rows: pandas.DataFrame, axis: str, across: tuple[float, float]) -> pandas.DataFrame:
    """The rows of a part of an axis."""
    return rows[rows[axis].between(*across)]


def complete(rows: pandas.DataFrame, axis: str, missing: Sequence[str]) -> pandas.DataFrame:
    """Leave out the places where samples are missing from a label's mean.

    Where some norms are exactly zero the mean over the others says nothing of the decay; `missing`
    names the columns that count such samples.
    """
    if not missing:
        return rows
    short = rows[list(missing)].sum(axis=1).groupby([rows["label"], rows[axis]]).transform("sum")
    return rows[short == 0]


def shares(
    rows: pandas.DataFrame, axis: str, zeros: str, samples: Mapping[str, int]
) -> pandas.DataFrame:
    """Columns label, axis, share: of how many samples the measure is exactly zero, where it is.

    `samples` says how many samples a seed of each run has.
    """
    counted = rows.assign(samples=rows["run_id"].map(samples))
    sums = counted.groupby(["label", axis])[[zeros, "samples"]].sum().reset_index()
    found = sums[sums[zeros] > 0]
    return found.assign(share=found[zeros] / found["samples"])[["label", axis, "share"]]


def relative(rows: pandas.DataFrame, axis: str, measure: str) -> pandas.DataFrame:
    """Every seed's logarithm less its first: all curves start at 10⁰."""
    first = rows.sort_values(axis).groupby(["run_id", "seed"])[measure].transform("first")
    return rows.assign(**{measure: rows[measure] - first})


def middle(distances: int) -> tuple[int, int]:
    """What a decay rate is fitted to, k = T/10 … 6T/10 (as `core.gradients.decay_rates` has it)."""
    return distances // 10, 6 * distances // 10


def lines(
    bands: pandas.DataFrame,
    rates: pandas.DataFrame,
    axis: str,
    rate: str,
    distances: Mapping[str, int],
    across: tuple[float, float],
) -> pandas.DataFrame:
    """Columns label, axis, value: each label's straight line of that decay rate per step.

    It runs through the middle of the label's curve, over the part that rates are fitted to, as far
    as that lies `across`. The rate is the geometric mean over seeds; `distances` says how many
    each label has.
    """
    slopes = numpy.log10(rates[rate].where(rates[rate] > 0)).groupby(rates["label"]).mean()
    found = []
    for label, curve in bands.groupby("label"):
        fitted = curve[curve[axis].between(*middle(distances[str(label)]))]
        if fitted.empty or label not in slopes or numpy.isnan(slopes[label]):
            continue
        at, height = fitted[axis].mean(), fitted["value"].mean()
        ends = max(fitted[axis].min(), across[0]), min(fitted[axis].max(), across[1])
        found += [
            {"label": label, axis: end, "value": height + slopes[label] * (end - at)}
            for end in (ends if ends[0] < ends[1] else ())
        ]
    return pandas.DataFrame(found, columns=["label", axis, "value"])
