"""What every part of a `throughput` run shares: subjects, stopwatch, limits, progress, results."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from core.experiment import Progress
from core.experiments.throughput.declaration import Mode, Subject, ThroughputConfig
from core.experiments.throughput.rows import Results
from core.experiments.throughput.subjects import build_subjects, problem_of
from core.machine_memory import MIB
from core.measure.memory import MemoryLimit, peak_bytes
from core.measure.timing import Call, Name, Stopwatch, Turns, nothing
from core.training import Throttle


class Meter:
    """Counts the work that is done, part by part; each part is reported when it begins."""

    def __init__(self, total: float) -> None:
        self.total = total
        self._before = self._part = 0.0
        self._throttle = Throttle()

    def begin(self, work: float, message: str) -> Iterator[Progress]:
        """Begin a part; the one before counts as done, whether or not it succeeded."""
        self._before, self._part = self._before + self._part, work
        self._throttle.restart()
        yield self._progress(0.0, message)

    def at(self, share: float, message: str) -> Iterator[Progress]:
        """Report how much of the part is done, unless the last report was a moment ago."""
        if self._throttle.due():
            yield self._progress(share, message)

    def _progress(self, share: float, message: str) -> Progress:
        return Progress(min(self.total, self._before + share * self._part), self.total, message)


class Bench:
    """One run's subjects, and how they are timed."""

    def __init__(self, config: ThroughputConfig, device: torch.device, meter: Meter) -> None:
        self.config, self.device, self.meter = config, device, meter
        self.stopwatch = Stopwatch(device)
        self.models: dict[Subject, nn.Module] = build_subjects(config, device)
        self.results = Results()
        self._draw = random.Random(config.seed)

    def problem_of(self, error: Exception) -> str:
        """Why this run cannot time something, in a few words; empty for a bug."""
        return problem_of(error, self.config.dtype)

    @contextlib.contextmanager
    def recording(self, problems: dict[Name, str], name: Name) -> Iterator[None]:
        """Record why a subject cannot be timed; raise what is a bug."""
        try:
            yield
        except Exception as error:
            problem = self.problem_of(error)
            if not problem:
                raise
            problems[name] = problem

    def peak_bytes(self, call: Call, mode: Mode) -> int | None:
        """Memory that one pass takes, before it is timed; None where a device reports none.

        Raises MemoryError if that is more than the config allows.
        """
        limit = self.config.memory_limit_mib
        with MemoryLimit(self.device, limit).applied(), context_of(mode)():
            peak = peak_bytes(call, self.device)
        if limit is not None and peak is not None and peak > limit * MIB:
            raise MemoryError(f"{peak:,} bytes are needed")
        return peak

    def time(
        self,
        calls: Mapping[Name, Call],
        mode: Mode,
        repetitions: int,
        message: str,
        *,
        singles: int = 0,
        empty: Call = nothing,
    ) -> Generator[Progress, None, Turns[Name]]:
        """Warm the calls up and time them in turns, with progress in between.

        The run's seed determines the orders.
        """
        turns = Turns(
            calls,
            self.stopwatch,
            context=context_of(mode),
            problem_of=self.problem_of,
            singles=singles,
            seed=self._draw.getrandbits(32),
            empty=empty,
        )
        for name in turns.warm_up():
            yield from self.meter.at(0.0, f"{message}: {name} is warm")
        for done in turns.take(repetitions):
            yield from self.meter.at(done / repetitions, f"{message}, turn {done}")
        self.results.disturbed_turns += turns.disturbed
        return turns


def context_of(mode: Mode) -> Callable[[], AbstractContextManager[object]]:
    """What surrounds a pass: forward is timed without a graph."""
    return torch.inference_mode if mode == "forward" else nullcontext
