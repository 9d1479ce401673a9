"""Several seeds of one model as one: what is measured with an interval of its own, seed by seed.

Over several seeds it is their mean with Student's t interval, which says how another seed may turn
out; a single seed keeps its own interval, which does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas

from core.experiment import Experiment
from dashboard import curves
from dashboard.curves import Repeats
from dashboard.shown import Shown

ENDS = ("", "_low", "_high", "_n")
"""Of the four columns of an estimate."""


def pooled(
    rows: pandas.DataFrame,
    across: Sequence[str],
    measure: str,
    sums: Sequence[str] = (),
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> pandas.DataFrame:
    """Columns `across`, then value, low, high, n (seeds) and the `sums`: of an Estimate.

    Several seeds have the mean of their values with its t interval, as everywhere; a single one
    keeps its own interval. No interval reaches beyond what is possible, the `bounds`.
    """
    measured = rows.dropna(subset=[measure])
    groups = measured.groupby(list(across), sort=True, observed=True)
    own = groups.agg(
        own_low=(f"{measure}_low", "first"),
        own_high=(f"{measure}_high", "first"),
        **{name: (name, "sum") for name in sums},
    ).reset_index()
    found = curves.bands(rows, across, measure).merge(own, on=list(across))
    for end in ("low", "high"):
        kept = found[end].where(found["n"] > 1, found[f"own_{end}"]).astype(float)
        found[end] = kept.clip(*bounds)
    return found.drop(columns=["own_low", "own_high"])


def recorded(
    rows: pandas.DataFrame,
    across: Sequence[str],
    measure: str,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> pandas.DataFrame:
    """Columns `across`, then value, low, high and n: of an Estimate that is over seeds already."""
    names = zip(ENDS, ("value", "low", "high", "n"), strict=True)
    columns = {f"{measure}{end}": name for end, name in names}
    found = rows[[*across, *columns]].rename(columns=columns).dropna(subset=["value"])
    ends = found[["low", "high"]].astype(float).clip(*bounds)
    return found.assign(low=ends["low"], high=ends["high"]).sort_values(list(across))


def pooled_results(experiment: Experiment, results: pandas.DataFrame) -> pandas.DataFrame:
    """Where each run is one seed: the results with one row per label, its seeds together.

    Of several seeds an estimate is their mean with its t interval, and any other number their
    mean; the same seed measured twice counts once, the newest time.
    """
    if not experiment.a_run_per_seed or results.empty:
        return results
    measures = [column for column in experiment.summary.columns() if column.role == "measure"]
    numbers = [f"{c.name}{end}" for c in measures for end in (ENDS if c.estimate else ENDS[:1])]
    once = results.astype(dict.fromkeys(numbers, float))
    once = once.drop_duplicates(["label", "seed"], keep="last")
    pooled = once.drop_duplicates("label", keep="last").set_index("label")
    several = once[once.groupby("label")["seed"].transform("size") > 1]
    for column in measures if len(several) else ():
        found = curves.bands(several, ["label"], column.name).set_index("label")
        for end, name in zip(ENDS, ("value", "low", "high", "n"), strict=True):
            if f"{column.name}{end}" in numbers:
                pooled.loc[found.index, f"{column.name}{end}"] = found[name]
    return pooled.reset_index()[list(results.columns)]


def repeats(shown: Shown) -> Repeats:
    """What the intervals of results are over, in words."""
    if shown.experiment.a_run_per_seed:
        seeds = shown.results.groupby("label")["seed"].nunique()
        return Repeats(count="Seeds" if (seeds > 1).all() else "Seeds, or sentences of one")
    return Repeats(count="Repetitions" if shown.experiment.timed else "Seeds")
