"""How time grows with the length T: local exponents, t = a + b·T^p, and where T² dominates.

Every number is computed turn by turn, from times of all lengths in the same turn, so that what
slows a whole turn down cancels. Its median over the turns has the interval from order statistics,
which asks nothing of the noise but that turns are independent. A straight line through log t
against log T is not used: an overhead `a` bends it, and its slope is then that of no length.

Shapes: N turns, L lengths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy
from numpy.typing import ArrayLike, NDArray

from core.stats.estimates import MISSING, Estimate, median_estimate

Array: TypeAlias = NDArray[numpy.float64]

EXPONENTS = numpy.linspace(0.05, 4.0, 159)
"""The exponents that are tried."""
MAX_WIDTH = 1.0
"""The widest interval of an exponent that is given: a wider one does not tell T from T²."""
MAX_MISFIT = 0.1
"""How far the median times may miss the fitted curve for its exponent to be given: the root of the
sum of their squared relative deviations."""
MIN_FITTED = 3
"""The fewest lengths of t = a + b·T^p, which has three unknowns."""
MIN_SQUARED = 4
"""The fewest lengths of t = a + b·T + c·T²: one to spare."""


def local_exponent(
    shorter: int, longer: int, before: Sequence[float], after: Sequence[float]
) -> Estimate:
    """The exponent with which time grows between two lengths, log(t₂/t₁) / log(T₂/T₁).

    `before` and `after` are seconds at the shorter and the longer length, turn by turn. It needs no
    model: an overhead makes it smaller at short lengths, a T² part larger at long ones.
    """
    scale = math.log(longer / shorter)
    return median_estimate(math.log(b / a) / scale for a, b in zip(before, after, strict=True))


def growth_exponent(lengths: Sequence[int], seconds_NL: Sequence[Sequence[float]]) -> Estimate:
    """The exponent p of t = a + b·T^p, where the turns determine it; else missing.

    Each turn's p is that of least squared relative deviations. It is missing with fewer than three
    lengths or five turns; where its interval reaches an end of `EXPONENTS` or is wider than
    `MAX_WIDTH`; and where the median times miss the curve by more than `MAX_MISFIT`.
    """
    if len(lengths) < MIN_FITTED or not len(seconds_NL):
        return MISSING
    estimate = median_estimate(fitted_exponents(lengths, seconds_NL).tolist())
    if (low := estimate.low) is None or (high := estimate.high) is None:
        return MISSING
    if not EXPONENTS[0] < low <= high < EXPONENTS[-1]:
        return MISSING
    typical_1L = numpy.median(numpy.asarray(seconds_NL, dtype=float), axis=0)[None]
    misfit = _squared_residuals(lengths, typical_1L, estimate.value or 0.0)
    return determined(estimate) if misfit.max() <= MAX_MISFIT**2 else MISSING


def fitted_exponents(lengths: Sequence[int], seconds_NL: ArrayLike) -> Array:
    """The exponent p of each turn's best a + b·T^p, ...N; batched over leading axes.

    The best that is tried is refined by the parabola through it and its neighbours; at an end of
    what is tried it stays.
    """
    t_NL = numpy.asarray(seconds_NL, dtype=float)
    misfits_EN = numpy.stack([_squared_residuals(lengths, t_NL, p) for p in EXPONENTS])
    best_N = misfits_EN.argmin(axis=0)
    inner_N = best_N.clip(1, len(EXPONENTS) - 2)
    before, at, after = (
        numpy.take_along_axis(misfits_EN, (inner_N + step)[None], axis=0)[0] for step in (-1, 0, 1)
    )
    bend = before - 2 * at + after
    refined = numpy.where(
        (bend > 0) & (inner_N == best_N), (before - after) / (2 * bend + (bend <= 0)), 0.0
    )
    exponents_N: Array = EXPONENTS[best_N] + (EXPONENTS[1] - EXPONENTS[0]) * refined
    return exponents_N


def _squared_residuals(lengths: Sequence[int], t_NL: Array, exponent: float) -> Array:
    """What the best a + b·T^p leaves of each turn, relative to the median times, ...N.

    Those medians are the weights of all turns, so that no turn's noise weighs its own times.
    """
    typical_1L = numpy.median(t_NL, axis=-2, keepdims=True)
    share_L = numpy.asarray(lengths, dtype=float) / max(lengths)
    relative_NL = t_NL / typical_1L
    left_N: Array = (relative_NL**2).sum(axis=-1)
    first_1L = _unit(1 / typical_1L)
    power_1L = share_L**exponent / typical_1L
    second_1L = _unit(power_1L - (first_1L * power_1L).sum(-1, keepdims=True) * first_1L)
    for basis_1L in (first_1L, second_1L):  # orthonormal: Pythagoras
        left_N = left_N - (relative_NL * basis_1L).sum(axis=-1) ** 2
    return left_N


def _unit(vectors: Array) -> Array:
    scaled: Array = vectors / numpy.sqrt((vectors**2).sum(axis=-1, keepdims=True))
    return scaled


def determined(exponent: Estimate) -> Estimate:
    """The exponent if it has an interval that tells T from T²; else missing."""
    known = exponent.low is not None and exponent.high is not None
    return exponent if known and _width(exponent) <= MAX_WIDTH else MISSING


def _width(estimate: Estimate) -> float:
    return (estimate.high or 0.0) - (estimate.low or 0.0)


def quadratic_from(lengths: Sequence[int], seconds_NL: Sequence[Sequence[float]]) -> Estimate:
    """The length from which c·T² is more than half of t = a + b·T + c·T², if it is in the range.

    Where even the lower end of its interval is beyond the longest length, the value is that length,
    without an interval: at least so long. Missing where the turns do not tell.
    """
    if len(lengths) < MIN_SQUARED or not len(seconds_NL):
        return MISSING
    t_NL = numpy.asarray(seconds_NL, dtype=float)
    typical_L = numpy.median(t_NL, axis=0)
    share_L = numpy.asarray(lengths, dtype=float) / max(lengths)
    columns = numpy.vander(share_L, 3, increasing=True) / typical_L[:, None]
    crossings = []
    for row_L in t_NL / typical_L:
        a, b, c = numpy.linalg.lstsq(columns, row_L, rcond=None)[0]
        crossings.append(_crossing(a, b, c) * max(lengths))
    # Infinities are ordered like any other number, but no estimate takes them.
    estimate = median_estimate(min(length, 1e300) for length in crossings)
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return MISSING
    if estimate.low >= max(lengths):
        return Estimate(float(max(lengths)), None, None, estimate.n)
    within = min(lengths) <= estimate.low and estimate.high <= max(lengths)
    return estimate if within else MISSING


def _crossing(a: float, b: float, c: float) -> float:
    """The T from which c·T² > a + b·T; infinite where it never is."""
    if c <= 0:
        return math.inf
    inside = b * b + 4 * a * c
    return (b + math.sqrt(inside)) / (2 * c) if inside > 0 else 0.0
