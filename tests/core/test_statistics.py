"""Estimates and verdicts, against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from core.statistics import (
    MISSING,
    Estimate,
    Group,
    bootstrap_estimate,
    compare,
    finite,
    geometric_mean_estimate,
    half_life,
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
def test_the_median_is_numpys_and_has_an_interval_from_six_values_on(values: list[float]) -> None:
    ours = median_estimate(values)
    assert ours.value == np.median(values)
    if len(values) < 6:
        assert ours.low is ours.high is None
    else:
        assert ours.low <= ours.value <= ours.high


@pytest.mark.parametrize(("n", "j"), [(6, 1), (8, 1), (9, 2), (20, 6), (100, 40)])
def test_the_medians_interval_is_the_narrowest_pair_of_order_statistics(n: int, j: int) -> None:
    """The tables of any textbook: for 9 values the second smallest and the second largest."""
    ours = median_estimate(range(1, n + 1))
    assert (ours.low, ours.high) == (j, n + 1 - j)
    assert 2 * stats.binom.cdf(j - 1, n, 0.5) <= 0.05 < 2 * stats.binom.cdf(j, n, 0.5)


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


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")
@given(VALUES, VALUES)
def test_the_verdict_is_scipys_welch_test(first: list[float], second: list[float]) -> None:
    assume(spread_out(first) or spread_out(second))
    verdict = compare(Group.of_values("a", first), Group.of_values("b", second))
    expected = stats.ttest_ind(first, second, equal_var=False).pvalue
    assert verdict.p_value == pytest.approx(expected, rel=1e-6, abs=1e-12)


@given(VALUES)
def test_a_group_is_read_back_from_its_estimate(values: list[float]) -> None:
    assume(spread_out(values))
    ours = Group.of_estimate("a", mean_estimate(values))
    expected = Group.of_values("a", values)
    assert (ours.name, ours.n) == ("a", len(values))
    assert ours.mean == pytest.approx(expected.mean, abs=1e-12)
    assert ours.error == pytest.approx(expected.error, rel=1e-9)


def test_verdicts_name_the_better_group_and_know_which_direction_is_better() -> None:
    low, high = Group.of_values("low", [1.0, 1.1, 0.9]), Group.of_values("high", [2.0, 2.1, 1.9])
    assert compare(high, low).outcome == "better"
    assert compare(low, high).outcome == "worse"
    assert compare(low, high, higher_is_better=False).outcome == "better"
    verdict = compare(low, high)
    assert (verdict.first.name, verdict.second.name, verdict.first.n) == ("low", "high", 3)


def test_noise_and_too_few_seeds_are_different_answers() -> None:
    one, noisy = Group.of_values("one", [1.0]), Group.of_values("noisy", [0.0, 1.0, 2.0])
    assert compare(noisy, Group.of_values("b", [0.5, 1.5, 2.5])).outcome == "not distinguishable"
    assert compare(one, noisy).outcome == "not enough seeds"
    assert compare(one, noisy).p_value is None


def test_groups_without_any_spread_differ_exactly_when_their_means_do() -> None:
    a, same, b = (Group.of_values(n, [v, v]) for n, v in (("a", 1.0), ("c", 1.0), ("b", 2.0)))
    assert compare(a, same).outcome == "not distinguishable"
    assert compare(b, a).outcome == "better"


def test_there_is_no_group_of_nothing() -> None:
    with pytest.raises(ValueError, match="rnn has no values"):
        Group.of_values("rnn", [None])
    with pytest.raises(ValueError, match="rnn has no values"):
        Group.of_estimate("rnn", MISSING)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(0, 5, 0.0, 43.45), (5, 5, 56.55, 100.0), (3, 5, 23.07, 88.24), (81, 263, 25.53, 36.62)],
)
def test_the_success_interval_is_wilsons(successes: int, n: int, low: float, high: float) -> None:
    """81 of 263: Newcombe (1998), table I; the rest against scipy, too."""
    ours = success_estimate(successes, n)
    assert (ours.value, ours.n) == (pytest.approx(100 * successes / n), n)
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.01)
    theirs = stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert (ours.low, ours.high) == pytest.approx((100 * theirs.low, 100 * theirs.high))


@given(st.integers(0, 300), st.integers(1, 300))
def test_a_success_interval_is_within_the_possible_and_around_its_value(k: int, n: int) -> None:
    ours = success_estimate(min(k, n), n)
    assert 0 <= ours.low <= ours.value + 1e-9
    assert ours.value - 1e-9 <= ours.high <= 100


def test_no_trials_have_no_success() -> None:
    assert success_estimate(0, 0) == MISSING


def test_the_bootstrap_of_few_values_is_their_exact_distribution() -> None:
    """The largest of two values 1 and 2 is 1 in one of four resamples, 2 in three."""
    assert bootstrap_estimate([1, 2], max) == Estimate(2, 1, 2, 2)
    # Of five values one outlier is drawn at least three times with probability 5.8%, as median.
    assert bootstrap_estimate([1.0, 1, 1, 1, 9], np.median) == Estimate(1.0, 1, 9, 5)
    # Of three, all of one kind once in 27 draws: more than 2.5%.
    assert bootstrap_estimate([1.0, 2, 3], np.mean) == Estimate(2.0, 1.0, 3.0, 3)


def test_the_bootstrap_of_many_values_is_scipys_and_always_the_same() -> None:
    values = np.random.default_rng(3).normal(size=40).tolist()
    ours = bootstrap_estimate(values, np.mean)
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=10_000, random_state=0
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.05)
    assert bootstrap_estimate(values, np.mean) == ours


def test_one_value_is_not_resampled_and_none_is_missing() -> None:
    assert bootstrap_estimate([7.0], max) == Estimate(7.0, None, None, 1)
    assert bootstrap_estimate([], max) == MISSING


def test_an_interval_is_cut_to_what_is_possible() -> None:
    assert Estimate(99.0, 90.0, 108.0, 5).within(0, 100) == Estimate(99.0, 90.0, 100, 5)
    assert Estimate(1.0, None, None, 1).within(0, 100) == Estimate(1.0, None, None, 1)


def test_only_finite_values_are_kept() -> None:
    assert [finite(value) for value in (1.5, math.inf, -math.inf, math.nan)] == [1.5, *[None] * 3]
