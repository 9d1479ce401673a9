"""Do two handfuls of values differ? By ranks alone, exactly, whatever their distribution.

Spans are few steps of a coarse scale, with many ties: means and normal errors say little of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from core.statistics import CONFIDENCE, Outcome

EXACT = 30
"""Values in all up to which every way to divide them is counted; more are near enough normal."""


class RankVerdict(NamedTuple):
    """What can be said of the first values against the second."""

    outcome: Outcome
    p_value: float
    least_p: float
    """The smallest p that so many values can have: above the level, nothing can be found."""


def compare_ranks(
    first: Sequence[float],
    second: Sequence[float],
    *,
    higher_is_better: bool = True,
    level: float = 1 - CONFIDENCE,
) -> RankVerdict:
    """Wilcoxon's rank-sum test (1945) by permutation, ties and all; two-sided.

    p is the share of all ways to divide the pooled values in two that move the first rank sum at
    least as far from its expectation. With several comparisons at once, divide `level` by their
    number (Bonferroni). ValueError if a side is empty.
    """
    if not first or not second:
        raise ValueError("ranks are compared of at least one value on each side")
    n, total = len(first), len(first) + len(second)
    least_p = min(1.0, 2 / math.comb(total, n))
    doubled = doubled_ranks([*first, *second])
    away = sum(doubled[:n]) - n * (total + 1)
    p_value = (_exact_p if total <= EXACT else _normal_p)(doubled, n, abs(away))
    if p_value <= level:
        outcome: Outcome = "better" if (away > 0) == higher_is_better else "worse"
    else:
        outcome = "not enough seeds" if least_p > level else "not distinguishable"
    return RankVerdict(outcome, p_value, least_p)


def doubled_ranks(values: Sequence[float]) -> list[int]:
    """Twice the rank of each value, the smallest is 1; equal ones share the mean of theirs."""
    return [
        2 * sum(other < value for other in values) + sum(other == value for other in values) + 1
        for value in values
    ]


def _exact_p(doubled: Sequence[int], n: int, away: int) -> float:
    """Counts how many choices of n ranks have each sum."""
    ways: list[dict[int, int]] = [{0: 1}, *({} for _ in range(n))]
    for rank in doubled:
        for chosen in range(n, 0, -1):
            for total, count in ways[chosen - 1].items():
                ways[chosen][total + rank] = ways[chosen].get(total + rank, 0) + count
    expected = n * (len(doubled) + 1)
    far = sum(count for total, count in ways[n].items() if abs(total - expected) >= away)
    return far / math.comb(len(doubled), n)


def _normal_p(doubled: Sequence[int], n: int, away: int) -> float:
    """With the variance of the ranks as they are tied."""
    total = len(doubled)
    spread = sum((rank - (total + 1)) ** 2 for rank in doubled) / (total * (total - 1))
    deviation = math.sqrt(n * (total - n) * spread)
    return math.erfc(away / deviation / math.sqrt(2)) if deviation else 1.0
