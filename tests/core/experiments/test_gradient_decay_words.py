"""One run and a comparison in words: computed, with uncertainty, and honest when there is none."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas
import pytest

from core.experiments.gradient_decay import (
    GRADIENT_DECAY,
    GradientDecayConfig,
    GradientDecaySummary,
)
from core.statistics import MISSING, Estimate, half_life


def run_of(
    rate: float | None, *, width: float = 0.01, n: int = 8, zeros: float = 0.0, **settings: Any
) -> dict[str, Any]:
    """A finished run's row: flat settings, label, and a summary with this decay rate."""
    config = GradientDecayConfig.from_flat({"seeds": max(n, 1), **settings})
    estimate = MISSING
    if rate is not None:
        factor = math.exp(width)
        ends = (rate / factor, rate * factor) if n > 1 else (None, None)
        estimate = Estimate(rate, *ends, n)
    summary = GradientDecaySummary(
        decay_rate=estimate,
        half_life_steps=estimate.transformed(half_life),
        state_decay_rate=estimate,
        log10_last_over_first=MISSING,
        zero_percent=zeros,
        largest_singular_value=MISSING,
        largest_exponent=MISSING,
    )
    columns = dict(zip(summary.header(), summary.flat(), strict=True))
    architecture = config.architecture
    named = {"label": architecture.label, "variant": architecture.variant}
    return {**named, **config.flat(), **columns}


def sentence(row: dict[str, Any]) -> str:
    flat = {name: row[name] for name in GradientDecayConfig().flat()}
    return GRADIENT_DECAY.sentence(GradientDecayConfig.from_flat(flat), row)


def answer(*rows: dict[str, Any]) -> str:
    return GRADIENT_DECAY.answer(pandas.DataFrame(list(rows)))


RNN = run_of(0.567)
LSTM = run_of(0.637, cell="lstm")
GRU = run_of(0.635, cell="gru")
LSTM_1 = run_of(0.86, cell="lstm", forget_bias=1.0)


def test_a_run_says_what_it_keeps_with_its_interval_and_half_life() -> None:
    assert sentence(LSTM_1) == (
        "LSTM 64 · forget bias 1: keeps 0.860 of the gradient per step back "
        "(95% interval 0.851 to 0.869, 8 seeds), half is gone after 4.6 steps."
    )


def test_one_seed_has_no_interval() -> None:
    assert "(one seed: no interval)" in sentence(run_of(0.5, n=1))


def test_training_is_told() -> None:
    assert sentence(run_of(0.9, training_steps=1500)).startswith(
        "RNN 64 after 1,500 training steps: keeps"
    )


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (1.2, "the gradient explodes: it grows 1.20-fold per step back"),
        (1.001, "so it neither fades nor explodes as far as this can tell"),
        (1.0 - 1e-15, "so it neither fades nor explodes as far as this can tell"),
        (0.9, "half is gone after 6.6 steps"),
    ],
)
def test_fading_staying_and_exploding_are_told_apart(rate: float, words: str) -> None:
    width = 1e-15 if rate < 1 and rate > 0.99 else 0.01
    assert words in sentence(run_of(rate, width=width))


def test_a_gradient_that_underflowed_everywhere_has_no_rate() -> None:
    words = sentence(run_of(None, zeros=93.75))
    assert "no decay rate can be fitted" in words
    assert "94% of its input gradients are exactly zero" in words


def test_some_zeros_are_told_beside_the_rate() -> None:
    assert sentence(run_of(0.5, zeros=2.5)).endswith(
        "; 2.5% of its input gradients are exactly zero."
    )


def test_a_comparison_names_the_longest_the_shortest_and_their_half_lives() -> None:
    words = answer(RNN, LSTM_1)
    assert words.startswith(
        "The gradient lasts longest in LSTM 64 · forget bias 1: half is gone after 4.6 steps "
        "(95% interval 4.3 to 4.9, 8 seeds)."
    )
    assert "It fades fastest in RNN 64: half is gone after 1.2 steps" in words
    assert "gates alone" not in words


def test_it_says_so_when_gates_alone_do_not_help() -> None:
    words = answer(RNN, LSTM, GRU, LSTM_1)
    assert words.endswith(
        "LSTM 64 and GRU 64 keep half for less than twice as long as RNN 64: "
        "gates alone do not keep the gradient alive."
    )


def test_variants_within_the_noise_are_not_ranked() -> None:
    wide = [run_of(0.56, width=0.2), run_of(0.58, width=0.2, cell="lstm")]
    assert "LSTM 64 and RNN 64 are not distinguishable" in answer(*wide)


def test_what_equals_the_best_is_named_beside_it() -> None:
    words = answer(RNN, LSTM_1, run_of(0.861, cell="lstm", forget_bias=1.0, bidirectional=True))
    assert "bi-LSTM 64 · forget bias 1: half is gone" in words
    assert "not distinguishable from LSTM 64 · forget bias 1." in words


def test_what_fades_fastest_is_looked_for_among_what_differs_from_the_best() -> None:
    unsure = run_of(0.5, width=3.0, recurrent_gain=0.5)
    words = answer(RNN, LSTM_1, unsure)
    assert "not distinguishable from RNN 64 · gain 0.5." in words
    assert "It fades fastest in RNN 64: half" in words


def test_one_seed_each_ranks_nothing_for_sure() -> None:
    words = answer(run_of(0.5, n=1), run_of(0.9, n=1, cell="lstm"))
    assert "one seed: no interval" in words
    assert "one seed cannot tell this difference from noise" in words


def test_one_run_is_described_and_no_run_is_said_to_be_none() -> None:
    assert answer(RNN) == sentence(RNN)
    assert GRADIENT_DECAY.answer(pandas.DataFrame()) == "Nothing has been measured yet."


def test_runs_without_a_rate_are_told_last() -> None:
    words = answer(RNN, LSTM, run_of(None, zeros=100.0, recurrent_gain=0.0))
    assert words.endswith(
        "In RNN 64 · gain 0 no decay rate can be fitted, too few norms are finite and above zero; "
        "100% of its input gradients are exactly zero."
    )
    none = run_of(None, zeros=100.0)
    assert answer(none, run_of(None, cell="gru")).count("no decay rate can be fitted") == 2


def test_an_exploding_gradient_is_not_praised_as_long_lasting() -> None:
    words = answer(RNN, LSTM_1, run_of(1.3, recurrent_gain=4.0))
    assert words.startswith("The gradient lasts longest in LSTM 64 · forget bias 1")
    assert "In RNN 64 · gain 4 the gradient explodes: it grows 1.30-fold" in words


def test_runs_that_differ_outside_the_architecture_are_named_by_that() -> None:
    words = answer(run_of(0.5, sequence_length=50), run_of(0.6, sequence_length=200))
    assert "RNN 64 · sequence length 200" in words
    assert "RNN 64 · sequence length 50" in words


def test_of_equal_runs_the_last_one_counts() -> None:
    assert answer(run_of(0.5), run_of(0.6)) == sentence(run_of(0.6))


def test_columns_read_back_from_a_store_may_miss_infinities_and_nones() -> None:
    row = {**run_of(1.2), "half_life_steps": math.nan, "half_life_steps_low": None}
    assert "explodes" in answer(row)
    lost = {
        **run_of(None, cell="gru"),
        "decay_rate": math.nan,
        "decay_rate_n": math.nan,
        "zero_percent": None,
    }
    assert "no decay rate can be fitted" in answer(lost, RNN)


def test_words_and_declarations_need_neither_torch_nor_pandas_nor_scipy() -> None:
    code = (
        "import sys, core.experiments.gradient_decay_words, core.experiments.gradient_decay_work;"
        "sys.exit(sorted({'torch', 'pandas', 'scipy'} & set(sys.modules)) or 0)"
    )
    project = Path(__file__).resolve().parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=project, check=False).returncode == 0
