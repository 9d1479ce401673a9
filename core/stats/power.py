"""What so many seeds can show: the smallest difference, and how many seeds a difference needs.

For two-sided tests with 80% power, of values that are normally distributed on the scale on which
they are compared, each group with its own standard deviation. Power is simulated, always with the
same draws: the degrees of freedom of Welch's test are random, so that Student's formula promises
too much (at three seeds a power of 80% where Welch's test has 70%).

A difference in units of the standard deviation that is found in four of five cases at 5%:

| seeds in each group | 3 | 5 | 8 | 16 |
|---|---|---|---|---|
| Welch's t test | 3.5 | 2.1 | 1.5 | 1.0 |
| exact rank-sum test | – | 2.3 | 1.6 | 1.1 |
"""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy
import scipy  # its submodules are loaded when they are first used
from numpy.typing import NDArray

from core.stats.tests import MAX_EXACT, rank_sums

POWER = 0.8
MAX_SEEDS = 128
"""More seeds than this in each group are not recommended to anybody."""
SIMULATED = 4000
"""Pairs of groups."""
BLOCKS = 20
"""In which they are simulated: all at once would take 60 MB for a moment, and keep some."""
MANY_PAIRS = 1000
"""Pairs of values, from which on a rank test's power is that of a t test with fewer seeds."""

Numbers = NDArray[numpy.float64]


class Spread(NamedTuple):
    """The number of values of a group, and their standard deviation on the compared scale."""

    n: int
    deviation: float


Shifts = Callable[[Spread, Spread, float], Numbers | None]
"""(groups, level) → for each simulated pair the shift from which on the test finds a difference;
None where it can find none."""


@functools.lru_cache(maxsize=1024)
def detectable(shifts: Shifts, first: Spread, second: Spread, level: float) -> float | None:
    """The smallest difference that the test finds with 80% power."""
    found = shifts(first, second, level)
    return None if found is None else float(numpy.quantile(found, POWER))


@functools.lru_cache(maxsize=1024)  # simulations take a second where a page has many pairs
def seeds_to_find(
    shifts: Shifts, difference: float, first: Spread, second: Spread, level: float
) -> int | None:
    """The smallest number of seeds in each group that finds the difference with 80% power; None
    where no reasonable number does."""

    def enough(n: int) -> bool:
        found = shifts(first._replace(n=n), second._replace(n=n), level)
        return found is not None and bool((found <= abs(difference)).mean() >= POWER)

    low, high = 1, MAX_SEEDS
    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def spread_of(values: Sequence[float]) -> Spread:
    return Spread(len(values), statistics.stdev(values))


def welch_shifts(first: Spread, second: Spread, level: float) -> Numbers:
    """|d + δ| / s exceeds the critical value of t from δ = t s - d on, s² = s₁²/n₁ + s₂²/n₂."""
    one, other = _drawn(first, 0), _drawn(second, 1)
    variances = [values.var(axis=1, ddof=1) / values.shape[1] for values in (one, other)]
    total = variances[0] + variances[1]
    degrees = total**2 / sum(
        variance**2 / (group.n - 1)
        for variance, group in zip(variances, (first, second), strict=True)
    )
    critical: Numbers = scipy.special.stdtrit(degrees, 1 - level / 2)
    shifts: Numbers = critical * numpy.sqrt(total) - (one.mean(axis=1) - other.mean(axis=1))
    return shifts


def rank_shifts(first: Spread, second: Spread, level: float) -> Numbers | None:
    """The test finds a difference as soon as U, the number of pairs in which the first value is the
    larger one, is large enough: from one of the sorted differences on. Many seeds need π/3 times
    as many as a t test does (Hodges & Lehmann 1956)."""
    if first.n * second.n > MANY_PAIRS:
        return welch_shifts(first, second, level) * math.sqrt(math.pi / 3)
    needed = _critical_u(first.n, second.n, level)
    if needed is None:
        return None
    shifts = []
    blocks = (numpy.split(_drawn(group, n), BLOCKS) for n, group in enumerate((first, second)))
    for one, other in zip(*blocks, strict=True):
        differences = (other[:, None, :] - one[:, :, None]).reshape(len(one), -1)
        shifts.append(numpy.partition(differences, needed - 1, axis=1)[:, needed - 1])
    return numpy.concatenate(shifts)


def _drawn(group: Spread, which: int) -> Numbers:
    return group.deviation * _normal(group.n, which)


@functools.lru_cache(maxsize=8)
def _normal(n: int, which: int) -> Numbers:
    drawn: Numbers = numpy.random.default_rng((which, n)).normal(size=(SIMULATED, n))
    return drawn


def _critical_u(n: int, m: int, level: float) -> int | None:
    """The smallest U that is significant; None if even the largest is not."""
    if n + m > MAX_EXACT:
        z = float(scipy.special.ndtri(1 - level / 2))
        return math.ceil(n * m / 2 + z * math.sqrt(n * m * (n + m + 1) / 12))
    smallest = n * (n + 1) // 2
    sums = rank_sums(tuple(range(1, n + m + 1)), n)
    above, critical = 0, None
    for u in range(n * m, n * m // 2, -1):
        above += sums.get(smallest + u, 0)
        if 2 * above > level * math.comb(n + m, n):
            break
        critical = u
    return critical
