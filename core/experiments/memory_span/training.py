"""The networks of a `memory-span` run and their training at one lag, all seeds in one pass.

A seed starts from the same weights at every lag and learning rate, and reads the same sequences at
every learning rate. Its training ends at the first validation at which it passes the test too, as
if it were trained alone; the others go on without it. A bidirectional network answers from
the last output like the others, where its backward half has read the last step alone.

Shapes: S seeds (of those still training), T time, B batch, I input, H hidden, A answered steps,
C scores.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from core.experiments.memory_span.declaration import MemorySpanConfig, TrainingRow
from core.experiments.memory_span.spans import Attempt
from core.measure.gradients import decay_rates, measure_gradients, seed_blocks
from core.models.recurrent import Recurrent
from core.stats.estimates import finite
from core.tasks.lag_tasks import Adding, CopyMemory, CuedRecall, LagTask
from core.training import (
    LastStepClassifier,
    Trainer,
    cross_entropy_by_seed,
    evenly_spaced,
    generators_of,
)

MIN_PERCENT = 90.0
"""Percent of the symbols that must be right for a lag to count as learned."""

MAX_SQUARED_ERROR = 0.01
"""The error of the sum below which adding counts as learned: 6% of what is left without memory."""

GRADIENT_STEPS, GRADIENT_SAMPLES = 100, 16
"""The steps and samples on which the gradient is measured: `gradient-decay`'s defaults."""

PASS_BYTES = 2**22
"""About what each network's gates may take when it is evaluated: caches are small."""

Purpose = Literal["training", "validation", "test", "gradient"]

PURPOSES: tuple[Purpose, ...] = ("training", "validation", "test", "gradient")


class EvalBatch(NamedTuple):
    """Sequences of every seed, and their answers."""

    x_STBI: Tensor
    target_SAB: Tensor


class EvalResult(NamedTuple):
    """How well each network answers."""

    losses_S: list[float | None]
    """None where it is not finite."""
    accuracies_S: list[float | None]
    """Percent of the symbols; None where the answer is a number, or the loss not finite."""

    @property
    def passed_S(self) -> list[bool]:
        """Whether each network answers well enough on these sequences."""
        return [
            loss is not None
            and (loss < MAX_SQUARED_ERROR if percent is None else percent >= MIN_PERCENT)
            for loss, percent in zip(self.losses_S, self.accuracies_S, strict=True)
        ]


class LagTaskSetup:
    """What all trainings of a run share: the task, its sequences, the initial weights."""

    def __init__(self, config: MemorySpanConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.task: LagTask = (
            Adding()
            if config.task == "adding"
            else (CuedRecall if config.task == "recall" else CopyMemory)(config.symbols)
        )
        self.seeds = range(config.seed, config.seed + config.seeds)
        generators = self.generators("gradient", 0)
        lag = GRADIENT_STEPS - config.shape.extra_steps
        self.gradient_STBI = self.draw(generators, lag, GRADIENT_SAMPLES).x_STBI.cpu().double()
        width = config.architecture.directions * config.architecture.hidden_size
        v_SH = [torch.randn(1, width, dtype=torch.float64, generator=one) for one in generators]
        self._v_SBH = torch.stack(v_SH).expand(-1, GRADIENT_SAMPLES, -1)
        networks = self.networks()
        self.decay_start = self.gradient_decay(networks)
        self.parameters = sum(p[0].numel() for p in networks.parameters())

    def networks(self) -> LastStepClassifier:
        """Every seed's network with its initial weights."""
        generators = [torch.Generator().manual_seed(seed) for seed in self.seeds]
        recurrent = Recurrent(
            self.config.architecture,
            self.config.shape.inputs,
            implementation="equations",
            generators=generators,
        )
        return LastStepClassifier(recurrent, self.config.shape.outputs, generators).to(self.device)

    def generators(self, purpose: Purpose, lag: int) -> list[torch.Generator]:
        """One for each seed: what it draws depends on the seed, the lag and the purpose alone."""
        return generators_of((seed, lag, PURPOSES.index(purpose)) for seed in self.seeds)

    def draw(self, generators: Sequence[torch.Generator], lag: int, count: int) -> EvalBatch:
        """`count` sequences from each generator."""
        batches = [self.task.draw(lag, count, generator) for generator in generators]
        x_STBI = torch.stack([batch.x_TBI for batch in batches])
        target_SAB = torch.stack([batch.target_AB for batch in batches])
        return EvalBatch(x_STBI.to(self.device), target_SAB.to(self.device))

    def gradient_decay(self, networks: LastStepClassifier) -> list[float | None]:
        """Factor per step back of ∂L/∂x_t, as `gradient-decay` fits it, by seed.

        On the task's own sequences of 100 steps, for a random direction of the last output per
        seed; in float64, on the CPU, because not every device has it.
        """
        model, x_STBI = copy.deepcopy(networks.recurrent).cpu().double(), self.gradient_STBI
        rates: list[float | None] = []
        for block in seed_blocks(model, x_STBI):
            first = measure_gradients(model, x_STBI[block], self._v_SBH[block], block)[0]
            rates += map(finite, decay_rates(first.input_SKB).tolist())
        return rates

    def losses(self, scores_SABC: Tensor, target_SAB: Tensor) -> Tensor:
        """Each seed's cross-entropy, or the squared error of a number, S."""
        if self.task.symbol_answers:
            return cross_entropy_by_seed(scores_SABC, target_SAB)
        return (scores_SABC[..., 0] - target_SAB).square().mean((1, 2))

    @torch.no_grad()
    def evaluate(self, networks: LastStepClassifier, lag: int, batch: EvalBatch) -> EvalResult:
        """Loss and accuracy of each seed's network, in passes of a bounded size."""
        seeds, steps, count, _ = batch.x_STBI.shape
        symbols = self.task.symbol_answers
        width = networks.recurrent.kept_per_step * batch.x_STBI.element_size()
        losses_S = batch.x_STBI.new_zeros(seeds)
        right_S = torch.zeros(seeds, dtype=torch.int64, device=losses_S.device)
        parts = (torch.split(part, max(16, PASS_BYTES // (steps * width)), 2) for part in batch)
        for x_STBI, target_SAB in zip(*parts, strict=True):
            scores_SABC = networks.over_last(x_STBI, self.task.answer_steps(lag))
            losses_S += self.losses(scores_SABC, target_SAB) * x_STBI.shape[2] / count
            if symbols:
                right = scores_SABC[:, -symbols:].argmax(-1) == target_SAB[:, -symbols:]
                right_S += right.sum((1, 2))
        losses = [finite(loss) for loss in losses_S.tolist()]
        accuracies = [
            None if loss is None or not symbols else 100 * right / (symbols * count)
            for loss, right in zip(losses, right_S.tolist(), strict=True)
        ]
        return EvalResult(losses, accuracies)


class LagTraining:
    """Every seed's network, trained at one lag and learning rate."""

    def __init__(self, setup: LagTaskSetup, lag: int, learning_rate: float) -> None:
        config = setup.config
        self.setup, self.lag, self.learning_rate = setup, lag, learning_rate
        self.networks = setup.networks()
        self.generators = setup.generators("training", lag)
        count = config.tested_sequences
        self.validation = setup.draw(setup.generators("validation", lag), lag, count)
        self.test = setup.draw(setup.generators("test", lag), lag, count)
        self.trainer = Trainer(
            list(self.networks.parameters()),
            self._losses_of_step,
            steps=config.training_steps,
            learning_rate=learning_rate,
            clip=config.clip,
            seeds=config.seeds,
        )
        self.active = list(range(config.seeds))
        """Indices of the seeds that still train, in the order of their networks."""
        self.passed: dict[int, int] = {}
        """Index of a seed → the first training step at which it passed the validation."""
        self.learned: dict[int, int] = {}
        """The same for those that passed the test right then, too."""
        self._final: dict[int, list[Tensor]] = {}
        """Index of a seed → its parameters when its training ended."""

    def _losses_of_step(self, step: int) -> Tensor:
        generators = [self.generators[index] for index in self.active]
        x_STBI, target_SAB = self.setup.draw(generators, self.lag, self.setup.config.batch_size)
        scores_SABC = self.networks.over_last(x_STBI, self.setup.task.answer_steps(self.lag))
        return self.setup.losses(scores_SABC, target_SAB)

    def steps(self) -> Iterator[list[TrainingRow]]:
        """Take the steps one by one; each comes with the rows of its validation, if it has one."""
        config = self.setup.config
        validation_steps = evenly_spaced(config.training_steps, config.validations)
        while self.active and self.trainer.step < self.trainer.steps:
            self.trainer.advance()
            yield self._validate() if self.trainer.step in validation_steps else []

    def _validate(self) -> list[TrainingRow]:
        """Rows of the seeds that trained until now; those that have learned stop training."""
        setup, step = self.setup, self.trainer.step
        result = self._evaluate(self.validation)
        rows = [
            TrainingRow(
                lag=self.lag,
                learning_rate=self.learning_rate,
                seed=setup.seeds[index],
                training_step=step,
                loss=loss,
                accuracy=accuracy,
            )
            for index, loss, accuracy in zip(
                self.active, result.losses_S, result.accuracies_S, strict=True
            )
        ]
        if not any(result.passed_S):
            return rows
        remaining = []
        tested_S = self._evaluate(self.test).passed_S
        for place, (index, passed) in enumerate(zip(self.active, result.passed_S, strict=True)):
            if passed:
                self.passed.setdefault(index, step)
            if passed and tested_S[place]:
                self.learned[index] = step
                self._keep(place)
            else:
                remaining.append(place)
        if 0 < len(remaining) < len(self.active):
            self.trainer.narrow(remaining)
        self.active = [self.active[place] for place in remaining]
        return rows

    def _evaluate(self, batch: EvalBatch) -> EvalResult:
        """Evaluate the networks that still train, each on its own seed's sequences."""
        if len(self.active) < self.setup.config.seeds:
            batch = EvalBatch(*(part[self.active] for part in batch))
        return self.setup.evaluate(self.networks, self.lag, batch)

    def _keep(self, place: int) -> None:
        """Keep a network's parameters as they are now."""
        self._final[self.active[place]] = [
            parameter.data[place].clone() for parameter in self.networks.parameters()
        ]

    def attempts(self) -> list[Attempt]:
        """The outcome of each seed, with its network as it was when its training ended."""
        setup = self.setup
        for place in range(len(self.active)):
            self._keep(place)
        of_seeds = [self._final[index] for index in range(setup.config.seeds)]
        for parameter, parts in zip(
            self.networks.parameters(), zip(*of_seeds, strict=True), strict=True
        ):
            parameter.data = torch.stack(parts)
        result = setup.evaluate(self.networks, self.lag, self.test)
        decay_end = setup.gradient_decay(self.networks)
        return [
            Attempt(
                learning_rate=self.learning_rate,
                seed=seed,
                lag=self.lag,
                passed_step=self.passed.get(index),
                learned_step=self.learned.get(index),
                loss=result.losses_S[index],
                accuracy=result.accuracies_S[index],
                decay_start=setup.decay_start[index],
                decay_end=decay_end[index],
                trained_steps=self.learned.get(index, self.trainer.step),
            )
            for index, seed in enumerate(setup.seeds)
        ]
