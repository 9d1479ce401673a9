"""One run in words, and what a comparison adds to who is fastest."""

from __future__ import annotations

from typing import Any

import pandas
import pytest

from core.analysis.sentences import answer
from core.experiments.throughput import THROUGHPUT
from core.experiments.throughput.answers import limits, remarks, whole
from core.experiments.throughput.declaration import ThroughputConfig
from core.stats.estimates import MISSING, Estimate
from tests.core.made import Made, compared, run

MISSING_COLUMNS = {"noise_percent": None, "other_load": None}


def timed(ratio: float | None, variant: str = "rnn", **more: Any) -> Made:
    """A launch of nine turns that takes so many times the plain RNN's time, give or take 2%."""
    over = MISSING if ratio is None else Estimate(ratio, ratio * 0.98, ratio * 1.02, 9)
    speed = MISSING if ratio is None else Estimate(61234.0, 60_000.0, 62_000.0, 9)
    settings, tables = more.pop("settings", {}), more.pop("tables", None)
    columns = {**MISSING_COLUMNS, "device": "cpu", "chip": "chip", "over_rnn": over}
    columns |= {"tokens_per_second": speed, **more}
    return run(THROUGHPUT, variant, "", settings, tables, **columns)


def sentence(made: Made) -> str:
    flat = {name: made.columns[name] for name in ThroughputConfig().flat()}
    flat["device"] = "auto"
    return THROUGHPUT.sentence(ThroughputConfig.from_flat(flat), made.columns)


def test_a_run_says_its_ratios_over_turns_and_its_speed_as_of_this_launch() -> None:
    made = timed(
        3.1,
        "lstm",
        over_linear=Estimate(14.2, 13.0, 15.0, 9),
        latency_over_rnn=Estimate(2.1, 2.0, 2.2, 10),
        length_exponent=Estimate(1.02, 0.98, 1.06, 9),
    )
    assert sentence(made) == (
        "LSTM 64: training takes 3.10 (3.04–3.16) times the plain RNN's time, a forward pass 14.2 "
        "(13.0–15.0) times a linear layer's, one token 2.10 (2.00–2.20) times the plain RNN's "
        "(intervals over 10 turns of one launch); 61,200 tokens/s in training, as of this launch; "
        "time grows as a + b·T¹·⁰² (0.98–1.06) from T = 64 to 512."
    )
    assert "CI" not in sentence(made), "another launch may well lie outside"
    assert sentence(timed(None)) == "RNN 64: no training time at the longest sequence."


def test_an_exponent_that_is_not_determined_is_not_said() -> None:
    """On a busy machine: T^1.12 (-3.74 to 4.66)."""
    for exponent in (Estimate(1.12, -3.74, 4.66, 4), Estimate(1.12, None, None, 3)):
        busy = timed(3.1, length_exponent=exponent, local_exponent=exponent)
        assert "·T" not in sentence(busy)
        assert "grows as" not in answer(
            compared(busy, timed(1.0, "lstm", length_exponent=exponent))
        )


def test_one_launch_of_each_is_ordered_but_not_ranked() -> None:
    words = answer(compared(timed(1.0), timed(3.0, "lstm")))
    assert words.startswith(
        "No clear winner in training time over the plain RNN's: RNN has the lowest, 1 times"
    )
    assert "With 1 launch each, no difference from LSTM can be significant; 2" in words


def test_several_launches_are_ranked_by_their_ratios() -> None:
    launches = [
        timed(ratio * (1 + 0.01 * k), variant, settings={"seed": k})
        for variant, ratio in (("rnn", 1.0), ("lstm", 3.0))
        for k in range(3)
    ]
    words = answer(compared(*launches))
    assert words.startswith(
        "RNN trains fastest beside a plain RNN of its width: training time over the plain RNN's "
        "1.01 times ["
    )
    assert "RNN differs significantly from LSTM (Welch's t test of logarithms, n = 3)" in words


def test_absolute_times_are_information_and_nobody_is_best_at_them() -> None:
    comparison = compared(timed(1.0), timed(3.0, "lstm"))
    for name in ("tokens_per_second", "training_ms", "latency_p50_us"):
        column = next(c for c in THROUGHPUT.summary.columns() if c.name == name)
        assert column.better is None
        assert "launch" in column.description
    assert comparison.headline is not None
    assert comparison.headline.column.name == "over_rnn"


def test_a_run_of_before_has_the_ratio_of_its_latencies() -> None:
    latency = pandas.DataFrame(
        [
            {"subject": subject, "context_length": context, "p50_us": value * (context > 64 or 9)}
            for context in (64, 512)
            for subject, value in (("fused", 60.0), ("rnn", 30.0), ("linear", 4.0))
        ]
    )
    old = [timed(3.0, "lstm", tables={"latency": latency}) for _ in range(2)]
    assert compared(*old).estimate("LSTM", "latency_over_rnn").value == pytest.approx(2.0)
    ratio = Estimate(1.9, 1.8, 2.0, 9)
    new = timed(3.0, "lstm", tables={"latency": latency}, latency_over_rnn=ratio)
    assert compared(new).estimate("LSTM", "latency_over_rnn").value == 1.9


def test_machines_are_groups_of_their_own() -> None:
    comparison = compared(timed(1.0), timed(1.1, device="cuda", chip="H100"))
    assert [group.name for group in comparison.groups] == ["RNN · cpu, chip", "RNN · cuda, H100"]


def test_the_fastest_is_set_beside_its_baselines_without_a_verdict() -> None:
    fast = timed(
        1.0,
        over_linear=Estimate(14.0, 12.5, 16.0, 9),
        over_feed_forward=Estimate(1.0, 0.8, 1.25, 9),
        over_attention=Estimate(0.5, 0.4, 0.625, 9),
    )
    words = " ".join(remarks(compared(fast, timed(3.0, "lstm"))))
    assert words == (
        "Beside RNN (intervals over turns): forward, a linear layer takes 0.0714 (0.0625–0.0800) "
        "times as long; in training, a feed-forward net of as many parameters 1.00 (0.800–1.25) "
        "times; causal attention 2.00 (1.60–2.50) times."
    )


def test_growth_is_said_with_its_lengths() -> None:
    first = timed(
        1.0,
        length_exponent=Estimate(1.0, 0.95, 1.05, 9),
        attention_first_exponent=Estimate(1.1, 1.05, 1.15, 9),
        attention_exponent=Estimate(1.6, 1.5, 1.7, 9),
        attention_quadratic_from=Estimate(400.0, 350.0, 450.0, 9),
    )
    second = timed(
        3.0,
        "lstm",
        length_exponent=Estimate(1.1, 1.0, 1.2, 9),
        attention_first_exponent=Estimate(1.12, 1.05, 1.15, 9),
        attention_exponent=Estimate(1.6, 1.5, 1.7, 9),
        attention_quadratic_from=Estimate(512.0, None, None, 9),
    )
    words = " ".join(remarks(compared(first, second)))
    assert (
        "Beyond a constant overhead, recurrent time grows as T¹·⁰⁰ to T¹·¹⁰ (0.95–1.20) from "
        "T = 64 to 512." in words
    )
    assert (
        "Attention's grows as T¹·¹⁰ to T¹·¹² (1.05–1.15) from T = 64 to 128, and as T¹·⁶⁰ "
        "(1.50–1.70) from T = 256 to 512; T² is most of it from T = 400 (350–450)." in words
    )
    beyond = " ".join(remarks(compared(second)))
    assert "T² is less than half of it up to T = 512." in beyond


def test_what_times_of_another_machine_are_good_for_follows_from_its_runs() -> None:
    quiet = {"other_load": 0.1, "noise_percent": 3.0}
    assert limits([]) == limits([quiet]) == limits([{"mean": 1.0}]) == ""
    busy = limits([quiet, {"other_load": 1.5, "noise_percent": 45.2}])
    assert busy == (
        "Other programs used up to 1.5 cores meanwhile, and the middle half of the turns spreads "
        "over up to 45% of the median of a run: read ratios, not milliseconds."
    )


def test_noise_is_said() -> None:
    noisy = timed(1.0, noise_percent=25.0, other_load=0.5, disturbed_turns=3)
    words = " ".join(remarks(compared(noisy, timed(3.0, "lstm", noise_percent=2.0))))
    assert "Other programs used the CPU during these runs, in cores: RNN (0.50)." in words
    assert "Some turns were timed beside another thread of the run: RNN." in words
    assert "spreads over more than 10% of the median in RNN (25%)." in words


def test_large_numbers_are_written_out_to_three_digits() -> None:
    assert [whole(12_345_678.0), whole(99.44)] == ["12,300,000", "99.4"]
