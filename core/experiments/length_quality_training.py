"""How a `length-quality` model is trained, and goes on from a checkpoint to the same result.

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

from core.experiment import Checkpoint, Event, Progress
from core.experiments.length_quality import LengthQualityConfig, TrainingRow
from core.experiments.length_quality_model import as_read
from core.models.seq2seq import Padded, Seq2Seq
from core.tasks.corpora import Corpus
from core.tasks.pairs import PADDING, Batches, PairBatch
from core.training import Trainer

CHECKPOINT_SECONDS = 2.0
CHECKPOINT_SHARE = 0.02
"""Checkpoints take at most this share of the time: those of a large model come less often."""
TELL_SECONDS = 0.2


def cross_entropy(model: Seq2Seq, batch: PairBatch) -> Tensor:
    """Mean over the real target tokens; padding is left out before the output layer."""
    steps, size = batch.source_SB.shape
    source = Padded(batch.source_SB, torch.full((size,), steps))
    features_BTH = model.decode(batch.written_TB, model.encode(source)).features_BTH
    wanted_BT = batch.wanted_TB.T
    real_BT = wanted_BT != PADDING
    scores_NV = model.output(features_BTH[real_BT])
    return torch.nn.functional.cross_entropy(scores_NV, wanted_BT[real_BT])


class Course:
    """Training one model, with a validation at evenly spaced steps."""

    def __init__(
        self, config: LengthQualityConfig, corpus: Corpus, model: Seq2Seq, device: torch.device
    ) -> None:
        self.config, self.model, self.device = config, model, device
        pairs = [as_read(config, pair) for pair in corpus.train]
        self.batches = Batches(pairs, config.batch_size, config.seed)
        checked = [as_read(config, pair) for pair in corpus.validation]
        self.validation = list(Batches(checked, 4 * config.batch_size, 0).epoch(0))
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
        self.since: dict[str, list[float]] = {"loss": [], "norm": [], "tokens": []}
        self.seconds, self._row_seconds = 0.0, 0.0
        self._feed: Iterator[PairBatch] | None = None

    def events(self, total: float, per_step: float) -> Iterator[Event]:
        """Rows of training; Progress out of `total`, of which each step is `per_step`."""
        yield from self.rows
        started, told = time.monotonic() - self.seconds, -math.inf
        keep_at = time.monotonic() + CHECKPOINT_SECONDS
        while self.trainer.step < self.config.training_steps and not self.gave_up:
            self.advance()
            self.seconds = time.monotonic() - started
            if self.trainer.step in self.validated_steps:
                yield self._validated()
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                done = per_step * self.trainer.step
                yield Progress(done, total, f"training step {self.trainer.step:,}")
            if time.monotonic() > keep_at:
                begun = time.monotonic()
                yield Checkpoint(self.saved())
                now = time.monotonic()
                keep_at = now + max(CHECKPOINT_SECONDS, (now - begun) / CHECKPOINT_SHARE)
        if self.config.patience and self.best["model"] is not None:
            self.model.load_state_dict(self.best["model"])

    @property
    def validated_steps(self) -> set[int]:
        """Evenly spaced, the last step among them."""
        steps, count = self.config.training_steps, self.config.validations
        return {max(1, round(index * steps / count)) for index in range(1, count + 1)}

    @property
    def gave_up(self) -> bool:
        """Whether so many validations as `patience` says have brought nothing better."""
        after = [row for row in self.rows if row.training_step > self.best["step"]]
        return 0 < self.config.patience <= len(after)

    def saved(self) -> bytes:
        """Everything that the rest of training depends on."""
        content = io.BytesIO()
        state = {
            "model": self.model.state_dict(),
            "trainer": self.trainer.state(),
            "rows": [row.flat() for row in self.rows],
            "best": self.best,
            "since": self.since,
            "seconds": (self.seconds, self._row_seconds),
        }
        torch.save(state, content)
        return content.getvalue()

    def load(self, content: bytes) -> None:
        """Go on from what `saved` returned."""
        state = torch.load(io.BytesIO(content), map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.trainer.load(state["trainer"])
        self.rows = [TrainingRow(*row) for row in state["rows"]]
        self.best, self.since = state["best"], state["since"]
        self.seconds, self._row_seconds = state["seconds"]
        self._feed = None

    def advance(self) -> None:
        """Take one step."""
        self.model.train()
        step = self.trainer.advance()
        self.since["loss"].append(float(step.losses_S))
        self.since["norm"].append(float(step.norms_S))

    def _loss_of_step(self, step: int) -> Tensor:
        if self.config.dropout:
            torch.manual_seed(self.config.seed * 1_000_003 + step)
        batch = self._batch(step)
        self.since["tokens"].append(int((batch.wanted_TB != PADDING).sum()))
        return cross_entropy(self.model, on(batch, self.device))

    def _batch(self, step: int) -> PairBatch:
        """The batch of a step: the next one of its epoch."""
        epoch, index = divmod(step - 1, len(self.batches))
        if self._feed is None or index == 0:
            self._feed = itertools.islice(self.batches.epoch(epoch), index, None)
        return next(self._feed)

    @torch.inference_mode()
    def validation_loss(self) -> float:
        """Nats per token."""
        self.model.eval()
        sums = [0.0, 0.0]
        for batch in self.validation:
            tokens = int((batch.wanted_TB != PADDING).sum())
            sums[0] += tokens * float(cross_entropy(self.model, on(batch, self.device)))
            sums[1] += tokens
        return sums[0] / sums[1]

    def _validated(self) -> TrainingRow:
        loss = self.validation_loss()
        row = TrainingRow(
            seed=self.config.seed,
            training_step=self.trainer.step,
            validation_loss=loss,
            training_loss=statistics.fmean(self.since["loss"]),
            gradient_norm=statistics.median(self.since["norm"]),
            tokens_per_second=sum(self.since["tokens"]) / (self.seconds - self._row_seconds),
        )
        self.rows.append(row)
        self.since = {name: [] for name in self.since}
        self._row_seconds = self.seconds
        if loss < self.best["loss"]:
            kept = copy.deepcopy(self.model.state_dict()) if self.config.patience else None
            self.best = {"loss": loss, "step": self.trainer.step, "model": kept}
        return row


def on(batch: PairBatch, device: torch.device) -> PairBatch:
    """The batch on the device that computes."""
    return PairBatch(*(part.to(device) for part in batch))
