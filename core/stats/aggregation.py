"""How values of single seeds are combined into an estimate, and how two groups are compared.

A summary's column declares one of these. Its values are compared on the scale on which they spread
alike: rates and ratios by their logarithms, percentages by their log odds. Welch's t test compares
means on that scale; the exact rank-sum test compares what is coarse, skewed or censored; counts
need no test.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.stats.estimates import (
    AtLeast,
    Estimate,
    finite,
    geometric_mean_estimate,
    half_life,
    majority_bounds,
    majority_estimate,
    mean_estimate,
    median_estimate,
)
from core.stats.power import (
    Shifts,
    detectable,
    rank_shifts,
    seeds_to_find,
    spread_of,
    welch_shifts,
)
from core.stats.tests import TestResult, rank_sum_test, welch_test

Values = Sequence[float]
MAX_SEEDS_TRIED = 100


@dataclass(frozen=True)
class Scale:
    """A monotone map from values to what is compared, and back."""

    forward: Callable[[float], float]
    """nan where a value has no place on the scale."""
    backward: Callable[[float], float]
    middle: float = math.inf
    """Above it, the upper end is the nearer one."""

    def of(self, values: Values) -> list[float]:
        """The values on this scale; those that have no place on it are left out."""
        return [y for value in values if (y := finite(self.forward(value))) is not None]


@dataclass(frozen=True)
class Comparer:
    """A test of two groups, and what it can show."""

    name: str
    """Empty for exact numbers, which need no test."""
    test: Callable[[Values, Values], TestResult]
    shifts: Shifts
    least: int = 2
    """Values that each group needs."""


def _multiple(value: float, factor: float) -> float:
    """So many times the value; of a lower bound, a lower bound."""
    return AtLeast(factor * value) if isinstance(value, AtLeast) else factor * value


@dataclass(frozen=True)
class Aggregation:
    """The estimate from one value per seed, and the test of a difference."""

    name: str
    """The name of the estimate: `geometric mean`."""
    estimate: Callable[[Values], Estimate]
    comparer: Comparer
    scale: Scale
    shown: Callable[[float], float] = float
    """(value of one seed) → the measure: a half-life of a decay rate."""
    times: Callable[[float, float], float] = _multiple
    """(value of one seed, factor) → the value at which the measure is so many times as large."""
    relative: bool = False
    """Whether a margin is a share of the measure (10%) rather than an amount (2 points)."""
    margin: float = 0.0
    """Groups that surely differ by less are called equal, unless a column has its own margin; 0:
    never."""

    @property
    def of_median(self) -> bool:
        """Whether it takes a median rather than a mean."""
        return self.estimate in (median_estimate, majority_estimate)

    @property
    def has_interval(self) -> bool:
        """Whether an interval covers about as often as it says."""
        return self.estimate is not majority_estimate

    def bounds(self, estimate: Estimate, values: Values) -> tuple[float, float] | None:
        """What decides on which side of a limit the measure is: both ends of its interval; of what
        a majority reached, which has none, two of the values."""
        if not self.has_interval:
            return majority_bounds(values)
        low, high = estimate.low, estimate.high
        return None if low is None or high is None else (low, high)

    @property
    def test_name(self) -> str:
        return self.comparer.name

    @property
    def exact(self) -> bool:
        """Whether the values are counted rather than estimated."""
        return not self.comparer.name

    def test(self, first: Values, second: Values) -> TestResult | None:
        """The difference of two groups; None where the test needs more values."""
        samples = self.scale.of(first), self.scale.of(second)
        few = min(map(len, samples)) < self.comparer.least
        return None if few else self.comparer.test(*samples)

    def p_equivalent(self, first: Values, second: Values, margin: float) -> float | None:
        """p of two one-sided tests (Schuirmann 1987): the groups differ by less than the margin.

        None where the test needs more values, and where some are only lower bounds.
        """
        if margin <= 0 or any(isinstance(value, AtLeast) for value in (*first, *second)):
            return None

        above = self.test(*self._apart(first, second, margin))  # the first is not lower by it
        below = self.test(*self._apart(second, first, margin))
        return None if above is None or below is None else max(above.p_higher, below.p_higher)

    def _apart(self, first: Values, second: Values, margin: float) -> tuple[Values, Values]:
        """The first raised by the margin, or the second lowered where the first has no room."""
        if self.relative:
            return [self.times(value, 1 + margin) for value in first], second
        if statistics.median([*first, *second]) > self.scale.middle:
            return first, [value - margin for value in second]
        return [value + margin for value in first], second

    def detectable(self, first: Values, second: Values, level: float) -> float | None:
        """The smallest difference from the first group that the test finds with 80% power.

        In the measure's own unit; on a bent scale the larger of those upwards and downwards.
        """
        samples = self._samples(first, second)
        if samples is None:
            return None
        spreads = [spread_of(values) for values in samples]
        step = detectable(self.comparer.shifts, spreads[0], spreads[1], level)
        if step is None:
            return None
        middle = statistics.median(samples[0])
        start = self.shown(self.scale.backward(middle))
        ends = (self.shown(self.scale.backward(middle + way * step)) for way in (-1, 1))
        return max((d for end in ends if math.isfinite(d := abs(end - start))), default=None)

    def seeds_to_decide(self, first: Values, second: Values, level: float) -> int | None:
        """How many seeds in each group find the difference seen, if it is real, with 80% power.

        None where no reasonable number does.
        """
        samples = self._samples(first, second)
        if samples is None:
            return None
        seen = statistics.fmean(samples[0]) - statistics.fmean(samples[1])
        spreads = [spread_of(values) for values in samples]
        if not seen:
            return None
        return seeds_to_find(self.comparer.shifts, seen, spreads[0], spreads[1], level)

    def _samples(self, first: Values, second: Values) -> tuple[list[float], list[float]] | None:
        """Both groups on the scale; None where they are too few, or their spread is not known."""
        samples = self.scale.of(first), self.scale.of(second)
        constant = all(len({*values}) < 2 for values in samples)
        bounded = any(isinstance(value, AtLeast) for values in samples for value in values)
        few = self.exact or min(map(len, samples)) < 2
        return None if few or constant or bounded else samples

    def seeds_needed(self, pairs: int, level: float) -> int | None:
        """The smallest number of seeds in each group with which any of so many pairs can differ.

        Groups that do not overlap at all must reach the level after Holm's correction. None where
        no reasonable number does.
        """
        for n in range(2, MAX_SEEDS_TRIED):
            result = self.comparer.test(
                [float(x) for x in range(n)], [float(x + n) for x in range(n)]
            )
            if pairs * result.min_p <= level:
                return n
        return None


def _separate(first: Values, second: Values) -> TestResult:
    """A certain difference if all values of one group are above all of the other, else none."""
    higher = min(first) > max(second)
    apart = higher or max(first) < min(second)
    return TestResult(0.0 if apart else 1.0, 0.0 if higher else 1.0, 0.0, higher)


def _exact_estimate(values: Values) -> Estimate:
    """The number that all have; if they differ, their mean and their range."""
    if not values:
        return mean_estimate(())
    low, high = min(values), max(values)
    if low == high:
        return Estimate(low, None, None, len(values))
    return Estimate(statistics.fmean(values), low, high, len(values))


def _logarithm(value: float) -> float:
    return math.log(value) if value > 0 else math.nan


def _exponential(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


NEAREST = 0.05
"""Percent: accuracies this close to 0 or 100 have the log odds of this value."""


def _log_odds(percent: float) -> float:
    inside = min(max(percent, NEAREST), 100 - NEAREST)
    return math.log(inside / (100 - inside))


def _from_log_odds(odds: float) -> float:
    return 100 / (1 + math.exp(-odds))


LINEAR = Scale(lambda value: value, float)  # keeps a lower bound what it is
LOGARITHM = Scale(_logarithm, _exponential)
LOG_ODDS = Scale(_log_odds, _from_log_odds, middle=50.0)


def _welch(of: str = "") -> Comparer:
    return Comparer(f"Welch's t test{of}", welch_test, welch_shifts)


RANKS = Comparer("exact rank-sum test", rank_sum_test, rank_shifts)

MEAN = Aggregation("mean", mean_estimate, _welch(), LINEAR)
"""For values that are nearly normal: the t interval of others does not cover."""
GEOMETRIC_MEAN = Aggregation(
    "geometric mean",
    geometric_mean_estimate,
    _welch(" of logarithms"),
    LOGARITHM,
    relative=True,
    margin=0.05,
)
"""For rates and ratios."""
HALF_LIFE = Aggregation(
    "half-life of the geometric mean",
    lambda rates: geometric_mean_estimate(rates).transformed(half_life),
    _welch(" of the decay rates' logarithms"),
    LOGARITHM,
    shown=half_life,
    times=lambda rate, factor: rate ** (1 / factor) if rate > 0 else rate,
    relative=True,
    margin=0.1,
)
"""Its values are decay rates: half-lives may be infinite, and infinities have no mean. A gradient
that lasts n times as long keeps the n-th root of its rate."""
ACCURACY = Aggregation("median", median_estimate, _welch(" of log odds"), LOG_ODDS, margin=2.0)
"""For percentages: near 0 or 100 they are skewed, so that the interval of a mean does not cover."""
MEDIAN = Aggregation("median", median_estimate, RANKS, LINEAR, relative=True, margin=0.1)
"""For what is skewed, or censored: see `AtLeast`."""
MAJORITY = Aggregation(
    "what a majority reached", majority_estimate, RANKS, LINEAR, relative=True, margin=0.1
)
"""The largest value that more than half of the seeds reached, on a grid of values."""
EXACT = Aggregation(
    "exact", _exact_estimate, Comparer("", _separate, lambda *_: None, least=1), LINEAR
)
"""A count, or what follows from the settings: the same whatever the seed."""
