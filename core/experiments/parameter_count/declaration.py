"""The declaration of `parameter-count`: settings, tables and the work of a run.

It measures parameters by part, state, multiply-accumulates per token and the activation memory that
training keeps, by width. Counts come from formulas, beside the tensors of a real model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.experiment import Config, Row, axis, measure
from core.models.counting import Part, pass_cost
from core.stats.aggregation import EXACT


class ParameterCountConfig(Config):
    """One variant at its own hidden size, and at widths that double from the smallest on."""

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
        16, ge=1, le=4096, title="Smallest width", description="The widths start here and double."
    )
    largest_width: int = Field(
        512, ge=1, le=4096, title="Largest width", description="No doubled width is larger."
    )
    dtype: Literal["float32", "float64", "bfloat16", "float16"] = Field(
        "float32", title="Precision", description="Of states and activations, for their bytes."
    )

    @property
    def features(self) -> int:
        """Size of x_t."""
        return self.input_size

    @model_validator(mode="after")
    def _widths_are_in_order(self) -> Self:
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
        description="Recurrent layers, against a unidirectional plain RNN of this width.",
    )
    state_bytes: int = measure(
        "State",
        unit="bytes",
        better="lower",
        description="Carried from step to step, per sequence.",
    )
    multiply_accumulates: int = measure(
        "Multiply-accumulates", unit="per token", better="lower", description="Forward."
    )


@dataclass(frozen=True)
class PartRow(Row):
    """The parameters of one part at one width."""

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

    implementation: Literal["equations", "fused"] = axis(
        "Kept by",
        description=(
            "This project's equations, which compare the cells; or torch.nn's fused kernel, which "
            "keeps what its library finds convenient."
        ),
    )
    hidden_size: int = axis("Hidden size", unit="units", curve=True)
    activation_mib: float = measure(
        "Activation memory",
        unit="MiB",
        better="lower",
        description=(
            "Of the tensors saved for the backward pass, the share that grows with the number of "
            "steps: T times what each further step adds; each tensor counts once."
        ),
    )
    bytes_per_step: float = measure(
        "Activations per step", unit="bytes", better="lower", description="Of one sequence."
    )
    graph_mib: float = measure(
        "All that is saved",
        unit="MiB",
        better="lower",
        description="Including what is saved once, whatever T: rearranged copies of weights.",
    )


@dataclass(frozen=True)
class ParameterCountSummary(Row):
    """The costs at the config's own hidden size. Counts are exact: they have no interval."""

    table: ClassVar[str] = "summary"
    title: ClassVar[str] = "Summary"

    parameters: int = measure(
        "Recurrent parameters",
        better="lower",
        description="Of the recurrent layers, as torch.nn counts them: with two bias vectors.",
        aggregation=EXACT,
    )
    equation_activation_mib: float | None = measure(
        "Activations kept by the equations",
        unit="MiB",
        better="lower",
        description=(
            "What the cell's equations save for the backward pass over T steps; measured. Empty "
            "where the device cannot compute in this precision."
        ),
        aggregation=EXACT,
    )
    activation_mib: float | None = measure(
        "Activations kept by torch.nn's fused kernel",
        unit="MiB",
        description=(
            "The same of the kernel: it ranks kernels, not cells. oneDNN's for the LSTM keeps "
            "several times what its equations need."
        ),
        aggregation=EXACT,
    )
    effective_parameters: int = measure(
        "Effective parameters",
        better="lower",
        description="With one bias vector where torch.nn keeps two that merely add up.",
        aggregation=EXACT,
    )
    parameters_total: int = measure(
        "All parameters",
        better="lower",
        description="With embedding and output head.",
        aggregation=EXACT,
    )
    over_rnn: float = measure(
        "Over the plain RNN's",
        better="lower",
        description="Recurrent parameters against a unidirectional plain RNN of this width.",
        aggregation=EXACT,
    )
    growth_exponent: float = measure(
        "Growth with width",
        description="log₂ of the recurrent parameters' growth when this width doubles; 2: squared.",
        aggregation=EXACT,
    )
    gates: int | None = measure("Gates", description="Sigmoids of the cell.", aggregation=EXACT)
    state_vectors: int = measure(
        "State vectors", description="Of a cell: h, and the LSTM's c.", aggregation=EXACT
    )
    state_bytes: int = measure(
        "State",
        unit="bytes",
        better="lower",
        description="Carried from step to step, per sequence.",
        aggregation=EXACT,
    )
    multiply_accumulates: int = measure(
        "Multiply-accumulates",
        unit="per token",
        better="lower",
        description="Forward.",
        aggregation=EXACT,
    )


def work(config: ParameterCountConfig) -> float:
    """Multiply-accumulates of a whole run."""
    return sum(width_work(config, width) for width in config.widths)


def width_work(config: ParameterCountConfig, width: int) -> float:
    """Cost of one width: two implementations over T steps, and 64 more to see memory grow."""
    return 2 * pass_cost(
        config.architecture.model_copy(update={"hidden_size": width}),
        config.input_size,
        steps=config.sequence_length + 64,
        sequences=config.batch_size,
        backward=False,
    )
