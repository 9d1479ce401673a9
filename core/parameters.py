"""How many numbers does an architecture hold? By formula, exactly; and which width fits a budget.

G weight blocks per cell (1, 4, 3), H hidden size, D directions. A layer that reads I features has
D·G·(I·H + H² + 2H) parameters: `torch.nn` keeps two bias vectors where the equations need one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from core.architecture import LARGEST_HIDDEN_SIZE, Architecture
from core.settings import BadSetting

Part = Literal["input", "recurrent", "bias", "embedding", "output"]
BLOCKS: Mapping[str, int] = {"rnn": 1, "lstm": 4, "gru": 3}
"""Weight blocks: the candidate's and one for each gate."""
STATE_VECTORS: Mapping[str, int] = {"rnn": 1, "lstm": 2, "gru": 1}
"""Vectors of size H that a step hands to the next: h, and the LSTM's c."""
LARGEST_BUDGET = 250_000_000
"""Which every variant reaches within the largest hidden size."""
DTYPE_BYTES: Mapping[str, int] = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class Parameters:
    """A model's parameters by part."""

    input: int
    """W_ih of every layer and direction."""
    recurrent: int
    """W_hh."""
    bias: int
    """Both of torch.nn's bias vectors."""
    redundant_bias: int
    """Of those, how many only ever add to another one: a legacy of cuDNN."""
    embedding: int = 0
    output: int = 0

    @property
    def core(self) -> int:
        """Of the recurrent layers."""
        return self.input + self.recurrent + self.bias

    @property
    def effective(self) -> int:
        """Of the recurrent layers with one bias where two merely add up."""
        return self.core - self.redundant_bias

    @property
    def total(self) -> int:
        """Everything, embedding and output head too."""
        return self.core + self.embedding + self.output

    @property
    def parts(self) -> dict[Part, int]:
        """What `total` is the sum of, by name."""
        return {part: getattr(self, part) for part in get_args(Part)}


@dataclass(frozen=True)
class Match:
    """The width that brings an architecture closest to a budget, and what it comes to."""

    architecture: Architecture
    parameters: int


def gates(architecture: Architecture) -> int:
    """Gates of the cell, its sigmoids: 0, 3 and 2."""
    return BLOCKS[architecture.cell] - 1


def count_parameters(
    architecture: Architecture, input_size: int, *, vocabulary: int = 0, outputs: int = 0
) -> Parameters:
    """Parameters by part, as torch.nn counts them.

    `vocabulary` tokens are embedded into `input_size` features; a linear head turns each output
    (D·H features) into `outputs` numbers. 0 leaves the part out.

    The GRU's reset gate multiplies its recurrent candidate bias, so that one is not redundant.
    """
    shape = architecture
    width, directions = shape.hidden_size, shape.directions
    blocks = BLOCKS[shape.cell]
    passes = shape.layers * directions
    single_bias = passes * width
    return Parameters(
        input=directions * blocks * width * _widths_read(shape, input_size),
        recurrent=passes * blocks * width**2,
        bias=2 * blocks * single_bias,
        redundant_bias=(blocks - (shape.cell == "gru")) * single_bias,
        embedding=vocabulary * input_size,
        output=outputs * (directions * width + 1),
    )


def multiply_accumulates(architecture: Architecture, input_size: int, *, outputs: int = 0) -> int:
    """Of the matrix products for one token of one sequence, forward."""
    counts = count_parameters(architecture, input_size)
    head = outputs * architecture.directions * architecture.hidden_size
    return counts.input + counts.recurrent + head


def state_size(architecture: Architecture) -> int:
    """Numbers that one sequence carries from step to step, over all layers and directions."""
    passes = architecture.layers * architecture.directions
    return passes * STATE_VECTORS[architecture.cell] * architecture.hidden_size


def growth_exponent(architecture: Architecture, input_size: int) -> float:
    """log₂ of how the recurrent layers' count grows when the width doubles: 2 is quadratic."""
    size = architecture.hidden_size
    doubled = architecture.model_copy(update={"hidden_size": 2 * size})
    counts = (count_parameters(a, input_size).core for a in (architecture, doubled))
    small, large = counts
    return math.log2(large / small)


def match_parameters(architecture: Architecture, input_size: int, budget: int) -> Match:
    """The hidden size whose recurrent layers come closest to `budget` parameters.

    The smaller one of two that are equally close. The count grows with the width, so bisection
    finds it. Raises `BadSetting` above `LARGEST_BUDGET`.
    """

    def core(size: int) -> int:
        sized = architecture.model_copy(update={"hidden_size": size})
        return count_parameters(sized, input_size).core

    if budget > LARGEST_BUDGET:
        raise BadSetting(f"parameter_budget is {budget:,}; give at most {LARGEST_BUDGET:,}")
    low, high = 1, LARGEST_HIDDEN_SIZE
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if core(middle) <= budget else (low, middle)
    size = min((low, high), key=lambda width: (abs(core(width) - budget), width))
    return Match(architecture.model_copy(update={"hidden_size": size}), core(size))


def _widths_read(shape: Architecture, input_size: int) -> int:
    """Features that the layers read, summed: the input's, then D·H of the layer below."""
    return input_size + (shape.layers - 1) * shape.directions * shape.hidden_size
