"""How `memory-span` is measured: lag by lag, every learning rate that is still worth trying."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import torch

from core.device import device_sentence, resolve_device
from core.experiment import Checkpoint, Event, Progress
from core.experiments.memory_span.declaration import MemorySpanConfig, TrainingRow, lag_work, work
from core.experiments.memory_span.spans import (
    Attempt,
    by_lag,
    diverged_seeds,
    judged,
    lag_row,
    remaining_rates,
    seed_rows,
    seed_spans,
    summarise,
)
from core.experiments.memory_span.training import LagTaskSetup, LagTraining
from core.measure.memory import keep_freed_memory
from core.training import Throttle


def measure(config: MemorySpanConfig, checkpoint: bytes | None = None) -> Iterator[Event]:
    """Train at every lag, then report lags and seeds; the summary comes last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, "float32")
    total = work(config)
    yield Progress(0, total, device_sentence(device))
    with keep_freed_memory():  # long sequences are a third faster
        search = SpanSearch(config, LagTaskSetup(config, device), checkpoint)
        yield from search.events()
    attempts = search.attempts
    own = judged(config, attempts)
    lost = diverged_seeds(own)
    spans = {seed: lag for seed, lag in seed_spans(own).items() if seed not in lost}
    for lag, group in by_lag(own).items():
        yield lag_row(config, group, spans, search.setup.task.baseline(lag))
    yield from seed_rows(own)
    yield Progress(total, total, "done")
    yield summarise(config, attempts, search.setup.parameters)


class SpanSearch:
    """The trainings of one run; those in the checkpoint are not repeated."""

    def __init__(
        self, config: MemorySpanConfig, setup: LagTaskSetup, checkpoint: bytes | None
    ) -> None:
        self.config, self.setup = config, setup
        self.rows: list[TrainingRow] = []
        self.attempts: list[Attempt] = []
        self._saved: dict[tuple[int, float], tuple[list[TrainingRow], list[Attempt]]] = {}
        """Lag and learning rate → what the checkpoint has of that training."""
        self._throttle = Throttle()
        if checkpoint is None:
            return
        state = json.loads(checkpoint)
        fields = [field.name for field in dataclasses.fields(Attempt)]
        for values in state["attempts"]:
            attempt = Attempt(**dict(zip(fields, values, strict=True)))
            key = (attempt.lag, attempt.learning_rate)
            self._saved.setdefault(key, ([], []))[1].append(attempt)
        for values in state["rows"]:
            row = TrainingRow(**dict(zip(TrainingRow.header(), values, strict=True)))
            self._saved[row.lag, row.learning_rate][0].append(row)

    def events(self) -> Iterator[Event]:
        """Train at every lag with every learning rate that is still tried."""
        config, lags = self.config, self.config.lags
        for number, lag in enumerate(lags, start=1):
            rates = remaining_rates(config, self.attempts)
            later = len(rates) * sum(lag_work(config, other) for other in lags[number:])
            for place, rate in enumerate(rates, start=1):
                yield from self._train(
                    lag, rate, later + (len(rates) - place) * lag_work(config, lag)
                )

    def _train(self, lag: int, rate: float, left: float) -> Iterator[Event]:
        """Train at one lag and learning rate, then save a checkpoint; `left` is the work after."""
        rows, attempts = self._saved.get((lag, rate), ([], []))
        saved = bool(attempts)
        yield from rows
        if not saved:
            training, total = LagTraining(self.setup, lag, rate), work(self.config)
            for of_step in training.steps():
                rows += of_step
                yield from of_step
                if self._throttle.due():  # what is skipped counts as done
                    to_do = 1 - training.trainer.step / training.trainer.steps
                    done = total - left - to_do * lag_work(self.config, lag)
                    yield Progress(done, total, f"lag {lag}, learning rate {rate:g}")
            attempts = training.attempts()
        self.rows += rows
        self.attempts += attempts
        yield from (attempt.row() for attempt in attempts)
        if not saved:
            state = {
                "rows": [row.flat() for row in self.rows],
                "attempts": [dataclasses.astuple(attempt) for attempt in self.attempts],
            }
            # JSON keeps each float to the last bit.
            yield Checkpoint(json.dumps(state).encode())
