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
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from core.models.cell import Cell
from core.models.recurrent import Recurrent, turned
from core.models.unrolled import Adjoint, Trace, input_gradient, unroll_adjoint


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
    model: Recurrent, x_STBI: Tensor, grad_last_SBH: Tensor, seeds: slice
) -> list[LayerGradients]:
    """Both gradients of every layer, layer 1 first.

    `grad_last_SBH` is ∂L/∂ the top layer's last output, SB(D·H). `seeds` takes some of the
    model's networks (one of its `seed_blocks`, say); x and grad_last have as many.
    """
    traces = model.traces(x_STBI, seeds)
    handed_down = _at_last_step(model, grad_last_SBH, x_STBI.shape[-3])
    measured: list[LayerGradients] = []
    for layer in reversed(range(len(traces))):
        adjoints = _adjoints(model.cell, traces[layer], handed_down, keep_states=True)
        grad_x_STBI = _input_gradient(model.cell, traces[layer], adjoints)
        handed_down = _by_direction_and_step(grad_x_STBI, len(adjoints))
        states_SKB = [
            _by_distance(log10_norm(part), direction)
            for direction, adjoint in enumerate(adjoints)
            for part in adjoint.grad_states
        ]
        state_SKB = functools.reduce(log10_hypotenuse, states_SKB)
        input_SKB = _by_distance(log10_norm(grad_x_STBI), 0)
        measured.append(LayerGradients(layer + 1, input_SKB, state_SKB))
    return measured[::-1]


@torch.no_grad()
def input_gradients(model: Recurrent, x_STBI: Tensor, grad_last_SBH: Tensor) -> Tensor:
    """∂L/∂x_t of every step, STBI, and nothing else."""
    return torch.cat(
        [
            _input_gradients_of(model, x_STBI[block], grad_last_SBH[block], block)
            for block in seed_blocks(model, x_STBI)
        ]
    )


def _input_gradients_of(
    model: Recurrent, x_STBI: Tensor, grad_last_SBH: Tensor, seeds: slice
) -> Tensor:
    traces = model.traces(x_STBI, seeds)
    handed_down = _at_last_step(model, grad_last_SBH, x_STBI.shape[-3])
    grad_x_STBI = x_STBI
    for layer in reversed(traces):
        grad_x_STBI = _input_gradient(model.cell, layer, _adjoints(model.cell, layer, handed_down))
        handed_down = _by_direction_and_step(grad_x_STBI, len(layer))
    return grad_x_STBI


HandedDown = list[Sequence[Tensor | None]]
"""[direction][step in reading order] → ∂L/∂h of that step, SBH, or None where nothing comes."""


def _at_last_step(model: Recurrent, grad_last_SBH: Tensor, steps: int) -> HandedDown:
    """The backward direction reads the last step first."""
    nothing: list[Tensor | None] = [None] * (steps - 1)
    parts = grad_last_SBH.chunk(model.architecture.directions, dim=-1)
    return [[*nothing, parts[0]], *([part, *nothing] for part in parts[1:])]


def _by_direction_and_step(grad_TBH: Tensor, directions: int) -> HandedDown:
    parts = enumerate(grad_TBH.chunk(directions, dim=-1))
    return [turned(part, direction).unbind(-3) for direction, part in parts]


def _by_distance(norms_STB: Tensor, direction: int) -> Tensor:
    """In order of k = T − t, which is the order in which a backward direction reads."""
    return norms_STB if direction else norms_STB.flip(-2)


def _adjoints(
    cell: Cell, traces: list[Trace], handed_down: HandedDown, *, keep_states: bool = False
) -> list[Adjoint]:
    return [
        unroll_adjoint(cell, trace, grads, keep_states=keep_states, overwrite=True)
        for trace, grads in zip(traces, handed_down, strict=True)
    ]


def _input_gradient(cell: Cell, traces: list[Trace], adjoints: list[Adjoint]) -> Tensor:
    parts = [
        turned(input_gradient(cell, trace.weights, adjoint.grad_a_TBA), direction)
        for direction, (trace, adjoint) in enumerate(zip(traces, adjoints, strict=True))
    ]
    return torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]


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

    One slope for a seed's samples, each with its own level and at the distances where it is finite:
    so a sample that underflows on the way neither bends the line nor is lost. nan: no two points.
    """
    steps = log10_SKB.shape[-2]
    y_SKB = log10_SKB[..., steps // 10 : 6 * steps // 10 + 1, :]
    known = y_SKB.isfinite()
    k = torch.arange(y_SKB.shape[-2], dtype=y_SKB.dtype, device=y_SKB.device)[:, None]
    dk = _centred(k.expand_as(y_SKB), known)
    dy = _centred(y_SKB, known)
    return 10 ** ((dk * dy).sum((-2, -1)) / (dk * dk).sum((-2, -1)))


def _centred(values_SKB: Tensor, known: Tensor) -> Tensor:
    """Each sample minus its mean over the known distances; zero elsewhere."""
    values_SKB = torch.where(known, values_SKB, 0.0)
    mean_S1B = values_SKB.sum(-2, keepdim=True) / known.sum(-2, keepdim=True).clamp(min=1)
    return torch.where(known, values_SKB - mean_S1B, 0.0)


def last_over_first(log10_SKB: Tensor) -> Tensor:
    """log10 of the last step's norm over the first's: median of the samples, by seed, S.

    Infinite or nan where half of the samples are exactly zero at the first step.
    """
    ratio_SB = log10_SKB[..., 0, :] - log10_SKB[..., -1, :]
    return (ratio_SB.median(-1).values - (-ratio_SB).median(-1).values) / 2


BLOCK_BYTES = 2**24
"""About what the gates of one pass may take: larger ones fall out of a CPU's caches, and freshly
mapped memory is slow. A GPU likes larger passes, and has the memory."""


def seed_blocks(model: Recurrent, x_STBI: Tensor) -> list[slice]:
    """The seeds that are measured side by side; early blocks give early rows."""
    seeds, steps, batch, _ = x_STBI.shape
    shape = model.architecture
    width = model.cell.blocks * shape.hidden_size * shape.directions * shape.layers
    limit = BLOCK_BYTES if x_STBI.device.type == "cpu" else 64 * BLOCK_BYTES
    block = max(1, limit // (steps * batch * width * x_STBI.element_size()))
    return [slice(start, min(start + block, seeds)) for start in range(0, seeds, block)]
