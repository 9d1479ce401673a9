"""Whole sequences at one length: every subject in turns, and a ragged batch packed and padded.

Shapes: T time, B batch, I input, O output; N all real tokens of the batch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from core.experiment import Event
from core.experiments.throughput import declaration
from core.experiments.throughput.bench import Bench, context_of
from core.experiments.throughput.declaration import (
    GROWN,
    CompilationRow,
    Grown,
    Mode,
    Subject,
)
from core.experiments.throughput.rows import (
    growth_rows,
    packing_row,
    ragged_lengths,
    ratio_rows,
    time_rows,
    turn_rows,
)
from core.experiments.throughput.subjects import (
    NOT_COMPILED,
    OUT_OF_MEMORY,
    compilation_problem,
    compiled,
    compiling,
    normal,
    output_size,
    pass_of,
)
from core.measure.timing import Call
from core.models.recurrent import Recurrent


def measure_passes(bench: Bench, length: int, mode: Mode) -> Iterator[Event]:
    """Measure times, peaks and ratios of all subjects at a length."""
    config, results = bench.config, bench.results
    message = f"{mode} at T = {length:,}"
    yield from bench.meter.begin(declaration.passes_work(config, length, mode), message)
    passes = Passes(bench, length, mode)
    yield from passes.prepare()
    turns = yield from bench.time(passes.calls, mode, config.repetitions, message)
    for name, seconds in turns.seconds.items():
        results.seconds[name, mode, length] = seconds
    for name, problem in {**passes.problems, **turns.problems}.items():
        results.problems[name, mode, length] = problem
    if turns.harness_share is not None:
        results.harness_shares.append(turns.harness_share)
    yield from turn_rows(turns, mode, length)
    yield from time_rows(config, results, mode, length)
    yield from ratio_rows(results, mode, length)


class Passes:
    """The subjects' passes at one length, prepared before anything is timed.

    Inputs are drawn, models compiled if the config says so, and peaks measured.
    """

    def __init__(self, bench: Bench, length: int, mode: Mode) -> None:
        self.bench, self.length, self.mode = bench, length, mode
        self.calls: dict[Subject, Call] = {}
        self.problems: dict[Subject, str] = {}
        self._tensors: dict[tuple[str, int], Tensor] = {}

    def prepare(self) -> Iterator[Event]:
        """Prepare every subject; one that fails gets a problem and is not timed."""
        if self.bench.config.compile:
            # Otherwise the ninth shape of a model would silently not be compiled.
            torch.compiler.reset()
        for name in self.bench.models:
            # What ran out of memory at a shorter length need not try again.
            shorter = [
                length
                for (other, mode, length), problem in self.bench.results.problems.items()
                if (other, mode) == (name, self.mode) and problem == OUT_OF_MEMORY
            ]
            if shorter:
                self.problems[name] = f"{OUT_OF_MEMORY} at T = {shorter[0]:,} already"
                continue
            with self.bench.recording(self.problems, name):
                yield from self._prepare(name)

    def _prepare(self, name: Subject) -> Iterator[Event]:
        bench = self.bench
        call = self.call(name, bench.models[name])
        if bench.config.compile:
            exemption = NOT_COMPILED.get(name, "")
            if not exemption:
                call = self.call(name, compiled(bench.models[name]))
            seconds, problem = (None, exemption) if exemption else self._compile(call)
            yield CompilationRow(
                subject=name,
                mode=self.mode,
                sequence_length=self.length,
                compile_seconds=seconds,
                problem=problem,
            )
            if problem and not exemption:
                self.problems[name] = problem
                return
        peak = bench.peak_bytes(call, self.mode)
        if peak is not None:
            bench.results.peaks[name, self.mode, self.length] = peak
        self.calls[name] = call
        yield from bench.meter.at(0.0, f"{self.mode} at T = {self.length:,}: {name} is ready")

    def _compile(self, call: Call) -> tuple[float | None, str]:
        """Seconds of the call that compiles, or None and why it failed."""
        try:
            with compiling(), context_of(self.mode)():
                started = time.perf_counter()
                call()
                seconds = time.perf_counter() - started
        except Exception as error:
            problem = compilation_problem(error)
            if not problem:
                raise
            return None, problem
        self.bench.results.compile_seconds.append(seconds)
        return seconds, ""

    def call(self, name: Subject, model: nn.Module) -> Call:
        """A pass of this model, which may be the compiled one, at this length."""
        config = self.bench.config
        x_TBI = self._tensor("input", config.input_size)
        if self.mode == "forward":
            return pass_of(model, self.mode, x_TBI)
        size = output_size(name, config.architecture)
        return pass_of(model, self.mode, x_TBI.requires_grad_(), self._tensor("gradient", size))

    def _tensor(self, role: str, size: int) -> Tensor:
        """The input, or the gradient of outputs of a size: drawn once for all subjects."""
        if (role, size) not in self._tensors:
            shape = (self.length, self.bench.config.batch_size, size)
            self._tensors[role, size] = normal(self.bench.config, self.bench.device, *shape)
        return self._tensors[role, size]


def measure_packing(bench: Bench, length: int, mode: Mode) -> Iterator[Event]:
    """Measure a ragged batch through the fused layer; packing and padding are not timed."""
    config, results = bench.config, bench.results
    message = f"packed {mode} at T = {length:,}"
    yield from bench.meter.begin(declaration.packing_work(config, length, mode), message)
    problems: dict[str, str] = {}
    problem = results.problems.get(("fused", mode, length), "")
    if not problem:
        with bench.recording(problems, "packed"):
            calls = packing_calls(bench, length, mode)
            bench.peak_bytes(calls["packed"], mode)
            repetitions = min(declaration.MAX_PACKED_TURNS, config.repetitions)
            turns = yield from bench.time(calls, mode, repetitions, message)
            results.packing[mode, length] = turns.seconds
            problems |= turns.problems
        problem = "; ".join(problems.values())
    yield packing_row(config, results, mode, length, problem)


def packing_calls(bench: Bench, length: int, mode: Mode) -> dict[str, Call]:
    """A pass over the real tokens alone, and one over the batch padded to the longest."""
    config, device, model = bench.config, bench.device, bench.models["fused"]
    assert isinstance(model, Recurrent)
    lengths = ragged_lengths(length, config.batch_size)
    size = output_size("fused", config.architecture)
    x_TBI = normal(config, device, length, len(lengths), config.input_size)
    x_TBI.requires_grad_(mode == "training")
    grad_TBO = normal(config, device, length, len(lengths), size)
    packed = pack_padded_sequence(x_TBI.detach(), torch.tensor(lengths))
    grad_NO = pack_padded_sequence(grad_TBO, torch.tensor(lengths)).data
    padded = pass_of(model, mode, x_TBI, grad_TBO)
    if mode == "forward":
        return {"packed": lambda: model.forward_packed(packed), "padded": padded}
    wanted = [packed.data.requires_grad_(), *model.parameters()]

    def packed_training() -> object:
        output_NO = model.forward_packed(packed)[0].data
        return torch.autograd.grad(output_NO, wanted, grad_NO)

    return {"packed": packed_training, "padded": padded}


def measure_growth(bench: Bench) -> Iterator[Event]:
    """Measure training at all lengths in the same turns, where both neighbours can be timed."""
    config, results = bench.config, bench.results
    if len(config.lengths) < 2:
        return
    yield from bench.meter.begin(declaration.growth_work(config), "training at all lengths")
    places: dict[str, tuple[Grown, int]] = {}
    calls: dict[str, Call] = {}
    for length in config.lengths:
        passes = Passes(bench, length, "training")
        for name in GROWN:
            if (name, "training", length) in results.seconds:
                model = bench.models[name]
                if config.compile and name not in NOT_COMPILED:
                    model = compiled(model)
                places[f"{name} at T = {length:,}"] = name, length
                calls[f"{name} at T = {length:,}"] = passes.call(name, model)
    turns = yield from bench.time(calls, "training", config.repetitions, "training at all lengths")
    for key, seconds in turns.seconds.items():
        results.growth[places[key]] = seconds
    yield from growth_rows(config, results)
