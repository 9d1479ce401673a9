"""One run in words, and what a comparison adds to who is fastest."""

from __future__ import annotations

from typing import Any

from core.analysis.sentences import answer
from core.experiments.throughput import THROUGHPUT
from core.experiments.throughput.answers import remarks, whole
from core.experiments.throughput.declaration import ThroughputConfig
from core.stats.estimates import MISSING, Estimate
from tests.core.made import Made, compared, run

MISSING_COLUMNS = {"noise_percent": None, "other_load": None}


def timed(speed: float | None, variant: str = "rnn", **more: Any) -> Made:
    """A launch of nine repetitions at so many tokens per second, give or take 2%."""
    tokens = MISSING if speed is None else Estimate(speed, speed * 0.98, speed * 1.02, 9)
    settings = more.pop("settings", {})
    columns = {**MISSING_COLUMNS, "device": "cpu", "chip": "chip", **more}
    return run(THROUGHPUT, variant, "", settings, None, tokens_per_second=tokens, **columns)


def sentence(made: Made) -> str:
    flat = {name: made.columns[name] for name in ThroughputConfig().flat()}
    flat["device"] = "auto"
    return THROUGHPUT.sentence(ThroughputConfig.from_flat(flat), made.columns)


def test_a_run_says_its_speed_with_interval_its_ratios_and_its_growth() -> None:
    made = timed(
        61234.0,
        "lstm",
        over_rnn=Estimate(3.1, 3.0, 3.2, 9),
        over_linear=Estimate(14.2, 13.0, 15.0, 9),
        growth_exponent=Estimate(1.02, 0.98, 1.06, 5),
    )
    assert sentence(made) == (
        "LSTM 64: 61,200 tokens/s in training (95% CI 60,000–62,500, n = 9 repetitions), "
        "3.10 times the plain RNN's time, 14.2 times as long forward as a linear layer; time "
        "grows as T^1.02 (0.98–1.06)."
    )
    assert sentence(timed(None)) == "RNN 64: no training time at the longest sequence."
    assert sentence(timed(1000.0)).endswith("n = 9 repetitions)."), "what is missing is left out"


def test_one_launch_of_each_is_ordered_but_not_ranked() -> None:
    words = answer(compared(timed(100_000), timed(30_000, "lstm")))
    assert words.startswith(
        "No clear winner in training speed: RNN has the highest, 100,000 tokens/s"
    )
    assert "(95% CI 98,000–102,000, 9 repetitions of one launch)" in words
    assert "With 1 launch each, no difference from LSTM is distinguishable from noise; 2" in words
    assert "Its interval over repetitions does not overlap with those of 1 of 1." in words


def test_several_launches_are_ranked() -> None:
    launches = [
        timed(speed * (1 + 0.01 * k), variant, settings={"seed": k})
        for variant, speed in (("rnn", 100_000), ("lstm", 30_000))
        for k in range(3)
    ]
    words = answer(compared(*launches))
    assert words.startswith("RNN trains fastest: training speed 101,000 tokens/s (95% CI ")
    assert "It differs from LSTM by more than noise (Welch's t test, n = 3)." in words


def test_machines_are_groups_of_their_own() -> None:
    comparison = compared(timed(100.0), timed(900.0, device="cuda", chip="H100"))
    assert [group.name for group in comparison.groups] == ["RNN · cpu, chip", "RNN · cuda, H100"]


def test_the_fastest_is_set_beside_its_baselines() -> None:
    fast = timed(
        100_000,
        over_linear=Estimate(14.0, 13.0, 15.0, 9),
        over_feed_forward=Estimate(1.0, 0.9, 1.1, 9),
        over_attention=Estimate(0.5, 0.4, 0.6, 9),
    )
    words = " ".join(remarks(compared(fast, timed(30_000, "lstm"))))
    assert words == (
        "Beside RNN: forward, a linear layer is 14.0 times as fast; in training, a feed-forward "
        "net of as many parameters is not distinguishable from it; causal attention takes 2.00 "
        "times as long."
    )


def test_growth_and_noise_are_said() -> None:
    noisy = timed(
        100_000,
        noise_percent=25.0,
        other_load=0.5,
        disturbed_turns=3,
        growth_exponent=Estimate(1.0, 0.95, 1.05, 5),
        attention_growth=Estimate(1.8, 1.7, 1.9, 5),
    )
    quiet = timed(30_000, "lstm", growth_exponent=Estimate(1.1, 1.0, 1.2, 5), noise_percent=2.0)
    words = " ".join(remarks(compared(noisy, quiet)))
    assert "Recurrent time grows as T^1.00 to T^1.10 (0.95–1.20), attention as T^1.80" in words
    assert "other processes took more than 0.2 cores during RNN (0.50)." in words
    assert "Some turns were timed beside another thread of the run: RNN." in words
    assert "spreads over more than 10% of the median in RNN (25%)." in words


def test_large_numbers_are_written_out_to_three_digits() -> None:
    assert [whole(12_345_678.0), whole(99.44)] == ["12,300,000", "99.4"]
