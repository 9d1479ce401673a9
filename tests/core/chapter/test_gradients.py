"""Claims 4, 5, 8 and 11: from runs of gradient-decay in the chapter's set-up."""

from __future__ import annotations

import math
from typing import Any

import pandas
import pytest

from core.chapter.claim import Verdict
from core.chapter.gradients import (
    CHAPTER_RATIO,
    GATES,
    LAYERS,
    RATIO,
    SINGULAR_VALUES,
    fade_alike,
    nearly,
    networks_of,
)
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.stats.estimates import Estimate
from tests.core.made import Made, around, results, run


def network(variant: str = "rnn", rate: float = 0.5, n: int = 8, **more: Any) -> Made:
    """A run of the chapter's network; `more` are settings, but for a ratio, zeros and tables."""
    measured = {
        "decay_rate": around(rate, 0.01, n),
        "log10_last_over_first": more.pop("ratio", around(28.6, 2.0, n)),
        "zero_percent": more.pop("zeros", 0.0),
    }
    tables = more.pop("tables", None)
    return run(GRADIENT_DECAY, variant, "chapter", {"seeds": n, **more}, tables, **measured)


def ratio(*runs: Made) -> Verdict:
    return RATIO.verdict(results(*runs))


def test_the_ratio_holds_where_it_is_about_400_000() -> None:
    found = ratio(network(ratio=around(5.5, 0.4)))
    assert found.outcome == "holds"
    assert found.answer == 5.5


def test_the_ratio_does_not_hold_where_the_default_start_is_far_off() -> None:
    """The claim names nn.RNN(32, 64): that another gain gives the number is said, and no more."""
    default, doubled = network(), network(recurrent_gain=2.0, ratio=around(5.5, 1.0))
    found = ratio(default, doubled, network(recurrent_gain=3.0, ratio=around(-2.4, 0.5)))
    assert found.outcome == "does not hold"
    assert found.summary == (
        "Off by a factor of 10²³: 4 × 10²⁸ instead of 400,000. With the recurrent weights doubled "
        "you get that number."
    )
    assert (found.measured, found.spread) == ("4 × 10²⁸", "95% CI 10²⁶–10³¹, n = 8")
    assert "4 × 10²⁸ in RNN 64 (95% CI 10²⁶–10³¹, n = 8)" in found.figure
    assert {default.columns["run_id"], doubled.columns["run_id"]} < {*found.evidence}


def test_the_ratio_does_not_hold_where_nothing_comes_near() -> None:
    assert ratio(network()).outcome == "does not hold"
    assert ratio(network(), network(recurrent_gain=3.0, ratio=around(-2.4))).outcome == (
        "does not hold"
    )


def test_too_few_seeds_or_too_wide_an_interval_do_not_tell_the_ratio() -> None:
    assert ratio(network(n=1)).outcome == "not decided"
    assert ratio(network(ratio=around(5.5, 4.0))).outcome == "not decided"
    lost = ratio(network(ratio=Estimate(None, None, None, 0), zeros=100.0))
    assert lost.outcome == "not decided"
    assert "exactly zero" in lost.figure


def test_zeros_in_float32_are_told_as_they_were_counted() -> None:
    found = ratio(network(), network(dtype="float32", zeros=12.5))
    assert "In float32 12.5% of the gradients are exactly zero" in found.figure
    none = ratio(network(), network(dtype="float32"))
    assert "In float32 no gradient is exactly zero" in none.figure


def jacobians(*networks: tuple[float, float]) -> dict[str, pandas.DataFrame]:
    """Seed by seed: the largest singular value of every step, and log10 of the product's norm."""
    rows = [
        {
            "training_step": 0,
            "layer": 1,
            "direction": "forward",
            "seed": seed,
            "steps_back": k,
            "largest_singular_value": value,
            "log10_product_norm": product * k / 96,
        }
        for seed, (value, product) in enumerate(networks)
        for k in (0, 48, 96)
    ]
    return {"jacobian": pandas.DataFrame(rows)}


BELOW = network(recurrent_gain=0.5, tables=jacobians((0.6, -60.0), (0.7, -50.0)))


def singular_values(*runs: Made) -> Verdict:
    return SINGULAR_VALUES.verdict(results(*runs))


def test_singular_values_hold_where_below_vanishes_and_above_explodes() -> None:
    found = singular_values(BELOW, network(recurrent_gain=3.0, tables=jacobians((2.5, 3.0))))
    assert found.outcome == "holds"
    assert found.answer == "It must explode"


def test_one_network_above_one_that_vanishes_is_enough_to_refute_that_half() -> None:
    above = network(recurrent_gain=2.0, tables=jacobians((1.8, -4.5), (1.8, 0.5)))
    found = singular_values(BELOW, above)
    assert found.outcome == "partly"
    assert "necessary to explode, not sufficient" in found.summary
    assert found.measured == "1 of 2"
    assert "Of 2 networks with singular values above 1, the product explodes in 1" in found.figure
    assert "One with 1.80 on average shrinks the gradient to 3 × 10⁻⁵" in found.figure
    assert found.answer == "It may still vanish"


def test_singular_values_do_not_hold_where_neither_half_does() -> None:
    wrong = network(recurrent_gain=0.5, tables=jacobians((0.6, 2.0)))
    other = network(recurrent_gain=2.0, tables=jacobians((1.8, -4.5)))
    assert singular_values(wrong, other).outcome == "does not hold"


def test_a_product_that_is_exactly_zero_has_vanished() -> None:
    dead = network(recurrent_gain=0.5, tables=jacobians((0.6, math.nan)))
    above = network(recurrent_gain=3.0, tables=jacobians((2.5, 3.0)))
    assert singular_values(dead, above).outcome == "holds"


def test_both_sides_of_one_are_needed() -> None:
    assert singular_values(BELOW).outcome == "not measured yet"
    assert singular_values(network()).outcome == "not measured yet"  # no table was recorded


def gates(*runs: Made) -> Verdict:
    return GATES.verdict(results(*runs))


RNN, WEAK_LSTM, WEAK_GRU = network(), network("lstm", 0.62), network("gru", 0.63)


def test_gates_hold_where_one_percent_reaches_twice_as_far_in_both() -> None:
    found = gates(RNN, network("lstm", 0.86), network("gru", 0.8))
    assert (found.outcome, found.answer) == ("holds", "At least twice as far")
    assert found.numbers["RNN 64"].value == pytest.approx(math.log2(100), rel=0.01)


def test_gates_hold_only_with_the_bias_that_helps() -> None:
    found = gates(RNN, WEAK_LSTM, WEAK_GRU, network("lstm", 0.86, forget_bias=1))
    assert found.outcome == "partly"
    assert found.summary.endswith(
        "It reaches twice as far only if the LSTM starts with forget bias 1."
    )
    assert "It reaches at least twice as far after 30.5 in LSTM 64" in found.figure
    assert found.answer == "Further, but not twice as far"
    assert len(found.evidence) == 4


def test_each_cell_that_helps_is_named_with_its_starts() -> None:
    found = gates(RNN, WEAK_LSTM, network("gru", 0.8), network("lstm", 0.86, forget_bias=1))
    assert found.summary.endswith(
        "if the LSTM starts with forget bias 1, and the GRU starts with PyTorch's default."
    )


def test_gates_do_not_hold_where_no_start_helps() -> None:
    assert gates(RNN, WEAK_LSTM, WEAK_GRU).outcome == "does not hold"
    faster = gates(RNN, network("lstm", 0.3), WEAK_GRU)
    assert (faster.outcome, faster.answer) == ("does not hold", "No further")


def test_a_curve_that_no_line_describes_brings_the_gradient_back_if_it_reaches_far() -> None:
    """Forget bias 3: half is gone in a step, and more than 1% is left after all 99."""
    far = network("lstm", 1.001, forget_bias=3)
    found = gates(RNN, WEAK_LSTM, WEAK_GRU, far)
    assert found.summary.endswith("only if the LSTM starts with forget bias 3.")
    assert "≥ 99.0 in LSTM 64 · forget bias 3" in found.figure


def test_one_seed_does_not_tell_of_gates_and_one_cell_is_not_enough() -> None:
    found = gates(*(network(cell, 0.6, n=1) for cell in ("rnn", "lstm", "gru")))
    assert (found.outcome, found.answer) == ("not decided", None)
    assert gates(RNN).outcome == "not measured yet"


def test_an_interval_that_reaches_from_zero_to_infinity_tells_nothing() -> None:
    lost = run(GRADIENT_DECAY, "rnn", "chapter", decay_rate=Estimate(0.5, 0.0, math.inf, 2))
    assert gates(lost, WEAK_LSTM, WEAK_GRU).outcome == "not decided"


def decays(*rates: float) -> dict[str, pandas.DataFrame]:
    rows = [
        {"training_step": 0, "layer": layer, "seed": seed, "decay_rate": rate}
        for layer, rate in enumerate(rates, start=1)
        for seed in range(3)
    ]
    return {"decay": pandas.DataFrame(rows)}


def depth(*runs: Made) -> Verdict:
    return LAYERS.verdict(results(*runs))


def test_depth_holds_where_the_gradient_fades_otherwise() -> None:
    deep = network("lstm", 0.7, layers=3, tables=decays(0.7, 0.65, 0.6))
    found = depth(network("lstm", 0.6), deep)
    assert (found.outcome, found.answer) == ("holds", "It fades more slowly")
    assert "0.700 in layer 1, 0.650 in layer 2 and 0.600 in layer 3" in found.figure
    assert depth(network("lstm", 0.6), network("lstm", 0.5, layers=3)).answer == "It fades faster"


def test_depth_does_not_hold_where_it_fades_alike() -> None:
    found = depth(network("lstm", 0.62), network("lstm", 0.622, layers=3))
    assert (found.outcome, found.answer) == ("does not hold", "It fades at the same rate")


def test_one_seed_does_not_tell_of_depth_and_one_depth_is_not_enough() -> None:
    shallow, deep = (network("lstm", r, n=1, layers=k) for r, k in ((0.6, 1), (0.7, 3)))
    assert depth(shallow, deep).outcome == "not decided"
    assert depth(shallow).outcome == "not measured yet"


@pytest.mark.parametrize(
    ("value", "low", "high", "truth"),
    [
        (0.0, -0.5, 0.5, True),
        (0.99, 0.5, 1.99, True),
        (-0.99, -1.99, -0.5, True),
        (1.01, 0.5, 1.5, None),
        (-1.01, -1.5, -0.5, None),
        (0.5, -0.5, 2.01, None),
        (-0.5, -2.01, 0.5, None),
        (1.5, 0.99, 1.9, None),
        (1.5, 1.01, 1.9, False),
        (-1.5, -1.9, -0.99, None),
        (-1.5, -1.9, -1.01, False),
    ],
)
def test_nearly_is_within_ten_times_and_surely_within_a_hundred(
    value: float, low: float, high: float, truth: bool | None
) -> None:
    """Powers of ten from the chapter's 400,000."""
    estimate = Estimate(*(CHAPTER_RATIO + x for x in (value, low, high)), 8)
    assert nearly(estimate) is truth


def test_without_an_interval_nothing_is_nearly() -> None:
    assert nearly(Estimate(CHAPTER_RATIO, None, None, 1)) is None
    assert nearly(Estimate(None, None, None, 0)) is None


def jacobian_rows(*values: float, **more: object) -> pandas.DataFrame:
    """One network's steps, the last one the furthest back; the product's log10 is −steps."""
    common = {"training_step": 0, "layer": 1, "direction": "forward", "seed": 0, **more}
    rows = [
        {**common, "steps_back": k, "largest_singular_value": value, "log10_product_norm": -k}
        for k, value in enumerate(values, start=1)
    ]
    return pandas.DataFrame(rows)


def test_a_networks_singular_value_is_the_geometric_mean_of_its_steps() -> None:
    (found,) = networks_of(jacobian_rows(2.0, 0.0, 8.0))
    assert found.singular_value == pytest.approx(4), "zeros are left out"
    assert found.log10_product == -3, "of the whole sequence"
    (dead,) = networks_of(jacobian_rows(0.0, 0.0))
    assert dead.singular_value == 0


def test_networks_are_those_of_the_input_layer_as_last_trained() -> None:
    others = (
        jacobian_rows(9.0, training_step=5),
        jacobian_rows(9.0, training_step=10, layer=2),
        jacobian_rows(9.0, training_step=10, direction="backward"),
    )
    mine = [jacobian_rows(float(seed + 1), training_step=10, seed=seed) for seed in range(3)]
    found = networks_of(pandas.concat([*others, *mine]))
    assert [network.singular_value for network in found] == pytest.approx([1, 2, 3])


def test_a_product_of_norm_one_neither_vanishes_nor_explodes() -> None:
    level = network(recurrent_gain=3.0, tables=jacobians((2.5, 0.0)))
    found = singular_values(BELOW, level)
    assert found.outcome == "partly"
    assert "in 0." in found.figure
    assert "shrinks" not in found.figure
    low = network(recurrent_gain=0.5, tables=jacobians((0.6, 0.0)))
    found = singular_values(low, network(recurrent_gain=3.0, tables=jacobians((2.5, 3.0))))
    assert "Below 1 the gradient vanishes in 0 of 1 network" in found.summary


def test_a_singular_value_of_exactly_one_is_on_neither_side() -> None:
    one = network(recurrent_gain=3.0, tables=jacobians((1.0, 3.0)))
    found = singular_values(BELOW, one)
    assert found.outcome == "not measured yet"
    assert "are above 1" in found.figure
    above = network(recurrent_gain=2.0, tables=jacobians((2.5, 3.0)))
    assert "are below 1" in singular_values(one, above).figure


def of_half_life(low: float, high: float) -> Estimate:
    """A rate whose half-lives, in units of ln 2, reach from one to the other."""
    middle = (low + high) / 2
    return Estimate(*(math.exp(-1 / life) for life in (middle, low, high)), 8)


def test_alike_is_within_ten_percent_at_either_end_of_the_intervals() -> None:
    ten = of_half_life(10, 10)
    assert fade_alike(ten, of_half_life(9.2, 10.9))
    for low, high in ((9.0, 10.0), (10.0, 11.1)):
        assert not fade_alike(ten, of_half_life(low, high))
        assert not fade_alike(of_half_life(low, high), ten)
    assert not fade_alike(ten, Estimate(0.9, None, None, 1))
    assert not fade_alike(Estimate(1.0, 0.9, 1.0, 8), Estimate(1.0, 0.9, 1.0, 8)), "no fading"
