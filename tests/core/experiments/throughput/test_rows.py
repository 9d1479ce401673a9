"""Quartiles, paired ratios and growth: exact on data whose answer is known."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.experiments.throughput.rows import (
    growth_exponent,
    microseconds,
    paired_ratio,
    quantile,
    rate,
    relative_spread,
)
from core.stats.estimates import MISSING, Estimate, median_estimate

LENGTHS = (128, 256, 512, 1024, 2048)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 1.5, 2.0])
def test_the_exponent_of_a_power_is_that_power(exponent: float) -> None:
    estimate = growth_exponent({t: 3e-7 * t**exponent for t in LENGTHS})
    assert estimate.value == pytest.approx(exponent, abs=1e-12)
    assert estimate.low == pytest.approx(exponent, abs=1e-6)
    assert estimate.high == pytest.approx(exponent, abs=1e-6)
    assert estimate.n == 5


def test_the_interval_of_growth_is_students() -> None:
    """By hand: residuals of (0, 0), (1, 1 + d), (2, 2) on the line y = d/3 + x."""
    d = 0.1
    estimate = growth_exponent({1: 1.0, 2: 2.0 ** (1 + d), 4: 4.0})
    error = math.sqrt((2 * (d / 3) ** 2 + (2 * d / 3) ** 2) / 2)
    assert estimate.value == pytest.approx(1.0)
    assert estimate.high == pytest.approx(1.0 + 12.7062 * error, rel=1e-5)
    assert estimate.low == pytest.approx(1.0 - 12.7062 * error, rel=1e-5)


def test_nineteen_of_twenty_intervals_of_growth_hold_the_truth() -> None:
    draw = random.Random(0)
    held = 0
    for _ in range(400):
        noisy = {t: t**1.2 * math.exp(draw.gauss(0, 0.05)) for t in LENGTHS}
        estimate = growth_exponent(noisy)
        assert estimate.low is not None
        assert estimate.high is not None
        held += estimate.low <= 1.2 <= estimate.high
    assert 0.92 <= held / 400 <= 0.98


def test_few_lengths_have_no_interval_and_one_has_no_exponent() -> None:
    two = growth_exponent({10: 1.0, 20: 2.0})
    assert (two.value, two.low, two.high, two.n) == (pytest.approx(1.0), None, None, 2)
    assert growth_exponent({10: 1.0}) == MISSING
    assert growth_exponent({}) == MISSING


def test_a_ratio_turn_by_turn_is_free_of_what_slows_whole_turns() -> None:
    slow = [1.0, 7.0, 2.0, 30.0, 1.5, 4.0]
    ratio = paired_ratio([3 * s for s in slow], slow)
    assert (ratio.value, ratio.low, ratio.high, ratio.n) == (3.0, 3.0, 3.0, 6)


def test_ratios_refuse_samples_that_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="argument 2 is longer"):
        paired_ratio([1.0], [1.0, 2.0])


def test_quantiles_are_linear_between_order_statistics() -> None:
    values = [4.0, 1.0, 3.0, 2.0, 5.0]
    assert [quantile(values, share) for share in (0, 0.25, 0.5, 0.75, 1)] == [1, 2, 3, 4, 5]
    assert quantile([1.0, 2.0], 0.25) == 1.25
    assert quantile([7.0], 0.99) == 7.0
    assert relative_spread(values) == pytest.approx(2 / 3)


@given(values=st.lists(st.floats(1e-6, 1e6), min_size=1), share=st.floats(0, 1))
def test_a_quantile_lies_within_and_rises(values: list[float], share: float) -> None:
    value = quantile(values, share)
    assert min(values) <= value <= max(values) * (1 + 1e-12)
    assert value <= quantile(values, min(1.0, share + 0.1)) * (1 + 1e-12)


def test_a_rate_is_highest_where_the_time_is_shortest() -> None:
    assert rate(100, Estimate(2.0, 1.0, 4.0, 9)) == Estimate(50.0, 25.0, 100.0, 9)
    assert rate(100, MISSING) == MISSING


def test_nine_repetitions_leave_the_extremes_out() -> None:
    values = [float(value) for value in range(1, 10)]
    assert (median_estimate(values).low, median_estimate(values).high) == (2.0, 8.0)
    assert median_estimate(values[:8]).low == 1.0


def test_a_quantile_needs_samples_beyond_it() -> None:
    assert microseconds([1e-6] * 99, 0.99) is None
    assert microseconds([1e-6] * 100, 0.99) == pytest.approx(1.0)
    assert microseconds([1e-6, 3e-6], 0.5) == pytest.approx(2.0)
    assert microseconds([], 0.5) is None
