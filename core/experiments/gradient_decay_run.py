"""How `gradient-decay` is measured: the same sequences and loss before, during and after training.

Seed i of a run draws from one generator, in this order: sequences, loss direction v, weights,
training task. So every variant reads the same sequences, and a seed is the same network whether
alone or among eight.

Shapes: S seeds, K distances, T time, B batch, I input, D directions, H hidden.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from core.device import device_sentence, resolve_device
from core.experiment import Event, Progress
from core.experiments import gradient_decay as declared
from core.experiments.gradient_decay import (
    DecayRow,
    GradientDecayConfig,
    GradientDecaySummary,
    GradientRow,
    JacobianRow,
    LyapunovRow,
    TrainingRow,
)
from core.gradients import LayerGradients, curve, measure_gradients, seed_blocks
from core.jacobians import JacobianStep, Spectrum, on_cpu
from core.models.recurrent import Recurrent
from core.tasks.recall import Recall, SeededRecall
from core.training import LastStepClassifier, cross_entropy_by_seed, train

SECONDS_BETWEEN_PROGRESS = 0.2


def measure(config: GradientDecayConfig) -> Iterator[Event]:
    """Everything that the config asks for; the summary comes last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, config.dtype)
    yield Progress(0, declared.work(config), device_sentence(device))
    study = Study(config, device)
    lesson = Lesson(study) if config.training_steps else None
    for step in declared.measured_steps(config):
        if lesson:
            yield from lesson.train_to(step)
        yield from study.measure_gradients(step)
        if step in declared.spectrum_steps(config):
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
        width = config.architecture.directions * config.architecture.hidden_size
        self.x_STBI = self._normal(config.sequence_length, config.batch_size, config.input_size).to(
            like
        )
        v_SBH = self._normal(1, width).to(like).expand(-1, config.batch_size, -1)
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
        return declared.summarise(
            self.config, self.gradients, self.decays, self.jacobians, self.exponents
        )

    def progress(self, work_done: float, message: str) -> Iterator[Progress]:
        """Count finished work, and tell of it unless that was done a moment ago."""
        self._done += work_done
        if time.monotonic() - self._told > SECONDS_BETWEEN_PROGRESS:
            self._told = time.monotonic()
            yield Progress(self._done, declared.work(self.config), message)

    def measure_gradients(self, step: int) -> Iterator[Event]:
        """Rows of a block of seeds as soon as it is measured."""
        self.gradients, self.decays = [], []
        for block in seed_blocks(self.model, self.x_STBI):
            x_STBI, grad_last_SBH = self.x_STBI[block], self.grad_last_SBH[block]
            seeds = range(self.config.seed + block.start, self.config.seed + block.stop)
            decays: list[DecayRow] = []
            for layer in measure_gradients(self.model, x_STBI, grad_last_SBH, block):
                for rows in gradient_rows(step, seeds, layer):
                    yield from rows
                    decays.append(declared.decay_row(rows))
                    self.gradients += rows if layer.layer == 1 else []
            yield from decays
            self.decays += [row for row in decays if row.layer == 1]
            share = len(seeds) / self.config.seeds
            yield from self.progress(
                share * declared.gradient_work(self.config), f"gradients to seed {seeds[-1]}"
            )

    def measure_spectra(self, step: int) -> Iterator[Event]:
        """Step Jacobians and exponents of every layer and direction, on one sample per seed."""
        self.jacobians, self.exponents = [], []
        spacing = declared.singular_value_spacing(self.config)
        walks = self.config.architecture.layers * self.config.architecture.directions
        distances = math.ceil(self.config.sequence_length / spacing)
        share = declared.spectrum_work(self.config) / (walks * distances)
        for layer, passes in enumerate(self.model.traces(self.x_STBI[:, :, :1]), start=1):
            for direction, trace in zip(("forward", "backward"), passes, strict=False):
                # Small decompositions are no work for a GPU, and MPS has none.
                spectrum = Spectrum(self.model.cell, on_cpu(trace))
                place = (step, layer, direction)
                for jacobian in spectrum.walk(spacing):
                    rows = jacobian_rows(place, self.config.seed, jacobian)
                    yield from rows
                    self.jacobians += rows if layer == 1 else []
                    yield from self.progress(share, f"Jacobians of layer {layer}")
                exponents = lyapunov_rows(place, self.config.seed, spectrum.exponents_SN)
                yield from exponents
                self.exponents += exponents if layer == 1 else []


class Lesson:
    """The recall task that a study's networks are trained on, all seeds in one pass."""

    def __init__(self, study: Study) -> None:
        config = study.config
        longest = declared.longest_lag(config)
        task = Recall(config.sequence_length, 0, longest, symbols=4, noises=4)
        recall = SeededRecall(task, config.input_size, study.generators, study.x_STBI)
        classifier = LastStepClassifier(study.model, task.symbols, study.generators)

        def losses_of(batch: tuple[Tensor, Tensor]) -> Tensor:
            return cross_entropy_by_seed(classifier(batch[0]), batch[1])

        examined = recall.draw(config.batch_size)
        self.study, self.trained = study, 0
        self.examine = lambda: losses_of(examined)
        self.trainer = train(
            list(classifier.parameters()),
            lambda: losses_of(recall.draw(config.batch_size)),
            steps=config.training_steps,
            learning_rate=config.learning_rate,
        )

    def train_to(self, step: int) -> Iterator[Event]:
        """Train up to that step; rows of the loss on one batch that is kept for this."""
        share = declared.training_work(self.study.config) / self.study.config.training_steps
        while self.trained < step:
            self.trained, _ = next(self.trainer)
            yield from self.study.progress(share, f"training step {self.trained}")
        with torch.no_grad():
            losses = self.examine().tolist()
        for seed, loss in enumerate(losses, start=self.study.config.seed):
            yield TrainingRow(step, seed, finite(loss))


def gradient_rows(
    step: int, seeds: Sequence[int], layer: LayerGradients
) -> Iterator[list[GradientRow]]:
    """One layer's rows, seed by seed, in order of distance."""
    inputs, states = curve(layer.input_SKB), curve(layer.state_SKB)
    columns = (
        inputs.mean_log10_SK,
        states.mean_log10_SK,
        inputs.zeros_SK,
        states.zeros_SK,
        inputs.overflows_SK + states.overflows_SK,
    )
    for seed, *values_K in zip(seeds, *(column.tolist() for column in columns), strict=True):
        yield [
            GradientRow(step, layer.layer, seed, k, finite(x), finite(s), *counts)
            for k, (x, s, *counts) in enumerate(zip(*values_K, strict=True))
        ]


def jacobian_rows(
    place: tuple[int, int, str], first_seed: int, jacobian: JacobianStep
) -> list[JacobianRow]:
    """One distance's rows, seed by seed."""
    values = zip(
        jacobian.largest_singular_value_S.tolist(),
        jacobian.log10_product_norm_S.tolist(),
        strict=True,
    )
    return [
        JacobianRow(*place, seed, jacobian.steps_back, largest, finite(product))
        for seed, (largest, product) in enumerate(values, start=first_seed)
    ]


def lyapunov_rows(
    place: tuple[int, int, str], first_seed: int, exponents_SN: Tensor
) -> list[LyapunovRow]:
    """Every exponent of every seed, the largest first."""
    return [
        LyapunovRow(*place, seed, index, finite(exponent))
        for seed, exponents in enumerate(exponents_SN.tolist(), start=first_seed)
        for index, exponent in enumerate(exponents, start=1)
    ]


def finite(value: float) -> float | None:
    """The value, or None for what a table leaves empty: infinities and nan."""
    return value if math.isfinite(value) else None
