"""Quartiles, rates and paired ratios: exact on data whose answer is known."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.experiments.throughput.rows import (
    Results,
    latency_over_rnn,
    microseconds,
    paired_ratio,
    quantile,
    rate,
    relative_spread,
)
from core.stats.aggregation import GEOMETRIC_MEAN
from core.stats.estimates import MISSING, Estimate


def test_a_ratio_turn_by_turn_is_free_of_what_slows_whole_turns() -> None:
    slow = [1.0, 7.0, 2.0, 30.0, 1.5, 4.0]
    ratio = paired_ratio([3 * s for s in slow], slow)
    assert [ratio.value, ratio.low, ratio.high] == pytest.approx([3.0, 3.0, 3.0])
    assert ratio.n == 6


def test_the_inverse_of_a_ratio_has_the_inverse_interval() -> None:
    above, below = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6], [2.0, 7.0, 1.8, 2.8, 1.0, 8.0]
    ratio, inverse = paired_ratio(above, below), paired_ratio(below, above)
    assert ratio.value == pytest.approx(1 / inverse.value)
    assert [ratio.low, ratio.high] == pytest.approx([1 / inverse.high, 1 / inverse.low])


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


def test_a_quantile_needs_samples_beyond_it() -> None:
    assert microseconds([1e-6] * 99, 0.99) is None
    assert microseconds([1e-6] * 100, 0.99) == pytest.approx(1.0)
    assert microseconds([1e-6, 3e-6], 0.5) == pytest.approx(2.0)
    assert microseconds([], 0.5) is None


@pytest.mark.slow
@pytest.mark.parametrize("launches", [3, 5, 8])
def test_launches_hold_the_true_ratio_and_turns_do_not(launches: int) -> None:
    """Two subjects that are the same. A launch favours one of them for as long as it lasts (where
    its memory lies) by 3%, its turns differ by 1%: the interval over 9 turns excludes 1 in most
    launches, that over launches in 5%."""
    draw = numpy.random.default_rng(0)
    by_turns, by_launches = [], []
    for _ in range(600):
        ratios = []
        for favour in numpy.exp(0.03 * draw.standard_normal(launches)):
            turns = numpy.exp(0.01 * draw.standard_normal((2, 9)))
            one = paired_ratio((favour * turns[0]).tolist(), turns[1].tolist())
            ratios.append(one.value)
            by_turns.append(one.low <= 1 <= one.high)
        found = GEOMETRIC_MEAN.estimate(ratios)
        by_launches.append(found.low <= 1 <= found.high)
    assert numpy.mean(by_turns) < 0.4
    assert 0.93 <= numpy.mean(by_launches) <= 0.98


@pytest.mark.parametrize(
    ("own", "plain", "missing"),
    [([2.0, 4.0], [1.0, 2.0], False), ([2.0, -0.1], [1.0, 2.0], True), ([2.0], [0.0], True)],
)
def test_a_token_no_longer_than_the_empty_call_beside_it_has_no_ratio(
    own: list[float], plain: list[float], missing: bool
) -> None:
    """Another program may have disturbed the empty call that is taken out of each turn."""
    results = Results(latency_turns={("cell", 8): own, ("rnn", 8): plain})
    assert (latency_over_rnn(results, "cell", 8).value is None) is missing
