"""All that touches a GPU; skipped where there is none.

What a GPU computes differs from run to run in the last digits, since sums are taken in another
order: rows are compared to a tolerance.
"""

from __future__ import annotations

from typing import Any

import pandas
import pytest
import torch

from core.device import describe_device, resolve_device
from core.experiment import Row
from core.experiments import experiment_named
from core.measure.memory import MemoryLimit, is_out_of_memory, peak_bytes
from core.measure.timing import Stopwatch
from core.models.registry import usual_variants

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")

GPU = torch.device("cuda")

MIB = 2**20

SMALL: dict[str, dict[str, Any]] = {
    "gradient-decay": {"seeds": 2, "sequence_length": 20, "hidden_size": 16},
    "memory-span": {"seeds": 2, "hidden_size": 8, "training_steps": 20, "longest_lag": 10},
    "two-sided-context": {"seeds": 2, "hidden_size": 8, "training_steps": 20, "furthest": 2},
    "state-tracking": {"seeds": 2, "hidden_size": 8, "training_steps": 20, "longest_tested": 64},
    "recall": {"seeds": 2, "hidden_size": 8, "training_steps": 20, "most_pairs": 3},
    "language-model": {"seeds": 2, "hidden_size": 8, "training_steps": 20, "tested_windows": 40},
}
"""Trained for so few steps that rounding has not grown to a difference that counts."""


def numbers(experiment: str, cell: str, device: str, table: str) -> pandas.DataFrame:
    """The numbers of one table, row by row."""
    made = experiment_named(experiment)
    settings = {name: (value,) for name, value in SMALL[experiment].items()}
    (config, *_) = made.configs((cell,), {**settings, "device": (device,)})
    rows = [row for row in made.measure(config) if isinstance(row, Row) and row.table == table]
    return pandas.DataFrame([vars(row) for row in rows]).select_dtypes("number")


def test_auto_takes_it_and_says_which_it_is() -> None:
    device = resolve_device("auto", "float64")
    assert device.type == "cuda"
    facts = describe_device(device)
    assert facts["chip"] == torch.cuda.get_device_name(device)
    assert facts["cuda"] != "none"


@pytest.mark.parametrize("variant", usual_variants())
def test_a_gradient_is_the_cpus(variant: str) -> None:
    """In float64 and untrained."""
    here, there = (
        numbers("gradient-decay", variant, device, "gradient") for device in ("cuda", "cpu")
    )
    pandas.testing.assert_frame_equal(here, there, rtol=1e-9)


@pytest.mark.parametrize(
    ("experiment", "table"),
    [
        ("memory-span", "training"),
        ("two-sided-context", "training"),
        ("state-tracking", "training"),
        ("recall", "training"),
        ("language-model", "training"),
        ("language-model", "contexts"),
    ],
)
def test_a_loss_is_the_cpus(experiment: str, table: str) -> None:
    """In float32, after a few steps; accuracies of a hundred sequences may differ by one."""
    here, there = (numbers(experiment, "gru", device, table) for device in ("cuda", "cpu"))
    assert len(here) == len(there) > 0
    losses = [name for name in here if "loss" in str(name) or "bits" in str(name)]
    assert losses
    pandas.testing.assert_frame_equal(here[losses], there[losses], rtol=1e-2)


def test_a_peak_is_what_was_allocated() -> None:
    def call() -> None:
        first = torch.empty(8 * MIB, dtype=torch.uint8, device=GPU)
        second = torch.empty(4 * MIB, dtype=torch.uint8, device=GPU)
        del first, second
        torch.empty(2 * MIB, dtype=torch.uint8, device=GPU)

    assert peak_bytes(call, GPU) == 12 * MIB


def test_out_of_memory_is_told_as_such_and_the_limit_is_lifted() -> None:
    def large() -> torch.Tensor:
        return torch.empty(1024 * MIB, dtype=torch.uint8, device=GPU)

    with pytest.raises(RuntimeError) as raised, MemoryLimit(GPU, mib=64).applied():
        large()
    assert is_out_of_memory(raised.value)
    assert large().numel() == 1024 * MIB


def test_a_time_ends_when_the_device_has_finished() -> None:
    """A product that takes much longer than its launch, against the device's own events."""
    a = torch.randn(8192, 8192, device=GPU)
    stopwatch = Stopwatch(GPU)
    stopwatch.nanoseconds(lambda: a @ a)
    begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def timed() -> None:
        begun.record()
        _ = a @ a
        ended.record()

    wall = stopwatch.nanoseconds(timed) / 1e6
    assert begun.elapsed_time(ended) <= wall


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_throughput_times_the_fused_layers(cell: str, dtype: str) -> None:
    experiment = experiment_named("throughput")
    settings = {
        "sequence_length": 32,
        "shortest_length": 16,
        "repetitions": 3,
        "streamed_tokens": 0,
        "packed": False,
        "dtype": dtype,
        "device": "cuda",
    }
    (config, *_) = experiment.configs((cell,), {name: (v,) for name, v in settings.items()})
    times = [row for row in experiment.measure(config) if getattr(row, "table", "") == "times"]
    fused = [vars(row) for row in times if vars(row)["subject"] == "fused"]
    assert fused
    assert all(row["milliseconds"] or row["problem"] for row in fused)
    assert all(row["milliseconds"] for row in fused if dtype == "float32")
