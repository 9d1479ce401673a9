"""Estimates with 95% intervals over a few seeds."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import scipy  # its submodules are loaded when they are first used

CONFIDENCE = 0.95
Value = TypeVar("Value")


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval over n seeds; None where there is none (n < 2: no interval)."""

    value: float | None
    low: float | None
    high: float | None
    n: int

    def transformed(self, increasing: Callable[[float], float]) -> Estimate:
        """The estimate of an increasing function of the value; its interval is that of the ends."""
        value, low, high = (
            None if x is None else increasing(x) for x in (self.value, self.low, self.high)
        )
        return Estimate(value, low, high, self.n)

    def within(self, lowest: float, highest: float) -> Estimate:
        """The estimate with its interval cut to the possible values: percentages to 0 … 100."""
        low, high = (
            None if x is None else min(max(x, lowest), highest) for x in (self.low, self.high)
        )
        return Estimate(self.value, low, high, self.n)


MISSING = Estimate(None, None, None, 0)


def mean_estimate(values: Iterable[float | None]) -> Estimate:
    """Mean with Student's t interval over the finite values."""
    known = finite_values(values)
    if not known:
        return MISSING
    mean = statistics.fmean(known)
    if len(known) < 2:
        return Estimate(mean, None, None, len(known))
    quantile = float(scipy.special.stdtrit(len(known) - 1, (1 + CONFIDENCE) / 2))
    half = quantile * statistics.stdev(known) / math.sqrt(len(known))
    return Estimate(mean, mean - half, mean + half, len(known))


def geometric_mean_estimate(values: Iterable[float | None]) -> Estimate:
    """Geometric mean with the t interval of the logarithms, over the finite values above zero."""
    logs = [math.log(value) for value in finite_values(values) if value > 0]
    # Infinite rather than an error: two seeds can have a very wide interval.
    return mean_estimate(logs).transformed(lambda x: math.exp(x) if x < 700 else math.inf)


def median_estimate(values: Iterable[float | None]) -> Estimate:
    """Median with the order-statistic interval: no assumption, but none below six values.

    The interval is from the j-th smallest to the j-th largest value, for the largest j at which
    P(fewer than j of n fair coins show heads) ≤ 2.5%.
    """
    known = sorted(finite_values(values))
    if not known:
        return MISSING
    count, below, j = len(known), 0.0, 0
    while (below := below + math.comb(count, j) / 2**count) <= (1 - CONFIDENCE) / 2:
        j += 1
    low, high = (known[j - 1], known[-j]) if j else (None, None)
    return Estimate(statistics.median(known), low, high, count)


def success_estimate(successes: int, n: int) -> Estimate:
    """Percent of n trials with Wilson's score interval (1927): within 0 … 100 at any n, and never
    of zero width, not even where every trial succeeded."""
    if not n:
        return MISSING
    interval = scipy.stats.binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(100 * successes / n, 100 * float(interval.low), 100 * float(interval.high), n)


MAX_ENUMERATED = 8
"""Of 8 values there are 6,435 resamples, of 9 four times as many."""
RESAMPLES = 2000


def bootstrap_estimate(
    values: Sequence[Value], statistic: Callable[[Sequence[Value]], float]
) -> Estimate:
    """A statistic with its percentile bootstrap interval (Efron 1979); none of a single value.

    Of up to 8 values every resample is enumerated, weighted by how often it would be drawn; of
    more, 2,000 are drawn, always the same ones.
    """
    n = len(values)
    if not n:
        return MISSING
    if n < 2:
        return Estimate(statistic(values), None, None, n)
    weights: dict[float, float] = {}
    if n > MAX_ENUMERATED:
        draw = random.Random(0)
        resamples = ((draw.choices(values, k=n), 1.0) for _ in range(RESAMPLES))
    else:
        resamples = (
            ([values[i] for i in indices], float(_orderings(indices)))
            for indices in itertools.combinations_with_replacement(range(n), n)
        )
    for resample, weight in resamples:
        result = statistic(resample)
        weights[result] = weights.get(result, 0.0) + weight
    low, high = (_tail(weights, descending=end) for end in (False, True))
    return Estimate(statistic(values), low, high, n)


def _orderings(indices: Sequence[int]) -> int:
    """In how many orders the same indices can be drawn."""
    orders = math.factorial(len(indices))
    for count in Counter(indices).values():
        orders //= math.factorial(count)
    return orders


def _tail(weights: dict[float, float], descending: bool) -> float:
    """The first value, from one end, at which more than 2.5% of the weight lies behind."""
    limit, behind = (1 - CONFIDENCE) / 2 * sum(weights.values()), 0.0
    for value in sorted(weights, reverse=descending):
        behind += weights[value]
        if behind > limit:
            break
    return value


def intervals_apart(one: Estimate, other: Estimate) -> bool | None:
    """Whether two intervals do not overlap; None if one of them has none."""
    ends = (one.low, one.high, other.low, other.high)
    if any(end is None for end in ends):
        return None
    low, high, other_low, other_high = (float(end or 0.0) for end in ends)
    return high < other_low or other_high < low


def ratio_estimate(above: Estimate, below: Estimate) -> Estimate:
    """The ratio of two estimates, with the widest interval that theirs allow."""
    if not above.value or not below.value:
        return MISSING
    low = above.low / below.high if above.low is not None and below.high else None
    high = above.high / below.low if above.high is not None and below.low else None
    return Estimate(above.value / below.value, low, high, min(above.n, below.n))


def half_life(decay_rate: float) -> float:
    """Steps after which half is left: ln ½ / ln ρ; infinite where nothing is lost."""
    if decay_rate <= 0:
        return 0.0
    return math.inf if decay_rate >= 1 else math.log(0.5) / math.log(decay_rate)


def finite(value: float) -> float | None:
    """The value, or None for what a table leaves empty: infinities and nan."""
    return value if math.isfinite(value) else None


def finite_values(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]
