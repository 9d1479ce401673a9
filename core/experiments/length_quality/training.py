"""How a `length-quality` model is trained, and resumes from a checkpoint with the same result.

All that is random in a step follows from the seed and the number of the step.

Shapes: B batch, S source steps, T target steps, V vocabulary, N real target tokens.
"""

from __future__ import annotations

import copy
import io
import itertools
import math
import statistics
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from core.experiment import Event, Progress
from core.experiments.length_quality.declaration import (
    LengthQualityConfig,
    TrainingRow,
    training_work,
)
from core.experiments.length_quality.model import as_read
from core.models.seq2seq import Padded, Seq2Seq
from core.models.weights import load_state
from core.tasks.corpora import PADDING, Batches, Corpus, PairBatch
from core.training import Checkpointer, Throttle, Trainer, evenly_spaced


def cross_entropy(model: Seq2Seq, batch: PairBatch) -> Tensor:
    """Mean over the real target tokens; padding is left out before the output layer."""
    steps, size = batch.source_SB.shape
    source = Padded(batch.source_SB, torch.full((size,), steps))
    features_BTH = model.decode(batch.input_TB, model.encode(source)).features_BTH
    target_BT = batch.target_TB.T
    real_BT = target_BT != PADDING
    scores_NV = model.output(features_BTH[real_BT])
    return torch.nn.functional.cross_entropy(scores_NV, target_BT[real_BT])


class ModelTraining:
    """Training one model, with a validation at evenly spaced steps."""

    def __init__(
        self, config: LengthQualityConfig, corpus: Corpus, model: Seq2Seq, device: torch.device
    ) -> None:
        self.config, self.model, self.device = config, model, device
        pairs = [as_read(config, pair) for pair in corpus.train]
        self.batches = Batches(pairs, config.batch_size, config.seed)
        validation = [as_read(config, pair) for pair in corpus.validation]
        self.validation = list(Batches(validation, 4 * config.batch_size, 0).epoch(0))
        self.trainer = Trainer(
            list(model.parameters()),
            self._loss_of_step,
            steps=config.training_steps,
            learning_rate=config.learning_rate,
            clip=config.clip,
            schedule=config.schedule,
        )
        self.rows: list[TrainingRow] = []
        self.best: dict[str, Any] = {"loss": math.inf, "step": 0, "model": None}
        self.since_row: dict[str, list[float]] = {"loss": [], "norm": [], "tokens": []}
        """Values of every step since the last row."""
        self.seconds, self._row_seconds = 0.0, 0.0
        """Spent on training: in all, and until the last row."""
        self._epoch: Iterator[PairBatch] | None = None

    def events(self, total: float) -> Iterator[Event]:
        """Rows of training, earlier ones too; Progress out of `total`."""
        yield from self.rows
        config, step_work = self.config, training_work(self.config) / self.config.training_steps
        validation_steps = evenly_spaced(config.training_steps, config.validations)
        started = time.monotonic() - self.seconds
        throttle, checkpointer = Throttle(), Checkpointer(seconds=2.0)
        while self.trainer.step < config.training_steps and not self._out_of_patience():
            self.advance()
            self.seconds = time.monotonic() - started
            step = self.trainer.step
            if step in validation_steps:
                yield self._validate()
            if throttle.due():
                yield Progress(step_work * step, total, f"training step {step:,}")
            yield from checkpointer.events(self.save)
        if config.patience and self.best["model"] is not None:
            self.model.load_state_dict(self.best["model"])

    @property
    def diverged(self) -> str:
        """When the loss ceased to be finite, in words; empty for a model that can be used."""
        if all(bool(weight.isfinite().all()) for weight in self.model.parameters()):
            return ""
        broken = (row for row in self.rows if not math.isfinite(row.training_loss))
        first = next(broken, None)
        when = f" by step {first.training_step:,}" if first else ""
        return f"the loss ceased to be finite{when}"

    def _out_of_patience(self) -> bool:
        """Whether as many validations as `patience` says have brought nothing better."""
        after = [row for row in self.rows if row.training_step > self.best["step"]]
        return 0 < self.config.patience <= len(after)

    def advance(self) -> None:
        """Take one step."""
        self.model.train()
        step = self.trainer.advance()
        self.since_row["loss"].append(float(step.losses_S))
        self.since_row["norm"].append(float(step.norms_S))

    def _loss_of_step(self, step: int) -> Tensor:
        if self.config.dropout:
            torch.manual_seed(self.config.seed * 1_000_003 + step)
        epoch, index = divmod(step - 1, len(self.batches))
        if self._epoch is None or index == 0:
            self._epoch = itertools.islice(self.batches.epoch(epoch), index, None)
        batch = next(self._epoch)
        self.since_row["tokens"].append(int((batch.target_TB != PADDING).sum()))
        return cross_entropy(self.model, self._on_device(batch))

    def _on_device(self, batch: PairBatch) -> PairBatch:
        return PairBatch(*(part.to(self.device) for part in batch))

    @torch.inference_mode()
    def validation_loss(self) -> float:
        """Nats per token."""
        self.model.eval()
        loss, tokens = 0.0, 0.0
        for batch in self.validation:
            count = int((batch.target_TB != PADDING).sum())
            loss += count * float(cross_entropy(self.model, self._on_device(batch)))
            tokens += count
        return loss / tokens

    def _validate(self) -> TrainingRow:
        loss, since = self.validation_loss(), self.since_row
        row = TrainingRow(
            seed=self.config.seed,
            training_step=self.trainer.step,
            validation_loss=loss,
            training_loss=statistics.fmean(since["loss"]),
            gradient_norm=statistics.median(since["norm"]),
            tokens_per_second=sum(since["tokens"]) / (self.seconds - self._row_seconds),
        )
        self.rows.append(row)
        self.since_row = {name: [] for name in since}
        self._row_seconds = self.seconds
        if loss < self.best["loss"]:
            weights = copy.deepcopy(self.model.state_dict()) if self.config.patience else None
            self.best = {"loss": loss, "step": self.trainer.step, "model": weights}
        return row

    def save(self) -> bytes:
        """Everything that the rest of training depends on."""
        content = io.BytesIO()
        state = {
            "model": self.model.state_dict(),
            "trainer": self.trainer.state(),
            "rows": [row.flat() for row in self.rows],
            "best": self.best,
            "since": self.since_row,
            "seconds": (self.seconds, self._row_seconds),
        }
        torch.save(state, content)
        return content.getvalue()

    def load(self, content: bytes) -> None:
        """Resume from what `save` returned."""
        state = load_state(content, self.device)
        self.model.load_state_dict(state["model"])
        self.trainer.load(state["trainer"])
        header = TrainingRow.header()
        self.rows = [TrainingRow(**dict(zip(header, row, strict=True))) for row in state["rows"]]
        self.best, self.since_row = state["best"], state["since"]
        self.seconds, self._row_seconds = state["seconds"]
        self._epoch = None
