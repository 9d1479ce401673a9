"""The declaration of `gradient-decay`: settings, tables, and the plan of a run.

For a loss L, it measures the norm of ∂L/∂x_t (inputs) and of ∂L/∂(h_t, c_t) (the full state)
against the distance k from the loss. The loss stands where every direction has read T steps: at the
last of T steps, or for two directions at the middle one of 2T − 1, with T on either side.

Two things are said of a curve, which differ: at which distance it *has* fallen to half, to 1% and
to the smallest float32, and how fast it falls further back, as the slope of a straight line on a
log scale: the share ρ of the gradient that is kept per step (the asymptotic decay rate), with the
half-life ln ½ / ln ρ and the line's R².
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from core.experiment import Config, Row, axis, measure, note, seed_axis
from core.models.counting import STEP_OVERHEAD, pass_cost, state_size
from core.models.registry import cell_kind
from core.settings import Value
from core.stats.aggregation import GEOMETRIC_MEAN, HALF_LIFE, MEDIAN
from core.stats.estimates import Estimate


def longest_distance(settings: Mapping[str, Value]) -> float:
    """T − 1: a curve that has not fallen by there falls at that distance or later. Infinite where T
    is not known."""
    return float(str(settings.get("sequence_length", math.inf))) - 1


class GradientDecayConfig(Config):
    """One variant, all of its seeds in one batched pass."""

    seeds: int = Field(
        8,
        ge=1,
        le=1024,
        title="Seeds",
        description="Independent draws of weights, data and v.",
        json_schema_extra={"role": "replicate"},
    )
    sequence_length: int = Field(
        100,
        ge=10,
        le=5000,
        title="Sequence length",
        description="Time steps T that each direction reads up to the loss.",
    )
    input_size: int = Field(16, ge=1, le=4096, title="Input size", description="Features of x_t.")
    batch_size: int = Field(
        16, ge=1, le=1024, title="Samples", description="Sequences per seed, drawn from N(0, 1)."
    )
    loss: Literal["projection", "sum"] = Field(
        "projection",
        title="Loss",
        description=(
            "Of the output h at one step, sample by sample (no mean over them): v·h with v from "
            "N(0, 1) per seed, or the sum of h. At the last step; for two directions at the middle "
            "one of 2T − 1, of which each direction has read T."
        ),
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
        description="Train on a small recall task and measure meanwhile; 0: measure untrained.",
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
            "Also measure the step Jacobians' largest singular values and spectral radii, the "
            "norm of their product, and on longer sequences the Lyapunov exponents (one sample per "
            "seed). Left out where a state has more than 2,048 numbers."
        ),
    )

    @property
    def features(self) -> int:
        """Size of x_t."""
        return self.input_size


def side_axis() -> Any:
    """Which side of the loss. Earlier versions measured the past alone, from the last step."""
    return axis(
        "Side",
        older="past",
        description=(
            "Of the loss: the past, which the forward direction has read; for two directions also "
            "the future, which the backward direction has read."
        ),
    )


LINE_FIT = (
    "Of the straight line through the curve (mean log10 over the samples) from k = T/10 to 6T/10, "
    "whose slope is log₁₀ ρ; below 0.95 a line does not describe the curve. Empty "
    "where the curve is level."
)
RANGE_CHANGE = "log10 of the norm at k = 6T/10 over that at k = 0, where the line's range ends."
OF_HALF = (
    "Steps from the loss at which ‖∂L/∂x_t‖ has first fallen to half of its size at k = 0; in a "
    "straight line between two steps of the curve (mean log10 over the samples)."
)
OF_PERCENT = "Steps at which it has first fallen to 1% of its size at k = 0, likewise."
OF_FLOAT32 = (
    "Steps at which it has first fallen to float32's smallest normal number, 1.18e-38, for the "
    "loss as it is set: a mean over a batch of B would divide every gradient by B."
)


@dataclass(frozen=True)
class GradientRow(Row):
    """The gradient's size at one distance, for one seed."""

    table: ClassVar[str] = "gradient"
    title: ClassVar[str] = "Gradient by distance"

    training_step: int = axis("Training step", unit="steps", latest=True)
    layer: int = axis("Layer", description="1 reads the input; its input gradient is ∂L/∂x_t.")
    side: Literal["past", "future"] = side_axis()
    seed: int = seed_axis()
    steps_back: int = axis(
        "Steps back",
        unit="steps",
        curve=True,
        description="k: from the loss, into the past; on the side of the future, ahead.",
    )
    log10_input_gradient: float | None = measure(
        "Input gradient",
        unit="log₁₀ ‖∂L/∂x_t‖",
        description="Mean over the samples whose norm is not exactly zero; empty if there is none.",
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
        description="Input and state gradients that are not finite; left out of the means.",
    )


@dataclass(frozen=True)
class DecayRow(Row):
    """What is said of one seed's curve: distances on it, and the line through its middle."""

    table: ClassVar[str] = "decay"
    title: ClassVar[str] = "Decay by seed"

    training_step: int = axis("Training step", unit="steps", curve=True)
    layer: int = axis("Layer")
    side: Literal["past", "future"] = side_axis()
    seed: int = seed_axis()
    half_distance_steps: float | None = measure(
        "Halving distance",
        unit="steps",
        better="higher",
        description=OF_HALF,
        limit=longest_distance,
    )
    percent_distance_steps: float | None = measure(
        "1% distance",
        unit="steps",
        better="higher",
        description=OF_PERCENT,
        limit=longest_distance,
    )
    float32_distance_steps: float | None = measure(
        "float32 distance",
        unit="steps",
        better="higher",
        description=OF_FLOAT32,
        limit=longest_distance,
    )
    decay_rate: float | None = measure("Gradient kept per step ρ", unit="per step", better="higher")
    half_life_steps: float | None = measure("Asymptotic half-life", unit="steps", better="higher")
    line_fit: float | None = measure("R² of the line", description=LINE_FIT)
    log10_range_change: float | None = measure(
        "Change to 6T/10", unit="log₁₀", description=RANGE_CHANGE
    )
    state_decay_rate: float | None = measure(
        "State gradient kept per step", unit="per step", better="higher"
    )
    log10_last_over_first: float | None = measure(
        "Last over first",
        unit="log₁₀",
        better="lower",
        description=(
            "Input gradient at the last step over that at the first (the chapter's ratio): median "
            "over the samples; empty where half of them are exactly zero at the first step."
        ),
    )


@dataclass(frozen=True)
class JacobianRow(Row):
    """The step Jacobian ∂s_t/∂s_{t−1} of the full state s, and the product of all up to T."""

    table: ClassVar[str] = "jacobian"
    title: ClassVar[str] = "Step Jacobians"

    training_step: int = axis("Training step", unit="steps", latest=True)
    layer: int = axis("Layer")
    direction: str = axis("Direction", description="A backward direction counts in its own order.")
    seed: int = seed_axis()
    steps_back: int = axis("Steps back", unit="steps", curve=True)
    largest_singular_value: float = measure(
        "Largest singular value",
        description=(
            "Of ∂s_t/∂s_{t−1}, on one sample per seed; at every step of up to 25, else at 25 "
            "evenly spaced distances. It depends on the units of an LSTM's c. The product takes "
            "every step."
        ),
    )
    spectral_radius: float | None = measure(
        "Spectral radius",
        description="Largest modulus of an eigenvalue of ∂s_t/∂s_{t−1}; it has no units.",
    )
    log10_product_norm: float | None = measure(
        "Product norm", unit="log₁₀ ‖∂s_T/∂s_t‖₂", description="Empty where it is exactly zero."
    )


@dataclass(frozen=True)
class LyapunovRow(Row):
    """One Lyapunov exponent of the driven recurrence, by QR, over a stated number of steps."""

    table: ClassVar[str] = "lyapunov"
    title: ClassVar[str] = "Lyapunov exponents"

    training_step: int = axis("Training step", unit="steps", latest=True)
    layer: int = axis("Layer")
    direction: str = axis("Direction")
    seed: int = seed_axis()
    index: int = axis("Index", curve=True, description="1 is the largest.")
    exponent: float | None = measure(
        "Exponent",
        unit="nats per step",
        description="Over a finite time, without transients. Empty where it is minus infinity.",
    )


@dataclass(frozen=True)
class ConvergenceRow(Row):
    """The largest Lyapunov exponent as its mean goes over more and more steps."""

    table: ClassVar[str] = "convergence"
    title: ClassVar[str] = "Convergence of the largest exponent"

    training_step: int = axis("Training step", unit="steps", latest=True)
    layer: int = axis("Layer")
    direction: str = axis("Direction")
    seed: int = seed_axis()
    averaged_steps: int = axis(
        "Steps averaged", unit="steps", curve=True, description="After both transients."
    )
    running_exponent: float | None = measure("Running mean", unit="nats per step")


@dataclass(frozen=True)
class TrainingRow(Row):
    """The task's loss during training."""

    table: ClassVar[str] = "training"
    title: ClassVar[str] = "Training"

    training_step: int = axis("Training step", unit="steps", curve=True)
    seed: int = seed_axis()
    loss: float | None = measure("Training loss", better="lower")


@dataclass(frozen=True)
class GradientDecaySummary(Row):
    """The measures of layer 1 at the last measured training step."""

    table: ClassVar[str] = "summary"
    title: ClassVar[str] = "Summary"

    half_distance_steps: Estimate = measure(
        "Halving distance",
        unit="steps",
        better="higher",
        description=OF_HALF,
        aggregation=MEDIAN,
        limit=longest_distance,
    )
    percent_distance_steps: Estimate = measure(
        "1% distance",
        unit="steps",
        better="higher",
        description=OF_PERCENT,
        aggregation=MEDIAN,
        limit=longest_distance,
    )
    float32_distance_steps: Estimate = measure(
        "float32 distance",
        unit="steps",
        better="higher",
        description=OF_FLOAT32,
        aggregation=MEDIAN,
        limit=longest_distance,
    )
    decay_rate: Estimate = measure(
        "Gradient kept per step ρ",
        unit="per step",
        better="higher",
        description=(
            "Factor per step of ‖∂L/∂x_t‖ from k = T/10 to 6T/10, by a straight line through the "
            "log10 norms; geometric mean over seeds, 95% interval."
        ),
        aggregation=GEOMETRIC_MEAN,
        margin=0.0,  # rates near 1 that differ by a hair are half-lives apart
    )
    half_life_steps: Estimate = measure(
        "Asymptotic half-life",
        unit="steps",
        better="higher",
        description=(
            "ln ½ / ln ρ: how many steps further halve what is left, far from the loss. It is not "
            "the distance at which half is gone. Infinite where the line does not fall."
        ),
        aggregation=HALF_LIFE,
    )
    line_fit: Estimate = measure("R² of the line", description=LINE_FIT, aggregation=MEDIAN)
    log10_range_change: Estimate = measure(
        "Change to 6T/10",
        unit="log₁₀",
        better="higher",
        description=RANGE_CHANGE,
        aggregation=MEDIAN,
        margin=0.0,
    )
    state_decay_rate: Estimate = measure(
        "State gradient kept per step",
        unit="per step",
        better="higher",
        aggregation=GEOMETRIC_MEAN,
        margin=0.0,
    )
    log10_last_over_first: Estimate = measure(
        "Last over first",
        unit="log₁₀",
        better="lower",
        description="Median over seeds of the last step's input gradient over the first step's.",
        aggregation=MEDIAN,
        margin=0.0,  # a logarithm has no share
    )
    zero_percent: float = measure(
        "Exact zeros",
        unit="% of input gradients",
        better="lower",
        description="Underflow, or a dead state.",
    )
    largest_singular_value: Estimate = measure(
        "Largest singular value",
        description=(
            "Of the step Jacobian; mean over steps, geometric mean over seeds. Above or below 1 "
            "may depend on the units of an LSTM's c: see the spectral radius."
        ),
        aggregation=GEOMETRIC_MEAN,
    )
    spectral_radius: Estimate = measure(
        "Spectral radius",
        description=(
            "Of the step Jacobian: the largest modulus of an eigenvalue. Unlike the singular value "
            "it is the same in any units of the state, but it bounds no product of steps. Mean "
            "over steps, geometric mean over seeds."
        ),
        aggregation=GEOMETRIC_MEAN,
    )
    leading_exponent: Estimate = measure(
        "Largest Lyapunov exponent",
        unit="nats per step",
        description=(
            "Mean growth of the leading direction, after both transients are left out; one sample "
            "per seed. The 95% interval over seeds is widened to that of the second half of these "
            "steps alone, so that what has not settled is inside."
        ),
        drift="exponent_drift",
    )
    exponent_drift: Estimate = measure(
        "Drift of the exponent",
        unit="nats per step",
        description="Its second half of steps minus its first: near 0 where it has converged.",
    )
    future_half_distance_steps: Estimate = measure(
        "Halving distance, future",
        unit="steps",
        better="higher",
        description=OF_HALF,
        aggregation=MEDIAN,
        limit=longest_distance,
    )
    future_decay_rate: Estimate = measure(
        "Gradient kept per step ρ, future",
        unit="per step",
        better="higher",
        description="The same on the other side of the loss, through the backward direction.",
        aggregation=GEOMETRIC_MEAN,
        margin=0.0,
    )
    loss_at: str = note("Loss", description="The step whose output the loss reads.")


def measured_steps(config: GradientDecayConfig) -> list[int]:
    """The training steps after which gradients are measured: 0, the last, and evenly between."""
    last, intervals = config.training_steps, max(1, config.checkpoints - 1)
    return sorted({round(index * last / intervals) for index in range(intervals + 1)})


def spectrum_steps(config: GradientDecayConfig) -> list[int]:
    """The training steps after which Jacobians are measured too: before and after training."""
    if not config.spectrum or why_no_spectrum(config):
        return []
    return sorted({0, config.training_steps})


def why_no_spectrum(config: GradientDecayConfig) -> str:
    """Why no Jacobians of the state are measured; empty where they are."""
    kind, state = cell_kind(config.architecture.cell), spectrum_state(config)
    if not kind.recurrent:
        return f"no Jacobians: a {kind.title} feeds no state back, so that they say nothing of it"
    if state > MAX_SPECTRUM_STATE:  # it would take hours
        return (
            f"no Jacobians: the state has {state:,} numbers, and at most {MAX_SPECTRUM_STATE:,} "
            "are decomposed"
        )
    return ""


MAX_SPECTRUM_STATE = 2048
"""Numbers of a layer's state in one direction whose Jacobian is decomposed."""


def spectrum_state(config: GradientDecayConfig) -> int:
    """The numbers that a step of one layer and direction hands to the next."""
    shape = config.architecture
    return sum(cell_kind(shape.cell).state_sizes(shape.hidden_size).values())


def work(config: GradientDecayConfig) -> float:
    """Multiply-accumulates of a whole run."""
    passes = len(measured_steps(config)) + config.training_steps
    return passes * pass_work(config) + len(spectrum_steps(config)) * spectrum_work(config)


def read_steps(config: GradientDecayConfig) -> int:
    """Steps of the sequences: T, or for two directions 2T − 1."""
    return config.architecture.directions * (config.sequence_length - 1) + 1


@dataclass(frozen=True)
class ExponentSteps:
    """The steps of the sequence that Lyapunov exponents are measured on, from its beginning."""

    warm_up: int
    """The state fills up from zero: at both ends, if there are two directions."""
    leading: int
    """Averaged for the largest exponent."""
    all: int
    """Averaged for all of them."""
    lead_in: int
    """The frame turns into the directions that grow most."""

    @property
    def walked(self) -> int:
        return self.warm_up + self.leading + self.all + self.lead_in


def exponent_steps(config: GradientDecayConfig) -> ExponentSteps:
    """The same for every T of 100 or more: an exponent is a property of the recurrence."""
    steps = min(config.sequence_length, 100)
    return ExponentSteps(warm_up=5 * steps, leading=10 * steps, all=steps, lead_in=steps // 2)


def pass_work(config: GradientDecayConfig) -> float:
    """Multiply-accumulates of one measurement of the gradients, or of one training step."""
    return pass_cost(
        config.architecture,
        config.input_size,
        steps=read_steps(config),
        sequences=config.seeds * config.batch_size,
    )


def spectrum_work(config: GradientDecayConfig) -> float:
    """Cost of measuring the Jacobians and the exponents once, of all layers and directions."""
    jacobians, every, leading = spectrum_costs(config)
    steps = exponent_steps(config)
    each = config.sequence_length * jacobians + (steps.lead_in + steps.all) * every
    walks = config.architecture.layers * config.architecture.directions
    return walks * (each + steps.leading * leading)


def spectrum_costs(config: GradientDecayConfig) -> tuple[float, float, float]:
    """Cost of a step of one walk: Jacobians; all exponents; the largest exponent alone."""
    walks = config.architecture.layers * config.architecture.directions
    size = state_size(config.architecture) / walks
    # Of an N × N matrix, QR takes about 5 N³. Singular values and eigenvalues together take about
    # 50 N³, at a quarter of the steps.
    costs = (12 * size**3, 7 * size**3, 10 * size**2)
    jacobians, every, leading = (config.seeds * cost + STEP_OVERHEAD for cost in costs)
    return jacobians, every, leading
