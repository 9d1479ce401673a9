"""Estimates with 95% intervals over a few seeds; none is given where nothing covers.

Coverage at 3, 5, 8 and 12 seeds and 12, 60 and 500 sentences is simulated in
`tests/core/stats/test_coverage.py`.
"""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import scipy  # its submodules are loaded when they are first used

CONFIDENCE = 0.95
Value = TypeVar("Value")
Seed = TypeVar("Seed", bound=Hashable)


class AtLeast(float):
    """A lower bound: the measurement ended before the value was reached (it is censored).

    A network that learned every lag tried has a span of at least the longest. Its place in an
    order is known only against what is smaller.
    """


def at_limit(value: float, limit: float | None) -> float:
    """The value, as a lower bound if it reached the limit of what was measured."""
    return AtLeast(limit) if limit is not None and value >= limit else value


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

    def censored(self, limit: float | None) -> Estimate:
        """The estimate with lower bounds in place of what reached the limit."""
        value, low, high = (
            None if x is None else at_limit(x, limit) for x in (self.value, self.low, self.high)
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


def settled_estimate(values: Mapping[Seed, float], drifts: Mapping[Seed, float]) -> Estimate:
    """The mean over seeds of means over steps; its 95% interval is widened to that of the second
    half of the steps alone.

    A transient that dies within the first half moves the mean of the whole by half of the drift
    (the second half's mean minus the first's), and the second half not at all.
    """
    whole = mean_estimate(values.values())
    second = mean_estimate(values[seed] + d / 2 for seed, d in drifts.items() if seed in values)
    ends = [e for e in (whole.low, whole.high, second.low, second.high) if e is not None]
    if whole.low is None or not ends:
        return whole
    return Estimate(whole.value, min(ends), max(ends), whole.n)


def geometric_mean_estimate(values: Iterable[float | None]) -> Estimate:
    """Geometric mean with the t interval of the logarithms, over the finite values above zero."""
    logs = [math.log(value) for value in finite_values(values) if value > 0]
    # Infinite rather than an error: two seeds can have a very wide interval.
    return mean_estimate(logs).transformed(lambda x: math.exp(x) if x < 700 else math.inf)


MIN_COVERED = 0.925
"""What an interval between two of the values must cover at least: of five values the smallest and
the largest have the median between them with probability 93.75%."""


def median_estimate(values: Iterable[float | None]) -> Estimate:
    """Median with an interval that assumes nothing of the distribution; none below five values.

    See `median_interval_places`.
    """
    known = sorted(finite_values(values))
    if not known:
        return MISSING
    n = len(known)
    middle = _between(known[(n - 1) // 2], known[n // 2], 0.5)
    places = median_interval_places(n)
    if places is None:
        return Estimate(middle, None, None, n)
    j, inwards = places
    low = _between(known[j - 1], known[j], inwards)
    high = _between(known[n - j], known[n - j - 1], inwards)
    return Estimate(middle, low, high, n)


@functools.cache
def median_interval_places(n: int) -> tuple[int, float] | None:
    """Where the median's interval ends: (j, w) is the j-th value from each side and w of the way to
    the next one; None where no two of n values cover enough.

    From the j-th smallest to the j-th largest covers 1 - 2 P(B < j), B the heads of n fair coins.
    Between the two j around 95% the ends are interpolated, as Hettmansperger & Sheather (1986) do.
    """
    j = _order_statistic(n, CONFIDENCE)
    if j == 0:
        return (1, 0.0) if _order_statistic(n, MIN_COVERED) else None
    wide, narrow = _covered(n, j), _covered(n, j + 1)
    share = (wide - CONFIDENCE) / (wide - narrow)
    return j, (n - j) * share / (j + (n - 2 * j) * share)


def majority_estimate(values: Iterable[float | None]) -> Estimate:
    """The largest value that more than half reached, without an interval.

    It is for values on a grid, whose points would be the ends: where most values are one point, any
    interval that has it covers nearly 100%. What decides on a limit is `majority_bounds`.
    """
    known = sorted(finite_values(values))
    return Estimate(known[(len(known) - 1) // 2], None, None, len(known)) if known else MISSING


def majority_bounds(values: Iterable[float | None]) -> tuple[float, float] | None:
    """Two of the values that have the median between them with at least 92.5%; None of fewer than
    five values.

    With ties it is more, so a decision by these bounds errs to the safe side.
    """
    known = sorted(finite_values(values))
    j = _order_statistic(len(known), MIN_COVERED)
    return (known[j - 1], known[-j]) if j else None


def _order_statistic(n: int, least: float) -> int:
    """The largest j whose j-th smallest and largest of n values cover so much; 0 if none does."""
    return sum(_covered(n, j) >= least for j in range(1, n // 2 + 1))


def _covered(n: int, j: int) -> float:
    """How probably the median lies between the j-th smallest and the j-th largest of n values."""
    return 1.0 - 2 * sum(math.comb(n, heads) for heads in range(j)) / 2.0**n


def _between(one: float, other: float, share: float) -> float:
    """A value on the way from one to the other; a lower bound if one of the two is one."""
    value = one + share * (other - one)
    bound = isinstance(one, AtLeast) or (share > 0 and isinstance(other, AtLeast))
    return AtLeast(value) if bound else float(value)


MIN_TRIALS = 60
"""A share of fewer has no interval. Their counts are so coarse that none covers 93 to 98% at every
share: of 12 at 99%, Wilson's covers 88.6% and the exact one of Clopper & Pearson more than 99%."""


def success_estimate(successes: int, n: int) -> Estimate:
    """Percent of n trials, from 60 on with Wilson's score interval (1927): within 0 … 100, and
    never of zero width. With p the share of successes and z = 1.96 it is

    (p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n)
    """
    if not n:
        return MISSING
    if n < MIN_TRIALS:
        return Estimate(100 * successes / n, None, None, n)
    z, share = float(scipy.special.ndtri((1 + CONFIDENCE) / 2)), successes / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2) / (1 + z**2 / n)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Estimate(100 * share, 100 * low, 100 * high, n)


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
