"""Rows into bands, straight lines and strips of zeros, against exact results."""

from __future__ import annotations

import math

import pandas
import pytest
import torch

from core.measure.gradients import decay_rates
from core.stats.estimates import mean_estimate
from dashboard.charts import curves


def table(**columns: object) -> pandas.DataFrame:
    return pandas.DataFrame(columns)


def test_a_band_is_the_mean_with_students_interval() -> None:
    values = [1.0, 2.0, 4.0, 8.0]
    rows = table(label=["a"] * 4, k=[3] * 4, y=values)
    (band,) = curves.bands(rows, ["label", "k"], "y").to_dict("records")
    wanted = mean_estimate(values)
    assert (band["label"], band["k"], band["n"]) == ("a", 3, 4)
    assert [band["value"], band["low"], band["high"]] == pytest.approx(
        [wanted.value, wanted.low, wanted.high]
    )


def test_one_seed_has_no_interval_and_missing_values_do_not_count() -> None:
    rows = table(label=["a", "a", "b"], k=[0, 0, 0], y=[1.0, math.nan, math.nan])
    (band,) = curves.bands(rows, ["label", "k"], "y").to_dict("records")
    assert (band["label"], band["value"], band["n"]) == ("a", 1.0, 1)
    assert math.isnan(band["low"])


def test_thinning_keeps_both_ends_and_no_more_than_asked() -> None:
    rows = table(k=[k for k in range(5000) for _ in range(2)], y=0.0)
    kept = curves.thin(rows, "k", max_values=100)
    assert (kept["k"].min(), kept["k"].max(), kept["k"].nunique()) == (0, 4999, 100)
    assert len(kept) == 200
    assert curves.thin(rows, "k", max_values=5000) is rows


def test_a_curve_ends_for_all_seeds_where_one_sample_is_lost() -> None:
    rows = table(label=["a"] * 4 + ["b"] * 2, k=[0, 0, 1, 1, 0, 1], zeros=[0, 0, 0, 3, 0, 0])
    kept = curves.complete(rows, "k", ["zeros"])
    assert list(zip(kept["label"], kept["k"], strict=True)) == [
        ("a", 0),
        ("a", 0),
        ("b", 0),
        ("b", 1),
    ]
    assert curves.complete(rows, "k", []) is rows


def test_the_share_of_zeros_counts_every_sample_of_every_seed() -> None:
    rows = table(
        run_id=["r"] * 4, label=["a"] * 4, seed=[0, 1, 0, 1], k=[0, 0, 1, 1], zeros=[0, 0, 4, 8]
    )
    (share,) = curves.shares(rows, "k", "zeros", {"r": 8}).to_dict("records")
    assert share == {"label": "a", "k": 1, "share": 0.75}


def test_relative_curves_start_at_one() -> None:
    rows = table(run_id=["r"] * 4, seed=[0, 0, 1, 1], k=[1, 0, 0, 1], y=[-3.0, -1.0, -2.0, -5.0])
    assert list(curves.relative(rows, "k", "y")["y"]) == [-2.0, 0.0, 0.0, -3.0]


def test_the_straight_line_lies_on_an_exact_curve_over_the_part_that_is_fitted() -> None:
    heights = [-0.1 * k if 10 <= k <= 60 else 5.0 for k in range(100)]
    rate = float(decay_rates(torch.tensor(heights)[None, :, None]))
    assert rate == pytest.approx(10**-0.1)
    bands = table(label="a", k=range(100), value=heights)
    rates = table(label=["a"], rate=[rate])
    line = curves.fitted_lines(bands, rates, "k", "rate", {"a": 100}, (0, 99))
    assert list(line["k"]) == [10, 60]
    assert list(line["value"]) == pytest.approx([-1.0, -6.0])


def test_the_straight_line_is_cut_to_what_is_seen() -> None:
    bands = table(label="a", k=range(100), value=[-0.1 * k for k in range(100)])
    rates = table(label=["a"], rate=[10**-0.1])
    line = curves.fitted_lines(bands, rates, "k", "rate", {"a": 100}, (50, 80))
    assert list(line["k"]) == [50, 60]
    assert curves.fitted_lines(bands, rates, "k", "rate", {"a": 100}, (70, 80)).empty


@pytest.mark.parametrize("rate", [0.0, math.nan])
def test_no_line_without_a_rate(rate: float) -> None:
    bands = table(label="a", k=range(100), value=[-0.1 * k for k in range(100)])
    rates = table(label=["a"], rate=[rate])
    assert curves.fitted_lines(bands, rates, "k", "rate", {"a": 100}, (0, 99)).empty
