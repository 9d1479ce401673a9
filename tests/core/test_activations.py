"""What a backward graph keeps, against what the equations say must be kept."""

from __future__ import annotations

import pytest
import torch

from core.activations import kept_for_backward, saved_bytes
from core.architecture import CELL_TITLES, Architecture
from core.models.recurrent import Recurrent

PER_STEP = {"rnn": 1 + 1, "lstm": 4 + 2, "gru": 4 + 1}
"""Of H numbers: the gates (the GRU keeps its recurrent candidate apart), and the state."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("cell", CELL_TITLES)
def test_the_equations_keep_gates_and_states(cell: str, dtype: torch.dtype) -> None:
    shape = Architecture.model_validate({"cell": cell, "hidden_size": 6})
    model = Recurrent(shape, 3, implementation="equations", dtype=dtype)
    kept = kept_for_backward(model, torch.zeros(20, 4, 3, dtype=dtype))
    assert kept.per_step == PER_STEP[cell] * 6 * dtype.itemsize


@pytest.mark.parametrize("cell", CELL_TITLES)
def test_a_second_direction_keeps_as_much_again_and_the_joined_output(cell: str) -> None:
    per_step = [
        kept_for_backward(
            Recurrent(
                Architecture.model_validate(
                    {"cell": cell, "hidden_size": 6, "bidirectional": bidirectional}
                ),
                3,
                implementation="equations",
            ),
            torch.zeros(20, 2, 3),
        ).per_step
        for bidirectional in (False, True)
    ]
    turned_input = 3 * 4
    assert per_step[1] == 2 * per_step[0] + turned_input


def test_the_fused_plain_rnn_keeps_its_output_alone() -> None:
    model = Recurrent(Architecture(hidden_size=6), 3)
    assert kept_for_backward(model, torch.zeros(20, 4, 3)).per_step == 6 * 4


def test_parameters_and_input_do_not_count() -> None:
    model = Recurrent(Architecture(hidden_size=512), 512)
    assert saved_bytes(model, torch.zeros(2, 1, 512)) < 512 * 512 * 4


@pytest.mark.parametrize("cell", CELL_TITLES)
@pytest.mark.parametrize("implementation", ["fused", "equations"])
def test_the_slope_is_that_of_one_very_long_sequence(cell: str, implementation: str) -> None:
    model = Recurrent(
        Architecture.model_validate({"cell": cell, "hidden_size": 64}),
        32,
        implementation=implementation,  # type: ignore[arg-type]
    )
    saved = [saved_bytes(model, torch.zeros(t, 1, 32)) for t in (1000, 3000)]
    for steps in (1, 100):
        kept = kept_for_backward(model, torch.zeros(steps, 1, 32))
        assert kept.per_step == pytest.approx((saved[1] - saved[0]) / 2000, rel=0.01)
