"""How the networks of a group are trained, and go on from a checkpoint to the same result.

Shapes: N networks, S seeds, T time, B batch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from core.experiment import Event, Progress
from core.experiments.two_sided_context import ContextRow, TrainingRow, TwoSidedContextConfig
from core.experiments.two_sided_context_networks import Exercise, Purpose, Taggers, examine
from core.experiments.two_sided_context_work import VALIDATED, Group, step_work
from core.statistics import MISSING, finite, mean_estimate
from core.training import Trainer

TELL_SECONDS = 0.2
TOGETHER = 32
"""Sequences that are examined at once, if training batches are smaller."""


class Course:
    """Training all networks of a group, each on its own loss."""

    def __init__(self, config: TwoSidedContextConfig, group: Group, device: torch.device) -> None:
        self.config, self.group = config, group
        self.taggers = Taggers(config, group).to(device)
        self.exercise = Exercise(config, group.members, device)
        self.feed = self.exercise.generators("training")
        self.trainer = Trainer(
            list(self.taggers.parameters()),
            self._losses_of_step,
            steps=config.training_steps,
            learning_rate=config.learning_rate,
            clip=config.clip,
            schedule="cosine",
            seeds=len(group.members),
        )

    def events(self, done: float, total: float) -> Iterator[Event]:
        """The steps that are left, with a row per network at every validation."""
        tokens_STB = self._drawn("validation", VALIDATED)
        share, told = step_work(self.config, self.group), 0.0
        for step in self.trainer:
            if step.step in self.validated_steps:
                yield from self._validated(tokens_STB)
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                said = f"{self.name}, training step {step.step:,}"
                yield Progress(done + share * step.step, total, said)

    def test(self) -> list[ContextRow]:
        """What the networks have come to."""
        size = self.group.architecture.hidden_size
        marks = self._marks(self._drawn("test", self.config.tested_sequences))
        return [
            ContextRow(
                member.network,
                member.seed,
                member.look_ahead,
                MISSING if finite(loss) is None else mean_estimate(percents),
                self.exercise.task.chance(member.look_ahead),
                size,
                self.taggers.parameters_each,
            )
            for member, loss, percents in zip(self.group.members, *marks, strict=True)
        ]

    @property
    def name(self) -> str:
        """What is trained: `itself and delayed`."""
        return " and ".join(dict.fromkeys(member.network for member in self.group.members))

    @property
    def validated_steps(self) -> set[int]:
        """Evenly spaced, the last step among them."""
        steps, count = self.config.training_steps, self.config.validations
        return {max(1, round(index * steps / count)) for index in range(1, count + 1)}

    def state(self) -> dict[str, Any]:
        """Everything that the rest of training depends on."""
        return {
            "taggers": self.taggers.state_dict(),
            "trainer": self.trainer.state(),
            "feed": [generator.get_state() for generator in self.feed],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.taggers.load_state_dict(state["taggers"])
        self.trainer.load(state["trainer"])
        for generator, kept in zip(self.feed, state["feed"], strict=True):
            generator.set_state(kept)

    def _losses_of_step(self, _: int) -> Tensor:
        tokens_STB = self.exercise.draw(self.config.batch_size, self.feed)
        scores_NTBC = self.taggers(self.exercise.read(tokens_STB))
        return self.exercise.losses(scores_NTBC, self.exercise.wanted(tokens_STB))

    def _drawn(self, purpose: Purpose, sequences: int) -> Tensor:
        return self.exercise.draw(sequences, self.exercise.generators(purpose))

    def _validated(self, tokens_STB: Tensor) -> Iterator[TrainingRow]:
        step = self.trainer.step
        for member, loss, percents in zip(
            self.group.members, *self._marks(tokens_STB), strict=True
        ):
            known = finite(loss)
            accuracy = None if known is None else sum(percents) / len(percents)
            yield TrainingRow(*member, step, known, accuracy)

    def _marks(self, tokens_STB: Tensor) -> tuple[list[float], list[list[float]]]:
        """Loss and percents of every network."""
        together = max(self.config.batch_size, TOGETHER)
        marks = examine(self.taggers, self.exercise, tokens_STB, together)
        return marks.loss_N.tolist(), marks.percent_NB.tolist()
