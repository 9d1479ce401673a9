"""The declaration of `gradient-decay`: settings, tables, and the plan of a run.

For a loss L at the last step T, it measures the norm of ∂L/∂x_t (inputs) and of ∂L/∂(h_t, c_t)
(the full state) against the distance k = T − t. A straight line on a log scale is a decay rate ρ
per step: the half-life is ln ½ / ln ρ steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from core.experiment import Config, Row, axis, measure, seed_axis
from core.models.counting import STEP_OVERHEAD, pass_cost, state_size
from core.stats.aggregation import GEOMETRIC_MEAN, HALF_LIFE, MEDIAN
from core.stats.estimates import Estimate


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
            "Also measure the step Jacobians' largest singular values, the norm of their product "
            "and the Lyapunov exponents (one sample per seed)."
        ),
    )

    @property
    def features(self) -> int:
        """Size of x_t."""
        return self.input_size


@dataclass(frozen=True)
class GradientRow(Row):
    """The gradient's size at one distance, for one seed."""

    table: ClassVar[str] = "gradient"
    title: ClassVar[str] = "Gradient by distance"

    training_step: int = axis("Training step", unit="steps", latest=True)
    layer: int = axis("Layer", description="1 reads the input; its input gradient is ∂L/∂x_t.")
    seed: int = seed_axis()
    steps_back: int = axis("Steps back", unit="steps", curve=True, description="k = T − t")
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
    """The straight line through one seed's curve."""

    table: ClassVar[str] = "decay"
    title: ClassVar[str] = "Decay by seed"

    training_step: int = axis("Training step", unit="steps", curve=True)
    layer: int = axis("Layer")
    seed: int = seed_axis()
    decay_rate: float | None = measure("Decay rate ρ", unit="per step", better="higher")
    half_life_steps: float | None = measure("Half-life", unit="steps", better="higher")
    state_decay_rate: float | None = measure("State decay rate", unit="per step", better="higher")
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
            "evenly spaced distances. The product and the exponents take every step."
        ),
    )
    log10_product_norm: float | None = measure(
        "Product norm", unit="log₁₀ ‖∂s_T/∂s_t‖₂", description="Empty where it is exactly zero."
    )


@dataclass(frozen=True)
class LyapunovRow(Row):
    """One Lyapunov exponent of the driven recurrence, by QR."""

    table: ClassVar[str] = "lyapunov"
    title: ClassVar[str] = "Lyapunov exponents"

    training_step: int = axis("Training step", unit="steps", latest=True)
    layer: int = axis("Layer")
    direction: str = axis("Direction")
    seed: int = seed_axis()
    index: int = axis("Index", curve=True, description="1 is the largest.")
    exponent: float | None = measure(
        "Exponent", unit="nats per step", description="Empty where it is minus infinity."
    )


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

    decay_rate: Estimate = measure(
        "Decay rate ρ",
        unit="per step",
        better="higher",
        description="Factor per step back of ‖∂L/∂x_t‖; geometric mean over seeds, 95% interval.",
        aggregation=GEOMETRIC_MEAN,
        margin=0.0,  # rates near 1 that differ by a hair are half-lives apart
    )
    half_life_steps: Estimate = measure(
        "Half-life",
        unit="steps",
        better="higher",
        description="ln ½ / ln ρ; infinite where the gradient does not fade.",
        aggregation=HALF_LIFE,
    )
    state_decay_rate: Estimate = measure(
        "State decay rate", unit="per step", better="higher", aggregation=GEOMETRIC_MEAN, margin=0.0
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
        description="Of the step Jacobian; mean over steps, geometric mean over seeds.",
        aggregation=GEOMETRIC_MEAN,
    )
    largest_exponent: Estimate = measure("Largest Lyapunov exponent", unit="nats per step")


def measured_steps(config: GradientDecayConfig) -> list[int]:
    """The training steps after which gradients are measured: 0, the last, and evenly between."""
    last, intervals = config.training_steps, max(1, config.checkpoints - 1)
    return sorted({round(index * last / intervals) for index in range(intervals + 1)})


def spectrum_steps(config: GradientDecayConfig) -> list[int]:
    """The training steps after which Jacobians are measured too: before and after training."""
    return sorted({0, config.training_steps}) if config.spectrum else []


def work(config: GradientDecayConfig) -> float:
    """Multiply-accumulates of a whole run."""
    passes = len(measured_steps(config)) + config.training_steps
    return passes * pass_work(config) + len(spectrum_steps(config)) * spectrum_work(config)


def pass_work(config: GradientDecayConfig) -> float:
    """Multiply-accumulates of one measurement of the gradients, or of one training step."""
    return pass_cost(
        config.architecture,
        config.input_size,
        steps=config.sequence_length,
        sequences=config.seeds * config.batch_size,
    )


def spectrum_work(config: GradientDecayConfig) -> float:
    """Cost of measuring the Jacobians once: decompositions of an N × N matrix per seed and step."""
    walks = config.architecture.layers * config.architecture.directions
    size = state_size(config.architecture) / walks
    # QR and singular values together take about ten times N³.
    return walks * config.sequence_length * (config.seeds * 10 * size**3 + STEP_OVERHEAD)
