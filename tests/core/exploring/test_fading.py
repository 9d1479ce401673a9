"""The gradient curve of what is explored, against `gradient-decay` run with the same settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from core.experiments.gradient_decay import (
    GRADIENT_DECAY,
    GradientDecayConfig,
    GradientDecaySummary,
    GradientRow,
)
from core.exploring.exploration import Exploration, ExplorerConfig
from core.exploring.fading import fading
from core.exploring.letters import typed
from core.exploring.networks import fresh, one_hot

TINY = {"hidden_size": 5, "sequence_length": 12, "input_size": 3, "seeds": 3, "seed": 7}
STARTS: tuple[dict[str, Any], ...] = (
    {"cell": "rnn", "recurrent_gain": 1.5},
    {"cell": "rnn", "nonlinearity": "relu", "initialisation": "identity"},
    {"cell": "lstm", "forget_bias": 2.0, "initialisation": "orthogonal"},
    {"cell": "gru", "update_bias": -1.0, "loss": "sum"},
    {"cell": "gru", "recurrent_gain": 0.0},
)


@pytest.mark.parametrize("start", STARTS, ids=lambda s: " ".join(map(str, s.values())))
def test_the_curve_is_the_experiments_own_with_one_sample(start: Mapping[str, Any]) -> None:
    settings = {**TINY, **start}
    found = fading(fresh(Exploration(ExplorerConfig.from_flat(settings))))
    asked = GradientDecayConfig.from_flat({**settings, "batch_size": 1, "spectrum": False})
    events = list(GRADIENT_DECAY.run(asked))
    assert found.rows == [event for event in events if isinstance(event, GradientRow)]
    assert [found.summary] == [e for e in events if isinstance(e, GradientDecaySummary)]
    assert len(found.rows) == TINY["seeds"] * TINY["sequence_length"]


def test_what_is_explored_by_default_differs_from_the_experiment_in_samples_alone() -> None:
    ours, theirs = ExplorerConfig().flat(), GradientDecayConfig().flat()
    assert {name for name in theirs if ours[name] != theirs[name]} == {"batch_size", "spectrum"}


@pytest.mark.parametrize("letters", ["a", "ab", "a b a"])
def test_a_short_text_has_a_curve_too(letters: str) -> None:
    config = ExplorerConfig.from_flat({**TINY, "cell": "lstm"})
    rows = fading(fresh(Exploration(config, letters))).rows
    assert [row.steps_back for row in rows] == 3 * list(range(len(letters)))


def test_the_curve_of_a_text_is_autograds() -> None:
    """∂L/∂x_t of torch.nn's LSTM that reads the same letters, for the loss v·h_T."""
    config = ExplorerConfig.from_flat({**TINY, "cell": "lstm", "seeds": 1})
    networks = fresh(Exploration(config, "hello", one_hot=True))
    layer = torch.nn.LSTM(4, 5, dtype=torch.float64)
    layer.load_state_dict({n: p[0] for n, p in networks.model.state_dict().items()})
    x_TBI = one_hot(typed("hello").letters)[:, None].requires_grad_()
    (networks.grad_last_SBH[0] * layer(x_TBI)[0][-1]).sum().backward()
    assert x_TBI.grad is not None
    expected = x_TBI.grad.norm(dim=-1)[:, 0].log10().flip(0)
    ours = [row.log10_input_gradient for row in fading(networks).rows]
    assert ours == pytest.approx(expected.tolist(), abs=1e-12)
