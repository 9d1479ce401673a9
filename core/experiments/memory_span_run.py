"""How `memory-span` is measured: lag by lag, every learning rate that is still worth trying."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Iterator

import torch

from core.device import device_sentence, resolve_device
from core.experiment import Checkpoint, Event, Progress
from core.experiments.memory_span import MemorySpanConfig, TrainingRow
from core.experiments.memory_span_networks import Classroom
from core.experiments.memory_span_rows import (
    Attempt,
    alive,
    at_rate,
    by_lag,
    chosen_rate,
    lag_row,
    summarise,
)
from core.experiments.memory_span_training import Lesson
from core.experiments.memory_span_work import lag_work, lags, run_work
from core.memory import freed_memory_kept

SECONDS_BETWEEN_PROGRESS = 0.2


def measure(config: MemorySpanConfig, checkpoint: bytes | None = None) -> Iterator[Event]:
    """Training at every lag, then the lags at the reported learning rate, the summary last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, "float32")
    yield Progress(0, run_work(config), device_sentence(device))
    with freed_memory_kept():  # long sequences are a third faster
        study = Study(config, device, checkpoint)
        yield from study.lessons()
    yield from study.findings()


class Study:
    """One run's trainings; those in the checkpoint are not made again."""

    def __init__(
        self, config: MemorySpanConfig, device: torch.device, checkpoint: bytes | None
    ) -> None:
        self.config, self.room = config, Classroom(config, device)
        self.attempts: list[Attempt] = []
        self.rows: list[TrainingRow] = []
        self._known: dict[tuple[int, float], tuple[list[TrainingRow], list[Attempt]]] = {}
        self._ahead, self._told = 0.0, -math.inf
        if checkpoint is not None:
            self._load(checkpoint)

    def lessons(self) -> Iterator[Event]:
        """Every lag at every rate that is still tried."""
        remaining = lags(self.config)
        while remaining and (rates := alive(self.config, self.attempts)):
            lag = remaining.pop(0)
            later = len(rates) * sum(lag_work(self.config, other) for other in remaining)
            for place, rate in enumerate(rates, start=1):
                self._ahead = later + (len(rates) - place) * lag_work(self.config, lag)
                yield from self._lesson(lag, rate)

    def _lesson(self, lag: int, rate: float) -> Iterator[Event]:
        """One training; a checkpoint after it."""
        known = self._known.get((lag, rate))
        if known is None:
            lesson = Lesson(self.room, lag, rate)
            rows: list[TrainingRow] = []
            for made in lesson.steps():
                rows += made
                yield from made
                left = 1 - lesson.trainer.step / lesson.trainer.steps
                yield from self._progress(left, lag, rate)
            attempts = lesson.attempts()
        else:
            rows, attempts = known
            yield from rows
        self.rows += rows
        self.attempts += attempts
        yield from (attempt.row() for attempt in attempts)
        if known is None:
            yield Checkpoint(self._saved())

    def _progress(self, left: float, lag: int, rate: float) -> Iterator[Progress]:
        """What is left of this training and after it; what is skipped counts as done."""
        if time.monotonic() - self._told > SECONDS_BETWEEN_PROGRESS:
            self._told = time.monotonic()
            total = run_work(self.config)
            rest = left * lag_work(self.config, lag) + self._ahead
            yield Progress(total - rest, total, f"lag {lag}, learning rate {rate:g}")

    def findings(self) -> Iterator[Event]:
        """At the reported learning rate."""
        own = at_rate(self.attempts, chosen_rate(self.config, self.attempts))
        for lag, group in by_lag(own).items():
            yield lag_row(self.config, group, self.room.task.baseline(lag))
        total = run_work(self.config)
        yield Progress(total, total, "done")
        yield summarise(self.config, self.attempts, self.room.parameters)

    def _saved(self) -> bytes:
        """Every training so far. JSON keeps each float to the last bit."""
        state = {
            "rows": [dataclasses.astuple(row) for row in self.rows],
            "attempts": [dataclasses.astuple(attempt) for attempt in self.attempts],
        }
        return json.dumps(state).encode()

    def _load(self, checkpoint: bytes) -> None:
        state = json.loads(checkpoint)
        for attempt in (Attempt(*values) for values in state["attempts"]):
            place = (attempt.lag, attempt.learning_rate)
            self._known.setdefault(place, ([], []))[1].append(attempt)
        for row in (TrainingRow(*values) for values in state["rows"]):
            self._known[row.lag, row.learning_rate][0].append(row)
