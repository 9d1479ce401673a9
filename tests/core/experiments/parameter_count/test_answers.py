"""One run in words, and what a comparison adds to who has the fewest parameters."""

from __future__ import annotations

import dataclasses
from typing import Any

from core.analysis.sentences import answer
from core.experiment import BUDGETS
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.parameter_count.answers import run_sentence
from tests.core.made import Made, compared, run

SMALL = {"hidden_size": 6, "smallest_width": 6, "largest_width": 6, "sequence_length": 10}


def measured(variant: str, **settings: Any) -> Made:
    """A run with the summary that is really measured of it."""
    asked = {**SMALL, **settings}
    if {*BUDGETS} & {*settings}:
        del asked["hidden_size"]
    (config,) = PARAMETER_COUNT.configs([variant], {n: [v] for n, v in asked.items()})
    *_, summary = PARAMETER_COUNT.measure(config)
    return run(PARAMETER_COUNT, variant, "", asked, None, **dataclasses.asdict(summary))


def test_a_comparison_names_the_fewest_and_what_training_keeps() -> None:
    words = answer(compared(*(measured(cell) for cell in ("lstm", "rnn", "gru"))))
    assert words.startswith(
        "RNN has the fewest parameters: recurrent parameters 432; LSTM has 1,728. "
        "These numbers are exact: they need no test."
    )
    assert "Doubling the hidden size from 6 multiplies the count by 2.2." in words
    assert (
        "Training over 10 steps keeps 4.58 × 10⁻⁴ MiB of activations in RNN and 0.00137 MiB in "
        "LSTM by the equations, " in words
    ), "2 H and 6 H numbers a step"
    assert "by torch.nn's fused kernels." in words


def test_at_a_budget_what_it_makes_equal_has_no_winner() -> None:
    equal = {"parameter_budget": 1000, "input_size": 8}
    words = answer(compared(measured("rnn", **equal), measured("lstm", **equal)))
    assert "fewest parameters" not in words, "the budget makes them equal"
    equal = {"state_budget": 48, "input_size": 8}
    comparison = compared(measured("rnn", **equal), measured("lstm", **equal))
    assert "RNN · hidden size 12 has the fewest parameters" in answer(comparison)
    assert {e.value for e in comparison.result("state_bytes").estimates.values()} == {48}  # type: ignore[union-attr]


def test_a_budget_for_some_only_is_a_plain_comparison() -> None:
    pair = [measured("rnn"), measured("rnn", parameter_budget=1000)]
    for order in (pair, pair[::-1]):
        words = answer(compared(*order))
        assert "has the fewest parameters: recurrent parameters 432" in words
        assert "buy" not in words


def test_activations_of_runs_of_different_shapes_are_not_compared() -> None:
    words = answer(compared(measured("rnn", input_size=8), measured("rnn", input_size=16)))
    assert "RNN · input size 8 has the fewest parameters: recurrent parameters 96" in words
    assert "activations" not in words


def test_a_runs_note_says_all_of_it() -> None:
    (config,) = PARAMETER_COUNT.configs(["lstm"], {n: [v] for n, v in SMALL.items()})
    words = run_sentence(config, measured("lstm").columns)
    assert words.startswith("LSTM 6 reading 64 features: 1,728 recurrent parameters, 4.00 times")
    assert "a state of 48 bytes" in words
    assert "MiB by the equations and " in words
    assert words.endswith("MiB by torch.nn's fused kernel.")
