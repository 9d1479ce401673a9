"""One run and a comparison in words: computed, with uncertainty, device by device."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas
import pytest

from core.experiments.throughput import THROUGHPUT, ThroughputConfig, ThroughputSummary
from core.statistics import MISSING, Estimate


def about(value: float | None, width: float = 0.02, n: int = 9) -> Estimate:
    if value is None:
        return MISSING
    if n < 6:
        return Estimate(value, None, None, n)
    return Estimate(value, value * (1 - width), value * (1 + width), n)


def run_of(
    tokens: float | None,
    over_rnn: float | None,
    *,
    n: int = 9,
    width: float = 0.02,
    over_linear: float | None = 5.0,
    over_attention: float | None = 0.25,
    over_feed_forward: float | None = 1.0,
    growth: float | None = 1.0,
    noise: float = 3.0,
    load: float = 0.01,
    device: str = "cpu",
    chip: str = "Some CPU",
    **settings: Any,
) -> dict[str, Any]:
    """A finished run's row: flat settings, label, and a made-up summary."""
    config = ThroughputConfig.from_flat({"repetitions": max(n, 3), **settings})

    def estimate(value: float | None) -> Estimate:
        return about(value, width, n)

    summary = ThroughputSummary(
        tokens_per_second=estimate(tokens),
        latency_p50_us=None,
        latency_p99_us=None,
        forward_tokens_per_second=MISSING,
        training_ms=MISSING,
        forward_ms=MISSING,
        growth_exponent=about(growth),
        attention_growth=about(1.6),
        over_rnn=estimate(over_rnn),
        over_linear=estimate(over_linear),
        over_feed_forward=estimate(over_feed_forward),
        over_attention=estimate(over_attention),
        equations_over_fused=MISSING,
        packed_over_padded=MISSING,
        peak_mib=None,
        parameters=1,
        compile_seconds=None,
        noise_percent=noise,
        other_load=load,
        harness_percent=0.1,
        device=device,
        chip=chip,
    )
    columns = dict(zip(summary.header(), summary.flat(), strict=True))
    architecture = config.architecture
    named = {"label": architecture.label, "variant": architecture.variant}
    return {**named, **config.flat(), **columns}


def sentence(row: dict[str, Any]) -> str:
    flat = {name: row[name] for name in ThroughputConfig().flat()}
    flat["device"] = "auto"
    return THROUGHPUT.sentence(ThroughputConfig.from_flat(flat), row)


def answer(*rows: dict[str, Any]) -> str:
    return THROUGHPUT.answer(pandas.DataFrame(list(rows)))


RNN = run_of(200_000, 1.0)
LSTM = run_of(400_000, 0.5, cell="lstm")
GRU = run_of(50_000, 4.0, cell="gru")


def test_a_run_says_its_speed_with_interval_its_ratios_and_its_growth() -> None:
    assert sentence(GRU) == (
        "GRU 64: 50,000 tokens/s in training (95% interval 49,000 to 51,000, 9 repetitions), "
        "4.00 times the plain RNN's time, 5.00 times as long forward as a linear layer; "
        "time grows as T^1.00 (0.98 to 1.02)."
    )


def test_a_run_without_a_time_says_so() -> None:
    assert sentence(run_of(None, None)) == ("RNN 64: no training time at the longest sequence.")


def test_what_is_missing_is_left_out() -> None:
    told = sentence(run_of(1000, None, over_linear=None, growth=None))
    assert told == (
        "RNN 64: 1,000 tokens/s in training (95% interval 980 to 1,020, 9 repetitions)."
    )


def test_variants_are_ranked_through_the_plain_rnn_that_each_was_timed_with() -> None:
    """The GRU's run was on a machine at half speed: its tokens say less than its ratio."""
    slowed = run_of(25_000, 2.0, cell="gru")
    assert answer(RNN, LSTM, slowed) == (
        "On CPU (Some CPU): LSTM 64 trains fastest (400,000 tokens/s). RNN 64 takes 2.00 times "
        "as long and GRU 64 4.00. Beside LSTM 64: forward, a linear layer is 5.00 times as "
        "fast; in training, a feed-forward net of as many parameters is not distinguishable from "
        "it; causal attention takes 4.00 times as long. Recurrent time grows as T^1.00 (0.98 to "
        "1.02), attention as T^1.60 (1.57 to 1.63)."
    )


def test_more_tokens_on_a_faster_machine_are_told_as_that() -> None:
    told = answer(run_of(50_000, 0.5, cell="lstm"), run_of(60_000, 0.6, cell="gru"))
    assert "LSTM 64 trains fastest (50,000 tokens/s). More tokens/s were counted for GRU 64" in told
    assert "(60,000), but the plain RNN was faster then too." in told


def test_what_has_no_interval_is_not_claimed() -> None:
    told = answer(run_of(42_000, 0.9, n=3), run_of(67_000, 1.1, n=3, cell="lstm"))
    assert told.startswith("On CPU (Some CPU): LSTM 64 trained at 67,000 tokens/s, the most here, ")
    assert "linear" not in told


def test_overlapping_intervals_are_not_distinguishable() -> None:
    told = answer(LSTM, run_of(395_000, 0.51, cell="gru"), RNN)
    assert "LSTM 64 trains fastest (400,000 tokens/s), not distinguishable from GRU 64." in told
    assert "RNN 64 takes 2.00 times as long." in told


def test_too_few_repetitions_have_no_verdict() -> None:
    told = answer(run_of(1000, 1.0, n=3), run_of(10, 100.0, n=3, cell="gru"))
    assert "too few repetitions to tell a difference from noise" in told
    assert "fastest" not in told
    assert "64 takes" not in told


def test_runs_whose_plain_rnn_was_another_one_are_compared_by_their_speed() -> None:
    wide = run_of(100_000, 0.5, cell="lstm", hidden_size=128)
    told = answer(RNN, wide)
    assert "RNN 64 trains fastest" in told
    assert "LSTM 128 takes 2.00 times as long." in told


def test_devices_are_answered_one_by_one() -> None:
    gpu = [
        run_of(9e6, ratio, cell=cell, device="cuda", chip="H100")
        for cell, ratio in (("lstm", 1.1), ("gru", 0.9))
    ]
    told = answer(RNN, LSTM, *gpu)
    cpu, cuda = told.split("On CUDA (H100): ")
    assert cpu.startswith("On CPU (Some CPU): LSTM 64 trains fastest")
    assert cuda.startswith("GRU 64 trains fastest (9,000,000 tokens/s).")


def test_a_device_with_one_run_tells_that_run() -> None:
    assert answer(GRU) == f"On CPU (Some CPU): {sentence(GRU)}"
    assert answer(GRU, GRU) == answer(GRU), "the last run of a name counts"


def test_settings_that_differ_are_part_of_the_name() -> None:
    told = answer(RNN, run_of(300_000, 1.0, dtype="bfloat16"))
    assert "RNN 64 · precision bfloat16" in told
    assert "RNN 64 · precision float32" in told


def test_a_noisy_machine_is_told() -> None:
    told = answer(RNN, run_of(400_000, 0.5, cell="lstm", noise=24.0, load=1.3))
    assert (
        "The machine was not quiet: others took more than 0.2 cores during LSTM 64 (1.3)." in told
    )
    assert "spread over more than 10% in LSTM 64 (24%)." in told
    assert "Noisy" not in answer(RNN, LSTM)
    assert "not quiet" in sentence(run_of(1000, 1.0, load=0.3))


def test_runs_without_a_time_are_named() -> None:
    told = answer(RNN, LSTM, run_of(None, None, cell="gru"))
    assert told.endswith("No training time at the longest sequence for GRU 64.")
    both = answer(run_of(None, None), run_of(None, None, cell="gru"))
    assert both == (
        "On CPU (Some CPU): No training time at the longest sequence for RNN 64 and GRU 64."
    )


@pytest.mark.parametrize("empty", [None, math.nan])
def test_anything_may_be_missing(empty: float | None) -> None:
    estimates = [column.name for column in ThroughputSummary.columns() if column.estimate]
    for name in estimates:
        parts = {f"{name}{part}": empty for part in ("", "_low", "_high")}
        assert answer({**LSTM, **parts}, RNN, GRU).endswith(".")
        assert sentence({**LSTM, **parts}).endswith(".")


def test_nothing_measured_is_said() -> None:
    assert THROUGHPUT.answer(pandas.DataFrame()) == "Nothing has been measured yet."


def test_words_and_work_do_without_torch() -> None:
    """The dashboard reads them."""
    code = (
        "import sys, core.experiments.throughput_words, core.experiments.throughput_work;"
        "sys.exit('torch' in sys.modules)"
    )
    project = Path(__file__).resolve().parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=project, check=False).returncode == 0
