"""How the networks of a `memory-span` run are trained at one lag: all seeds in one batched pass.

A seed starts from the same weights at every lag and learning rate, and reads the same sequences at
every learning rate. Its training ends at the first validation that it passes if it passes the test
right then, as if it were alone; the others go on without it.

Shapes: S seeds (of those still training), T time, B batch, I input, A answered steps, C scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from core.experiments.memory_span import TrainingRow
from core.experiments.memory_span_networks import Classroom, Examination
from core.experiments.memory_span_rows import Attempt
from core.experiments.memory_span_work import validated_steps
from core.training import Trainer


class Lesson:
    """Every seed's network at one lag and learning rate."""

    def __init__(self, room: Classroom, lag: int, learning_rate: float) -> None:
        config = room.config
        self.room, self.lag, self.learning_rate = room, lag, learning_rate
        self.networks = room.networks()
        self.generators = room.generators("training", lag)
        count = config.tested_sequences
        self.validation = room.draw(room.generators("validation", lag), lag, count)
        self.test = room.draw(room.generators("test", lag), lag, count)
        self.trainer = Trainer(
            list(self.networks.parameters()),
            self._losses_of_step,
            steps=config.training_steps,
            learning_rate=learning_rate,
            clip=config.clip,
            seeds=config.seeds,
        )
        self.training = list(range(config.seeds))
        """Which seeds still train, by index."""
        self.passed: dict[int, int] = {}
        self.learned: dict[int, int] = {}
        """By index of the seed, at which training step."""
        self._ended: dict[int, list[Tensor]] = {}

    def _losses_of_step(self, step: int) -> Tensor:
        generators = [self.generators[index] for index in self.training]
        x_STBI, target_SAB = self.room.draw(generators, self.lag, self.room.config.batch_size)
        scores_SABC = self.networks.over_last(x_STBI, self.room.task.answered(self.lag))
        return self.room.losses(scores_SABC, target_SAB)

    def steps(self) -> Iterator[list[TrainingRow]]:
        """Take a step each time; rows where one is followed by a validation."""
        validated = validated_steps(self.room.config)
        while self.training and self.trainer.step < self.trainer.steps:
            self.trainer.advance()
            yield self._validate() if self.trainer.step in validated else []

    def _validate(self) -> list[TrainingRow]:
        """Rows of the seeds that trained until now; those that have learned train no longer."""
        room, step = self.room, self.trainer.step
        validated = room.grade(self.networks, self.lag, self._of_those_training(self.validation))
        rows = [
            TrainingRow(self.lag, self.learning_rate, room.seeds[index], step, loss, percent)
            for index, loss, percent in zip(self.training, *validated, strict=True)
        ]
        passed = self._where(validated.passed_S)
        for index in passed:
            self.passed.setdefault(index, step)
        if passed:
            tested = room.grade(self.networks, self.lag, self._of_those_training(self.test))
            self._end(sorted({*passed} & {*self._where(tested.passed_S)}))
        return rows

    def _of_those_training(self, asked: Examination) -> Examination:
        if len(self.training) == self.room.config.seeds:
            return asked
        return Examination(*(part[self.training] for part in asked))

    def _where(self, flags: Sequence[bool]) -> list[int]:
        return [index for index, flag in zip(self.training, flags, strict=True) if flag]

    def _end(self, learned: Sequence[int]) -> None:
        """Keep their networks as they are now."""
        if not learned:
            return
        self.learned.update(dict.fromkeys(learned, self.trainer.step))
        for index in learned:
            self._set_aside(index)
        places = [place for place, index in enumerate(self.training) if index not in learned]
        self.training = [self.training[place] for place in places]
        if places:
            self.trainer.narrow(places)

    def _set_aside(self, index: int) -> None:
        place = self.training.index(index)
        self._ended[index] = [p.data[place].clone() for p in self.networks.parameters()]

    def attempts(self) -> list[Attempt]:
        """What each seed came to, with its network as it was when its training ended."""
        for index in self.training:
            self._set_aside(index)
        networks = [self._ended[index] for index in range(self.room.config.seeds)]
        for parameter, parts in zip(
            self.networks.parameters(), zip(*networks, strict=True), strict=True
        ):
            parameter.data = torch.stack(parts)
        grades = self.room.grade(self.networks, self.lag, self.test)
        ends = self.room.decay_of(self.networks)
        return [
            Attempt(
                self.learning_rate,
                seed,
                self.lag,
                self.passed.get(index),
                self.learned.get(index),
                grades.losses_S[index],
                grades.accuracies_S[index],
                self.room.decay_start[index],
                ends[index],
                self.learned.get(index, self.trainer.step),
            )
            for index, seed in enumerate(self.room.seeds)
        ]
