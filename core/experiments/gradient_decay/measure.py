"""How `gradient-decay` is measured: the same sequences and loss before, during and after training.

Seed i of a run draws from one generator, in this order: sequences, loss direction v, weights,
training task. So every variant reads the same sequences, and a seed is the same network whether
alone or among eight.

Shapes: S seeds, K distances, T time, B batch, I input, D directions, H hidden, N state variables.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

import torch
from torch import Tensor

from core.device import device_sentence, resolve_device
from core.experiment import Event, Progress
from core.experiments.gradient_decay import declaration
from core.experiments.gradient_decay.declaration import (
    DecayRow,
    GradientDecayConfig,
    GradientDecaySummary,
    GradientRow,
    JacobianRow,
    LyapunovRow,
    TrainingRow,
)
from core.measure.gradients import (
    LayerGradients,
    curve,
    decay_rates,
    last_over_first,
    measure_gradients,
    seed_blocks,
)
from core.measure.jacobians import JacobianStep, Spectrum, on_cpu
from core.models.recurrent import Recurrent
from core.stats.estimates import (
    finite,
    geometric_mean_estimate,
    half_life,
    mean_estimate,
    median_estimate,
)
from core.tasks.lag_tasks import Recall, SeededRecall
from core.training import LastStepClassifier, Throttle, Trainer, cross_entropy_by_seed


def measure(config: GradientDecayConfig) -> Iterator[Event]:
    """Measure everything that the config asks for; the summary comes last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, config.dtype)
    yield Progress(0, declaration.work(config), device_sentence(device))
    study = GradientStudy(config, device)
    training = RecallTraining(study) if config.training_steps else None
    for step in declaration.measured_steps(config):
        if training:
            yield from training.train_to(step)
        yield from study.measure_gradients(step)
        if step in declaration.spectrum_steps(config):
            yield from study.measure_spectra(step)
    yield study.summary()


class GradientStudy:
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
        self._work_done, self._throttle = 0.0, Throttle()

    def _normal(self, *shape: int) -> Tensor:
        """Draw from N(0, 1) with each seed's generator; seeds are the first axis."""
        return torch.stack(
            [torch.randn(shape, dtype=torch.float64, generator=g) for g in self.generators]
        )

    def progress(self, work: float, message: str) -> Iterator[Progress]:
        """Add to the work done, and report it unless the last report was a moment ago."""
        self._work_done += work
        if self._throttle.due():
            yield Progress(self._work_done, declaration.work(self.config), message)

    def measure_gradients(self, step: int) -> Iterator[Event]:
        """Yield the rows of each block of seeds as soon as it is measured."""
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
            work = declaration.pass_work(self.config) * len(seeds) / self.config.seeds
            yield from self.progress(work, f"gradients to seed {seeds[-1]}")

    def measure_spectra(self, step: int) -> Iterator[Event]:
        """Yield Jacobians and exponents of every layer and direction, on one sample per seed.

        They are computed on the CPU: a GPU gains nothing on small decompositions, and MPS has none.
        """
        self.jacobians, self.exponents = [], []
        config, shape = self.config, self.config.architecture
        # Singular values are taken at 25 distances, or at all if there are fewer.
        spacing = math.ceil(config.sequence_length / 25)
        walks = shape.layers * shape.directions
        work = declaration.spectrum_work(config) / (walks * config.sequence_length)
        for layer, traces in enumerate(self.model.traces(self.x_STBI[:, :, :1]), start=1):
            for direction, trace in zip(("forward", "backward"), traces, strict=False):
                spectrum = Spectrum(self.model.cell, on_cpu(trace))
                for jacobian in spectrum.walk(spacing):
                    if jacobian:
                        rows = jacobian_rows(step, layer, direction, config.seed, jacobian)
                        yield from rows
                        self.jacobians += rows if layer == 1 else []
                    yield from self.progress(work, f"Jacobians of layer {layer}, {direction}")
                exponents_SN = spectrum.exponents_SN
                exponents = lyapunov_rows(step, layer, direction, config.seed, exponents_SN)
                yield from exponents
                self.exponents += exponents if layer == 1 else []

    def summary(self) -> GradientDecaySummary:
        """Summarise layer 1 at the last measurement."""
        return summarise(self.config, self.gradients, self.decays, self.jacobians, self.exponents)


class RecallTraining:
    """Training of a study's networks on a recall task, all seeds in one pass."""

    def __init__(self, study: GradientStudy) -> None:
        config = study.config
        task = Recall(config.sequence_length, 0, config.sequence_length // 4, symbols=4, noises=4)
        recall = SeededRecall(task, config.input_size, study.generators, study.x_STBI)
        self.study = study
        self.classifier = LastStepClassifier(study.model, task.symbols, study.generators)
        self.held_out_batch = recall.draw(config.batch_size)
        self.trainer = Trainer(
            list(self.classifier.parameters()),
            lambda _: self.losses_of(recall.draw(config.batch_size)),
            steps=config.training_steps,
            learning_rate=config.learning_rate,
            seeds=config.seeds,
        )

    def losses_of(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Cross-entropy of each seed, S."""
        x_STBI, target_SB = batch
        return cross_entropy_by_seed(self.classifier(x_STBI), target_SB)

    def train_to(self, step: int) -> Iterator[Event]:
        """Train up to that step, then yield each seed's loss on the held-out batch."""
        work = declaration.pass_work(self.study.config)
        while self.trainer.step < step:
            self.trainer.advance()
            yield from self.study.progress(work, f"training step {self.trainer.step}")
        with torch.no_grad():
            losses_S = self.losses_of(self.held_out_batch)
        for seed, loss in enumerate(losses_S.tolist(), start=self.study.config.seed):
            yield TrainingRow(training_step=step, seed=seed, loss=finite(loss))


def gradient_rows(step: int, seeds: Sequence[int], layer: LayerGradients) -> list[GradientRow]:
    """Rows of one layer, seed by seed, in order of distance."""
    inputs, states = curve(layer.input_SKB), curve(layer.state_SKB)
    columns = (
        inputs.mean_log10_SK,
        states.mean_log10_SK,
        inputs.zeros_SK,
        states.zeros_SK,
        inputs.overflows_SK + states.overflows_SK,
    )
    return [
        GradientRow(
            training_step=step,
            layer=layer.layer,
            seed=seed,
            steps_back=k,
            log10_input_gradient=finite(of_input),
            log10_state_gradient=finite(of_state),
            input_zeros=input_zeros,
            state_zeros=state_zeros,
            overflows=overflows,
        )
        for seed, *values_K in zip(seeds, *(column.tolist() for column in columns), strict=True)
        for k, (of_input, of_state, input_zeros, state_zeros, overflows) in enumerate(
            zip(*values_K, strict=True)
        )
    ]


def decay_rows(step: int, seeds: Sequence[int], layer: LayerGradients) -> list[DecayRow]:
    """The straight line through each seed's curve in one layer."""
    columns = (
        decay_rates(layer.input_SKB),
        decay_rates(layer.state_SKB),
        last_over_first(layer.input_SKB),
    )
    rows = []
    for seed, *values in zip(seeds, *(column.tolist() for column in columns), strict=True):
        rate, state_rate, ratio = map(finite, values)
        rows.append(
            DecayRow(
                training_step=step,
                layer=layer.layer,
                seed=seed,
                decay_rate=rate,
                half_life_steps=None if rate is None else half_life(rate),
                state_decay_rate=state_rate,
                log10_last_over_first=ratio,
            )
        )
    return rows


def jacobian_rows(
    step: int, layer: int, direction: str, first_seed: int, jacobian: JacobianStep
) -> list[JacobianRow]:
    """Rows of one distance, seed by seed."""
    values = zip(
        jacobian.largest_singular_value_S.tolist(),
        jacobian.log10_product_norm_S.tolist(),
        strict=True,
    )
    return [
        JacobianRow(
            training_step=step,
            layer=layer,
            direction=direction,
            seed=seed,
            steps_back=jacobian.steps_back,
            largest_singular_value=largest,
            log10_product_norm=finite(product),
        )
        for seed, (largest, product) in enumerate(values, start=first_seed)
    ]


def lyapunov_rows(
    step: int, layer: int, direction: str, first_seed: int, exponents_SN: Tensor
) -> list[LyapunovRow]:
    """Every exponent of every seed, the largest first."""
    return [
        LyapunovRow(
            training_step=step,
            layer=layer,
            direction=direction,
            seed=seed,
            index=index,
            exponent=finite(exponent),
        )
        for seed, exponents_N in enumerate(exponents_SN.tolist(), start=first_seed)
        for index, exponent in enumerate(exponents_N, start=1)
    ]


def summarise(
    config: GradientDecayConfig,
    gradients: Sequence[GradientRow],
    decays: Sequence[DecayRow],
    jacobians: Sequence[JacobianRow],
    exponents: Sequence[LyapunovRow],
) -> GradientDecaySummary:
    """Estimate each measure over the seeds, from the rows of one layer at one training step."""
    rate = geometric_mean_estimate(row.decay_rate for row in decays)
    singular_values = _seed_means((row.seed, row.largest_singular_value) for row in jacobians)
    largest = _seed_means((row.seed, row.exponent) for row in exponents if row.index == 1)
    zeros = fmean(row.input_zeros for row in gradients)
    return GradientDecaySummary(
        decay_rate=rate,
        half_life_steps=rate.transformed(half_life),
        state_decay_rate=geometric_mean_estimate(row.state_decay_rate for row in decays),
        log10_last_over_first=median_estimate(row.log10_last_over_first for row in decays),
        zero_percent=100 * zeros / config.batch_size,
        largest_singular_value=geometric_mean_estimate(singular_values),
        largest_exponent=mean_estimate(largest),
    )


def _seed_means(values: Iterable[tuple[int, float | None]]) -> list[float]:
    """Each seed's mean over steps and directions: seeds are what varies independently."""
    groups: dict[int, list[float]] = {}
    for seed, value in values:
        if value is not None:
            groups.setdefault(seed, []).append(value)
    return [fmean(group) for group in groups.values()]
