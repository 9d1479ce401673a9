"""The references: the adding problem at length 50, and recall.

A plain script reached a squared error below 0.01 after 500 to 600 steps (GRU) and 1,200 to 1,500
(LSTM); the tanh RNN was still at the variance, 1/6, after 3,000.
"""

from __future__ import annotations

import pytest

from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.memory_span.declaration import AttemptRow, MemorySpanConfig, MemorySpanSummary
from core.stats.tests import rank_sum_test

ADDING = {
    "task": "adding",
    "shortest_lag": 50,
    "longest_lag": 50,
    "hidden_size": 64,
    "learning_rate": 2e-3,
    "batch_size": 64,
    "training_steps": 3000,
    "validations": 60,
    "clip": None,
    "seeds": 3,
}

LEARNED_AFTER = {"gru": (400, 800), "lstm": (800, 2000)}


def attempts(**settings: object) -> list[AttemptRow]:
    config = MemorySpanConfig.from_flat({**ADDING, **settings})
    return [event for event in MEMORY_SPAN.measure(config) if isinstance(event, AttemptRow)]


@pytest.mark.slow
@pytest.mark.parametrize("cell", LEARNED_AFTER)
def test_gated_cells_learn_to_add_over_fifty_steps(cell: str) -> None:
    low, high = LEARNED_AFTER[cell]
    for attempt in attempts(cell=cell):
        assert attempt.loss is not None
        assert attempt.loss < 0.01
        assert low <= (attempt.steps_to_learn or 0) <= high


@pytest.mark.slow
def test_the_plain_rnn_does_not() -> None:
    for attempt in attempts(cell="rnn"):
        assert attempt.loss == pytest.approx(1 / 6, abs=0.03)
        assert attempt.trained_steps == 3000


@pytest.mark.slow
def test_the_plain_rnns_span_is_shorter_than_the_lstms_with_forget_bias_one() -> None:
    """On recall, a significant difference."""
    spans = []
    for settings in ({"cell": "rnn"}, {"cell": "lstm", "forget_bias": 1.0}):
        config = MemorySpanConfig.from_flat({"hidden_size": 32, **settings})
        (*_, summary) = MEMORY_SPAN.measure(config)
        assert isinstance(summary, MemorySpanSummary)
        spans.append([int(span) for span in summary.span_by_seed.split(", ")])
    result = rank_sum_test(*spans)
    assert not result.higher
    assert result.p_value <= 0.05
