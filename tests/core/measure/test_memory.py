"""Peaks of known tensors, limits that leave nothing behind, and what a backward graph keeps."""

from __future__ import annotations

import resource

import pytest
import torch

from core.machine_memory import MIB
from core.measure.memory import (
    MemoryLimit,
    activation_bytes,
    is_out_of_memory,
    keep_freed_memory,
    peak_bytes,
    saved_bytes,
)
from core.models.architecture import Architecture
from core.models.recurrent import Recurrent
from tests.core.made import every_cell

CPU = torch.device("cpu")


def bytes_of(mib: int) -> torch.Tensor:
    return torch.empty(mib * MIB, dtype=torch.uint8)


def test_the_peak_is_that_of_tensors_that_are_there_at_once() -> None:
    def two_at_once_of_three() -> None:
        first = bytes_of(1)
        second = bytes_of(3)
        del first
        third = bytes_of(2)
        del second, third

    assert peak_bytes(two_at_once_of_three, CPU) == 5 * MIB


def test_what_was_there_before_and_what_is_kept_are_told_apart() -> None:
    before = bytes_of(8)
    held = []
    assert peak_bytes(lambda: held.append(bytes_of(2)), CPU) == 2 * MIB
    assert peak_bytes(before.zero_, CPU) == 0


def test_a_peak_survives_an_error_and_can_be_taken_again() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        peak_bytes(fail, CPU)
    assert peak_bytes(lambda: bytes_of(1), CPU) == MIB


def test_peaks_are_the_same_in_every_repetition() -> None:
    lstm, x_TBI = torch.nn.LSTM(8, 16), torch.randn(20, 4, 8)
    assert len({peak_bytes(lambda: lstm(x_TBI), CPU) for _ in range(4)} - {0}) == 1


@pytest.mark.parametrize("kept", [False, True], ids=["returned", "kept"])
def test_a_limit_turns_a_large_tensor_into_an_error_and_lets_a_small_one_pass(kept: bool) -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = MemoryLimit(CPU, 64)

    def attempt() -> None:
        with limit.applied():
            bytes_of(32)
            with pytest.raises(RuntimeError) as caught:
                bytes_of(512)
        assert is_out_of_memory(caught.value)

    if kept:
        with keep_freed_memory():
            attempt()
    else:
        attempt()
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    bytes_of(512)


def test_a_limit_is_restored_after_an_error_inside() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(ZeroDivisionError), MemoryLimit(CPU).applied():
        raise ZeroDivisionError
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_a_limit_inside_a_limit_only_makes_it_lower() -> None:
    with MemoryLimit(CPU, 64).applied():
        low = resource.getrlimit(resource.RLIMIT_AS)[0]
        with MemoryLimit(CPU, 100_000).applied():
            assert resource.getrlimit(resource.RLIMIT_AS)[0] == low


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("could not create a primitive"), True),
        (RuntimeError("could not create a primitive descriptor for the LSTM"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
    ids=str,
)
def test_out_of_memory_is_told_from_other_errors(error: Exception, answer: bool) -> None:
    assert is_out_of_memory(error) is answer


PER_STEP = {"rnn": 1 + 1, "lstm": 4 + 2, "gru": 4 + 1}
"""Of H numbers: the gates (the GRU keeps its recurrent candidate apart), and the state."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("cell", PER_STEP)
def test_the_equations_keep_gates_and_states(cell: str, dtype: torch.dtype) -> None:
    shape = Architecture.model_validate({"cell": cell, "hidden_size": 6})
    model = Recurrent(shape, 3, implementation="equations", dtype=dtype)
    result = activation_bytes(model, torch.zeros(20, 4, 3, dtype=dtype))
    assert result.per_step == PER_STEP[cell] * 6 * dtype.itemsize


@pytest.mark.parametrize("cell", every_cell())
def test_a_second_direction_keeps_as_much_again_and_the_joined_output(cell: str) -> None:
    per_step = [
        activation_bytes(
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
    flipped_input = 3 * 4
    assert per_step[1] == 2 * per_step[0] + flipped_input


def test_the_fused_plain_rnn_keeps_its_output_alone() -> None:
    model = Recurrent(Architecture(hidden_size=6), 3)
    assert activation_bytes(model, torch.zeros(20, 4, 3)).per_step == 6 * 4


def test_parameters_and_input_do_not_count() -> None:
    model = Recurrent(Architecture(hidden_size=512), 512)
    assert saved_bytes(model, torch.zeros(2, 1, 512)) < 512 * 512 * 4


@pytest.mark.parametrize("cell", every_cell())
@pytest.mark.parametrize("implementation", ["fused", "equations"])
def test_the_slope_is_that_of_one_very_long_sequence(cell: str, implementation: str) -> None:
    model = Recurrent(
        Architecture.model_validate({"cell": cell, "hidden_size": 64}),
        32,
        implementation=implementation,  # type: ignore[arg-type]
    )
    saved = [saved_bytes(model, torch.zeros(t, 1, 32)) for t in (1000, 3000)]
    for steps in (1, 100):
        result = activation_bytes(model, torch.zeros(steps, 1, 32))
        assert result.per_step == pytest.approx((saved[1] - saved[0]) / 2000, rel=0.01)
