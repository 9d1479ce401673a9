"""Estimates and verdicts, against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from core.stats.aggregation import MEDIAN
from core.stats.estimates import (
    MIN_COVERED,
    MISSING,
    AtLeast,
    Estimate,
    at_limit,
    finite,
    geometric_mean_estimate,
    half_life,
    majority_bounds,
    majority_estimate,
    mean_estimate,
    median_estimate,
    success_estimate,
)

VALUES = st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=2, max_size=30)


def spread_out(values: list[float]) -> bool:
    return float(np.std(values)) > 1e-3


@given(VALUES)
def test_the_mean_has_scipys_t_interval(values: list[float]) -> None:
    assume(spread_out(values))
    ours = mean_estimate(values)
    low, high = stats.t.interval(
        0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values)
    )
    assert (ours.low, ours.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)
    assert ours.value == pytest.approx(np.mean(values), abs=1e-12)
    assert ours.n == len(values)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30))
def test_the_geometric_mean_is_scipys_and_lies_within_its_interval(values: list[float]) -> None:
    ours = geometric_mean_estimate(values)
    assert ours.value == pytest.approx(stats.gmean(values))
    if len(values) > 1:
        assert ours.low <= ours.value * (1 + 1e-12)
        assert ours.value <= ours.high * (1 + 1e-12)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=60))
def test_the_median_is_numpys_and_has_an_interval_from_five_values_on(values: list[float]) -> None:
    ours = median_estimate(values)
    assert ours.value == pytest.approx(np.median(values))
    if len(values) < 5:
        assert ours.low is ours.high is None
    else:
        assert ours.low <= ours.value <= ours.high


@pytest.mark.parametrize(("n", "j"), [(6, 1), (7, 1), (8, 1), (9, 2), (20, 6), (100, 40)])
def test_the_medians_interval_is_hettmanspergers_and_sheathers(n: int, j: int) -> None:
    """Between the pairs of order statistics that cover more and less, weighted as in their paper.

    Nine values: the 2nd to the 8th cover 96.1%, the 3rd to the 7th 82.0%; so 95% are I = .0775 of
    the way, and the weight of the 3rd is (9 - 2) I / (2 + (9 - 4) I) = .227.
    """
    wide, narrow = (1 - 2 * stats.binom.cdf(k - 1, n, 0.5) for k in (j, j + 1))
    assert wide >= 0.95 > narrow
    share = (wide - 0.95) / (wide - narrow)
    weight = (n - j) * share / (j + (n - 2 * j) * share)
    ours = median_estimate(range(1, n + 1))
    assert ours.low == pytest.approx(j + weight)
    assert ours.high == pytest.approx(n + 1 - j - weight)


def test_of_five_values_the_whole_range_is_the_medians_interval() -> None:
    assert median_estimate([3, 1, 4, 1.5, 9]) == Estimate(3, 1, 9, 5)


@pytest.mark.parametrize(("n", "j"), [(5, 1), (7, 1), (8, 2), (9, 2), (12, 3), (100, 41)])
def test_the_bounds_of_what_a_majority_reached_are_two_of_the_values(n: int, j: int) -> None:
    assert majority_bounds(range(1, n + 1)) == (j, n + 1 - j)
    assert 1 - 2 * stats.binom.cdf(j - 1, n, 0.5) >= MIN_COVERED
    assert 1 - 2 * stats.binom.cdf(j, n, 0.5) < MIN_COVERED


def test_a_majority_is_more_than_half() -> None:
    assert majority_estimate([5, 10]).value == 5
    assert majority_estimate([5, 10, 10]).value == 10
    assert majority_estimate([5, 5, 10, 10]) == Estimate(5, None, None, 4)
    assert majority_bounds([5, 5, 10, 10]) is None


def test_a_lower_bound_stays_one() -> None:
    """Three of five reached the end: the median is beyond it, and so is the interval's end."""
    values = [at_limit(value, 24) for value in (9.0, 12.0, 24.0, 24.0, 31.0)]
    assert [isinstance(value, AtLeast) for value in values] == [False] * 2 + [True] * 3
    ours = median_estimate(values)
    assert ours == Estimate(24, 9, 24, 5)
    assert [isinstance(x, AtLeast) for x in (ours.value, ours.low, ours.high)] == [
        True,
        False,
        True,
    ]
    even = median_estimate([9.0, 12.0, AtLeast(24), AtLeast(24)])
    assert (even.value, isinstance(even.value, AtLeast)) == (18, True)
    assert not isinstance(median_estimate([9.0, 12.0, AtLeast(24)]).value, AtLeast)
    assert isinstance(Estimate(24.0, 9.0, 30.0, 5).censored(24).high, AtLeast)
    assert not isinstance(Estimate(24.0, 9.0, 30.0, 5).censored(None).high, AtLeast)


@pytest.mark.parametrize("make", [mean_estimate, geometric_mean_estimate, median_estimate])
def test_one_value_has_no_interval_and_none_has_nothing(make) -> None:
    assert make([2.0]) == Estimate(pytest.approx(2.0), None, None, 1)
    assert make([]) == MISSING
    assert make([None, math.nan, math.inf, 2.0]).n == 1


def test_a_very_wide_geometric_interval_is_infinite_rather_than_an_error() -> None:
    ours = geometric_mean_estimate([1e-300, 1e300])
    assert ours.value == pytest.approx(1.0)
    assert (ours.low, ours.high) == (0.0, math.inf)


def test_half_life_is_infinite_where_nothing_is_lost() -> None:
    assert half_life(0.5) == 1
    assert half_life(0.5**0.25) == pytest.approx(4)
    assert half_life(1.0) == half_life(1.5) == math.inf
    assert half_life(0.0) == 0


def test_the_half_lifes_interval_is_that_of_its_endpoints() -> None:
    rate = Estimate(0.9, 0.8, 1.01, 5)
    assert rate.transformed(half_life) == Estimate(half_life(0.9), half_life(0.8), math.inf, 5)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 25.53, 36.62), (15, 148, 6.24, 16.05), (60, 60, 93.98, 100.0), (3, 5, None, None)],
)
def test_the_success_interval_is_wilsons_from_60_on(
    successes: int, n: int, low: float | None, high: float | None
) -> None:
    """81 of 263 and 15 of 148: Newcombe (1998), table I; 60 of 60: 60 / (60 + z²)."""
    ours = success_estimate(successes, n)
    assert (ours.value, ours.n) == (pytest.approx(100 * successes / n), n)
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.01)


@given(st.integers(0, 300), st.integers(60, 300))
def test_a_success_interval_is_within_the_possible_and_around_its_value(k: int, n: int) -> None:
    ours = success_estimate(min(k, n), n)
    assert 0 <= ours.low <= ours.value + 1e-9
    assert ours.value - 1e-9 <= ours.high <= 100


def test_no_trials_have_no_success() -> None:
    assert success_estimate(0, 0) == MISSING


def test_an_interval_is_cut_to_what_is_possible() -> None:
    assert Estimate(99.0, 90.0, 108.0, 5).within(0, 100) == Estimate(99.0, 90.0, 100, 5)
    assert Estimate(1.0, None, None, 1).within(0, 100) == Estimate(1.0, None, None, 1)


def test_only_finite_values_are_kept() -> None:
    assert [finite(value) for value in (1.5, math.inf, -math.inf, math.nan)] == [1.5, *[None] * 3]


def test_a_multiple_of_a_lower_bound_is_one() -> None:
    assert isinstance(MEDIAN.times(AtLeast(24), 2), AtLeast)
    assert MEDIAN.times(AtLeast(24), 2) == 48
    assert not isinstance(MEDIAN.times(24.0, 2), AtLeast)
