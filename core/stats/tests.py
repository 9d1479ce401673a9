"""Tests of whether two groups of values differ, and the correction for testing many pairs."""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import scipy  # its submodules are loaded when they are first used

from core.stats.estimates import AtLeast

MAX_EXACT = 30
"""The most values in both groups for an exact rank-sum test; beyond, it is approximated."""


@dataclass(frozen=True)
class TestResult:
    """What a test says of a first group of values against a second."""

    __test__ = False  # pytest collects classes that are called Test…

    p_value: float
    """Two-sided."""
    p_higher: float
    """One-sided: how probable a first group this high is if it is not the higher one."""
    min_p: float
    """The smallest p that groups of these sizes can have."""
    higher: bool
    """Whether the first values are the higher ones."""


def welch_test(first: Sequence[float], second: Sequence[float]) -> TestResult:
    """Welch's t test (1947) of two means, which does not assume that both groups spread alike:

    t = (m₁ − m₂) / √(s₁²/n₁ + s₂²/n₂)

    ValueError if a group has fewer than two values.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError("Welch's test needs at least two values in each group")
    means = [statistics.fmean(values) for values in (first, second)]
    higher = means[0] > means[1]
    if len({*first}) == 1 and len({*second}) == 1:  # no spread at all: certain either way
        certain = 1.0 if means[0] == means[1] else 0.0
        return TestResult(certain, 0.0 if higher else 1.0, 0.0, higher)
    errors = [statistics.stdev(values) / math.sqrt(len(values)) for values in (first, second)]
    error = math.hypot(*errors)
    # Welch and Satterthwaite's degrees of freedom, (s₁²/n₁ + s₂²/n₂)² / Σ (sᵢ²/nᵢ)² / (nᵢ − 1),
    # by each group's share of the error: squares of small spreads would underflow.
    shares = [
        (one / error) ** 4 / (len(v) - 1) for one, v in zip(errors, (first, second), strict=True)
    ]
    degrees = 1 / sum(shares)
    t = (means[0] - means[1]) / error
    p_value = 2 * float(scipy.special.stdtr(degrees, -abs(t)))
    return TestResult(p_value, p_value / 2 if higher else 1 - p_value / 2, 0.0, higher)


def rank_sum_test(first: Sequence[float], second: Sequence[float]) -> TestResult:
    """Wilcoxon's rank-sum test (1945), exact with ties, which scipy's exact one does not allow.

    Memory spans are on a coarse scale with many ties, so that means say little. p is the
    share of all ways to divide the pooled values in two that move the first rank sum at least as
    far from its expectation. Lower bounds have Gehan's ranks (1965), see `doubled_ranks`.
    ValueError if a group is empty.
    """
    if not first or not second:
        raise ValueError("the rank-sum test needs at least one value in each group")
    n, total = len(first), len(first) + len(second)
    ranks = doubled_ranks([*first, *second])
    away = sum(ranks[:n]) - n * (total + 1)
    p_value, p_higher = (_exact_p if total <= MAX_EXACT else _normal_p)(ranks, n, away)
    return TestResult(p_value, p_higher, min(1.0, 2 / math.comb(total, n)), away > 0)


def doubled_ranks(values: Sequence[float]) -> list[int]:
    """Twice the rank of each value, 1 for the smallest; equal ones share the mean of their ranks.

    5 7 7 1 → 4 7 7 2

    That is n + 1, and one more for each value that is known to be smaller, one less for each that
    is known to be larger. A lower bound is known to be larger than what lies below it, and nothing
    is known to be larger than a lower bound (Gehan 1965):

    5 ≥7 9 1 → 4 7 7 2
    """

    def smaller(one: float, other: float) -> bool:
        return one < other and not isinstance(one, AtLeast)

    return [
        len(values)
        + 1
        + sum(smaller(other, value) for other in values)
        - sum(smaller(value, other) for other in values)
        for value in values
    ]


def _exact_p(doubled: Sequence[int], n: int, away: int) -> tuple[float, float]:
    """Two-sided and one-sided, by counting."""
    sums, expected = rank_sums(tuple(sorted(doubled)), n), n * (len(doubled) + 1)
    far = sum(count for total, count in sums.items() if abs(total - expected) >= abs(away))
    high = sum(count for total, count in sums.items() if total - expected >= away)
    choices = math.comb(len(doubled), n)
    return far / choices, high / choices


@functools.lru_cache(maxsize=128)  # of two groups without ties the ranks are always the same ones
def rank_sums(ranks: tuple[int, ...], n: int) -> Mapping[int, int]:
    """Sum → how many choices of n of the ranks have it."""
    ways: list[dict[int, int]] = [{0: 1}, *({} for _ in range(n))]
    for rank in ranks:
        for chosen in range(n, 0, -1):
            for total, count in ways[chosen - 1].items():
                ways[chosen][total + rank] = ways[chosen].get(total + rank, 0) + count
    return ways[n]


def _normal_p(doubled: Sequence[int], n: int, away: int) -> tuple[float, float]:
    """The normal approximation, with the variance of the tied ranks."""
    total = len(doubled)
    spread = sum((rank - (total + 1)) ** 2 for rank in doubled) / (total * (total - 1))
    deviation = math.sqrt(n * (total - n) * spread)
    if not deviation:
        return 1.0, 1.0
    z = away / deviation / math.sqrt(2)
    return math.erfc(abs(z)), math.erfc(z) / 2


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
