"""A ragged batch through the fused layer: without its padding, and with.

Shapes: T time, B batch, I input, O output; N all real tokens of the batch.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from core.experiment import Event
from core.experiments import throughput_work as plan
from core.experiments.throughput import Mode, PackingRow
from core.experiments.throughput_bench import Bench
from core.experiments.throughput_rows import milliseconds
from core.experiments.throughput_statistics import paired_ratio
from core.experiments.throughput_subjects import normal, output_size, pass_of
from core.models.recurrent import Recurrent
from core.statistics import MISSING
from core.timing import Call

MOST_TURNS = 6
"""The fewest that have an interval. On the CPU a packed training pass grows as T² and takes up to
thirty times as long as a padded one: more turns would take longer than all the rest."""


def measure_packing(bench: Bench, length: int, mode: Mode) -> Iterator[Event]:
    """One row; packing and padding themselves are done before."""
    doing = f"packed {mode} at T = {length:,}"
    yield from bench.meter.begin(plan.packing_work(bench.config, length, mode), doing)
    lengths = ragged_lengths(length, bench.config.batch_size)
    real_percent = 100 * sum(lengths) / (length * len(lengths))
    problem = bench.results.problems.get(("fused", mode, length), "")
    seconds: dict[str, list[float]] = {}
    if not problem:
        try:
            calls = _calls(bench, lengths, mode)
            bench.peak_bytes(calls["packed"], mode)
            turns = bench.turns(calls, mode)
            yield from bench.run(turns, min(MOST_TURNS, bench.config.repetitions), doing)
            seconds, problem = turns.seconds, "; ".join(turns.problems.values())
        except Exception as error:
            problem = bench.problem_of(error)
            if not problem:
                raise
    yield _row(bench, mode, length, seconds, real_percent, problem)


def ragged_lengths(longest: int, batch: int) -> list[int]:
    """Evenly from the longest down to a quarter of it."""
    last = max(1, longest // 4)
    steps = max(1, batch - 1)
    return [round(longest - (longest - last) * index / steps) for index in range(batch)]


def _calls(bench: Bench, lengths: list[int], mode: Mode) -> dict[str, Call]:
    config, device = bench.config, bench.device
    model = bench.models["fused"]
    assert isinstance(model, Recurrent)
    size = output_size("fused", config.architecture)
    x_TBI = normal(config, device, lengths[0], len(lengths), config.input_size)
    x_TBI.requires_grad_(mode == "training")
    grad_TBO = normal(config, device, lengths[0], len(lengths), size)
    packed = pack_padded_sequence(x_TBI.detach(), torch.tensor(lengths))
    grad_NO = pack_padded_sequence(grad_TBO, torch.tensor(lengths)).data
    return {
        "packed": _packed_pass(model, mode, packed, grad_NO),
        "padded": pass_of(model, mode, x_TBI, grad_TBO),
    }


def _packed_pass(model: Recurrent, mode: Mode, packed: PackedSequence, grad_NO: Tensor) -> Call:
    if mode == "forward":
        return lambda: model.forward_packed(packed)
    wanted = [packed.data.requires_grad_(), *model.parameters()]
    return lambda: torch.autograd.grad(model.forward_packed(packed)[0].data, wanted, grad_NO)


def _row(
    bench: Bench,
    mode: Mode,
    length: int,
    seconds: dict[str, list[float]],
    real_percent: float,
    problem: str,
) -> PackingRow:
    packed, padded = seconds.get("packed"), seconds.get("padded")
    ratio = MISSING
    if packed and padded:
        bench.results.packing[mode, length] = seconds
        ratio = paired_ratio(packed, padded)
    return PackingRow(
        mode, length, ratio, milliseconds(packed), milliseconds(padded), real_percent, problem
    )
