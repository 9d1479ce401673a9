"""How large is the gradient at each distance, and how fast does it fade?

A network runs once forward and its adjoint once back, all seeds side by side; no weight gradient is
computed. For a stack, two gradients are taken at every layer:

- *input*: ∂L/∂(the layer's input at t), with that input sequence as free variables. For layer 1
  this is ∂L/∂x_t; for a higher layer the input is the output of the layer below, both directions.
- *state*: ∂L/∂s_t with s_t the layer's full state, (h_t, c_t) for an LSTM, both directions
  concatenated. It is the total derivative: through the layer's own later steps and through every
  layer above.

The loss touches the top layer's output at the last step T. There a backward direction has read
x_T alone, so in a single bidirectional layer everything beyond k = 0 comes through the forward one.

Shapes: S seeds, T time, B batch, I input, H hidden, D directions; K distances k = T − t, in steps
back.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from core.models.recurrence import Adjoint, input_gradient, unroll_adjoint
from core.models.recurrent import Recurrent, flip_time


class LayerGradients(NamedTuple):
    """log10 of the norms in one layer: index k = T − t, −inf where a norm is exactly zero."""

    layer: int
    """Counted from 1, the layer that reads the input."""
    input_SKB: Tensor
    state_SKB: Tensor


class Curve(NamedTuple):
    """Norms by distance over the samples; nan where no sample has a finite norm above zero."""

    mean_log10_SK: Tensor
    zeros_SK: Tensor
    overflows_SK: Tensor


@torch.no_grad()
def measure_gradients(
    model: Recurrent, x_STBI: Tensor, grad_last_SBH: Tensor, seeds: slice
) -> list[LayerGradients]:
    """Both gradients of every layer, layer 1 first.

    `grad_last_SBH` is ∂L/∂ the top layer's last output, SB(D·H). `seeds` takes some of the
    model's networks (one of its `seed_blocks`, say); x and grad_last have as many.
    """
    measured: list[LayerGradients] = []
    layers = range(model.architecture.layers, 0, -1)
    backward = _backward(model, x_STBI, grad_last_SBH, seeds, keep_states=True)
    for layer, (grad_x_STBI, adjoints) in zip(layers, backward, strict=True):
        # A backward direction reads x_T first, so its steps are in order of k = T − t already.
        states_SKB = [
            log10_norm(part) if direction else log10_norm(part).flip(-2)
            for direction, adjoint in enumerate(adjoints)
            for part in adjoint.grad_states
        ]
        state_SKB = functools.reduce(log10_hypotenuse, states_SKB)
        measured.append(LayerGradients(layer, log10_norm(grad_x_STBI).flip(-2), state_SKB))
    return measured[::-1]


@torch.no_grad()
def input_gradients(model: Recurrent, x_STBI: Tensor, grad_last_SBH: Tensor) -> Tensor:
    """∂L/∂x_t of every step, STBI, and nothing else."""
    blocks: list[Tensor] = []
    for block in seed_blocks(model, x_STBI):
        for layer in _backward(model, x_STBI[block], grad_last_SBH[block], block):
            grad_x_STBI, _ = layer  # layer 1 comes last
        blocks.append(grad_x_STBI)
    return torch.cat(blocks)


def _backward(
    model: Recurrent,
    x_STBI: Tensor,
    grad_last_SBH: Tensor,
    seeds: slice,
    *,
    keep_states: bool = False,
) -> Iterator[tuple[Tensor, list[Adjoint]]]:
    """(∂L/∂ the layer's input, the adjoint of each direction) of every layer, the top one first."""
    directions = model.architecture.directions
    # [direction][step in reading order] → ∂L/∂h of that step, or None where there is none.
    nothing: list[Tensor | None] = [None] * (x_STBI.shape[-3] - 1)
    parts = grad_last_SBH.chunk(directions, dim=-1)
    grad_output: list[Sequence[Tensor | None]] = [[*nothing, parts[0]]]
    grad_output += [[part, *nothing] for part in parts[1:]]
    for traces in reversed(model.traces(x_STBI, seeds)):
        adjoints = [
            unroll_adjoint(model.cell, trace, grads, keep_states=keep_states, overwrite=True)
            for trace, grads in zip(traces, grad_output, strict=True)
        ]
        grads_x = [
            flip_time(input_gradient(model.cell, trace.weights, adjoint.grad_a_TBA), direction)
            for direction, (trace, adjoint) in enumerate(zip(traces, adjoints, strict=True))
        ]
        grad_x_STBI = torch.stack(grads_x).sum(0) if len(grads_x) > 1 else grads_x[0]
        grad_output = [
            flip_time(part, direction).unbind(-3)
            for direction, part in enumerate(grad_x_STBI.chunk(directions, dim=-1))
        ]
        yield grad_x_STBI, adjoints


def log10_norm(gradient: Tensor) -> Tensor:
    """log10 of the Euclidean norm over the last axis; −inf only where every element is zero.

    Squares of small elements underflow long before the elements do (in float32 below 1e-19):
    a norm that small, or one that overflowed, is taken again relative to its largest element.
    """
    norm: Tensor = torch.linalg.vector_norm(gradient, dim=-1)
    limits = torch.finfo(norm.dtype)
    doubtful = ~(norm.isfinite() & (norm > math.sqrt(limits.tiny) / limits.eps))
    logs = norm.log10()
    if doubtful.any():
        rows = gradient[doubtful]
        largest = rows.abs().amax(dim=-1)
        divisor = torch.where((largest > 0) & largest.isfinite(), largest, 1.0)
        relative: Tensor = torch.linalg.vector_norm(rows / divisor[..., None], dim=-1)
        logs[doubtful] = torch.where(largest == 0, -math.inf, divisor.log10() + relative.log10())
    return logs


def log10_hypotenuse(a: Tensor, b: Tensor) -> Tensor:
    """log10 √(A² + B²) from a = log10 A and b = log10 B."""
    scale = 2 * math.log(10)
    sum_of_squares: Tensor = torch.logaddexp(scale * a, scale * b)
    return sum_of_squares / scale


def curve(log10_SKB: Tensor) -> Curve:
    """Mean over samples of the log10 norms that are finite; the others are counted."""
    finite = log10_SKB.isfinite()
    zeros = log10_SKB == -math.inf
    total = torch.where(finite, log10_SKB, 0.0).sum(-1)
    return Curve(total / finite.sum(-1), zeros.sum(-1), (~finite & ~zeros).sum(-1))


def decay_rates(log10_SKB: Tensor) -> Tensor:
    """Factor per step back by seed, S: least squares over the middle, k = T/10 … 6T/10.

    The samples of a seed share one slope; each has its own level, and its finite distances alone
    count, so a sample that underflows neither bends the line nor is lost. nan: no two points.
    """

    def centred(values_SKB: Tensor) -> Tensor:
        """Each sample minus its mean over the finite distances; zero elsewhere."""
        values_SKB = torch.where(finite, values_SKB, 0.0)
        mean_S1B = values_SKB.sum(-2, keepdim=True) / finite.sum(-2, keepdim=True).clamp(min=1)
        return torch.where(finite, values_SKB - mean_S1B, 0.0)

    steps = log10_SKB.shape[-2]
    y_SKB = log10_SKB[..., steps // 10 : 6 * steps // 10 + 1, :]
    finite = y_SKB.isfinite()
    k = torch.arange(y_SKB.shape[-2], dtype=y_SKB.dtype, device=y_SKB.device)[:, None]
    dk, dy = centred(k.expand_as(y_SKB)), centred(y_SKB)
    return 10 ** ((dk * dy).sum((-2, -1)) / (dk * dk).sum((-2, -1)))


def last_over_first(log10_SKB: Tensor) -> Tensor:
    """log10 of the last step's norm over the first's: median of the samples, by seed, S.

    Infinite or nan where half of the samples are exactly zero at the first step.
    """
    ratio_SB = log10_SKB[..., 0, :] - log10_SKB[..., -1, :]
    return (ratio_SB.median(-1).values - (-ratio_SB).median(-1).values) / 2


BLOCK_BYTES = 2**24
"""About what the gates of one pass may take: larger ones do not fit a CPU's caches, and freshly
mapped memory is slow. A GPU is faster with larger passes, and has the memory."""


def seed_blocks(model: Recurrent, x_STBI: Tensor) -> list[slice]:
    """Blocks of seeds that are measured side by side; rows are available after each block."""
    seeds, steps, batch, _ = x_STBI.shape
    shape = model.architecture
    width = model.cell.blocks * shape.hidden_size * shape.directions * shape.layers
    limit = BLOCK_BYTES if x_STBI.device.type == "cpu" else 64 * BLOCK_BYTES
    block = max(1, limit // (steps * batch * width * x_STBI.element_size()))
    return [slice(start, min(start + block, seeds)) for start in range(0, seeds, block)]
