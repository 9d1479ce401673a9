"""How do values of single seeds become one number, and which test tells two handfuls apart?

A summary's column says which of these it is. Welch's t test (1947) compares means, on the scale on
which they are means; Wilcoxon's exact rank-sum test (1945) compares what is coarse or a median.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.ranks import compare_ranks
from core.statistics import (
    Estimate,
    Group,
    bootstrap_estimate,
    compare,
    finite,
    geometric_mean_estimate,
    half_life,
    mean_estimate,
    median_estimate,
)

Values = Sequence[float]


@dataclass(frozen=True)
class Found:
    """What a test says of the first values against the second."""

    p_value: float
    least_p: float
    """The smallest p that so many values can have."""
    higher: bool
    """Whether the first values are the higher ones."""


@dataclass(frozen=True)
class Pooling:
    """From one value per seed to an estimate, and to the p of a difference."""

    name: str
    """Of the estimate: `geometric mean`."""
    test: str
    """Empty for exact numbers: they need none."""
    estimate: Callable[[Values], Estimate]
    difference: Callable[[Values, Values], Found | None]
    """None where a test needs more values."""


def _welch(scale: Callable[[float], float]) -> Callable[[Values, Values], Found | None]:
    def difference(first: Values, second: Values) -> Found | None:
        sides = [[finite(scale(value)) for value in values] for values in (first, second)]
        known = [[value for value in side if value is not None] for side in sides]
        if min(map(len, known)) < 2:
            return None
        one, other = (Group.of_values("", side) for side in known)
        p_value = compare(one, other).p_value
        return Found(1.0 if p_value is None else p_value, 0.0, one.mean > other.mean)

    return difference


def _ranks(first: Values, second: Values) -> Found | None:
    if min(len(first), len(second)) < 2:
        return None
    found = compare_ranks(first, second, level=1.0)
    return Found(found.p_value, found.least_p, found.outcome == "better")


def _logarithm(value: float) -> float:
    return math.log(value) if value > 0 else math.nan


def _exactly(values: Values) -> Estimate:
    """The number that all have; of several, their mean and how far they go."""
    if not values:
        return mean_estimate(())
    low, high = min(values), max(values)
    if low == high:
        return Estimate(low, None, None, len(values))
    return Estimate(statistics.fmean(values), low, high, len(values))


def _apart(first: Values, second: Values) -> Found | None:
    """Certain where all of one side are above all of the other, or all are the same."""
    if not first or not second:
        return None
    higher = min(first) > max(second)
    return Found(0.0 if higher or max(first) < min(second) else 1.0, 0.0, higher)


WELCH, RANKS = "Welch's t test", "exact rank-sum test"

MEAN = Pooling("mean", WELCH, mean_estimate, _welch(float))
GEOMETRIC_MEAN = Pooling(
    "geometric mean", f"{WELCH} of logarithms", geometric_mean_estimate, _welch(_logarithm)
)
HALF_LIFE = Pooling(
    "half-life of the geometric mean",
    f"{WELCH} of the decay rates' logarithms",
    lambda rates: geometric_mean_estimate(rates).transformed(half_life),
    _welch(_logarithm),
)
"""Its values are decay rates: half-lives may be infinite, and infinities have no mean."""
MEDIAN = Pooling("median", RANKS, median_estimate, _ranks)
MAJORITY = Pooling(
    "what a majority reached",
    RANKS,
    lambda values: bootstrap_estimate(values, statistics.median_low),
    _ranks,
)
"""The largest value that more than half of the seeds came to."""
EXACT = Pooling("exact", "", _exactly, _apart)
"""A count, or what follows from the settings: the same whatever the seed."""
