"""Distances, lines and their fit on curves whose answers are known by hand."""

from __future__ import annotations

import math

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.measure.distances import (
    FLOAT32_LIMIT,
    HALF,
    ONE_PERCENT,
    STRAIGHT,
    change_over_range,
    distance_to,
    fitted_range,
    r_squared,
    relative,
)


def test_a_scalar_recurrence_of_nine_tenths_halves_where_arithmetic_says() -> None:
    curve = [k * math.log10(0.9) for k in range(100)]
    assert distance_to(curve, HALF) == pytest.approx(math.log(0.5) / math.log(0.9), rel=1e-12)
    assert distance_to(curve, ONE_PERCENT) == pytest.approx(math.log(0.01) / math.log(0.9))
    assert r_squared(curve) == pytest.approx(1, abs=1e-12)
    assert change_over_range(curve) == pytest.approx(60 * math.log10(0.9))


def test_a_curve_that_falls_at_first_and_stays_has_halved_early_whatever_its_line_says() -> None:
    """Forget bias 2 and 3 in small: half of the gradient is gone in a step, the line is level."""
    curve = [0.0, -0.4, *[-0.5 - 0.001 * k for k in range(98)]]
    assert distance_to(curve, HALF) == pytest.approx(HALF / -0.4)
    first, last = fitted_range(100)
    slope = numpy.polyfit(range(first, last + 1), curve[first : last + 1], 1)[0]
    assert math.log10(0.5) / slope > 200, "its half-life by the line"


def test_the_first_crossing_counts_and_lies_straight_between_two_steps() -> None:
    assert distance_to([0.0, -0.2, -0.4, -0.1, -0.9], -0.3) == pytest.approx(1.5)
    assert distance_to([0.0, -0.3], -0.3) == 1


def test_a_curve_that_never_gets_there_ends_at_the_longest_distance() -> None:
    assert distance_to([0.0, 0.1, -0.2], HALF) == 2
    assert distance_to([0.0], HALF) == 0


def test_what_is_exactly_zero_has_fallen_to_any_level_and_what_overflowed_to_none() -> None:
    assert distance_to([0.0, -0.1, -math.inf], HALF) == 2
    assert distance_to([0.0, 1.0, math.inf, math.nan, math.nan], HALF) == 4
    assert distance_to([-40.0, -50.0], FLOAT32_LIMIT) == 0
    assert relative([-math.inf, 0.0]) == []
    assert distance_to([], HALF) is None


def test_the_float32_limit_is_its_smallest_normal_number() -> None:
    smallest = float(numpy.finfo(numpy.float32).tiny)
    assert math.log10(smallest) == pytest.approx(FLOAT32_LIMIT, rel=1e-12)


@given(st.lists(st.floats(-30, 30), min_size=30, max_size=60))
def test_r_squared_is_the_squared_correlation(curve: list[float]) -> None:
    first, last = fitted_range(len(curve))
    y = numpy.array(curve[first : last + 1])
    found = r_squared(curve)
    if found is None:
        assert y.std() < 1e-8
    elif y.std() > 1e-6:
        assert found == pytest.approx(numpy.corrcoef(range(len(y)), y)[0, 1] ** 2, abs=1e-6)


def test_a_parabola_from_its_vertex_is_just_not_straight() -> None:
    curve = [float(max(0, k - 100) ** 2) for k in range(1000)]
    fit = r_squared(curve)
    assert fit == pytest.approx(15 / 16, abs=1e-3)
    assert fit < STRAIGHT < 0.98


def test_a_level_curve_has_no_r_squared() -> None:
    assert r_squared([1e-13 * (-1) ** k for k in range(50)]) is None
    assert r_squared([-math.inf] * 50) is None
