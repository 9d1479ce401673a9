"""What every part of a `throughput` run shares: device, subjects, limits, progress and results."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import nn

from core.experiment import Progress
from core.experiments.throughput import Mode, Subject, ThroughputConfig
from core.experiments.throughput_problems import problem_of
from core.experiments.throughput_subjects import build_subjects
from core.memory import MIB, MemoryLimit, peak_bytes
from core.timing import Call, Name, Stopwatch, Turns

SECONDS_BETWEEN_PROGRESS = 0.2

Place = tuple[Subject, Mode, int]
"""Subject, pass and sequence length."""


class Meter:
    """How much of a run's work is done: part by part, each told when it begins."""

    def __init__(self, total: float) -> None:
        self.total = total
        self._before = self._part = 0.0
        self._told = -math.inf

    def begin(self, work: float, message: str) -> Iterator[Progress]:
        """The part before is done, whatever became of it."""
        self._before, self._part = self._before + self._part, work
        yield self._tell(0.0, message)

    def at(self, share: float, message: str) -> Iterator[Progress]:
        """So much of the part is done; told unless that was done a moment ago."""
        if time.monotonic() - self._told > SECONDS_BETWEEN_PROGRESS:
            yield self._tell(share, message)

    def _tell(self, share: float, message: str) -> Progress:
        self._told = time.monotonic()
        return Progress(min(self.total, self._before + share * self._part), self.total, message)


@dataclass
class Results:
    """What the summary is made of."""

    seconds: dict[Place, list[float]] = field(default_factory=dict)
    problems: dict[Place, str] = field(default_factory=dict)
    peaks: dict[Place, int] = field(default_factory=dict)
    """In bytes."""
    latencies: dict[tuple[Subject, int], list[float]] = field(default_factory=dict)
    packing: dict[tuple[Mode, int], Mapping[str, list[float]]] = field(default_factory=dict)
    """Seconds of `packed` and `padded`."""
    compile_seconds: list[float] = field(default_factory=list)
    harness_shares: list[float] = field(default_factory=list)

    def of(self, subject: Subject, mode: Mode) -> dict[int, list[float]]:
        """Samples by length."""
        return {t: s for (name, m, t), s in self.seconds.items() if (name, m) == (subject, mode)}


class Bench:
    """One run's subjects, and how they are timed."""

    def __init__(self, config: ThroughputConfig, device: torch.device, meter: Meter) -> None:
        self.config, self.device, self.meter = config, device, meter
        self.stopwatch = Stopwatch(device)
        self.models: dict[Subject, nn.Module] = build_subjects(config, device)
        self.results = Results()

    def problem_of(self, error: Exception) -> str:
        """In a few words; '' for a bug."""
        return problem_of(error, self.config.dtype)

    def peak_bytes(self, call: Call, mode: Mode) -> int | None:
        """Of one pass, before it is timed; None where a device does not tell.

        Raises MemoryError if that is more than the config allows.
        """
        limit = self.config.memory_limit_mib
        with MemoryLimit(self.device, limit).applied(), context_of(mode)():
            peak = peak_bytes(call, self.device)
        if limit is not None and peak is not None and peak > limit * MIB:
            raise MemoryError(f"{peak:,} bytes are needed")
        return peak

    def turns(self, calls: Mapping[Name, Call], mode: Mode, singles: int = 0) -> Turns[Name]:
        """These calls in turns; forward without a graph."""
        return Turns(
            calls,
            self.stopwatch,
            context=context_of(mode),
            problem_of=self.problem_of,
            singles=singles,
        )

    def run(self, turns: Turns[Name], repetitions: int, doing: str) -> Iterator[Progress]:
        """Warm up and take all turns, with progress between them."""
        for name in turns.warm_up():
            yield from self.meter.at(0.0, f"{doing}: {name} is warm")
        for done in turns.take(repetitions):
            yield from self.meter.at(done / repetitions, f"{doing}, turn {done}")


def context_of(mode: Mode) -> Callable[[], AbstractContextManager[object]]:
    """What surrounds a pass."""
    return torch.inference_mode if mode == "forward" else nullcontext
