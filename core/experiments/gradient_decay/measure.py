"""How `gradient-decay` is measured: the same sequences and loss before, during and after training.

Seed i of a run draws from one generator, in this order: sequences, loss direction v, weights,
training task. So every variant reads the same past, and a seed is the same network whether alone or
among eight. Lyapunov exponents have sequences of their own, from another generator.

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
    ConvergenceRow,
    DecayRow,
    GradientDecayConfig,
    GradientDecaySummary,
    GradientRow,
    JacobianRow,
    LyapunovRow,
    TrainingRow,
)
from core.measure import distances
from core.measure.gradients import (
    LayerGradients,
    Side,
    curve,
    decay_rates,
    last_over_first,
    measure_gradients,
    seed_blocks,
)
from core.measure.jacobians import JacobianStep, LyapunovExponents, Spectrum
from core.models.layer import Trace
from core.models.recurrent import Recurrent
from core.stats.estimates import (
    Estimate,
    at_limit,
    finite,
    geometric_mean_estimate,
    half_life,
    mean_estimate,
    median_estimate,
    settled_estimate,
)
from core.tasks.lag_tasks import Recall, SeededRecall
from core.training import LastStepClassifier, Throttle, Trainer, cross_entropy_by_seed


def measure(config: GradientDecayConfig) -> Iterator[Event]:
    """Measure everything that the config asks for; the summary comes last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, config.dtype)
    yield Progress(0, declaration.work(config), device_sentence(device))
    study = GradientStudy(config, device)
    if config.spectrum and (why := declaration.why_no_spectrum(config)):
        yield Progress(0, declaration.work(config), why)
    training = RecallTraining(study) if config.training_steps else None
    for step in declaration.measured_steps(config):
        if training:
            yield from training.train_to(step)
        yield from study.measure_gradients(step)
        if step in declaration.spectrum_steps(config):
            yield from study.measure_spectra(step)
    yield study.summary()


EXPONENT_STREAM = 2**40
"""Added to a seed: no run's other draws have such a seed."""


class GradientStudy:
    """One run's networks and what they read; keeps the last measurement's rows of layer 1."""

    def __init__(self, config: GradientDecayConfig, device: torch.device) -> None:
        self.config = config
        self.generators = [
            torch.Generator().manual_seed(config.seed + index) for index in range(config.seeds)
        ]
        like = torch.empty(0, dtype=getattr(torch, config.dtype), device=device)
        steps, batch = config.sequence_length, config.batch_size
        self.loss_step = steps - 1
        """Counted from 0."""
        past_STBI = self._normal(steps, batch, config.input_size)
        future_STBI = self._normal(declaration.read_steps(config) - steps, batch, config.input_size)
        self.x_STBI = torch.cat([past_STBI, future_STBI], dim=1).to(like)
        width = config.architecture.directions * config.architecture.hidden_size
        v_SBH = self._normal(1, width).to(like).expand(-1, batch, -1)
        self.grad_loss_SBH = torch.ones_like(v_SBH) if config.loss == "sum" else v_SBH
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
        self.convergence: list[ConvergenceRow] = []
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
            x_STBI, grad_loss_SBH = self.x_STBI[block], self.grad_loss_SBH[block]
            seeds = range(self.config.seed + block.start, self.config.seed + block.stop)
            for layer in measure_gradients(
                self.model, x_STBI, grad_loss_SBH, block, self.loss_step
            ):
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
        self.jacobians, self.convergence = [], []
        plan, config = declaration.exponent_steps(self.config), self.config
        both_ends = (config.architecture.directions - 1) * plan.warm_up
        long_STBI = self._independent_inputs(plan.walked + both_ends)
        of_loss = self.model.traces(self.x_STBI[:, :, :1], back=False)
        of_exponents = self.model.traces(long_STBI, back=False)
        for layer, traces in enumerate(zip(of_loss, of_exponents, strict=True), start=1):
            pairs = zip(("forward", "backward"), *traces, strict=False)
            for direction, trace, long_trace in pairs:
                up_to_loss = trace.first_steps(config.sequence_length)
                yield from self._jacobians(step, layer, direction, up_to_loss)
                yield from self._exponents(
                    step, layer, direction, long_trace.first_steps(plan.walked)
                )

    def _jacobians(self, step: int, layer: int, direction: str, trace: Trace) -> Iterator[Event]:
        work, _, _ = declaration.spectrum_costs(self.config)
        # Singular values are taken at 25 distances, or at all if there are fewer.
        spacing = math.ceil(self.config.sequence_length / 25)
        for jacobian in Spectrum(trace.cpu()).walk(spacing):
            if jacobian:
                rows = jacobian_rows(step, layer, direction, self.config.seed, jacobian)
                yield from rows
                self.jacobians += rows if layer == 1 else []
            yield from self.progress(work, f"Jacobians of layer {layer}, {direction}")

    def _exponents(self, step: int, layer: int, direction: str, trace: Trace) -> Iterator[Event]:
        config, plan = self.config, declaration.exponent_steps(self.config)
        _, every, leading = declaration.spectrum_costs(config)
        exponents = LyapunovExponents(
            Spectrum(trace.cpu()),
            lead_in=plan.lead_in,
            all_steps=plan.all,
            leading_steps=plan.leading,
        )
        for k, _ in enumerate(exponents.walk()):
            work = every if k < plan.lead_in + plan.all else leading
            yield from self.progress(work, f"exponents of layer {layer}, {direction}")
        where = step, layer, direction, config.seed
        yield from lyapunov_rows(*where, exponents.exponents_SN)
        rows = convergence_rows(*where, exponents.running_SK)
        yield from rows
        self.convergence += rows if layer == 1 else []

    def _independent_inputs(self, steps: int) -> Tensor:
        """One sequence per seed from N(0, 1), which no other measurement reads, ST1I."""
        streams = (
            torch.Generator().manual_seed(EXPONENT_STREAM + self.config.seed + index)
            for index in range(self.config.seeds)
        )
        shape = (steps, 1, self.config.input_size)
        drawn = [torch.randn(shape, dtype=torch.float64, generator=stream) for stream in streams]
        return torch.stack(drawn).to(self.x_STBI)

    def summary(self) -> GradientDecaySummary:
        """Summarise layer 1 at the last measurement."""
        return summarise(self.config, self.gradients, self.decays, self.jacobians, self.convergence)


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
            side=layer.side,
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
    """What each seed's curve says in one layer."""
    columns = (
        decay_rates(layer.input_SKB),
        decay_rates(layer.state_SKB),
        last_over_first(layer.input_SKB),
        layer.input_SKB.mean(-1),
    )
    rows = []
    for seed, *values, curve_K in zip(seeds, *(column.tolist() for column in columns), strict=True):
        rate, state_rate, ratio = map(finite, values)
        from_first_K = distances.relative(curve_K)
        rows.append(
            DecayRow(
                training_step=step,
                layer=layer.layer,
                side=layer.side,
                seed=seed,
                half_distance_steps=distances.distance_to(from_first_K, distances.HALF),
                percent_distance_steps=distances.distance_to(from_first_K, distances.ONE_PERCENT),
                float32_distance_steps=distances.distance_to(curve_K, distances.FLOAT32_LIMIT),
                decay_rate=rate,
                half_life_steps=None if rate is None else half_life(rate),
                line_fit=distances.r_squared(curve_K),
                log10_range_change=distances.change_over_range(curve_K),
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
        jacobian.spectral_radius_S.tolist(),
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
            spectral_radius=finite(radius),
            log10_product_norm=finite(product),
        )
        for seed, (largest, radius, product) in enumerate(values, start=first_seed)
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


MAX_CONVERGENCE_POINTS = 20


def convergence_rows(
    step: int, layer: int, direction: str, first_seed: int, running_SK: Tensor
) -> list[ConvergenceRow]:
    """The running mean of every seed at 20 numbers of steps; one is half of them all."""
    steps = running_SK.shape[-1]
    return [
        ConvergenceRow(
            training_step=step,
            layer=layer,
            direction=direction,
            seed=seed,
            averaged_steps=averaged,
            running_exponent=finite(running_K[averaged - 1]),
        )
        for seed, running_K in enumerate(running_SK.tolist(), start=first_seed)
        for averaged in sorted(
            {steps * i // MAX_CONVERGENCE_POINTS for i in range(1, MAX_CONVERGENCE_POINTS + 1)}
            - {0}
        )
    ]


def summarise(
    config: GradientDecayConfig,
    gradients: Sequence[GradientRow],
    decays: Sequence[DecayRow],
    jacobians: Sequence[JacobianRow],
    convergence: Sequence[ConvergenceRow],
) -> GradientDecaySummary:
    """Estimate each measure over the seeds, from the rows of one layer at one training step."""
    sides: dict[Side, list[DecayRow]] = {"past": [], "future": []}
    for row in decays:
        sides[row.side].append(row)
    past, future = sides["past"], sides["future"]
    limit = declaration.longest_distance(config.flat())

    def distance(rows: Sequence[DecayRow], name: str) -> Estimate:
        return median_estimate(
            None if (steps := getattr(row, name)) is None else at_limit(steps, limit)
            for row in rows
        )

    rate = geometric_mean_estimate(row.decay_rate for row in past)
    singular_values = _seed_means((row.seed, row.largest_singular_value) for row in jacobians)
    radii = _seed_means((row.seed, row.spectral_radius) for row in jacobians)
    exponents, drifts = _converged(convergence)
    zeros = fmean(row.input_zeros for row in gradients)
    return GradientDecaySummary(
        half_distance_steps=distance(past, "half_distance_steps"),
        percent_distance_steps=distance(past, "percent_distance_steps"),
        float32_distance_steps=distance(past, "float32_distance_steps"),
        decay_rate=rate,
        half_life_steps=rate.transformed(half_life),
        line_fit=median_estimate(row.line_fit for row in past),
        log10_range_change=median_estimate(row.log10_range_change for row in past),
        state_decay_rate=geometric_mean_estimate(row.state_decay_rate for row in past),
        log10_last_over_first=median_estimate(row.log10_last_over_first for row in past),
        zero_percent=100 * zeros / config.batch_size,
        largest_singular_value=geometric_mean_estimate(singular_values.values()),
        spectral_radius=geometric_mean_estimate(radii.values()),
        leading_exponent=settled_estimate(exponents, drifts),
        exponent_drift=mean_estimate(drifts.values()),
        future_half_distance_steps=distance(future, "half_distance_steps"),
        future_decay_rate=geometric_mean_estimate(row.decay_rate for row in future),
        loss_at=(
            f"at step {config.sequence_length:,} of {declaration.read_steps(config):,}"
            if config.architecture.bidirectional
            else f"at the last of {config.sequence_length:,} steps"
        ),
    )


def _converged(
    convergence: Sequence[ConvergenceRow],
) -> tuple[dict[int, float], dict[int, float]]:
    """Seed → its exponent, and seed → its drift; means over directions.

    The mean of the second half is twice the whole one minus the first half's.
    """
    steps = max((row.averaged_steps for row in convergence), default=0)
    at = {
        averaged: _seed_means(
            (row.seed, row.running_exponent)
            for row in convergence
            if row.averaged_steps == averaged
        )
        for averaged in (steps, steps // 2)
    }
    whole, first = at[steps], at[steps // 2]
    return whole, {seed: 2 * (whole[seed] - first[seed]) for seed in whole if seed in first}


def _seed_means(values: Iterable[tuple[int, float | None]]) -> dict[int, float]:
    """Each seed's mean over steps and directions: seeds are what varies independently."""
    groups: dict[int, list[float]] = {}
    for seed, value in values:
        if value is not None:
            groups.setdefault(seed, []).append(value)
    return {seed: fmean(group) for seed, group in groups.items()}
