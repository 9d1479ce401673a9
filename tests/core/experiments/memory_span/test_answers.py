"""One run in words, what a comparison adds to who looks furthest, and values seed by seed."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pandas
import pytest

from core.analysis.sentences import answer
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.memory_span.answers import by_seed, remarks
from core.experiments.memory_span.declaration import MemorySpanConfig
from core.stats.aggregation import MAJORITY
from core.stats.estimates import MISSING
from core.tasks.lag_shapes import LAG_WORDS
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


def said(*made: Made) -> str:
    return " ".join(remarks(compared(*made)))


RNN = learner(7, 7, 7, 7, 10, 7)
GRU = learner(20, 30, 20, 30, 20, 20, variant="gru")


def test_a_run_says_how_far_it_learned_to_look_and_how_its_gradient_fades() -> None:
    assert sentence(learner(10, 15, 15, 15, 10, 15)) == (
        "RNN 64, recall: within 1,000 training steps a majority of seeds learned all lags up to "
        "15 (seeds: 10, 15, 15, 15, 10, 15), not 20, at learning rate 0.003; the asymptotic "
        "half-life of the gradient is 1.5 steps before training and infinite after."
    )
    assert "learned every lag tried, up to 15" in sentence(learner(15, 15, 15, longer=False))
    none = sentence(learner(0, 0, 0))
    assert "learned no lag (seeds: 0, 0, 0), not even 2," in none


def test_a_sentence_says_what_the_lag_of_the_task_is() -> None:
    adding = sentence(learner(50, 50, 50, task="adding"))
    assert "learned all sequence lengths up to T = 50 (" in adding
    assert ", 37.0 steps back on average, not T = 55" in adding
    copying = sentence(learner(20, 20, 20, task="copy"))
    assert "learned all lags up to 20 (" in copying
    assert ", 30.0 steps back on average, not 25" in copying


def test_a_comparison_says_what_the_lags_of_its_tasks_are() -> None:
    assert "T/2" not in said(RNN)
    adding = learner(50, 50, task="adding")
    assert LAG_WORDS["adding"].meaning in said(adding)
    mixed = said(RNN, adding)
    assert "of different tasks are different distances, and do not compare" in mixed
    assert "do not compare" not in said(adding)


def test_seeds_that_learned_out_of_order_or_diverged_are_named() -> None:
    columns = {"gaps": "seed 3: 10 without 7", "diverged": "seed 1 at 15"}
    made = dataclasses.replace(RNN, columns={**RNN.columns, **columns})
    assert sentence(made).endswith(
        "Learned out of order: seed 3: 10 without 7. Diverged: seed 1 at 15."
    )
    words = said(made, GRU)
    assert "In RNN, learned out of order: seed 3: 10 without 7; diverged: seed 1 at 15." in words
    assert "In GRU, learned" not in words


def test_a_comparison_names_the_furthest_and_how_surely() -> None:
    words = answer(compared(RNN, GRU))
    assert words.startswith("GRU learns to look back furthest: span 20 steps (20–30 in 6 seeds)")
    assert "RNN has 7 steps. GRU differs significantly from RNN (exact rank-sum test" in words
    assert "A lag counts as learned within 1,000 training steps." in words
    assert "In GRU the asymptotic half-life of the gradient is 1.5 steps before training" in words


def test_with_too_few_seeds_it_says_how_many_it_takes() -> None:
    three = [learner(7, 7, 10), learner(20, 30, 20, variant="gru")]
    assert "4 seeds each are needed" in answer(compared(*three))
    variants = ("rnn", "lstm", "gru", "bi-rnn", "bi-lstm", "bi-gru")
    five = [learner(*[10 * i + k for k in range(5)], variant=v) for i, v in enumerate(variants, 1)]
    words = answer(compared(*five))
    assert (
        "With 5 seeds each, no difference from any of the 5 others can be significant; 6" in words
    )


def test_a_span_beyond_which_nothing_was_tried_is_a_lower_bound() -> None:
    words = " ".join(remarks(compared(RNN, learner(100, 100, variant="lstm", longer=False))))
    assert "No longer lag was tried in LSTM: the span there is a lower bound." in words
    assert "lower bound" not in " ".join(remarks(compared(RNN, GRU)))


def test_a_seed_that_failed_a_lag_has_no_longer_span_whatever_it_learned_beyond() -> None:
    """Also of an older run, whose recorded spans do not know that."""
    lags = (2, 3, 5, 7, 10)
    learned = {0: (1, 1, 1, 1, 0), 1: (1, 1, 1, 0, 1), 2: (0, 1, 1, 1, 1)}
    columns = {"steps_to_learn": 100.0, "half_life_start": 2.0, "half_life_end": 4.0, "loss": 1.0}
    attempts = pandas.DataFrame(
        [
            {"seed": seed, "lag": lag, "learned": outcome, "learning_rate": 0.003, **columns}
            for lag, *outcomes in zip(lags[::-1], *(o[::-1] for o in learned.values()), strict=True)
            for seed, outcome in enumerate(outcomes)
        ]
    )
    older = run(
        MEMORY_SPAN,
        tables={"attempts": attempts},
        span=MAJORITY.estimate([7.0, 10.0, 10.0]),
        span_by_seed="7, 10, 10",
    )
    result = compared(older).result("span")
    assert result is not None
    assert tuple(result.values["RNN"]) == (7, 5, 0)
    assert "In RNN, learned out of order: 2 seeds." in said(older)
    tables = {**older.tables, "summary": pandas.DataFrame([dict(older.columns)])}
    assert by_seed(older.columns, tables.get)["furthest_lag"] == {0: 7, 1: 10, 2: 10}
    attempts.loc[(attempts["seed"] == 2) & (attempts["lag"] == 2), "loss"] = math.nan
    values = by_seed(older.columns, tables.get)
    assert values["span"] == {0: 7, 1: 5}, "its first lag was lost because it diverged"
    assert values["furthest_lag"] == {0: 7, 1: 10}


def test_where_training_of_every_seed_diverged_there_is_no_span() -> None:
    lost = run(MEMORY_SPAN, span=MISSING, diverged="seed 0 at 2 (left out)", next_lag=None)
    assert sentence(lost).endswith(
        ": no span, because training of every seed diverged (seed 0 at 2 (left out))."
    )
    words = said(lost, GRU)
    assert "In RNN, diverged: seed 0 at 2 (left out)." in words


@pytest.mark.parametrize("spans", [(7, 7, 10), (0, 0, 0)])
def test_the_span_of_a_seed_is_the_largest_lag_that_it_learned(spans: tuple[int, ...]) -> None:
    result = compared(learner(*spans)).result("span")
    assert result is not None
    assert tuple(result.values["RNN"]) == spans
