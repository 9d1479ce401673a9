"""The exact number of parameters of a model, its state, and the width that fits a budget of either.

Every count follows from the shapes that a cell declares of its parameters and states. With G weight
blocks (1, 4, 3), H the hidden size and D directions, a layer of RNN, LSTM or GRU that reads I
features has D·G·(I·H + H² + 2H) parameters: `torch.nn` keeps two bias vectors where the equations
need one. This module needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from core.models.architecture import MAX_HIDDEN_SIZE, Architecture
from core.models.registry import cell_kind

Part = Literal["input", "recurrent", "bias", "embedding", "output"]

AttentionName = Literal["none", "additive", "dot", "general"]

MAX_BUDGET = 250_000_000
"""The largest number of parameters that every variant reaches within the largest hidden size."""

MAX_STATE_BUDGET = 2 * MAX_HIDDEN_SIZE
"""The same of a state's bytes, in a precision of two bytes."""

TOLERANCE = 0.05
"""How far off its budget a size may be and still be called equal."""

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


def gates(architecture: Architecture) -> int | None:
    """Gates of the cell, its sigmoids: 0, 3 and 2; None of a cell that names none."""
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
    # The first layer reads the input, every other one both directions of the layer below.
    first, above = kind.parts(input_size, width), kind.parts(directions * width, width)
    counts = {
        part: directions * (first[part] + (architecture.layers - 1) * above[part]) for part in first
    }
    return Parameters(
        **counts,
        redundant_bias=kind.redundant_biases * architecture.layers * directions * width,
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
    sizes = cell_kind(architecture.cell).state_sizes(architecture.hidden_size)
    return architecture.layers * architecture.directions * sum(sizes.values())


def growth_exponent(architecture: Architecture, input_size: int) -> float:
    """log₂ of how the recurrent layers' count grows when the width doubles: 2 is quadratic."""
    doubled = architecture.model_copy(update={"hidden_size": 2 * architecture.hidden_size})
    small, large = (count_parameters(a, input_size).core for a in (architecture, doubled))
    return math.log2(large / small)


def count_translator(
    encoder: Architecture,
    decoder: Architecture,
    *,
    attention: AttentionName,
    embedding_size: int,
    vocabularies: tuple[int, int],
) -> int:
    """Parameters of a whole encoder-decoder, `core.models.seq2seq.Seq2Seq`, part by part.

    With E the embedding size, V the source's and the target's vocabulary, H the decoder's hidden
    size and C = D·H_encoder the features of the encoder's output:

    embeddings (V_source + V_target)·E; both recurrent layers; `combine` 2H·H + H; `output`
    (H + 1)·V_target; attention: none and dot 0, general H², additive 2H² + 2H; and the bridge: a
    map of the output (C + 1)·H if C ≠ H, and per layer one of the states (n + 1)·m, with n and m
    the numbers of the encoder's and the decoder's states (h, and an LSTM's c), unless both cells,
    widths and directions are alike.
    """
    source, target = vocabularies
    size, read = decoder.hidden_size, encoder.directions * encoder.hidden_size
    scores = {"none": 0, "dot": 0, "general": size**2, "additive": 2 * size**2 + 2 * size}
    return (
        (source + target) * embedding_size
        + sum(count_parameters(shape, embedding_size).core for shape in (encoder, decoder))
        + scores[attention]
        + (2 * size + 1) * size
        + (size + 1) * target
        + (0 if read == size else (read + 1) * size)
        + state_maps(encoder, decoder)
    )


def state_maps(encoder: Architecture, decoder: Architecture) -> int:
    """Parameters of the maps from an encoder's states to a decoder's, a layer each."""
    alike = encoder.hidden_size == decoder.hidden_size and encoder.cell == decoder.cell
    if alike and not encoder.bidirectional:
        return 0
    reads, writes = (state_size(shape) // shape.layers for shape in (encoder, decoder))
    return encoder.layers * (reads + 1) * writes


def nearest_width(count: Callable[[int], int], budget: int) -> int:
    """The hidden size whose count comes closest to a budget; of two equally close, the smaller.

    `count` must grow with the hidden size, so that bisection finds it.
    """
    low, high = 1, MAX_HIDDEN_SIZE
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) <= budget else (low, middle)
    return min((low, high), key=lambda width: (abs(count(width) - budget), width))
