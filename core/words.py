"""Numbers in words: how results are read aloud, the same in every experiment."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.statistics import Estimate


def number(value: float, digits: int = 3) -> str:
    """To so many significant digits, zeros included: `0.860`, `4.00`, `1,230`, `2.66e-05`."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞"
    rounded = float(f"{value:.{digits}g}")
    if rounded and not 1e-3 <= abs(rounded) < 1e6:
        return f"{rounded:.{digits}g}"
    whole = abs(rounded) >= 10 ** (digits - 1)
    return f"{rounded:,.0f}" if whole else f"{rounded:#.{digits}g}"


def spread(estimate: Estimate, digits: int = 3) -> str:
    """The interval and the number of seeds: `95% interval 0.85 to 0.87, 8 seeds`."""
    if estimate.value is None:
        return "not measured"
    if estimate.n == 1:
        return "one seed: no interval"
    seeds = f"{estimate.n} seeds"
    if estimate.low is None or estimate.high is None:
        return f"{seeds}: too few for an interval"
    low, high = number(estimate.low, digits), number(estimate.high, digits)
    return f"95% interval {low} to {high}, {seeds}"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
