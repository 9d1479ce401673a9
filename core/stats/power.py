"""What so many seeds can show: the smallest difference, and how many seeds a difference needs.

Both are for two-sided tests with 80% power, of values that are normally distributed on the scale
on which they are compared. A difference in units of the standard deviation:

| seeds in each group | 3 | 5 | 8 | 16 |
|---|---|---|---|---|
| Welch's t test at 5% | 3.1 | 2.0 | 1.5 | 1.0 |
"""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy
import scipy  # its submodules are loaded when they are first used

from core.stats.tests import MAX_EXACT, rank_sums

POWER = 0.8
MAX_SEEDS = 128
"""More seeds than this in each group are not recommended to anybody."""
SIMULATED = 4000
"""Pairs of groups from which a rank test's power is computed, always the same ones."""


class Spread(NamedTuple):
    """The number of values of a group, and their standard deviation on the compared scale."""

    n: int
    deviation: float


def spread_of(values: Sequence[float]) -> Spread:
    return Spread(len(values), statistics.stdev(values))


def welch_power(difference: float, first: Spread, second: Spread, level: float) -> float:
    """The probability that Welch's test finds a difference of means, by the noncentral t."""
    variances = [group.deviation**2 / group.n for group in (first, second)]
    error = math.sqrt(sum(variances))
    if error == 0:
        return 1.0 if difference else level
    degrees = sum(variances) ** 2 / sum(
        variance**2 / (group.n - 1)
        for variance, group in zip(variances, (first, second), strict=True)
    )
    critical = float(scipy.special.stdtrit(degrees, 1 - level / 2))
    shift = abs(difference) / error
    missed = scipy.special.nctdtr(degrees, shift, critical)
    opposite = scipy.special.nctdtr(degrees, shift, -critical)
    # It is nan so far out that nothing is missed.
    return 1.0 if math.isnan(missed) or math.isnan(opposite) else float(1 - missed + opposite)


def welch_detectable(first: Spread, second: Spread, level: float) -> float:
    """The smallest difference of means that Welch's test finds with 80% power."""
    deviations = max(first.deviation, second.deviation)
    if deviations == 0:
        return 0.0
    high = deviations
    while welch_power(high, first, second, level) < POWER:
        high *= 2
    return float(
        scipy.optimize.brentq(
            lambda d: welch_power(d, first, second, level) - POWER, 0.0, high, rtol=1e-4
        )
    )


def welch_seeds(difference: float, first: Spread, second: Spread, level: float) -> int | None:
    """The smallest number of seeds in each group with which Welch's test has 80% power."""

    def enough(n: int) -> bool:
        one, other = (group._replace(n=n) for group in (first, second))
        return welch_power(difference, one, other, level) >= POWER

    return _smallest(enough)


def rank_detectable(first: Spread, second: Spread, level: float) -> float | None:
    """The smallest shift that the rank-sum test finds with 80% power; None if it finds none."""
    shift = _rank_shift(first.n, second.n, level)
    return None if shift is None else shift * _pooled(first, second)


def rank_seeds(difference: float, first: Spread, second: Spread, level: float) -> int | None:
    """The smallest number of seeds in each group with which the rank-sum test has 80% power."""
    deviation = _pooled(first, second)

    def enough(n: int) -> bool:
        shift = _rank_shift(n, n, level)
        return shift is not None and shift * deviation <= abs(difference)

    return _smallest(enough)


def _pooled(first: Spread, second: Spread) -> float:
    """The standard deviation within the groups."""
    squares = sum((group.n - 1) * group.deviation**2 for group in (first, second))
    return math.sqrt(squares / (first.n + second.n - 2))


def _smallest(enough: Callable[[int], bool]) -> int | None:
    """The smallest number of seeds that is enough, if the largest is."""
    low, high = 1, MAX_SEEDS  # never enough; enough
    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@functools.lru_cache(maxsize=512)
def _rank_shift(n: int, m: int, level: float) -> float | None:
    """The shift, in standard deviations, that the rank-sum test finds in 80% of simulated pairs.

    The test finds a shift as soon as U, the number of pairs in which the first value is the larger
    one, is large enough. So in each pair of groups it is one of the sorted differences.
    """
    needed = _critical_u(n, m, level)
    if needed is None:
        return None
    draw = numpy.random.default_rng(0)
    first, second = draw.normal(size=(SIMULATED, n, 1)), draw.normal(size=(SIMULATED, 1, m))
    differences = (second - first).reshape(SIMULATED, n * m)
    shifts = numpy.partition(differences, needed - 1, axis=1)[:, needed - 1]
    return float(numpy.quantile(shifts, POWER))


def _critical_u(n: int, m: int, level: float) -> int | None:
    """The smallest U that is significant; None if even the largest is not."""
    if n + m > MAX_EXACT:
        z = float(scipy.special.ndtri(1 - level / 2))
        return math.ceil(n * m / 2 + z * math.sqrt(n * m * (n + m + 1) / 12))
    smallest = n * (n + 1) // 2
    sums = rank_sums(range(1, n + m + 1), n)
    above, critical = 0, None
    for u in range(n * m, n * m // 2, -1):
        above += sums.get(smallest + u, 0)
        if 2 * above > level * math.comb(n + m, n):
            break
        critical = u
    return critical
