"""How `gradient-decay` is measured: the same sequences and loss before, during and after training.

Seed i of a run draws from one generator, in this order: sequences, loss direction v, weights,
training task. So every variant reads the same sequences, and a seed is the same network whether
alone or among eight.

Shapes: S seeds, K distances, T time, B batch, I input, D directions, H hidden.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from core.device import device_sentence, resolve_device
from core.experiment import Event, Progress
from core.experiments import gradient_decay_work as plan
from core.experiments.gradient_decay import (
    DecayRow,
    GradientDecayConfig,
    GradientDecaySummary,
    GradientRow,
    JacobianRow,
    LyapunovRow,
    TrainingRow,
)
from core.experiments.gradient_decay_rows import (
    decay_rows,
    gradient_rows,
    jacobian_rows,
    lyapunov_rows,
    summarise,
)
from core.gradients import measure_gradients, seed_blocks
from core.jacobians import Spectrum, on_cpu
from core.models.recurrent import Recurrent
from core.statistics import finite
from core.tasks.recall import Recall, SeededRecall
from core.training import LastStepClassifier, Trainer, cross_entropy_by_seed

SECONDS_BETWEEN_PROGRESS = 0.2


def measure(config: GradientDecayConfig) -> Iterator[Event]:
    """Everything that the config asks for; the summary comes last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, config.dtype)
    yield Progress(0, plan.run_work(config), device_sentence(device))
    study = Study(config, device)
    lesson = Lesson(study) if config.training_steps else None
    for step in plan.measured_steps(config):
        if lesson:
            yield from lesson.train_to(step)
        yield from study.measure_gradients(step)
        if step in plan.spectrum_steps(config):
            yield from study.measure_spectra(step)
    yield study.summary()


class Study:
    """One run's networks and what they read; keeps the last measurement's rows of layer 1."""

    def __init__(self, config: GradientDecayConfig, device: torch.device) -> None:
        self.config = config
        self.generators = [
            torch.Generator().manual_seed(config.seed + index) for index in range(config.seeds)
        ]
        like = torch.empty(0, dtype=getattr(torch, config.dtype), device=device)
        steps, batch = config.sequence_length, config.batch_size
        self.x_STBI = self._normal(steps, batch, config.input_size).to(like)
        width = config.architecture.directions * config.architecture.hidden_size
        v_SBH = self._normal(1, width).to(like).expand(-1, batch, -1)
        self.grad_last_SBH = torch.ones_like(v_SBH) if config.loss == "sum" else v_SBH
        self.model = Recurrent(
            config.architecture,
            config.input_size,
            implementation="equations",
            generators=self.generators,
            dtype=like.dtype,
        ).to(device)
        self.gradients: list[GradientRow] = []
        self.decays: list[DecayRow] = []
        self.jacobians: list[JacobianRow] = []
        self.exponents: list[LyapunovRow] = []
        self._done, self._told = 0.0, -math.inf

    def _normal(self, *shape: int) -> Tensor:
        """N(0, 1), one draw per seed in front."""
        return torch.stack(
            [torch.randn(shape, dtype=torch.float64, generator=g) for g in self.generators]
        )

    def summary(self) -> GradientDecaySummary:
        """Of layer 1, at the last measurement."""
        return summarise(self.config, self.gradients, self.decays, self.jacobians, self.exponents)

    def progress(self, work_done: float, message: str) -> Iterator[Progress]:
        """Count finished work, and tell of it unless that was done a moment ago."""
        self._done += work_done
        if time.monotonic() - self._told > SECONDS_BETWEEN_PROGRESS:
            self._told = time.monotonic()
            yield Progress(self._done, plan.run_work(self.config), message)

    def measure_gradients(self, step: int) -> Iterator[Event]:
        """Rows of a block of seeds as soon as it is measured."""
        self.gradients, self.decays = [], []
        for block in seed_blocks(self.model, self.x_STBI):
            x_STBI, grad_last_SBH = self.x_STBI[block], self.grad_last_SBH[block]
            seeds = range(self.config.seed + block.start, self.config.seed + block.stop)
            for layer in measure_gradients(self.model, x_STBI, grad_last_SBH, block):
                gradients = gradient_rows(step, seeds, layer)
                decays = decay_rows(step, seeds, layer)
                yield from gradients
                yield from decays
                if layer.layer == 1:
                    self.gradients += gradients
                    self.decays += decays
            share = len(seeds) / self.config.seeds
            work_done = share * plan.gradient_work(self.config)
            yield from self.progress(work_done, f"gradients to seed {seeds[-1]}")

    def measure_spectra(self, step: int) -> Iterator[Event]:
        """Jacobians and exponents of every layer and direction, on one sample per seed.

        On the CPU: small decompositions are no work for a GPU, and MPS has none.
        """
        self.jacobians, self.exponents = [], []
        spacing = plan.singular_value_spacing(self.config)
        walks = self.config.architecture.layers * self.config.architecture.directions
        share = plan.spectrum_work(self.config) / (walks * self.config.sequence_length)
        for layer, passes in enumerate(self.model.traces(self.x_STBI[:, :, :1]), start=1):
            for direction, trace in zip(("forward", "backward"), passes, strict=False):
                spectrum = Spectrum(self.model.cell, on_cpu(trace))
                place = (step, layer, direction)
                for jacobian in spectrum.walk(spacing):
                    rows = jacobian_rows(place, self.config.seed, jacobian) if jacobian else []
                    yield from rows
                    self.jacobians += rows if layer == 1 else []
                    message = f"Jacobians of layer {layer}, {direction}"
                    yield from self.progress(share, message)
                exponents = lyapunov_rows(place, self.config.seed, spectrum.exponents_SN)
                yield from exponents
                self.exponents += exponents if layer == 1 else []


class Lesson:
    """The recall task that a study's networks are trained on, all seeds in one pass."""

    def __init__(self, study: Study) -> None:
        config = study.config
        longest = plan.longest_lag(config)
        task = Recall(config.sequence_length, 0, longest, symbols=4, noises=4)
        recall = SeededRecall(task, config.input_size, study.generators, study.x_STBI)
        self.study = study
        self.classifier = LastStepClassifier(study.model, task.symbols, study.generators)
        self.examination = recall.draw(config.batch_size)
        self.trainer = Trainer(
            list(self.classifier.parameters()),
            lambda _: self.losses_of(recall.draw(config.batch_size)),
            steps=config.training_steps,
            learning_rate=config.learning_rate,
            seeds=config.seeds,
        )

    def losses_of(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """By seed."""
        x_STBI, target_SB = batch
        return cross_entropy_by_seed(self.classifier(x_STBI), target_SB)

    def train_to(self, step: int) -> Iterator[Event]:
        """Train up to that step; rows of the loss on a batch that is kept for this."""
        share = plan.training_work(self.study.config) / self.study.config.training_steps
        while self.trainer.step < step:
            self.trainer.advance()
            yield from self.study.progress(share, f"training step {self.trainer.step}")
        with torch.no_grad():
            losses_S = self.losses_of(self.examination)
        for seed, loss in enumerate(losses_S.tolist(), start=self.study.config.seed):
            yield TrainingRow(step, seed, finite(loss))
