"""The exact number of parameters of an architecture, and the width that fits a budget.

With G weight blocks per cell (1, 4, 3), H the hidden size and D directions, a layer that reads I
features has D·G·(I·H + H² + 2H) parameters: `torch.nn` keeps two bias vectors where the equations
need one. This module needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from core.models.architecture import MAX_HIDDEN_SIZE, Architecture
from core.models.registry import cell_kind
from core.settings import BadSetting

Part = Literal["input", "recurrent", "bias", "embedding", "output"]

MAX_BUDGET = 250_000_000
"""The largest budget that every variant reaches within the largest hidden size."""

DTYPE_BYTES: Mapping[str, int] = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class Parameters:
    """A model's parameters by part."""

    input: int
    """W_ih of every layer and direction."""
    recurrent: int
    """W_hh of every layer and direction."""
    bias: int
    """Both of torch.nn's bias vectors."""
    redundant_bias: int
    """How many of the biases only ever add to another one: a legacy of cuDNN."""
    embedding: int = 0
    output: int = 0

    @property
    def core(self) -> int:
        """The recurrent layers' parameters."""
        return self.input + self.recurrent + self.bias

    @property
    def effective(self) -> int:
        """The recurrent layers' parameters, with one bias where two merely add up."""
        return self.core - self.redundant_bias

    @property
    def total(self) -> int:
        """All parameters, embedding and output head included."""
        return self.core + self.embedding + self.output

    @property
    def parts(self) -> dict[Part, int]:
        """The summands of `total` by name."""
        return {part: getattr(self, part) for part in get_args(Part)}


@dataclass(frozen=True)
class Match:
    """The width that brings an architecture closest to a budget, and its parameter count."""

    architecture: Architecture
    parameters: int


def gates(architecture: Architecture) -> int:
    """Gates of the cell, its sigmoids: 0, 3 and 2."""
    return cell_kind(architecture.cell).gates


def count_parameters(
    architecture: Architecture, input_size: int, *, vocabulary: int = 0, outputs: int = 0
) -> Parameters:
    """Parameters by part, as torch.nn counts them.

    `vocabulary` tokens are embedded into `input_size` features; a linear head turns each output
    (D·H features) into `outputs` numbers. 0 leaves the part out.
    """
    kind = cell_kind(architecture.cell)
    width, directions = architecture.hidden_size, architecture.directions
    passes = architecture.layers * directions
    # The first layer reads the input, every other one both directions of the layer below.
    widths_read = input_size + (architecture.layers - 1) * directions * width
    return Parameters(
        input=directions * kind.blocks * width * widths_read,
        recurrent=passes * kind.blocks * width**2,
        bias=2 * kind.blocks * passes * width,
        redundant_bias=kind.redundant_biases * passes * width,
        embedding=vocabulary * input_size,
        output=outputs * (directions * width + 1),
    )


def multiply_accumulates(architecture: Architecture, input_size: int, *, outputs: int = 0) -> int:
    """Multiply-accumulates of the matrix products for one token of one sequence, forward."""
    counts = count_parameters(architecture, input_size)
    head = outputs * architecture.directions * architecture.hidden_size
    return counts.input + counts.recurrent + head


STEP_OVERHEAD = 1e6
"""The calls of one time step take about as long as this many multiply-accumulates on a CPU."""


def pass_cost(
    architecture: Architecture,
    input_size: int,
    *,
    steps: int,
    sequences: int,
    outputs: int = 0,
    backward: bool = True,
) -> float:
    """Multiply-accumulates of a pass over `sequences` sequences of `steps` time steps each.

    A backward pass takes twice the forward one. This is the one cost from which every experiment's
    time is estimated; past runs give the seconds that a multiply-accumulate takes here.
    """
    token = multiply_accumulates(architecture, input_size, outputs=outputs)
    calls = architecture.layers * architecture.directions * STEP_OVERHEAD
    forward = steps * (sequences * token + calls)
    return 3 * forward if backward else forward


def state_size(architecture: Architecture) -> int:
    """Numbers that one sequence carries from step to step, over all layers and directions."""
    passes = architecture.layers * architecture.directions
    return passes * len(cell_kind(architecture.cell).states) * architecture.hidden_size


def growth_exponent(architecture: Architecture, input_size: int) -> float:
    """log₂ of how the recurrent layers' count grows when the width doubles: 2 is quadratic."""
    doubled = architecture.model_copy(update={"hidden_size": 2 * architecture.hidden_size})
    small, large = (count_parameters(a, input_size).core for a in (architecture, doubled))
    return math.log2(large / small)


def match_parameters(architecture: Architecture, input_size: int, budget: int) -> Match:
    """The hidden size whose recurrent layers come closest to `budget` parameters.

    Of two that are equally close it is the smaller one. The count grows with the width, so
    bisection finds it. Raises `BadSetting` above `MAX_BUDGET`.
    """

    def core(size: int) -> int:
        sized = architecture.model_copy(update={"hidden_size": size})
        return count_parameters(sized, input_size).core

    if budget > MAX_BUDGET:
        raise BadSetting(f"parameter_budget is {budget:,}; give at most {MAX_BUDGET:,}")
    low, high = 1, MAX_HIDDEN_SIZE
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if core(middle) <= budget else (low, middle)
    size = min((low, high), key=lambda width: (abs(core(width) - budget), width))
    return Match(architecture.model_copy(update={"hidden_size": size}), core(size))
