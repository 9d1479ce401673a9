"""How fast does the gradient fade with distance?

For a loss L at the last step T, the norm of ∂L/∂x_t (inputs) and of ∂L/∂(h_t, c_t) (the full
state) against the distance k = T − t. A straight line on a log scale is a decay rate ρ per step:
the half-life is ln ½ / ln ρ steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from core.experiment import Config, Event, Experiment, Row, axis, measure
from core.statistics import (
    Estimate,
    geometric_mean_estimate,
    mean_estimate,
    median_estimate,
    slope,
)

if TYPE_CHECKING:
    import pandas


class GradientDecayConfig(Config):
    """One variant, all of its seeds in one batched pass."""

    seeds: int = Field(
        8, ge=1, le=1024, title="Seeds", description="Independent draws of weights, data and v."
    )
    sequence_length: int = Field(
        100, ge=10, le=5000, title="Sequence length", description="Time steps T."
    )
    input_size: int = Field(16, ge=1, le=4096, title="Input size", description="Features of x_t.")
    batch_size: int = Field(
        16, ge=1, le=1024, title="Samples", description="Sequences per seed, drawn from N(0, 1)."
    )
    loss: Literal["projection", "sum"] = Field(
        "projection",
        title="Loss",
        description="At the last step: v·h_T with v random per seed, or the sum of h_T.",
    )
    dtype: Literal["float64", "float32"] = Field(
        "float64",
        title="Precision",
        description="float32 underflows to exactly zero where float64 still measures.",
    )
    training_steps: int = Field(
        0,
        ge=0,
        le=100_000,
        title="Training steps",
        description="Train on a small recall task and measure again on the way; 0: at the start only.",
    )
    checkpoints: int = Field(
        8,
        ge=1,
        le=100,
        title="Measurements in training",
        description="How many times, evenly spaced, the gradient is measured while training.",
    )
    learning_rate: float = Field(
        1e-3, ge=1e-6, le=1.0, title="Learning rate", description="Of Adam, in training."
    )
    spectrum: bool = Field(
        True,
        title="Jacobians",
        description=(
            "Also measure the step Jacobians' largest singular values, the norm of their product "
            "and the Lyapunov exponents (one sample per seed)."
        ),
    )


@dataclass(frozen=True)
class GradientRow(Row):
    """The gradient's size at one distance, for one seed."""

    table: ClassVar[str] = "gradient"
    title: ClassVar[str] = "Gradient by distance"

    training_step: int = axis("Training step", unit="steps")
    layer: int = axis("Layer", description="1 reads the input; its input gradient is ∂L/∂x_t.")
    seed: int = axis("Seed")
    steps_back: int = axis("Steps back", unit="steps", curve=True, description="k = T − t")
    log10_input_gradient: float | None = measure(
        "Input gradient",
        unit="log₁₀ ‖∂L/∂x_t‖",
        description="Mean over the samples whose norm is not exactly zero; none: empty.",
    )
    log10_state_gradient: float | None = measure(
        "State gradient",
        unit="log₁₀ ‖∂L/∂(h_t, c_t)‖",
        description="Of the full state: for an LSTM the cell state too.",
    )
    input_zeros: int = measure("Exact zeros, input", unit="samples")
    state_zeros: int = measure("Exact zeros, state", unit="samples")
    overflows: int = measure(
        "Overflows",
        unit="norms",
        description="Input and state gradients that are not finite; they are left out of the means.",
    )


@dataclass(frozen=True)
class DecayRow(Row):
    """The straight line through one seed's curve."""

    table: ClassVar[str] = "decay"
    title: ClassVar[str] = "Decay by seed"

    training_step: int = axis("Training step", unit="steps", curve=True)
    layer: int = axis("Layer")
    seed: int = axis("Seed")
    decay_rate: float | None = measure("Decay rate ρ", unit="per step", better="higher")
    half_life_steps: float | None = measure("Half-life", unit="steps", better="higher")
    state_decay_rate: float | None = measure("State decay rate", unit="per step", better="higher")
    log10_last_over_first: float | None = measure(
        "Last over first",
        unit="log₁₀",
        better="lower",
        description="Input gradient at the last step over that at the first (the chapter's ratio).",
    )


@dataclass(frozen=True)
class JacobianRow(Row):
    """The step Jacobian ∂s_t/∂s_{t−1} of the full state s, and the product of all up to T."""

    table: ClassVar[str] = "jacobian"
    title: ClassVar[str] = "Step Jacobians"

    training_step: int = axis("Training step", unit="steps")
    layer: int = axis("Layer")
    direction: str = axis("Direction")
    seed: int = axis("Seed")
    steps_back: int = axis("Steps back", unit="steps", curve=True)
    largest_singular_value: float = measure(
        "Largest singular value", description="of ∂s_t/∂s_{t−1}"
    )
    log10_product_norm: float | None = measure(
        "Product norm", unit="log₁₀ ‖∂s_T/∂s_t‖₂", description="Empty where it is exactly zero."
    )


@dataclass(frozen=True)
class LyapunovRow(Row):
    """One Lyapunov exponent of the driven recurrence, by QR."""

    table: ClassVar[str] = "lyapunov"
    title: ClassVar[str] = "Lyapunov exponents"

    training_step: int = axis("Training step", unit="steps")
    layer: int = axis("Layer")
    direction: str = axis("Direction")
    seed: int = axis("Seed")
    index: int = axis("Index", curve=True, description="1 is the largest.")
    exponent: float | None = measure(
        "Exponent", unit="nats per step", description="Empty where it is minus infinity."
    )


@dataclass(frozen=True)
class TrainingRow(Row):
    """The task's loss on the way."""

    table: ClassVar[str] = "training"
    title: ClassVar[str] = "Training"

    training_step: int = axis("Training step", unit="steps", curve=True)
    seed: int = axis("Seed")
    loss: float | None = measure("Training loss", better="lower")


@dataclass(frozen=True)
class GradientDecaySummary(Row):
    """What people sort by: of layer 1, at the last measured training step."""

    table: ClassVar[str] = "summary"
    title: ClassVar[str] = "Summary"

    decay_rate: Estimate = measure(
        "Decay rate ρ",
        unit="per step",
        better="higher",
        description="Factor per step back of ‖∂L/∂x_t‖; geometric mean over seeds, 95% interval.",
    )
    half_life_steps: Estimate = measure(
        "Half-life",
        unit="steps",
        better="higher",
        description="ln ½ / ln ρ; infinite where the gradient does not fade.",
    )
    state_decay_rate: Estimate = measure("State decay rate", unit="per step", better="higher")
    log10_last_over_first: Estimate = measure(
        "Last over first",
        unit="log₁₀",
        better="lower",
        description="Median over seeds of the last step's input gradient over the first step's.",
    )
    zero_percent: float = measure(
        "Exact zeros", unit="% of input gradients", better="lower", description="Underflow."
    )
    largest_singular_value: Estimate = measure(
        "Largest singular value", description="Of the step Jacobian; mean over steps and seeds."
    )
    largest_exponent: Estimate = measure("Largest Lyapunov exponent", unit="nats per step")


def run(config: GradientDecayConfig) -> Iterator[Event]:
    """Measure one variant: rows of each measurement as soon as it is made, the summary last."""
    # torch costs seconds and 175 MB; the dashboard reads the declarations above without it.
    from core.experiments.gradient_decay_run import measure

    return measure(config)


def measured_steps(config: GradientDecayConfig) -> list[int]:
    """The training steps after which gradients are measured: 0, the last, and evenly between."""
    last, intervals = config.training_steps, max(1, config.checkpoints - 1)
    return sorted({round(index * last / intervals) for index in range(intervals + 1)})


def spectrum_steps(config: GradientDecayConfig) -> list[int]:
    """The training steps after which Jacobians are measured too: before and after training."""
    return sorted({0, config.training_steps}) if config.spectrum else []


def singular_value_spacing(config: GradientDecayConfig) -> int:
    """Singular values are taken at every so-manieth distance: at 25 of them, or at all."""
    return math.ceil(config.sequence_length / 25)


def longest_lag(config: GradientDecayConfig) -> int:
    """Of the recall task, in steps."""
    return config.sequence_length // 4


def decay_row(rows: Sequence[GradientRow]) -> DecayRow:
    """The straight line through one seed's rows, in order of distance.

    Only distances at which every sample counts: where some have underflowed, the mean over the
    others says nothing of the decay.
    """
    inputs = [None if r.input_zeros or r.overflows else r.log10_input_gradient for r in rows]
    states = [None if r.state_zeros or r.overflows else r.log10_state_gradient for r in rows]
    rate, state_rate = fit_decay_rate(inputs), fit_decay_rate(states)
    last, first = inputs[0], inputs[-1]
    return DecayRow(
        training_step=rows[0].training_step,
        layer=rows[0].layer,
        seed=rows[0].seed,
        decay_rate=rate,
        half_life_steps=None if rate is None else half_life(rate),
        state_decay_rate=state_rate,
        log10_last_over_first=None if last is None or first is None else last - first,
    )


def fit_decay_rate(log10_by_distance: Sequence[float | None]) -> float | None:
    """Factor per step back: the slope over the middle, k = T/10 … 6T/10; None below three points."""
    steps = len(log10_by_distance)
    middle = range(steps // 10, 6 * steps // 10 + 1)
    points = [(k, y) for k in middle if (y := log10_by_distance[k]) is not None]
    log10_rate = slope(points)
    return None if log10_rate is None else 10**log10_rate


def half_life(decay_rate: float) -> float:
    """Steps after which half is left: ln ½ / ln ρ; infinite where nothing is lost."""
    if decay_rate <= 0:
        return 0.0
    return math.inf if decay_rate >= 1 else math.log(0.5) / math.log(decay_rate)


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


def work(config: GradientDecayConfig) -> float:
    """Multiply-accumulates of a whole run, with what the loop over time costs on top."""
    return (
        len(measured_steps(config)) * gradient_work(config)
        + len(spectrum_steps(config)) * spectrum_work(config)
        + training_work(config)
    )


def gradient_work(config: GradientDecayConfig) -> float:
    """One measurement of the gradients: a pass forward and its adjoint back."""
    return 2 * _pass_work(config)


def training_work(config: GradientDecayConfig) -> float:
    """All training steps: forward, adjoint, and the weight gradients' products."""
    return 3 * config.training_steps * _pass_work(config)


def spectrum_work(config: GradientDecayConfig) -> float:
    """Jacobians of one sample per seed.

    With N state variables, a step takes products of 2N rows and a QR decomposition, and the
    singular values of two matrices where they are taken. Decompositions are slower than products:
    a QR takes the time of about 7 N³, singular values of 15 N³.
    """
    shape = config.architecture
    gates, states = _GATES_AND_STATES[shape.cell]
    rows = states * shape.hidden_size
    step = 2 * rows * gates * shape.hidden_size**2 + 7 * rows**3
    step += 2 * 15 * rows**3 / singular_value_spacing(config)
    passes = shape.layers * shape.directions * config.sequence_length
    return passes * (config.seeds * step + _STEP_OVERHEAD)


def _pass_work(config: GradientDecayConfig) -> float:
    shape = config.architecture
    gates, _ = _GATES_AND_STATES[shape.cell]
    per_sample = 0.0
    for layer in range(shape.layers):
        inputs = shape.directions * shape.hidden_size if layer else config.input_size
        reads = inputs + shape.hidden_size + _ELEMENTWISE
        per_sample += shape.directions * gates * shape.hidden_size * reads
    samples = config.seeds * config.batch_size
    loops = shape.layers * shape.directions * _STEP_OVERHEAD
    return config.sequence_length * (samples * per_sample + loops)


_GATES_AND_STATES = {"rnn": (1, 1), "lstm": (4, 2), "gru": (3, 1)}
_ELEMENTWISE = 100
"""A gate's elementwise arithmetic takes about as long as this many multiply-accumulates."""
_STEP_OVERHEAD = 1e6
"""So does calling the operations of one step: about 50 microseconds."""


def sentence(config: GradientDecayConfig, summary: Mapping[str, Any]) -> str:
    """One run in words."""
    from core.experiments.gradient_decay_words import run_in_words

    return run_in_words(config, summary)


def answer(runs: pandas.DataFrame) -> str:
    """The comparison in one or two sentences."""
    from core.experiments.gradient_decay_words import comparison_in_words

    return comparison_in_words(runs)


GRADIENT_DECAY = Experiment(
    name="gradient-decay",
    title="Gradient flow",
    question="How fast does the gradient fade with distance?",
    config=GradientDecayConfig,
    rows=(GradientRow, DecayRow, JacobianRow, LyapunovRow, TrainingRow, GradientDecaySummary),
    run=run,
    sentence=sentence,
    answer=answer,
    work=work,
    presets={
        "chapter": {
            "input_size": 32,
            "hidden_size": 64,
            "sequence_length": 100,
            "loss": "sum",
        }
    },
)
