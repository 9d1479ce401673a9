"""Tests of whether two groups of values differ, and the correction for testing many pairs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import scipy  # its submodules are loaded when they are first used

MAX_EXACT = 30
"""The most values in both groups for an exact rank-sum test; beyond, it is approximated."""


@dataclass(frozen=True)
class TestResult:
    """What a test says of a first group of values against a second."""

    __test__ = False  # pytest collects classes that are called Test…

    p_value: float
    """Two-sided."""
    min_p: float
    """The smallest p that groups of these sizes can have."""
    higher: bool
    """Whether the first values are the higher ones."""


def welch_test(first: Sequence[float], second: Sequence[float]) -> TestResult:
    """Welch's t test (1947) of two means, which does not assume that both groups spread alike.

    ValueError if a group has fewer than two values.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError("Welch's test needs at least two values in each group")
    means = [statistics.fmean(values) for values in (first, second)]
    higher = means[0] > means[1]
    if len({*first}) == 1 and len({*second}) == 1:  # no spread at all: certain either way
        return TestResult(1.0 if means[0] == means[1] else 0.0, 0.0, higher)
    first_spread, second_spread = statistics.stdev(first), statistics.stdev(second)
    p_value = scipy.stats.ttest_ind_from_stats(
        means[0], first_spread, len(first), means[1], second_spread, len(second), equal_var=False
    ).pvalue
    return TestResult(float(p_value), 0.0, higher)


def rank_sum_test(first: Sequence[float], second: Sequence[float]) -> TestResult:
    """Wilcoxon's rank-sum test (1945), exact with ties, which scipy's exact one does not allow.

    Memory spans are on a coarse scale with many ties, so that means say little. p is the
    share of all ways to divide the pooled values in two that move the first rank sum at least as
    far from its expectation. ValueError if a group is empty.
    """
    if not first or not second:
        raise ValueError("the rank-sum test needs at least one value in each group")
    n, total = len(first), len(first) + len(second)
    ranks = doubled_ranks([*first, *second])
    away = sum(ranks[:n]) - n * (total + 1)
    p_value = (_exact_p if total <= MAX_EXACT else _normal_p)(ranks, n, abs(away))
    return TestResult(p_value, min(1.0, 2 / math.comb(total, n)), away > 0)


def doubled_ranks(values: Sequence[float]) -> list[int]:
    """Twice the rank of each value, 1 for the smallest; equal ones share the mean of their ranks.

    5 7 7 1 → 4 7 7 2
    """
    return [
        2 * sum(other < value for other in values) + sum(other == value for other in values) + 1
        for value in values
    ]


def _exact_p(doubled: Sequence[int], n: int, away: int) -> float:
    """Count how many choices of n ranks have each sum."""
    ways: list[dict[int, int]] = [{0: 1}, *({} for _ in range(n))]
    for rank in doubled:
        for chosen in range(n, 0, -1):
            for total, count in ways[chosen - 1].items():
                ways[chosen][total + rank] = ways[chosen].get(total + rank, 0) + count
    expected = n * (len(doubled) + 1)
    far = sum(count for total, count in ways[n].items() if abs(total - expected) >= away)
    return far / math.comb(len(doubled), n)


def _normal_p(doubled: Sequence[int], n: int, away: int) -> float:
    """The normal approximation, with the variance of the tied ranks."""
    total = len(doubled)
    spread = sum((rank - (total + 1)) ** 2 for rank in doubled) / (total * (total - 1))
    deviation = math.sqrt(n * (total - n) * spread)
    return math.erfc(away / deviation / math.sqrt(2)) if deviation else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction (1979): the chance of any false difference stays below the level.

    The smallest p is multiplied by the number of tests, the next by one less and so on; none is
    below the one before or above 1.
    """
    corrected, largest = [0.0] * len(p_values), 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * p_values[index]))
        corrected[index] = largest
    return corrected
