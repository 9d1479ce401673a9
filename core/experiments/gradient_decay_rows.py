"""From what `gradient-decay` measured to the rows of its tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from torch import Tensor

from core.experiments.gradient_decay import (
    DecayRow,
    GradientDecayConfig,
    GradientDecaySummary,
    GradientRow,
    JacobianRow,
    LyapunovRow,
)
from core.gradients import LayerGradients, curve, decay_rates, last_over_first
from core.jacobians import JacobianStep
from core.statistics import (
    finite,
    geometric_mean_estimate,
    half_life,
    mean_estimate,
    median_estimate,
)

Place = tuple[int, int, str]
"""Training step, layer and direction."""


def gradient_rows(step: int, seeds: Sequence[int], layer: LayerGradients) -> list[GradientRow]:
    """One layer's rows, seed by seed, in order of distance."""
    inputs, states = curve(layer.input_SKB), curve(layer.state_SKB)
    columns = (
        inputs.mean_log10_SK,
        states.mean_log10_SK,
        inputs.zeros_SK,
        states.zeros_SK,
        inputs.overflows_SK + states.overflows_SK,
    )
    return [
        GradientRow(step, layer.layer, seed, k, finite(of_input), finite(of_state), *counts)
        for seed, *values_K in zip(seeds, *(column.tolist() for column in columns), strict=True)
        for k, (of_input, of_state, *counts) in enumerate(zip(*values_K, strict=True))
    ]


def decay_rows(step: int, seeds: Sequence[int], layer: LayerGradients) -> list[DecayRow]:
    """One layer's straight lines, seed by seed."""
    columns = (
        decay_rates(layer.input_SKB),
        decay_rates(layer.state_SKB),
        last_over_first(layer.input_SKB),
    )
    rows = []
    for seed, *values in zip(seeds, *(column.tolist() for column in columns), strict=True):
        rate, state_rate, ratio = map(finite, values)
        half = None if rate is None else half_life(rate)
        rows.append(DecayRow(step, layer.layer, seed, rate, half, state_rate, ratio))
    return rows


def jacobian_rows(place: Place, first_seed: int, jacobian: JacobianStep) -> list[JacobianRow]:
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


def lyapunov_rows(place: Place, first_seed: int, exponents_SN: Tensor) -> list[LyapunovRow]:
    """Every exponent of every seed, the largest first."""
    return [
        LyapunovRow(*place, seed, index, finite(exponent))
        for seed, exponents in enumerate(exponents_SN.tolist(), start=first_seed)
        for index, exponent in enumerate(exponents, start=1)
    ]


def summarise(
    config: GradientDecayConfig,
    gradients: Sequence[GradientRow],
    decays: Sequence[DecayRow],
    jacobians: Sequence[JacobianRow],
    exponents: Sequence[LyapunovRow],
) -> GradientDecaySummary:
    """Estimates over seeds from the rows of one layer at one training step."""
    rate = geometric_mean_estimate(row.decay_rate for row in decays)
    singular_values = _by_seed((row.seed, row.largest_singular_value) for row in jacobians)
    largest = _by_seed((row.seed, row.exponent) for row in exponents if row.index == 1)
    zeros = fmean(row.input_zeros for row in gradients)
    return GradientDecaySummary(
        decay_rate=rate,
        half_life_steps=rate.transformed(half_life),
        state_decay_rate=geometric_mean_estimate(row.state_decay_rate for row in decays),
        log10_last_over_first=median_estimate(row.log10_last_over_first for row in decays),
        zero_percent=100 * zeros / config.batch_size,
        largest_singular_value=mean_estimate(singular_values),
        largest_exponent=mean_estimate(largest),
    )


def _by_seed(values: Iterable[tuple[int, float | None]]) -> list[float]:
    """Each seed's mean over steps and directions: seeds are what varies independently."""
    groups: dict[int, list[float]] = {}
    for seed, value in values:
        if value is not None:
            groups.setdefault(seed, []).append(value)
    return [fmean(group) for group in groups.values()]
