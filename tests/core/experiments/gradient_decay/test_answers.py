"""One run in words, and what a comparison of runs says beyond who is best."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.analysis.sentences import answer
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.gradient_decay.answers import remarks
from core.experiments.gradient_decay.declaration import GradientDecayConfig
from core.stats.estimates import MISSING, Estimate
from tests.core.made import Made, compared, run


def gradient(
    rate: float | None, variant: str = "rnn", n: int = 8, zeros: float = 0.0, **settings: Any
) -> Made:
    """A finished run with this decay rate, give or take one percent."""
    estimate = MISSING
    if rate is not None:
        ends = (rate / 1.01, rate * 1.01) if n > 1 else (None, None)
        estimate = Estimate(rate, *ends, n)
    settings = {"seeds": max(n, 1), **settings}
    summary = {"decay_rate": estimate, "zero_percent": zeros}
    return run(GRADIENT_DECAY, variant, "", settings, None, **summary)


def sentence(made: Made) -> str:
    flat = {name: made.columns[name] for name in GradientDecayConfig().flat()}
    return GRADIENT_DECAY.sentence(GradientDecayConfig.from_flat(flat), made.columns)


RNN, LSTM = gradient(0.567), gradient(0.637, "lstm")
LSTM_1 = gradient(0.86, "lstm", forget_bias=1.0)


def test_a_run_says_where_half_is_gone_and_how_it_fades_further_back() -> None:
    assert sentence(LSTM_1) == (
        "LSTM 64 · forget bias 1: half of the gradient is gone after 4.6 steps (95% CI 4.3–4.9, "
        "n = 8), 99% after 31 steps; from k = 10 to 60 it keeps 0.860 of the gradient per step "
        "(95% CI 0.851–0.869, n = 8): asymptotic half-life 4.6 steps."
    )
    assert "(one seed: no interval)" in sentence(gradient(0.5, n=1))
    trained = gradient(0.5, training_steps=500)
    assert sentence(trained).startswith("RNN 64 after 500 training steps: half of the gradient")


def bent(rate: float, half: float, fit: float, variant: str = "lstm", **more: Any) -> Made:
    """A run whose curve has halved elsewhere than its line says."""
    settings = {"seeds": 8, **{n: v for n, v in more.items() if n == "forget_bias"}}
    summary = {
        "half_distance_steps": Estimate(half, half * 0.9, half * 1.1, 8),
        "decay_rate": Estimate(rate, rate / 1.001, rate * 1.001, 8),
        "line_fit": Estimate(fit, fit - 0.01, fit + 0.01, 8),
        **{n: v for n, v in more.items() if n != "forget_bias"},
    }
    return run(GRADIENT_DECAY, variant, "", settings, None, zero_percent=0.0, **summary)


def test_when_half_is_gone_is_not_said_of_the_lines_half_life() -> None:
    """Forget bias 2: the curve has halved at 4.4 steps, the line's half-life is 22."""
    words = sentence(bent(0.969, 4.4, 0.98))
    assert "half of the gradient is gone after 4.4 steps" in words
    assert "asymptotic half-life 22 steps, R² 0.98" in words


def test_a_line_that_does_not_fit_has_no_half_life_and_explodes_not() -> None:
    """Forget bias 3 and 5: the slope is positive, the line's R² low."""
    for fit in (0.21, 0.94):
        words = sentence(bent(1.014, 1.1, fit))
        assert f"a straight line does not describe the curve from k = 10 to 60 (R² {fit})" in words
        assert "explodes" not in words
        assert "half-life" not in words
        compare = " ".join(remarks(compared(RNN, with_tables(bent(1.014, 1.1, fit)))))
        assert f"A straight line does not describe the curve of LSTM (R² {fit})" in compare
        assert "explodes" not in compare


def test_a_gradient_that_stays_below_where_it_began_does_not_explode() -> None:
    """It has fallen at first and rises again along a line: filling up, not exploding."""
    fallen = Estimate(-0.31, -0.4, -0.2, 8)
    assert "explodes" not in sentence(bent(1.014, 0.6, 0.99, log10_range_change=fallen))
    grown = Estimate(0.31, 0.2, 0.4, 8)
    assert "explodes" in sentence(bent(1.014, 0.6, 0.99, log10_range_change=grown))


def with_tables(made: Made) -> Made:
    """The fit of every seed in the table that a comparison reads."""
    fit = {"line_fit": made.columns["line_fit"]}
    return dataclasses.replace(made, tables={"decay": made.tables["decay"].assign(**fit)})


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (0.9, "half of the gradient is gone after"),
        (1.0, "no clear fading or explosion"),
        (1.2, "less than half of the gradient is gone within 99 steps; the gradient explodes"),
        (None, "no line can be fitted"),
    ],
)
def test_fading_staying_and_exploding_are_told_apart(rate: float | None, words: str) -> None:
    assert words in sentence(gradient(rate))


def test_zeros_are_mentioned_where_there_are_some() -> None:
    assert sentence(gradient(0.5, zeros=12.5)).endswith(
        "; 12% of its input gradients are exactly zero."
    )
    assert "50% of the input gradients of RNN are exactly zero." in list(
        remarks(compared(gradient(0.5, zeros=50.0), LSTM_1))
    )


def test_a_comparison_names_who_keeps_one_percent_longest_and_how_it_goes_on() -> None:
    words = answer(compared(RNN, LSTM_1))
    assert words.startswith("LSTM keeps 1% of its gradient longest: 1% distance 30.5 steps")
    assert "RNN has 8.12 steps." in words
    assert "LSTM differs significantly from RNN (exact rank-sum test" in words
    assert "In LSTM, from k = 10 to 60 it keeps 0.860 of the gradient per step" in words


def test_the_one_that_the_answer_names_is_the_one_whose_rate_is_told() -> None:
    """The other keeps half for longer."""
    rate, half = Estimate(0.9, 0.89, 0.91, 8), Estimate(1.0, 0.9, 1.1, 8)
    further = run(
        GRADIENT_DECAY, "gru", decay_rate=rate, zero_percent=0.0, half_distance_steps=half
    )
    words = answer(compared(RNN, LSTM_1, further))
    assert words.startswith("GRU keeps 1% of its gradient longest")
    assert "In GRU, from k = 10 to 60 it keeps 0.900 of the gradient per step" in words


def test_what_never_falls_to_one_percent_has_one_lower_bound_and_no_interval_of_it() -> None:
    words = answer(compared(RNN, gradient(0.99, "lstm")))
    assert "1% distance ≥ 99 steps (the same in all 8 seeds); RNN has 8.12 steps." in words


def test_what_has_lost_half_early_but_keeps_one_percent_is_told() -> None:
    """Forget bias 3 in small: half is gone sooner than in the other, 99% never."""
    lasting = bent(1.001, 0.5, 0.3)
    lasting = dataclasses.replace(
        lasting,
        tables={"decay": lasting.tables["decay"].assign(half_distance_steps=0.5, line_fit=0.3)},
    )
    words = list(remarks(compared(RNN, lasting)))
    lasts = "Less than 99% of the gradient is gone within the distances measured in LSTM."
    assert lasts in words
    assert "Less than 99%" not in " ".join(remarks(compared(RNN, LSTM_1)))


def test_gates_that_do_not_help_are_named() -> None:
    weak = (
        "In LSTM · forget bias default, 1% of the gradient reaches significantly less than "
        "twice as far as in RNN: gates alone do not keep the gradient alive."
    )
    assert weak in list(remarks(compared(RNN, LSTM, LSTM_1)))
    assert "gates alone" not in " ".join(remarks(compared(RNN, LSTM_1)))
    assert "gates alone" not in " ".join(remarks(compared(LSTM, LSTM_1))), "no plain RNN"
    few = compared(gradient(0.567, n=2), gradient(0.637, "lstm", n=2))
    assert "gates alone" not in " ".join(remarks(few)), "two seeds show nothing"


def test_a_gate_that_was_closed_by_hand_is_not_blamed_on_gates() -> None:
    """With forget bias -2 the LSTM keeps less than the RNN: not "less than twice as much"."""
    closed = gradient(0.3, "lstm", forget_bias=-2.0)
    (said,) = (s for s in remarks(compared(RNN, closed)) if "1% of the gradient reaches" in s)
    assert said == (
        "In LSTM, 1% of the gradient reaches significantly less far than in RNN: it has forget "
        "bias -2, which is not PyTorch's default."
    )
    (said,) = (s for s in remarks(compared(RNN, gradient(0.3, "lstm"))) if "1% of the" in s)
    assert "significantly less far than in RNN: gates alone do not keep" in said


def test_an_exploding_gradient_is_said_to_explode() -> None:
    words = " ".join(remarks(compared(RNN, gradient(1.2, "gru"))))
    assert (
        "In GRU the gradient explodes: it grows 1.20-fold per step from k = 10 to 60 (95% CI"
        in words
    )


def test_a_bidirectional_run_says_which_side_is_which() -> None:
    ahead = Estimate(1.5, 1.2, 1.8, 8)
    both = run(
        GRADIENT_DECAY,
        "bi-lstm",
        decay_rate=Estimate(0.6, 0.59, 0.61, 8),
        future_half_distance_steps=ahead,
    )
    words = sentence(both)
    assert words.startswith("bi-LSTM 64: into the past, half of the gradient is gone after")
    assert words.endswith(
        "; into the future, half of the gradient is gone after 1.5 steps (95% CI 1.2–1.8, n = 8)."
    )
    told = " ".join(remarks(compared(RNN, both)))
    assert "Two directions have the loss in the middle, with as many steps on either side" in told
    assert "Into the future, half is gone after 1.50 steps in bi-LSTM." in told


def test_one_seed_each_ranks_nothing() -> None:
    words = answer(compared(gradient(0.5, n=1), gradient(0.9, "gru", n=1)))
    assert "With 1 seed each, no difference from RNN can be significant" in words
    assert "significantly" not in words


def test_a_run_without_a_rate_is_named_as_having_none() -> None:
    words = answer(compared(RNN, LSTM_1, gradient(None, "gru", n=0)))
    assert "GRU has no 1% distance." in words


def test_an_orthogonal_recurrence_is_not_said_to_fade_by_rounding() -> None:
    exact = math.nextafter(1.0, 0.0)
    made = run(GRADIENT_DECAY, decay_rate=Estimate(exact, exact, exact, 8), zero_percent=0.0)
    assert "no clear fading or explosion" in sentence(made)


def test_answers_and_declarations_load_neither_torch_nor_pandas_nor_scipys_statistics() -> None:
    code = (
        "import sys, core.experiments;"
        "sys.exit(sorted({'torch', 'pandas', 'scipy.stats'} & set(sys.modules)) or 0)"
    )
    project = Path(__file__).resolve().parents[4]
    assert subprocess.run([sys.executable, "-c", code], cwd=project, check=False).returncode == 0
