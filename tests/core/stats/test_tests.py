"""Tests against scipy's and counting by hand."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from core.stats.estimates import AtLeast
from core.stats.tests import doubled_ranks, holm, rank_sum_test, welch_test

SPANS = st.lists(st.sampled_from([0.0, 5.0, 10.0, 15.0, 20.0]), min_size=2, max_size=5)


@settings(deadline=None, max_examples=25)
@given(SPANS, SPANS)
def test_with_ties_it_is_scipys_exact_permutation_test(first, second) -> None:
    pooled = stats.rankdata([*first, *second])
    expected = len(first) * (len(pooled) + 1) / 2

    def away(chosen, rest, axis=-1):
        return np.abs(np.sum(chosen, axis=axis) - expected)

    halves = (pooled[: len(first)], pooled[len(first) :])
    theirs = stats.permutation_test(halves, away, alternative="greater", n_resamples=1e5).pvalue
    assert rank_sum_test(first, second).p_value == pytest.approx(theirs)


@given(st.permutations(range(11)), st.integers(1, 10))
def test_without_ties_it_is_scipys_exact_rank_sum_test(values: list[int], n: int) -> None:
    theirs = stats.mannwhitneyu(values[:n], values[n:], method="exact").pvalue
    assert rank_sum_test(values[:n], values[n:]).p_value == pytest.approx(theirs)


@given(st.lists(st.integers(0, 9), min_size=40, max_size=60), st.integers(15, 25))
def test_many_values_are_taken_as_normal_with_scipys_correction_for_ties(values, n) -> None:
    theirs = stats.mannwhitneyu(
        values[:n], values[n:], method="asymptotic", use_continuity=False
    ).pvalue
    ours = rank_sum_test(values[:n], values[n:]).p_value
    assert ours == pytest.approx(1.0 if len(set(values)) == 1 else theirs)


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert doubled_ranks([5, 7, 7, 1]) == [4, 7, 7, 2]


def test_nothing_is_known_to_be_larger_than_a_lower_bound() -> None:
    """Gehan (1965): 5 and 1 are known to be smaller than at least 7; 9 may be either."""
    assert doubled_ranks([5, AtLeast(7), 9, 1]) == [4, 7, 7, 2]
    # Two lower bounds say nothing of one another, not even different ones.
    assert doubled_ranks([AtLeast(7), AtLeast(9)]) == [3, 3]
    # A value at the very limit may be as large.
    assert doubled_ranks([7, AtLeast(7)]) == [3, 3]


def test_lower_bounds_of_different_lengths_are_not_told_apart_but_from_what_is_below() -> None:
    short, long = [AtLeast(24)] * 5, [100.0, 120.0, 140.0, 160.0, 180.0]
    assert rank_sum_test(short, long).p_value == 1
    assert rank_sum_test(short, [10.0, 11, 12, 13, 14]).p_value == pytest.approx(2 / 252)


@given(SPANS, SPANS)
def test_one_side_is_counted_too(first, second) -> None:
    """Both sides together leave out nothing and count what is exactly as far once more."""
    high, low = rank_sum_test(first, second).p_higher, rank_sum_test(second, first).p_higher
    assert high + low >= 1 - 1e-12
    pooled = stats.rankdata([*first, *second])
    theirs = stats.permutation_test(
        (pooled[: len(first)], pooled[len(first) :]),
        lambda chosen, rest, axis=-1: np.sum(chosen, axis=axis),
        alternative="greater",
        n_resamples=1e5,
    ).pvalue
    assert high == pytest.approx(theirs)


def test_five_against_five_that_do_not_overlap() -> None:
    """Two of 252 ways to divide ten values are as far apart."""
    result = rank_sum_test([15, 15, 15, 20, 15], [10, 10, 5, 10, 10])
    assert result.higher
    assert result.p_value == result.min_p == pytest.approx(2 / 252)
    assert not rank_sum_test([10, 10, 5, 10], [15, 15, 15, 15]).higher


def test_three_against_three_cannot_go_below_a_tenth() -> None:
    result = rank_sum_test([100, 200, 300], [1, 2, 3])
    assert result.p_value == result.min_p == pytest.approx(0.1)
    assert rank_sum_test([1], [2]).min_p == 1.0


def test_equal_ranks_have_p_one() -> None:
    assert rank_sum_test([10] * 5, [10] * 5).p_value == 1.0


def test_nothing_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="at least one value in each group"):
        rank_sum_test([], [1.0])
    with pytest.raises(ValueError, match="at least two values"):
        welch_test([1.0], [1.0, 2.0])


VALUES = st.lists(
    st.floats(-1e3, 1e3).map(lambda value: round(value, 9)),
    min_size=2,
    max_size=12,
)
"""Squares of smaller spreads are nothing to scipy."""


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")
@given(VALUES, VALUES)
def test_means_are_compared_by_scipys_welch_test(first: list[float], second: list[float]) -> None:
    assume(len({*first}) > 1 or len({*second}) > 1)
    result = welch_test(first, second)
    theirs = stats.ttest_ind(first, second, equal_var=False).pvalue
    assert result.p_value == pytest.approx(theirs, nan_ok=True)
    assert result.higher == (statistics.fmean(first) > statistics.fmean(second))
    one_sided = stats.ttest_ind(first, second, equal_var=False, alternative="greater").pvalue
    assert result.p_higher == pytest.approx(one_sided, nan_ok=True)


def test_the_unit_of_the_values_does_not_matter_to_welch() -> None:
    first, second = [1.0, 2.0, 3.0], [3.0, 5.0, 7.0]
    for unit in (1e-200, 1e200):
        scaled = welch_test([unit * v for v in first], [unit * v for v in second])
        assert scaled.p_value == pytest.approx(welch_test(first, second).p_value)
    assert welch_test([0.0, 0.0], [0.0, 1e-300]).p_value == pytest.approx(0.5)  # t = -1, 1 degree


def test_welch_of_a_worked_example() -> None:
    """Means 2 and 5, variances 1 and 4, n = 3 and 3: t = -3 / sqrt(5/3), 2.94 degrees."""
    result = welch_test([1.0, 2.0, 3.0], [3.0, 5.0, 7.0])
    t, degrees = -3 / (5 / 3) ** 0.5, (1 / 3 + 4 / 3) ** 2 / ((1 / 3) ** 2 / 2 + (4 / 3) ** 2 / 2)
    assert result.p_value == pytest.approx(2 * stats.t.cdf(t, degrees))
    assert not result.higher


def test_values_without_any_spread_are_certain() -> None:
    assert welch_test([1.0, 1.0], [2.0, 2.0]).p_value == 0.0
    assert welch_test([2.0, 2.0], [2.0, 2.0]).p_value == 1.0


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_corrects_as_it_is_defined(p_values: list[float]) -> None:
    corrected = holm(p_values)
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for place, index in enumerate(order):
        steps = [min(1.0, (len(order) - k) * p_values[order[k]]) for k in range(place + 1)]
        assert corrected[index] == max(steps)
    bonferroni = [min(1.0, len(p_values) * p) for p in p_values]
    assert all(
        raw <= one <= most for raw, one, most in zip(p_values, corrected, bonferroni, strict=True)
    )


def test_holm_of_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
