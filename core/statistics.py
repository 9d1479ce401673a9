"""What a handful of seeds can tell: estimates with intervals, and whether a difference is noise."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

CONFIDENCE = 0.95
Value = TypeVar("Value")


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval over n seeds; None where there is none (n < 2: no interval)."""

    value: float | None
    low: float | None
    high: float | None
    n: int

    def transformed(self, rising: Callable[[float], float]) -> Estimate:
        """The estimate of a rising function of the value: its interval is that of the endpoints."""
        value, low, high = (
            None if x is None else rising(x) for x in (self.value, self.low, self.high)
        )
        return Estimate(value, low, high, self.n)

    def within(self, lowest: float, highest: float) -> Estimate:
        """The same, with its interval cut to what the value can be: percentages to 0 … 100."""
        low, high = (
            None if x is None else min(max(x, lowest), highest) for x in (self.low, self.high)
        )
        return Estimate(self.value, low, high, self.n)


MISSING = Estimate(None, None, None, 0)


def mean_estimate(values: Iterable[float | None]) -> Estimate:
    """Mean with Student's t interval over the finite values."""
    known = _known(values)
    if not known:
        return MISSING
    mean = statistics.fmean(known)
    if len(known) < 2:
        return Estimate(mean, None, None, len(known))
    half = _t_quantile(len(known) - 1) * statistics.stdev(known) / math.sqrt(len(known))
    return Estimate(mean, mean - half, mean + half, len(known))


def geometric_mean_estimate(values: Iterable[float | None]) -> Estimate:
    """Geometric mean with the t interval of the logarithms, over the finite values above zero."""
    logs = [math.log(value) for value in _known(values) if value > 0]
    return mean_estimate(logs).transformed(_exp)


def median_estimate(values: Iterable[float | None]) -> Estimate:
    """Median with the order-statistic interval: no assumption, but none below six values.

    The interval is from the j-th smallest to the j-th largest value, for the largest j at which
    P(fewer than j of n fair coins show heads) ≤ 2.5%.
    """
    known = sorted(_known(values))
    if not known:
        return MISSING
    count, below, j = len(known), 0.0, 0
    while (below := below + math.comb(count, j) / 2**count) <= (1 - CONFIDENCE) / 2:
        j += 1
    low, high = (known[j - 1], known[-j]) if j else (None, None)
    return Estimate(statistics.median(known), low, high, count)


def success_estimate(successes: int, n: int) -> Estimate:
    """Percent of n trials with Wilson's score interval (1927): within 0 … 100 at any n, and never
    of no width, not even where every trial succeeded."""
    if not n:
        return MISSING
    share, z = successes / n, _normal_quantile()
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = (100 * (centre + side * half) / (1 + z * z / n) for side in (-1, 1))
    # Exactly at the ends, where rounding would leave 3e-15.
    return Estimate(100 * share, low if successes else 0.0, high if successes < n else 100.0, n)


def bootstrap_estimate(
    values: Sequence[Value], statistic: Callable[[Sequence[Value]], float]
) -> Estimate:
    """A statistic with its percentile bootstrap interval (Efron 1979); none of a single value.

    All resamples of up to 8 values are gone through, each as often as it would be drawn; of more,
    2,000 are drawn, always the same ones.
    """
    n = len(values)
    if not n:
        return MISSING
    if n < 2:
        return Estimate(statistic(values), None, None, n)
    weights: dict[float, float] = {}
    for resample, weight in _resamples(values):
        found = statistic(resample)
        weights[found] = weights.get(found, 0.0) + weight
    low, high = (_tail(weights, ascending) for ascending in (True, False))
    return Estimate(statistic(values), low, high, n)


EVERY_RESAMPLE = 8
"""Of 8 values there are 6,435 resamples, of 9 four times as many."""
RESAMPLES = 2000


def _resamples(values: Sequence[Value]) -> Iterator[tuple[list[Value], float]]:
    """Resamples, each with its weight; the order within one does not matter."""
    n = len(values)
    if n > EVERY_RESAMPLE:
        draw = random.Random(0)
        yield from ((draw.choices(values, k=n), 1.0) for _ in range(RESAMPLES))
        return
    for indices in itertools.combinations_with_replacement(range(n), n):
        orders = math.factorial(n)
        for count in Counter(indices).values():
            orders //= math.factorial(count)
        yield [values[index] for index in indices], float(orders)


def _tail(weights: dict[float, float], ascending: bool) -> float:
    """The first value, from one end, at which more than 2.5% of the weight is behind."""
    limit, behind = (1 - CONFIDENCE) / 2 * sum(weights.values()), 0.0
    for value in sorted(weights, reverse=not ascending):
        behind += weights[value]
        if behind > limit:
            break
    return value


def half_life(decay_rate: float) -> float:
    """Steps after which half is left: ln ½ / ln ρ; infinite where nothing is lost."""
    if decay_rate <= 0:
        return 0.0
    return math.inf if decay_rate >= 1 else math.log(0.5) / math.log(decay_rate)


def finite(value: float) -> float | None:
    """The value, or None for what a table leaves empty: infinities and nan."""
    return value if math.isfinite(value) else None


def _exp(x: float) -> float:
    """e^x, infinite rather than an error: two seeds can have a very wide interval."""
    return math.exp(x) if x < 700 else math.inf


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _t_quantile(degrees: float) -> float:
    # scipy costs a quarter of a second; the dashboard imports this file without computing.
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))


def _normal_quantile() -> float:
    return statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


Outcome = Literal["better", "worse", "not distinguishable", "not enough seeds"]


@dataclass(frozen=True)
class Group:
    """One side of a comparison: its name, and mean, standard error and number of its seeds."""

    name: str
    mean: float
    error: float | None
    """None for a single seed: nothing is known of the spread."""
    n: int

    @classmethod
    def of_values(cls, name: str, values: Iterable[float | None]) -> Group:
        """From one value per seed; ValueError if there is none."""
        known = _known(values)
        if not known:
            raise ValueError(f"{name} has no values to compare")
        spread = statistics.stdev(known) if len(known) > 1 else None
        error = None if spread is None else spread / math.sqrt(len(known))
        return cls(name, statistics.fmean(known), error, len(known))

    @classmethod
    def of_estimate(cls, name: str, estimate: Estimate) -> Group:
        """From a `mean_estimate` (its interval gives the standard error back)."""
        if estimate.value is None:
            raise ValueError(f"{name} has no values to compare")
        error = None
        if estimate.low is not None and estimate.high is not None:
            error = (estimate.high - estimate.low) / 2 / _t_quantile(estimate.n - 1)
        return cls(name, estimate.value, error, estimate.n)


@dataclass(frozen=True)
class Verdict:
    """What can be said of the first group against the second, and how surely."""

    first: Group
    second: Group
    outcome: Outcome
    p_value: float | None


def compare(
    first: Group, second: Group, *, higher_is_better: bool = True, level: float = 1 - CONFIDENCE
) -> Verdict:
    """Welch's t test of two means (1947): no assumption that both groups spread alike.

    With several comparisons at once, divide `level` by their number (Bonferroni).
    """
    if first.error is None or second.error is None:
        return Verdict(first, second, "not enough seeds", None)
    p_value = _welch_p(first, second)
    if p_value > level:
        return Verdict(first, second, "not distinguishable", p_value)
    better = (first.mean > second.mean) == higher_is_better
    return Verdict(first, second, "better" if better else "worse", p_value)


def _welch_p(first: Group, second: Group) -> float:
    """Two-sided p, degrees of freedom by Welch and Satterthwaite."""
    from scipy.special import stdtr

    a, b = (first.error or 0.0) ** 2, (second.error or 0.0) ** 2
    if a + b == 0:
        return 1.0 if first.mean == second.mean else 0.0
    degrees = (a + b) ** 2 / (a**2 / (first.n - 1) + b**2 / (second.n - 1))
    t = abs(first.mean - second.mean) / math.sqrt(a + b)
    return float(2 * stdtr(degrees, -t))
