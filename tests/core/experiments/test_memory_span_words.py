"""One run and a comparison in words: computed, with a verdict only where there is one."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas
import pytest

from core.experiments.memory_span import MEMORY_SPAN, MemorySpanConfig, MemorySpanSummary
from core.statistics import MISSING, Estimate


def run_of(
    spans: list[int],
    *,
    span: int | None = None,
    interval: tuple[int, int] | None = None,
    next_lag: int | None = 999,
    half_lives: tuple[float, float] = (1.2, 4.05),
    **settings: Any,
) -> dict[str, Any]:
    """A finished run's row: flat settings, label, and a summary with these spans."""
    config = MemorySpanConfig.from_flat({"seeds": len(spans), **settings})
    middle = sorted(spans)[len(spans) // 2] if span is None else span
    low, high = interval or (min(spans), max(spans))
    bounds = (None, None) if len(spans) == 1 else (low, high)
    summary = MemorySpanSummary(
        span=Estimate(middle, *bounds, len(spans)),
        next_lag=next_lag,
        longest_lag_tried=999,
        reported_learning_rate=0.003,
        steps_to_learn=MISSING,
        half_life_start=Estimate(half_lives[0], 1.0, 1.5, len(spans)),
        half_life_end=Estimate(half_lives[1], 1.0, math.inf, len(spans)),
        parameters=100,
        span_by_seed=", ".join(map(str, spans)),
        rates_tried="0.003: 10",
    )
    columns = dict(zip(summary.header(), summary.flat(), strict=True))
    architecture = config.architecture
    named = {"label": architecture.label, "variant": architecture.variant}
    return {**named, **config.flat(), **columns}


def sentence(row: dict[str, Any]) -> str:
    flat = {name: row[name] for name in MemorySpanConfig().flat()}
    return MEMORY_SPAN.sentence(MemorySpanConfig.from_flat(flat), row)


def answer(*rows: dict[str, Any]) -> str:
    return MEMORY_SPAN.answer(pandas.DataFrame(list(rows)))


RNN = run_of([10, 10, 10, 5, 10])
LSTM = run_of([10, 5, 10, 10, 7], cell="lstm")
LSTM_1 = run_of([15, 15, 20, 15, 15], cell="lstm", forget_bias=1.0)
GRU = run_of([50, 30, 50, 70, 50], cell="gru")


def test_a_run_says_how_far_it_learned_to_look_and_how_its_gradient_fades() -> None:
    assert sentence(LSTM_1) == (
        "LSTM 64 · forget bias 1, recall: within 1,000 training steps a majority of seeds learned "
        "lags up to 15 (95% interval 15 to 20, 5 seeds), at learning rate 0.003; the half-life "
        "of its gradient is 1.2 steps before training and 4.0 steps after."
    )


def test_a_run_that_learned_every_lag_says_at_least() -> None:
    words = sentence(run_of([100] * 3, next_lag=None, half_lives=(30.0, math.inf)))
    assert "learned lags up to at least 100" in words
    assert words.endswith("is 30 steps before training and infinite after.")


def test_a_run_that_learned_nothing_says_so() -> None:
    assert "a majority of seeds learned no lag (" in sentence(run_of([0, 0, 0]))


def test_a_comparison_names_the_longest_first_with_intervals_and_seeds() -> None:
    assert answer(RNN, LSTM_1) == (
        "Within 1,000 training steps LSTM 64 · forget bias 1 learned lags up to 15 (15 to 20) and "
        "RNN 64 learned lags up to 10 (5 to 10) (5 seeds each; 95% intervals where seeds differ). "
        "LSTM 64 · forget bias 1 learned longer lags than RNN 64 by more than noise."
    )


def test_everything_is_compared_with_the_plain_rnn() -> None:
    words = answer(LSTM, GRU, RNN, LSTM_1)
    assert "GRU 64 and LSTM 64 · forget bias 1 learned longer lags than RNN 64" in words
    assert "LSTM 64 is not distinguishable from RNN 64." in words
    short = run_of([2] * 5, cell="lstm", forget_bias=-5.0)
    assert "learned shorter lags than RNN 64 by more than noise" in answer(RNN, short)


def test_without_a_plain_rnn_it_is_compared_with_the_longest_span() -> None:
    words = answer(LSTM, GRU)
    assert words.endswith("LSTM 64 learned shorter lags than GRU 64 by more than noise.")


def test_three_seeds_each_cannot_tell_and_it_says_how_many_can() -> None:
    words = answer(run_of([10] * 3), run_of([100] * 3, cell="gru"))
    assert words.endswith(
        "Whether GRU 64 differs from RNN 64 cannot be told from noise with so few seeds: it takes "
        "4 each."
    )
    assert "by more than noise" not in words
    more = [run_of([span] * 3, cell="gru", update_bias=span) for span in (1, 2, 3, 5, 7, 10, 15)]
    assert answer(run_of([10] * 3), *more).endswith("so few seeds: it takes 6 each.")


def test_one_seed_has_no_interval() -> None:
    assert "(one seed: no interval)" in sentence(run_of([10]))
    assert answer(run_of([10])).endswith("RNN 64 learned lags up to 10 (1 seed).")


def test_equal_spans_are_told_together() -> None:
    same = [run_of([10] * 5, cell="gru", update_bias=bias) for bias in (0.0, 1.0)]
    words = answer(*same)
    assert (
        "GRU 64 · update bias 0 and GRU 64 · update bias 1 learned lags up to 10 (5 seeds" in words
    )
    assert words.endswith("is not distinguishable from GRU 64 · update bias 0.")


def test_of_many_variants_only_a_handful_is_listed() -> None:
    spans = (2, 3, 5, 7, 10, 15, 20)
    many = [run_of([span] * 5, cell="gru", update_bias=float(span)) for span in spans]
    words = answer(*many).split(". ")[0]
    assert words.count("learned lags") == 4
    assert "3 others less far" in words
    assert "up to 20" in words
    assert "up to 2 " in words
    alike = [run_of([5] * 5, cell="gru", update_bias=float(bias)) for bias in range(7)]
    assert "and 4 others learned lags up to 5" in answer(*alike)


def test_runs_that_differ_in_a_setting_are_named_by_it() -> None:
    words = answer(run_of([10] * 5, clip=1.0), run_of([10, 10, 15, 10, 10], clip=None))
    assert "RNN 64 · clipping 1" in words
    assert "RNN 64 · clipping none" in words
    budgets = answer(run_of([10] * 5, training_steps=500), run_of([15] * 5, training_steps=2000))
    assert budgets.startswith("RNN 64 · training steps 2000 learned lags up to 15")


def test_no_run_is_said_to_be_none_and_values_may_be_missing() -> None:
    assert MEMORY_SPAN.answer(pandas.DataFrame()) == "Nothing has been measured yet."
    lost = {**GRU, "span": math.nan, "span_n": math.nan}
    assert answer(RNN, lost).startswith("Within 1,000 training steps RNN 64 learned")
    empty = {**RNN, "half_life_start": None, "half_life_end": math.nan, "next_lag": math.nan}
    assert sentence(empty).endswith("at learning rate 0.003.")


@pytest.mark.parametrize("module", ["words", "work"])
def test_words_and_work_need_neither_torch_nor_pandas_nor_scipy(module: str) -> None:
    code = (
        f"import sys, core.experiments.memory_span_{module};"
        "sys.exit(sorted({'torch', 'pandas', 'scipy'} & set(sys.modules)) or 0)"
    )
    project = Path(__file__).resolve().parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=project, check=False).returncode == 0
