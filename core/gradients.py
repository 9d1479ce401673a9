"""How large is the gradient at each distance, and how fast does it fade?

The instrument runs a network once forward and its adjoint once back, all seeds side by side, and
computes no weight gradient. For a stack, two gradients are taken at every layer:

- *input*: ∂L/∂(the layer's input at t), with that input sequence as free variables. For layer 1
  this is ∂L/∂x_t; for a higher layer the input is the output of the layer below, both directions.
- *state*: ∂L/∂s_t with s_t the layer's full state, (h_t, c_t) for an LSTM, both directions
  concatenated. It is the total derivative: through the layer's own later steps and through every
  layer above.

The loss touches the top layer's output at the last step T. There a backward direction has read
x_T alone, so in a single bidirectional layer everything beyond k = 0 comes through the forward one.

Shapes: S seeds, T time, B batch, I input, H hidden, D directions; k = T − t steps back.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import torch
from torch import Tensor

from core.models.cells import Cell
from core.models.recurrent import Recurrent, turned
from core.models.unrolled import Adjoint, Trace, input_gradient, unroll_adjoint

BLOCK_BYTES = 2**26
"""About what the gates of one pass may take."""


class LayerGradients(NamedTuple):
    """log10 of the norms in one layer: index k = T − t, −inf where a norm is exactly zero."""

    layer: int
    """1 reads the input."""
    input_SKB: Tensor
    state_SKB: Tensor


class Curve(NamedTuple):
    """Norms by distance over the samples; nan where no sample has a finite norm above zero."""

    mean_log10_SK: Tensor
    zeros_SK: Tensor
    overflows_SK: Tensor


@torch.no_grad()
def measure_gradients(
    model: Recurrent, x_STBI: Tensor, grad_last_SBH: Tensor, seeds: slice = slice(None)
) -> list[LayerGradients]:
    """Both gradients of every layer, layer 1 first.

    `grad_last_SBH` is ∂L/∂ the top layer's last output, SB(D·H). `seeds` takes some of the
    model's networks; x and grad_last have as many. A model without a seed axis has no S anywhere.
    """
    traces = model.traces(x_STBI, seeds)
    grad_TBH = _at_last_step(grad_last_SBH, x_STBI.shape[-3])
    measured: list[LayerGradients] = []
    for layer in reversed(range(len(traces))):
        adjoints = _adjoints(model.cell, traces[layer], grad_TBH, keep_states=True)
        grad_TBH = _input_gradient(model.cell, traces[layer], adjoints)
        states = [
            turned(log10_norm(part)[..., None], direction)[..., 0]
            for direction, adjoint in enumerate(adjoints)
            for part in adjoint.grad_states
        ]
        state = functools.reduce(log10_hypotenuse, states)
        measured.append(LayerGradients(layer + 1, log10_norm(grad_TBH).flip(-2), state.flip(-2)))
    return measured[::-1]


@torch.no_grad()
def input_gradients(
    model: Recurrent, x_STBI: Tensor, grad_last_SBH: Tensor, seeds: slice = slice(None)
) -> Tensor:
    """∂L/∂x_t of every step, STBI, and nothing else."""
    traces = model.traces(x_STBI, seeds)
    grad_TBH = _at_last_step(grad_last_SBH, x_STBI.shape[-3])
    for layer in reversed(traces):
        grad_TBH = _input_gradient(model.cell, layer, _adjoints(model.cell, layer, grad_TBH))
    return grad_TBH


def _at_last_step(grad_last_SBH: Tensor, steps: int) -> Tensor:
    *lead, batch, width = grad_last_SBH.shape
    grad_output_STBH = grad_last_SBH.new_zeros(*lead, steps, batch, width)
    grad_output_STBH[..., -1, :, :] = grad_last_SBH
    return grad_output_STBH


def _adjoints(
    cell: Cell, traces: list[Trace], grad_output_TBH: Tensor, *, keep_states: bool = False
) -> list[Adjoint]:
    return [
        unroll_adjoint(
            cell, trace, turned(part, direction), keep_states=keep_states, overwrite=True
        )
        for direction, (trace, part) in enumerate(
            zip(traces, grad_output_TBH.chunk(len(traces), dim=-1), strict=True)
        )
    ]


def _input_gradient(cell: Cell, traces: list[Trace], adjoints: list[Adjoint]) -> Tensor:
    parts = [
        turned(input_gradient(cell, trace.weights, adjoint.grad_a_TBA), direction)
        for direction, (trace, adjoint) in enumerate(zip(traces, adjoints, strict=True))
    ]
    return functools.reduce(torch.add, parts)


def log10_norm(gradient: Tensor) -> Tensor:
    """log10 of the Euclidean norm over the last axis; −inf only where every element is zero.

    Squares of small elements underflow long before the elements do (in float32 below 1e-19), so
    where a norm is that small, or has overflowed, it is taken again relative to its largest element.
    """
    norm = torch.linalg.vector_norm(gradient, dim=-1)
    limits = torch.finfo(norm.dtype)
    logs = norm.log10()
    doubtful = ~(norm.isfinite() & (norm > math.sqrt(limits.tiny) / limits.eps))
    if doubtful.any():
        rows = gradient[doubtful]
        largest = rows.abs().amax(dim=-1, keepdim=True)
        relative = torch.linalg.vector_norm(rows / largest, dim=-1).log10()
        scaled = largest[..., 0].log10() + relative
        scaled = torch.where(
            largest[..., 0].isfinite() & (largest[..., 0] > 0), scaled, largest[..., 0].log10()
        )
        logs[doubtful] = scaled
    return logs


def log10_hypotenuse(a: Tensor, b: Tensor) -> Tensor:
    """log10 √(A² + B²) from a = log10 A and b = log10 B."""
    scale = 2 * math.log(10)
    return torch.logaddexp(scale * a, scale * b) / scale


def curve(log10_SKB: Tensor) -> Curve:
    """Mean over samples of the log10 norms that are finite; the others are counted."""
    finite = log10_SKB.isfinite()
    zeros = log10_SKB == -math.inf
    total = torch.where(finite, log10_SKB, 0.0).sum(-1)
    return Curve(total / finite.sum(-1), zeros.sum(-1), (~finite & ~zeros).sum(-1))


def seed_blocks(model: Recurrent, x_STBI: Tensor) -> list[slice]:
    """Blocks of seeds to measure at once, so that memory is bounded and early rows come early."""
    seeds, steps, batch, _ = x_STBI.shape
    width = model.cell.blocks * model.architecture.hidden_size
    directions = model.architecture.layers * model.architecture.directions
    one = steps * batch * width * directions * x_STBI.element_size()
    block = max(1, BLOCK_BYTES // one)
    return [slice(start, min(start + block, seeds)) for start in range(0, seeds, block)]
