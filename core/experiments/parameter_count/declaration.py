"""What `parameter-count` is asked and what it records: settings, tables and the work of a run.

Parameters by part, state, multiply-accumulates per token and the activation memory that training
keeps, by width. The counts are formulas, and the tensors of a real model beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.experiment import Config, Row, axis, measure
from core.models.counting import Part, pass_cost
from core.stats.aggregation import EXACT


class ParameterCountConfig(Config):
    """One variant at its own hidden size, and at widths that double from one to the other end."""

    input_size: int = Field(
        64,
        ge=1,
        le=65_536,
        title="Input size",
        description="Features of x_t; with a vocabulary, of each token's embedding.",
    )
    vocabulary: int = Field(
        0, ge=0, le=10_000_000, title="Vocabulary", description="Tokens embedded; 0: no embedding."
    )
    outputs: int = Field(
        0, ge=0, le=10_000_000, title="Outputs", description="Of a linear head; 0: no head."
    )
    sequence_length: int = Field(
        100,
        ge=1,
        le=5000,
        title="Sequence length",
        description="Steps T over which training keeps activations.",
    )
    batch_size: int = Field(
        1, ge=1, le=1024, title="Sequences", description="In the batch whose activations are kept."
    )
    smallest_width: int = Field(
        16, ge=1, le=4096, title="Smallest width", description="Where the sweep of widths begins."
    )
    largest_width: int = Field(
        512, ge=1, le=4096, title="Largest width", description="Where it ends, at the latest."
    )
    dtype: Literal["float32", "float64", "bfloat16", "float16"] = Field(
        "float32", title="Precision", description="Of states and activations, for their bytes."
    )

    @property
    def features(self) -> int:
        """Size of x_t."""
        return self.input_size

    @model_validator(mode="after")
    def _the_sweep_has_a_beginning(self) -> Self:
        if self.smallest_width > self.largest_width:
            raise ValueError(
                f"smallest_width is {self.smallest_width}, but largest_width is "
                f"{self.largest_width}; give at most that"
            )
        return self

    @property
    def widths(self) -> list[int]:
        """Doublings of the smallest up to the largest, and the config's own hidden size."""
        doublings = []
        width = self.smallest_width
        while width <= self.largest_width:
            doublings.append(width)
            width *= 2
        return sorted({*doublings, self.architecture.hidden_size})


@dataclass(frozen=True)
class WidthRow(Row):
    """What one width costs."""

    table: ClassVar[str] = "widths"
    title: ClassVar[str] = "Cost by width"

    hidden_size: int = axis("Hidden size", unit="units", curve=True)
    parameters: int = measure(
        "Recurrent parameters",
        better="lower",
        description="Of the recurrent layers, as torch.nn counts them: with two bias vectors.",
    )
    effective_parameters: int = measure(
        "Effective parameters",
        better="lower",
        description="With one bias where two merely add up.",
    )
    parameters_total: int = measure(
        "All parameters", better="lower", description="With embedding and output head."
    )
    tensors_total: int = measure(
        "Parameters in tensors",
        description="Counted in a real model's tensors. Must equal all parameters.",
    )
    over_rnn: float = measure(
        "Parameters over the plain RNN's",
        better="lower",
        description="Recurrent layers, against a one-directional plain RNN of this width.",
    )
    state_bytes: int = measure(
        "State", unit="bytes", better="lower", description="Carried from step to step, a sequence."
    )
    multiply_accumulates: int = measure(
        "Multiply-accumulates", unit="per token", better="lower", description="Forward."
    )


@dataclass(frozen=True)
class PartRow(Row):
    """Of what the parameters of one width consist."""

    table: ClassVar[str] = "parts"
    title: ClassVar[str] = "Parameters by part"

    part: Part = axis("Part")
    hidden_size: int = axis("Hidden size", unit="units", curve=True)
    parameters: int = measure("Parameters")


@dataclass(frozen=True)
class ActivationRow(Row):
    """What a forward pass keeps for the backward one, besides parameters and input."""

    table: ClassVar[str] = "activations"
    title: ClassVar[str] = "Activation memory"

    implementation: Literal["fused", "equations"] = axis(
        "Implementation", description="torch.nn's kernels, or this project's equations."
    )
    hidden_size: int = axis("Hidden size", unit="units", curve=True)
    activation_mib: float = measure(
        "Activation memory",
        unit="MiB",
        better="lower",
        description=(
            "What grows with the number of steps among the tensors saved for the backward pass: T "
            "times what each further step adds; each tensor counts once."
        ),
    )
    bytes_per_step: float = measure(
        "Activations per step", unit="bytes", better="lower", description="Of one sequence."
    )
    graph_mib: float = measure(
        "All that is saved",
        unit="MiB",
        better="lower",
        description="With what is saved once, whatever T: rearranged copies of weights.",
    )


@dataclass(frozen=True)
class ParameterCountSummary(Row):
    """At the config's own hidden size. Counts are exact: they have no interval."""

    table: ClassVar[str] = "summary"
    title: ClassVar[str] = "Summary"

    parameters: int = measure(
        "Recurrent parameters",
        better="lower",
        description="Of the recurrent layers, as torch.nn counts them: with two bias vectors.",
        pooled=EXACT,
    )
    activation_mib: float | None = measure(
        "Activation memory",
        unit="MiB",
        better="lower",
        description=(
            "What the fused layer saves for the backward pass over T steps; measured. Empty where "
            "the device cannot compute in this precision."
        ),
        pooled=EXACT,
    )
    effective_parameters: int = measure(
        "Effective parameters",
        better="lower",
        description="With one bias vector where torch.nn keeps two that merely add up.",
        pooled=EXACT,
    )
    parameters_total: int = measure(
        "All parameters",
        better="lower",
        description="With embedding and output head.",
        pooled=EXACT,
    )
    over_rnn: float = measure(
        "Over the plain RNN's",
        better="lower",
        description="Recurrent parameters against a one-directional plain RNN of this width.",
        pooled=EXACT,
    )
    growth_exponent: float = measure(
        "Growth with width",
        description="log₂ of the recurrent parameters' growth when this width doubles; 2: squared.",
        pooled=EXACT,
    )
    gates: int = measure("Gates", description="Sigmoids of the cell.", pooled=EXACT)
    state_vectors: int = measure(
        "State vectors", description="Of a cell: h, and the LSTM's c.", pooled=EXACT
    )
    state_bytes: int = measure(
        "State",
        unit="bytes",
        better="lower",
        description="Carried from step to step, a sequence.",
        pooled=EXACT,
    )
    multiply_accumulates: int = measure(
        "Multiply-accumulates",
        unit="per token",
        better="lower",
        description="Forward.",
        pooled=EXACT,
    )


def work(config: ParameterCountConfig) -> float:
    """Multiply-accumulates of a whole run."""
    return sum(width_work(config, width) for width in config.widths)


def width_work(config: ParameterCountConfig, width: int) -> float:
    """One width: two implementations forward over T steps, and over 64 more to see memory grow."""
    return 2 * pass_cost(
        config.architecture.model_copy(update={"hidden_size": width}),
        config.input_size,
        steps=config.sequence_length + 64,
        sequences=config.batch_size,
        backward=False,
    )
