"""Verdicts per pair, against scipy and against Holm's correction done by hand."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

import pytest
from scipy import stats

from core.analysis.comparison import Difference, contrasts, marks, pairwise_tests
from core.stats.aggregation import (
    EXACT,
    GEOMETRIC_MEAN,
    HALF_LIFE,
    MAJORITY,
    MEAN,
    MEDIAN,
    Aggregation,
)

RANDOM = random.Random(3)

GROUPS = {
    name: [RANDOM.lognormvariate(centre, 0.3) for _ in range(n)]
    for name, centre, n in (("a", 0.0, 6), ("b", 0.2, 5), ("c", 1.0, 8))
}

PAIRS = list(itertools.combinations(GROUPS, 2))


def by_hand(p_values: Sequence[float]) -> list[float]:
    """Holm for three p values, step by step."""
    first, second, third = sorted(p_values)
    a = min(1.0, 3 * first)
    b = max(a, min(1.0, 2 * second))
    c = max(b, third)
    steps = dict(zip((first, second, third), (a, b, c), strict=True))
    return [steps[p] for p in p_values]


@pytest.mark.parametrize("pooling", [MEAN, GEOMETRIC_MEAN, HALF_LIFE], ids=lambda p: p.name)
def test_means_are_compared_as_scipy_does_it(pooling: Aggregation) -> None:
    found = pairwise_tests(GROUPS, pooling, "higher")
    scaled = GROUPS
    if pooling is not MEAN:
        scaled = {name: [math.log(v) for v in values] for name, values in GROUPS.items()}
    theirs = [stats.ttest_ind(scaled[a], scaled[b], equal_var=False).pvalue for a, b in PAIRS]
    assert [(d.first, d.second) for d in found] == PAIRS
    assert [d.p_value for d in found] == pytest.approx(theirs, rel=1e-9)
    assert [d.corrected_p for d in found] == pytest.approx(by_hand(theirs), rel=1e-9)
    assert [d.n for d in found] == [(6, 5), (6, 8), (5, 8)]
    for difference in found:
        told = difference.finding in ("better", "worse")
        assert told == (difference.corrected_p is not None and difference.corrected_p <= 0.05)
    assert found[1].finding == "worse"


@pytest.mark.parametrize("pooling", [MEDIAN, MAJORITY], ids=lambda p: p.name)
def test_ranks_are_compared_as_scipy_does_it(pooling: Aggregation) -> None:
    found = pairwise_tests(GROUPS, pooling, "lower")
    theirs = [stats.mannwhitneyu(GROUPS[a], GROUPS[b], method="exact").pvalue for a, b in PAIRS]
    assert [d.p_value for d in found] == pytest.approx(theirs, rel=1e-9)
    assert [d.corrected_p for d in found] == pytest.approx(by_hand(theirs), rel=1e-9)
    assert found[1].finding == "better"
    assert found[1].test == "exact rank-sum test"


def test_tied_spans_are_compared_as_a_permutation_test_does_it() -> None:
    spans = {"short": [2.0, 3.0, 3.0, 5.0, 5.0, 3.0], "long": [5.0, 10.0, 10.0, 20.0, 10.0, 5.0]}
    (found,) = pairwise_tests(spans, MAJORITY, "higher")
    ranks = stats.rankdata([*spans["short"], *spans["long"]])
    theirs = stats.permutation_test(
        (ranks[:6], ranks[6:]),
        lambda x, y: abs(x.sum() - 6 * 13 / 2),
        alternative="greater",
        n_resamples=10_000,
    )
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert found.finding == "worse"


@pytest.mark.parametrize("pooling", [MEAN, GEOMETRIC_MEAN, MEDIAN, MAJORITY, HALF_LIFE])
def test_one_seed_gives_no_verdict(pooling: Aggregation) -> None:
    (found,) = pairwise_tests({"a": [1.0], "b": [5.0, 6.0, 7.0, 8.0]}, pooling, "higher")
    assert (found.finding, found.p_value, found.n) == ("not enough seeds", None, (1, 4))


@pytest.mark.parametrize("pooling", [MEAN, GEOMETRIC_MEAN, MEDIAN, MAJORITY, HALF_LIFE])
@pytest.mark.parametrize("values", [[0.5, 0.6, 0.7, 0.6], [2.0, 2.0, 2.0, 2.0]])
def test_identical_values_are_not_distinguishable(
    pooling: Aggregation, values: list[float]
) -> None:
    (found,) = pairwise_tests({"a": values, "b": values}, pooling, "higher")
    assert found.finding == "not distinguishable"
    assert found.corrected_p == 1.0


def test_so_few_seeds_that_no_ranks_could_differ_are_not_enough() -> None:
    few = {"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]}
    assert pairwise_tests(few, MAJORITY, "higher")[0].finding == "not enough seeds"
    five = {name: [10.0 * i + k for k in range(5)] for i, name in enumerate("ab")}
    assert pairwise_tests(five, MAJORITY, "higher")[0].finding == "worse"
    many = {name: [10.0 * i + k for k in range(5)] for i, name in enumerate("abcdef")}
    found = pairwise_tests(many, MAJORITY, "higher")
    assert {d.finding for d in found} == {"not enough seeds"}, "15 pairs need more seeds than one"
    assert {d.seeds_needed for d in found} == {6}, "15 × 2/924 is below .05, 15 × 2/252 is not"
    six = {name: [*values, values[-1] + 1] for name, values in many.items()}
    assert {d.finding for d in pairwise_tests(six, MAJORITY, "higher")} == {"worse"}


def test_a_mean_needs_two_seeds_and_says_so() -> None:
    (found,) = pairwise_tests({"a": [1.0], "b": [2.0]}, MEAN, "higher")
    assert (found.finding, found.seeds_needed) == ("not enough seeds", 2)


def test_a_half_life_is_compared_with_a_multiple_of_another() -> None:
    """Half of the gradient lasts 2.2 times as long: more than once, not more than three times."""
    plain = [0.5, 0.52, 0.49, 0.51, 0.5]
    longer = [rate ** (1 / 2.2) for rate in plain]
    for times, finding in ((1, "better"), (2, "better"), (3, "worse")):
        target = [HALF_LIFE.times(rate, times) for rate in plain]
        (found,) = contrasts({("a", "b"): (longer, target)}, HALF_LIFE, "higher")
        assert found.finding == finding
        assert HALF_LIFE.estimate(target).value == pytest.approx(
            times * (HALF_LIFE.estimate(plain).value or 0.0)
        )


def test_counts_are_compared_exactly() -> None:
    counts = {"a": [100.0], "b": [400.0, 400.0], "c": [400.0], "mixed": [50.0, 900.0]}
    found = {(d.first, d.second): d for d in pairwise_tests(counts, EXACT, "lower")}
    assert found["a", "b"].finding == "better"
    assert found["b", "c"].finding == "equal"
    assert found["a", "mixed"].finding == "not distinguishable"
    assert all(d.test == "" and d.p_value is None for d in found.values())


def test_where_neither_direction_is_better_one_is_higher() -> None:
    groups = {"a": [1.0, 1.1, 0.9], "b": [5.0, 5.1, 4.9]}
    (found,) = pairwise_tests(groups, MEAN)
    assert found.finding == "lower"
    assert found.reversed.finding == "higher"
    assert (found.reversed.first, found.reversed.n) == ("b", (3, 3))


def marked(groups: dict[str, list[float]]) -> dict[str, str]:
    values = {name: MEAN.estimate(found).value for name, found in groups.items()}
    return dict(marks(values, pairwise_tests(groups, MEAN, "higher"), "higher"))


def test_only_what_is_told_from_all_others_is_the_best() -> None:
    low, high = [1.0, 1.1, 0.9], [9.0, 9.1, 8.9]
    assert marked({"a": low, "b": high}) == {"a": "", "b": "best"}
    near = [9.05, 9.1, 8.95]
    assert marked({"a": low, "b": high, "c": near}) == {
        "a": "", "b": "among the best", "c": "among the best",
    }  # fmt: skip
    assert marked({"b": high, "c": near}) == {"b": "", "c": ""}, "no best of two that are level"
    assert marked({"a": [1.0], "b": high}) == {"a": "", "b": ""}, "one seed makes no best"


def test_a_difference_says_the_same_from_both_sides() -> None:
    one = Difference("a", "b", "better", "t", (3, 4), 0.01, 0.02)
    assert one.reversed.reversed == one
    assert one.reversed.finding == "worse"
