"""How large is the gradient at each distance, and how fast does it fade?

A network runs once forward and its adjoint once back, all seeds side by side; no weight gradient is
computed. For a stack, two gradients are taken at every layer:

- *input*: ∂L/∂(the layer's input at t), with that input sequence as free variables. For layer 1
  this is ∂L/∂x_t; for a higher layer the input is the output of the layer below, both directions.
- *state*: ∂L/∂s_t with s_t the layer's full state, (h_t, c_t) for an LSTM, both directions
  concatenated. It is the total derivative: through the layer's own later steps and through every
  layer above.

The loss touches the top layer's output at one step m. For a single direction that is the last one,
and the distance of step t is k = m − t, into the *past*. At the last step a backward direction has
read x_T alone, so its gradient reaches nowhere; two directions are measured with the loss in the
middle, where both have read as much. The past (t ≤ m) is then reached through the forward direction
of the top layer, the *future* (t ≥ m, at the distance k = t − m) through its backward direction. In
one layer these are two networks side by side; in a stack the layers below mix them.

At step m itself both directions read the input. Each side's curve begins with the share that came
through its own direction: else the step from k = 0 to k = 1 would be one from two paths to one, and
a bidirectional network would seem to fade faster than its own halves.

Shapes: S seeds, T time, B batch, I input, H hidden, D directions; K distances in steps from m.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from core.measure.distances import fitted_range
from core.models.layer import State
from core.models.recurrent import Recurrent, flip_time

Side = Literal["past", "future"]


class LayerGradients(NamedTuple):
    """log10 of the norms in one layer, on one side of the loss, by distance k = |t − m|; −inf where
    a norm is exactly zero."""

    layer: int
    """Counted from 1, the layer that reads the input."""
    side: Side
    input_SKB: Tensor
    state_SKB: Tensor


class Curve(NamedTuple):
    """Norms by distance over the samples; nan where no sample has a finite norm above zero."""

    mean_log10_SK: Tensor
    zeros_SK: Tensor
    overflows_SK: Tensor


@torch.no_grad()
def measure_gradients(
    model: Recurrent,
    x_STBI: Tensor,
    grad_loss_SBH: Tensor,
    seeds: slice,
    loss_step: int | None = None,
) -> list[LayerGradients]:
    """Both gradients of every layer, layer 1 first; of two sides the past before the future.

    `grad_loss_SBH` is ∂L/∂ the top layer's output at `loss_step`, SB(D·H); the step counts from 0
    and is the last one if it is left out, where there is a past alone. `seeds` takes some of the
    model's networks (one of its `seed_blocks`, say); x and grad_loss have as many.
    """
    last = x_STBI.shape[-3] - 1
    m = last if loss_step is None else loss_step
    measured: list[list[LayerGradients]] = []
    layers = range(model.architecture.layers, 0, -1)
    backward = _backward(model, x_STBI, grad_loss_SBH, seeds, m, keep_states=True)
    for layer, (grads_x, grads_states) in zip(layers, backward, strict=True):
        input_STB = log10_norm(_sum(grads_x))
        states = [_state_norm(grads, direction) for direction, grads in enumerate(grads_states)]
        state_STB = functools.reduce(log10_hypotenuse, states)
        past = input_STB[..., : m + 1, :].flip(-2), state_STB[..., : m + 1, :].flip(-2)
        sides = [LayerGradients(layer, "past", *past)]
        if len(grads_states) > 1 and m < last:
            future = input_STB[..., m:, :].clone(), state_STB[..., m:, :].clone()
            sides.append(LayerGradients(layer, "future", *future))
            for side, grad_x, state in zip(sides, grads_x, states, strict=True):
                side.input_SKB[..., 0, :] = log10_norm(grad_x[..., m, :, :])
                side.state_SKB[..., 0, :] = state[..., m, :]
        measured.append(sides)
    return [side for sides in reversed(measured) for side in sides]


def _state_norm(grad_states: State, direction: int) -> Tensor:
    """log10 of ‖∂L/∂s_t‖ of one direction's whole state, STB in time order."""
    norms = functools.reduce(log10_hypotenuse, map(log10_norm, grad_states))
    return norms.flip(-2) if direction else norms


def _sum(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(parts)).sum(0) if len(parts) > 1 else parts[0]


@torch.no_grad()
def input_gradients(
    model: Recurrent, x_STBI: Tensor, grad_loss_SBH: Tensor, loss_step: int | None = None
) -> Tensor:
    """∂L/∂x_t of every step, STBI, and nothing else."""
    m = x_STBI.shape[-3] - 1 if loss_step is None else loss_step
    blocks: list[Tensor] = []
    for block in seed_blocks(model, x_STBI):
        for layer in _backward(model, x_STBI[block], grad_loss_SBH[block], block, m):
            grads_x, _ = layer  # layer 1 comes last
        blocks.append(_sum(grads_x))
    return torch.cat(blocks)


def _backward(
    model: Recurrent,
    x_STBI: Tensor,
    grad_loss_SBH: Tensor,
    seeds: slice,
    loss_step: int,
    *,
    keep_states: bool = False,
) -> Iterator[tuple[list[Tensor], list[State]]]:
    """Of every layer, the top one first: ∂L/∂ its input by way of each direction, in time order,
    and ∂L/∂ the states of each direction, in its reading order."""
    directions, steps = model.architecture.directions, x_STBI.shape[-3]
    # [direction][step in reading order] → ∂L/∂h of that step, or None where there is none.
    grad_output: list[Sequence[Tensor | None]] = []
    for direction, part in enumerate(grad_loss_SBH.chunk(directions, dim=-1)):
        grads: list[Tensor | None] = [None] * steps
        grads[steps - 1 - loss_step if direction else loss_step] = part
        grad_output.append(grads)
    for traces in reversed(model.traces(x_STBI, seeds)):
        backs = [
            trace.back(grads, keep_states=keep_states, overwrite=True)
            for trace, grads in zip(traces, grad_output, strict=True)
        ]
        grads_x = [flip_time(back.grad_x_TBI, direction) for direction, back in enumerate(backs)]
        grad_output = [
            flip_time(part, direction).unbind(-3)
            for direction, part in enumerate(_sum(grads_x).chunk(directions, dim=-1))
        ]
        yield grads_x, [back.grad_states for back in backs]


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
    """Factor per step by seed, S: least squares over `fitted_range`, k = T/10 … 6T/10.

    The samples of a seed share one slope; each has its own level, and its finite distances alone
    count, so a sample that underflows neither bends the line nor is lost. nan: no two points.
    """

    def centred(values_SKB: Tensor) -> Tensor:
        """Each sample minus its mean over the finite distances; zero elsewhere."""
        values_SKB = torch.where(finite, values_SKB, 0.0)
        mean_S1B = values_SKB.sum(-2, keepdim=True) / finite.sum(-2, keepdim=True).clamp(min=1)
        return torch.where(finite, values_SKB - mean_S1B, 0.0)

    first, last = fitted_range(log10_SKB.shape[-2])
    y_SKB = log10_SKB[..., first : last + 1, :]
    finite = y_SKB.isfinite()
    k = torch.arange(y_SKB.shape[-2], dtype=y_SKB.dtype, device=y_SKB.device)[:, None]
    dk, dy = centred(k.expand_as(y_SKB)), centred(y_SKB)
    return 10 ** ((dk * dy).sum((-2, -1)) / (dk * dk).sum((-2, -1)))


def last_over_first(log10_SKB: Tensor) -> Tensor:
    """log10 of the norm at the loss over that at the furthest step (the last step's over the
    first's): median of the samples, by seed, S.

    Infinite or nan where half of the samples are exactly zero at the furthest step.
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
    width = model.kept_per_step * shape.directions * shape.layers
    limit = BLOCK_BYTES if x_STBI.device.type == "cpu" else 64 * BLOCK_BYTES
    block = max(1, limit // (steps * batch * width * x_STBI.element_size()))
    return [slice(start, min(start + block, seeds)) for start in range(0, seeds, block)]
