"""What all trainings of a `memory-span` run share: sequences, first weights, grades, gradients.

A bidirectional network answers from the last output like the others, and there its backward half
has read the last step alone.

Shapes: S seeds, T time, B batch, I input, H hidden, A answered steps, C scores.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy
import torch
from torch import Tensor

from core.experiments.memory_span import MemorySpanConfig
from core.gradients import decay_rates, measure_gradients, seed_blocks
from core.models.recurrent import Recurrent
from core.statistics import finite
from core.tasks.lag_tasks import Adding, CopyMemory, CuedRecall, LagTask
from core.training import LastStepClassifier, cross_entropy_by_seed

PERCENT_NAMED = 90.0
"""Of the symbols: so many must be named for a lag to count as learned."""
SQUARED_ERROR = 0.01
"""Of the sum, below which adding counts as learned: 6% of what is left without memory."""
GRADIENT_STEPS = 100
GRADIENT_SAMPLES = 16
"""As `gradient-decay` has them by default."""
PASS_BYTES = 2**22
"""About what each network's gates may take when it is graded: caches are small."""

Purpose = Literal["training", "validation", "test", "gradient"]
PURPOSES: tuple[Purpose, ...] = ("training", "validation", "test", "gradient")


def task_of(config: MemorySpanConfig) -> LagTask:
    """The task that the config names."""
    if config.task == "adding":
        return Adding()
    return (CuedRecall if config.task == "recall" else CopyMemory)(config.symbols)


class Examination(NamedTuple):
    """Sequences of every seed, and the answers that are asked."""

    x_STBI: Tensor
    target_SAB: Tensor


class Grades(NamedTuple):
    """How each network answered."""

    losses_S: list[float | None]
    """None where it is not finite."""
    accuracies_S: list[float | None]
    """Percent of the symbols; None where the answer is a number, or the loss not finite."""

    @property
    def passed_S(self) -> list[bool]:
        """Whether each has learned, as far as these sequences tell."""
        return [
            loss is not None
            and (loss < SQUARED_ERROR if percent is None else percent >= PERCENT_NAMED)
            for loss, percent in zip(self.losses_S, self.accuracies_S, strict=True)
        ]


class Classroom:
    """What all trainings of a run share: the task, the first weights, their gradients."""

    def __init__(self, config: MemorySpanConfig, device: torch.device) -> None:
        self.config, self.device, self.task = config, device, task_of(config)
        self.seeds = range(config.seed, config.seed + config.seeds)
        generators = self.generators("gradient", 0)
        lag = GRADIENT_STEPS - self.task.steps(0)
        self.gradient_STBI = self.draw(generators, lag, GRADIENT_SAMPLES).x_STBI.cpu().double()
        width = config.architecture.directions * config.architecture.hidden_size
        v_SH = [torch.randn(1, width, dtype=torch.float64, generator=one) for one in generators]
        self._v_SBH = torch.stack(v_SH).expand(-1, GRADIENT_SAMPLES, -1)
        networks = self.networks()
        self.decay_start = self.decay_of(networks)
        self.parameters = sum(p[0].numel() for p in networks.parameters())

    def networks(self) -> LastStepClassifier:
        """Every seed's network as it starts."""
        generators = [torch.Generator().manual_seed(seed) for seed in self.seeds]
        recurrent = Recurrent(
            self.config.architecture,
            self.task.inputs,
            implementation="equations",
            generators=generators,
        )
        return LastStepClassifier(recurrent, self.task.outputs, generators).to(self.device)

    def generators(self, purpose: Purpose, lag: int) -> list[torch.Generator]:
        """One for each seed: what it draws depends on the seed, the lag and the purpose alone."""
        keys = ((seed, lag, PURPOSES.index(purpose)) for seed in self.seeds)
        drawn = (numpy.random.SeedSequence(key).generate_state(1)[0] for key in keys)
        return [torch.Generator().manual_seed(int(number)) for number in drawn]

    def draw(self, generators: Sequence[torch.Generator], lag: int, count: int) -> Examination:
        """So many sequences of each generator."""
        batches = [self.task.draw(lag, count, generator) for generator in generators]
        x_STBI = torch.stack([batch.x_TBI for batch in batches])
        target_SAB = torch.stack([batch.target_AB for batch in batches])
        return Examination(x_STBI.to(self.device), target_SAB.to(self.device))

    def decay_of(self, networks: LastStepClassifier) -> list[float | None]:
        """Factor per step back of ∂L/∂x_t, as `gradient-decay` fits it, by seed.

        On the task's own sequences of 100 steps, for a random direction of the last output per
        seed; in float64, on the CPU, because not every device has it.
        """
        model, x_STBI = copy.deepcopy(networks.recurrent).cpu().double(), self.gradient_STBI
        found: list[float | None] = []
        for block in seed_blocks(model, x_STBI):
            first = measure_gradients(model, x_STBI[block], self._v_SBH[block], block)[0]
            found += map(finite, decay_rates(first.input_SKB).tolist())
        return found

    def losses(self, scores_SABC: Tensor, target_SAB: Tensor) -> Tensor:
        """By seed: cross-entropy, or the squared error of a number."""
        if self.task.named:
            return cross_entropy_by_seed(scores_SABC, target_SAB)
        return (scores_SABC[..., 0] - target_SAB).square().mean((1, 2))

    @torch.no_grad()
    def grade(self, networks: LastStepClassifier, lag: int, asked: Examination) -> Grades:
        """In passes of a bounded size."""
        seeds, steps, count, _ = asked.x_STBI.shape
        shape, named = networks.recurrent.architecture, self.task.named
        width = networks.recurrent.cell.blocks * shape.hidden_size * asked.x_STBI.element_size()
        losses_S = asked.x_STBI.new_zeros(seeds)
        right_S = torch.zeros(seeds, dtype=torch.int64, device=losses_S.device)
        parts = (torch.split(part, max(16, PASS_BYTES // (steps * width)), 2) for part in asked)
        for x_STBI, target_SAB in zip(*parts, strict=True):
            scores_SABC = networks.over_last(x_STBI, self.task.answered(lag))
            losses_S += self.losses(scores_SABC, target_SAB) * x_STBI.shape[2] / count
            if named:
                right = scores_SABC[:, -named:].argmax(-1) == target_SAB[:, -named:]
                right_S += right.sum((1, 2))
        losses = [finite(loss) for loss in losses_S.tolist()]
        percents = [100 * right / (named * count) if named else None for right in right_S.tolist()]
        known = zip(losses, percents, strict=True)
        return Grades(losses, [None if loss is None else percent for loss, percent in known])
