"""What a curve of gradient norms says: where it reaches a level, and whether it is a straight line.

A curve has, for each distance k = 0 … T − 1 in steps from the loss, the mean over a seed's samples
of the norms' log10: −∞ where a sample is exactly zero (the geometric mean is zero then), and not
below any level where one has overflowed. Needs no torch: tables of finished runs are read by the
same functions as what has just been measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Curve = Sequence[float]
"""Index k; log10."""

HALF, ONE_PERCENT = math.log10(0.5), -2.0
"""Levels relative to k = 0."""

FLOAT32_LIMIT = -126 * math.log10(2)
"""log10 of float32's smallest normal number, 2⁻¹²⁶ = 1.18e-38; below it digits are lost."""

STRAIGHT = 0.95
"""The least R² at which a straight line describes a curve. A parabola from its vertex, whose slope
grows from nothing to twice its mean, has 15/16 = 0.94."""

ROUNDING = 1e-9
"""A curve that varies less than this is level: R² would compare rounding errors."""


def fitted_range(steps: int) -> tuple[int, int]:
    """The first and the last distance of the straight line's fit: T/10 and 6T/10, rounded down.

    Nearer, the curve is bent by what the loss reads; further, by the state that starts from zero.
    """
    return steps // 10, 6 * steps // 10


def relative(curve_K: Curve) -> list[float]:
    """The curve minus its value at k = 0; empty where that is zero or has overflowed."""
    return [y - curve_K[0] for y in curve_K] if math.isfinite(curve_K[0]) else []


def distance_to(curve_K: Curve, level: float) -> float | None:
    """The first distance at which a curve is at a level or below, straight between two steps.

    T − 1, the longest distance measured, if it never is: then the distance is at least that.
    None of an empty curve.

        0 −0.2 −0.4 −0.3, level −0.3 → 1.5
    """
    if not curve_K:
        return None
    for k, y in enumerate(curve_K):
        if y <= level:
            before = curve_K[k - 1] if k else math.inf
            if not (math.isfinite(before) and math.isfinite(y)):
                return float(k)
            return k - 1 + (before - level) / (before - y)
    return float(len(curve_K) - 1)


def r_squared(curve_K: Curve) -> float | None:
    """R² of the least-squares line through the curve's finite points in the fitted range.

    1 − Σ (curve − line)² / Σ (curve − its mean)². None of fewer than three points, and of a level
    curve, which a line describes whatever R² may be.
    """
    first, last = fitted_range(len(curve_K))
    points = [(k, curve_K[k]) for k in range(first, last + 1) if math.isfinite(curve_K[k])]
    if len(points) < 3:
        return None
    mean_k, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    total = sum((y - mean_y) ** 2 for _, y in points)
    if total <= len(points) * ROUNDING**2:
        return None
    slope = sum((k - mean_k) * (y - mean_y) for k, y in points) / sum(
        (k - mean_k) ** 2 for k, _ in points
    )
    residual = sum((y - mean_y - slope * (k - mean_k)) ** 2 for k, y in points)
    return float(1 - residual / total)


def change_over_range(curve_K: Curve) -> float | None:
    """log10 of the norm at the end of the fitted range over that at k = 0; None if not finite."""
    change = curve_K[fitted_range(len(curve_K))[1]] - curve_K[0]
    return change if math.isfinite(change) else None
