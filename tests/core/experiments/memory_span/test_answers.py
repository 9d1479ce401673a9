"""One run in words, what a comparison adds to who looks furthest, and values seed by seed."""

from __future__ import annotations

from typing import Any

import pytest

from core.analysis.sentences import answer
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.memory_span.answers import remarks
from core.experiments.memory_span.declaration import MemorySpanConfig
from core.stats.aggregation import MAJORITY
from tests.core.made import Made, compared, run


def learner(*spans: int, variant: str = "rnn", longer: bool = True, **settings: Any) -> Made:
    """A run with these spans of single seeds; `longer`: whether a longer lag was tried."""
    span = MAJORITY.estimate([float(s) for s in spans])
    return run(
        MEMORY_SPAN,
        variant,
        "",
        {"seeds": len(spans), **settings},
        span=span,
        span_by_seed=", ".join(map(str, spans)),
        next_lag=span.value + 5 if longer else None,
        reported_learning_rate=0.003,
        half_life_start=1.5,
        half_life_end=float("inf"),
    )


def sentence(made: Made) -> str:
    flat = {name: made.columns[name] for name in MemorySpanConfig().flat()}
    return MEMORY_SPAN.sentence(MemorySpanConfig.from_flat(flat), made.columns)


RNN = learner(7, 7, 7, 7, 10, 7)
GRU = learner(20, 30, 20, 30, 20, 20, variant="gru")


def test_a_run_says_how_far_it_learned_to_look_and_how_its_gradient_fades() -> None:
    assert sentence(learner(10, 15, 15, 15, 10, 15)) == (
        "RNN 64, recall: within 1,000 training steps a majority of seeds learned lags up to 15 "
        "(95% CI 10.0–15.0, n = 6), at learning rate 0.003; the asymptotic half-life of the "
        "gradient is 1.5 steps before training and infinite after."
    )
    assert "learned lags up to at least 15" in sentence(learner(15, 15, 15, longer=False))
    assert "learned no lag (" in sentence(learner(0, 0, 0))


def test_a_comparison_names_the_furthest_and_how_surely() -> None:
    words = answer(compared(RNN, GRU))
    assert words.startswith("GRU learns to look back furthest: span 20 steps (95% CI 20.0–30.0")
    assert "RNN has 7 steps. It differs from RNN by more than noise (exact rank-sum test" in words
    assert "A lag counts as learned within 1,000 training steps." in words
    assert "In GRU the asymptotic half-life of the gradient is 1.5 steps before training" in words


def test_with_too_few_seeds_it_says_how_many_it_takes() -> None:
    three = [learner(7, 7, 10), learner(20, 30, 20, variant="gru")]
    assert "4 seeds each are needed" in answer(compared(*three))
    variants = ("rnn", "lstm", "gru", "bi-rnn", "bi-lstm", "bi-gru")
    five = [learner(*[10 * i + k for k in range(5)], variant=v) for i, v in enumerate(variants, 1)]
    words = answer(compared(*five))
    assert (
        "With 5 seeds each, no difference from any of the 5 others is distinguishable from noise; 6"
        in words
    )


def test_a_span_beyond_which_nothing_was_tried_is_a_lower_bound() -> None:
    words = " ".join(remarks(compared(RNN, learner(100, 100, variant="lstm", longer=False))))
    assert "No longer lag was tried in LSTM: the span there is a lower bound." in words
    assert "lower bound" not in " ".join(remarks(compared(RNN, GRU)))


@pytest.mark.parametrize("spans", [(7, 7, 10), (0, 0, 0)])
def test_the_span_of_a_seed_is_the_largest_lag_that_it_learned(spans: tuple[int, ...]) -> None:
    result = compared(learner(*spans)).result("span")
    assert result is not None
    assert tuple(result.values["RNN"]) == spans
