"""Whole sequences at one length: every subject forward, and forward and backward, in turns."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from core.experiment import Event
from core.experiments import throughput_work as plan
from core.experiments.throughput import CompilationRow, Mode, Subject
from core.experiments.throughput_bench import Bench, context_of
from core.experiments.throughput_compiling import (
    LEFT_AS_THEY_ARE,
    compilation_problem,
    compiled,
    compiling,
    forget_compiled,
    seconds_of,
)
from core.experiments.throughput_problems import OUT_OF_MEMORY, out_of_memory_before
from core.experiments.throughput_rows import ratio_rows, time_rows
from core.experiments.throughput_subjects import SUBJECTS, normal, output_size, pass_of
from core.timing import Call


def measure_passes(bench: Bench, length: int, mode: Mode) -> Iterator[Event]:
    """Times, peaks and ratios of all subjects at a length."""
    doing = f"{mode} at T = {length:,}"
    yield from bench.meter.begin(plan.passes_work(bench.config, length, mode), doing)
    passes = Passes(bench, length, mode)
    yield from passes.prepare()
    turns = bench.turns(passes.calls, mode)
    yield from bench.run(turns, bench.config.repetitions, doing)
    passes.problems.update(turns.problems)
    for name in passes.calls:
        if name in turns.seconds:
            bench.results.seconds[name, mode, length] = turns.seconds[name]
    for name, problem in passes.problems.items():
        bench.results.problems[name, mode, length] = problem
    if turns.harness_share is not None:
        bench.results.harness_shares.append(turns.harness_share)
    yield from time_rows(bench.config, bench.results, mode, length)
    yield from ratio_rows(bench.results, mode, length)


class Passes:
    """The subjects' passes at one length: inputs made, compiled if that is asked for, peak known.

    All of this is before anything is timed.
    """

    def __init__(self, bench: Bench, length: int, mode: Mode) -> None:
        self.bench, self.length, self.mode = bench, length, mode
        self.calls: dict[Subject, Call] = {}
        self.problems: dict[Subject, str] = {}
        self._tensors: dict[tuple[str, int], Tensor] = {}

    def prepare(self) -> Iterator[Event]:
        """Whoever fails gets a problem and is not timed."""
        if self.bench.config.compile:
            forget_compiled()
        for name in SUBJECTS:
            problem = self._known_problem(name)
            if not problem:
                try:
                    yield from self._prepare(name)
                    continue
                except Exception as error:
                    problem = self.bench.problem_of(error)
                    if not problem:
                        raise
            self.problems[name] = problem

    def _known_problem(self, name: Subject) -> str:
        """A subject that ran out of memory at a shorter length needs not try again."""
        for (other, mode, length), problem in self.bench.results.problems.items():
            if (other, mode) == (name, self.mode) and problem == OUT_OF_MEMORY:
                return out_of_memory_before(length)
        return ""

    def _prepare(self, name: Subject) -> Iterator[Event]:
        bench, place = self.bench, (name, self.mode, self.length)
        call = self.call(name, bench.models[name])
        if bench.config.compile and name in LEFT_AS_THEY_ARE:
            yield CompilationRow(*place, None, LEFT_AS_THEY_ARE[name])
        elif bench.config.compile:
            call = self.call(name, compiled(bench.models[name]))
            row = self._compile(name, call)
            yield row
            if row.problem:
                self.problems[name] = row.problem
                return
        peak = bench.peak_bytes(call, self.mode)
        if peak is not None:
            bench.results.peaks[place] = peak
        self.calls[name] = call
        yield from bench.meter.at(0.0, f"{self.mode} at T = {self.length:,}: {name} is ready")

    def call(self, name: Subject, model: nn.Module) -> Call:
        """A pass of this model, which may be the compiled one, at this length."""
        config = self.bench.config
        x_TBI = self._tensor("input", config.input_size)
        if self.mode == "forward":
            return pass_of(model, self.mode, x_TBI)
        size = output_size(name, config.architecture)
        return pass_of(model, self.mode, x_TBI.requires_grad_(), self._tensor("gradient", size))

    def _tensor(self, role: str, size: int) -> Tensor:
        """The input, or what is handed to outputs of a size: drawn once for all subjects."""
        if (role, size) not in self._tensors:
            shape = (self.length, self.bench.config.batch_size, size)
            self._tensors[role, size] = normal(self.bench.config, self.bench.device, *shape)
        return self._tensors[role, size]

    def _compile(self, name: Subject, call: Call) -> CompilationRow:
        place = (name, self.mode, self.length)
        try:
            with compiling(), context_of(self.mode)():
                seconds = seconds_of(call)
        except Exception as error:
            problem = compilation_problem(error)
            if not problem:
                raise
            return CompilationRow(*place, None, problem)
        self.bench.results.compile_seconds.append(seconds)
        return CompilationRow(*place, seconds, "")
