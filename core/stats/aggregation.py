"""How values of single seeds are combined into an estimate, and which test compares two groups.

A summary's column declares one of these. Welch's t test compares means, on the scale on which they
are means; the exact rank-sum test compares what is coarse or a median; counts need no test.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.stats.estimates import (
    Estimate,
    bootstrap_estimate,
    finite,
    geometric_mean_estimate,
    half_life,
    mean_estimate,
    median_estimate,
)
from core.stats.tests import TestResult, rank_sum_test, welch_test

Values = Sequence[float]
Test = Callable[[Values, Values], TestResult | None]
"""None where the test needs more values."""
MAX_SEEDS_TRIED = 100


@dataclass(frozen=True)
class Aggregation:
    """The estimate from one value per seed, and the test of a difference."""

    name: str
    """The name of the estimate: `geometric mean`."""
    test_name: str
    """Empty for exact numbers, which need no test."""
    estimate: Callable[[Values], Estimate]
    test: Test
    scale: Callable[[float, float], float] = lambda value, factor: factor * value
    """(value of one seed, factor) → the value at which the measure is so many times as large."""

    @property
    def exact(self) -> bool:
        """Whether the values are counted rather than estimated."""
        return not self.test_name

    def seeds_needed(self, pairs: int, level: float) -> int | None:
        """The smallest number of seeds in each group with which any of so many pairs can differ.

        Groups that do not overlap at all must reach the level after Holm's correction. None where
        no reasonable number does.
        """
        for n in range(2, MAX_SEEDS_TRIED):
            result = self.test([float(x) for x in range(n)], [float(x + n) for x in range(n)])
            if result is not None and pairs * result.min_p <= level:
                return n
        return None


def _welch(scale: Callable[[float], float]) -> Test:
    """Welch's test of values on another scale; values that have none there are left out."""

    def test(first: Values, second: Values) -> TestResult | None:
        scaled = [[finite(scale(value)) for value in values] for values in (first, second)]
        known = [[value for value in values if value is not None] for values in scaled]
        return None if min(map(len, known)) < 2 else welch_test(*known)

    return test


def _ranks(first: Values, second: Values) -> TestResult | None:
    return None if min(len(first), len(second)) < 2 else rank_sum_test(first, second)


def _logarithm(value: float) -> float:
    return math.log(value) if value > 0 else math.nan


def _exact_estimate(values: Values) -> Estimate:
    """The number that all have; if they differ, their mean and their range."""
    if not values:
        return mean_estimate(())
    low, high = min(values), max(values)
    if low == high:
        return Estimate(low, None, None, len(values))
    return Estimate(statistics.fmean(values), low, high, len(values))


def _separate(first: Values, second: Values) -> TestResult | None:
    """A certain difference if all values of one group are above all of the other, else none."""
    if not first or not second:
        return None
    higher = min(first) > max(second)
    return TestResult(0.0 if higher or max(first) < min(second) else 1.0, 0.0, higher)


WELCH, RANKS = "Welch's t test", "exact rank-sum test"

MEAN = Aggregation("mean", WELCH, mean_estimate, _welch(float))
GEOMETRIC_MEAN = Aggregation(
    "geometric mean", f"{WELCH} of logarithms", geometric_mean_estimate, _welch(_logarithm)
)
HALF_LIFE = Aggregation(
    "half-life of the geometric mean",
    f"{WELCH} of the decay rates' logarithms",
    lambda rates: geometric_mean_estimate(rates).transformed(half_life),
    _welch(_logarithm),
    scale=lambda rate, factor: rate ** (1 / factor) if rate > 0 else rate,
)
"""Its values are decay rates: half-lives may be infinite, and infinities have no mean. A gradient
that lasts n times as long keeps the n-th root of its rate."""
MEDIAN = Aggregation("median", RANKS, median_estimate, _ranks)
MAJORITY = Aggregation(
    "what a majority reached",
    RANKS,
    lambda values: bootstrap_estimate(values, statistics.median_low),
    _ranks,
)
"""The largest value that more than half of the seeds reached."""
EXACT = Aggregation("exact", "", _exact_estimate, _separate)
"""A count, or what follows from the settings: the same whatever the seed."""
