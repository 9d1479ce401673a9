"""What samples of time say: quartiles, ratios turn by turn, growth with length."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from core.statistics import CONFIDENCE, MISSING, Estimate, median_estimate

FEWEST_BEYOND = 1
"""Samples that must lie beyond a quantile for it to be one: 100 for the 99th percentile."""


def microseconds(seconds: Sequence[float], share: float) -> float | None:
    """A quantile; None where too few samples lie beyond it, or there are none."""
    if not seconds or len(seconds) * (1 - share) < FEWEST_BEYOND - 1e-9:
        return None
    return 1e6 * quantile(seconds, share)


def quantile(values: Sequence[float], share: float) -> float:
    """Linear between order statistics: share 0 is the smallest, .5 the median, 1 the largest."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def relative_spread(values: Sequence[float]) -> float:
    """The middle half's width over the median."""
    return (quantile(values, 0.75) - quantile(values, 0.25)) / quantile(values, 0.5)


def paired_ratio(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """Median of the ratios turn by turn: what slows a whole turn down cancels."""
    return median_estimate(a / b for a, b in zip(above, below, strict=True))


def growth_exponent(seconds: Mapping[int, float]) -> Estimate:
    """b of time ∝ T^b from {T: seconds}: least squares on logarithms, Student's t interval.

    n is the number of lengths; two have no interval, one has no exponent.
    """
    if len(seconds) < 2:
        return MISSING
    lengths, times = (
        [math.log(v) for v in values] for values in zip(*seconds.items(), strict=True)
    )
    slope, intercept = statistics.linear_regression(lengths, times)
    freedom = len(seconds) - 2
    if freedom < 1:
        return Estimate(slope, None, None, len(seconds))
    from scipy.special import stdtrit  # a quarter of a second that warming up does not need

    pairs = zip(lengths, times, strict=True)
    residual = sum((y - intercept - slope * x) ** 2 for x, y in pairs) / freedom
    centre = statistics.fmean(lengths)
    error = math.sqrt(residual / sum((x - centre) ** 2 for x in lengths))
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    return Estimate(slope, slope - half, slope + half, len(seconds))
