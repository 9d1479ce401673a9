"""One run in words, and what a comparison of runs says beyond who is best."""

from __future__ import annotations

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


def test_a_run_says_what_it_keeps_with_its_interval_and_half_life() -> None:
    assert sentence(LSTM_1) == (
        "LSTM 64 · forget bias 1: keeps 0.860 of the gradient per step back "
        "(95% CI 0.851–0.869, n = 8), half is gone after 4.6 steps."
    )
    assert "(one seed: no interval)" in sentence(gradient(0.5, n=1))
    trained = gradient(0.5, training_steps=500)
    assert sentence(trained).startswith("RNN 64 after 500 training steps: keeps")


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (0.9, "half is gone after"),
        (1.0, "no clear fading or explosion"),
        (1.2, "the gradient explodes: it grows 1.20-fold per step back"),
        (None, "no decay rate can be fitted"),
    ],
)
def test_fading_staying_and_exploding_are_told_apart(rate: float | None, words: str) -> None:
    assert words in sentence(gradient(rate))


def test_zeros_are_mentioned_where_there_are_some() -> None:
    assert sentence(gradient(0.5, zeros=12.5)).endswith(
        "; 12% of its input gradients are exactly zero."
    )
    assert next(iter(remarks(compared(gradient(0.5, zeros=50.0), LSTM_1)))) == (
        "50% of the input gradients of RNN are exactly zero."
    )


def test_a_comparison_names_who_keeps_the_gradient_longest_and_how_surely() -> None:
    words = answer(compared(RNN, LSTM_1))
    assert words.startswith("LSTM keeps its gradient longest: half-life 4.60 steps (95% CI ")
    assert "RNN has 1.22 steps." in words
    assert "It differs from RNN by more than noise (Welch's t test of the decay rates'" in words


def test_gates_that_do_not_help_are_named() -> None:
    weak = (
        "LSTM · forget bias as drawn keeps half of the gradient for less than twice as long as RNN"
    )
    assert weak in " ".join(remarks(compared(RNN, LSTM, LSTM_1)))
    assert "gates alone" not in " ".join(remarks(compared(RNN, LSTM_1)))
    assert list(remarks(compared(LSTM, LSTM_1))) == [], "no plain RNN to compare with"


def test_an_exploding_gradient_is_said_to_explode() -> None:
    words = " ".join(remarks(compared(RNN, gradient(1.2, "gru"))))
    assert "In GRU the gradient explodes: it grows 1.20-fold per step back (95% CI" in words


def test_one_seed_each_ranks_nothing() -> None:
    words = answer(compared(gradient(0.5, n=1), gradient(0.9, "gru", n=1)))
    assert "With 1 seed each, no difference from RNN is distinguishable from noise" in words
    assert "more than noise" not in words


def test_a_run_without_a_rate_is_named_as_having_none() -> None:
    words = answer(compared(RNN, LSTM_1, gradient(None, "gru", n=0)))
    assert "GRU has no half-life." in words


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
