"""The rank test, against scipy's tests and counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.ranks import compare_ranks, doubled_ranks

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
    assert compare_ranks(first, second).p_value == pytest.approx(theirs)


@given(st.permutations(range(11)), st.integers(1, 10))
def test_without_ties_it_is_scipys_exact_rank_sum_test(values: list[int], n: int) -> None:
    theirs = stats.mannwhitneyu(values[:n], values[n:], method="exact").pvalue
    assert compare_ranks(values[:n], values[n:]).p_value == pytest.approx(theirs)


@given(st.lists(st.integers(0, 9), min_size=40, max_size=60), st.integers(15, 25))
def test_many_values_are_taken_as_normal_with_scipys_correction_for_ties(values, n) -> None:
    theirs = stats.mannwhitneyu(
        values[:n], values[n:], method="asymptotic", use_continuity=False
    ).pvalue
    ours = compare_ranks(values[:n], values[n:]).p_value
    assert ours == pytest.approx(1.0 if len(set(values)) == 1 else theirs)


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert doubled_ranks([5, 7, 7, 1]) == [4, 7, 7, 2]


def test_five_against_five_that_do_not_overlap() -> None:
    """Two of 252 ways to divide ten values are as far apart."""
    found = compare_ranks([15, 15, 15, 20, 15], [10, 10, 5, 10, 10])
    assert found.outcome == "better"
    assert found.p_value == found.least_p == pytest.approx(2 / 252)
    assert compare_ranks([10, 10], [15, 15], higher_is_better=False, level=0.4).outcome == "better"
    assert compare_ranks([10, 10, 5, 10], [15, 15, 15, 15]).outcome == "worse"


def test_three_against_three_can_show_nothing() -> None:
    found = compare_ranks([100, 200, 300], [1, 2, 3])
    assert (found.outcome, found.p_value) == ("not enough seeds", pytest.approx(0.1))
    assert compare_ranks([1], [2]).outcome == "not enough seeds"


def test_a_stricter_level_needs_more_seeds() -> None:
    spans = ([20] * 5, [10] * 5)
    assert compare_ranks(*spans, level=0.05 / 6).outcome == "better"
    assert compare_ranks(*spans, level=0.05 / 7).outcome == "not enough seeds"


def test_noise_is_not_distinguishable() -> None:
    assert compare_ranks([10, 15, 10, 10, 15], [15, 10, 10, 15, 15]).outcome == (
        "not distinguishable"
    )
    assert compare_ranks([10] * 5, [10] * 5).p_value == 1.0


def test_nothing_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="at least one value on each side"):
        compare_ranks([], [1.0])
