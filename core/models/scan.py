"""h_t = a_t ⊙ h_{t−1} + b_t for all t at once.

A recurrence that is linear in its state, with factors that do not depend on it, can be taken in any
grouping (Blelloch 1990). Here the steps are cut into about √T stretches of about √T steps. All
stretches run side by side from zero, each with the product of its factors so far; then the states
at their ends are carried from one to the next, and what each began with is added:

h = h_from_zero + (a_1 ⋯ a_t) ⊙ h_before.

That is three times the work of the loop in 2√T calls instead of T, and exact but for rounding: it
multiplies and adds and never divides. The gradient is the same recurrence backwards:

g_t = ∂L/∂h_t + a_{t+1} ⊙ g_{t+1};   ∂L/∂b_t = g_t;   ∂L/∂a_t = g_t ⊙ h_{t−1}.

Numbers may be complex; torch's gradients are then of the conjugate, so factors are conjugated.

Shapes: T time first, then any axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor


def linear_recurrence(a: Tensor, b: Tensor, first: Tensor) -> Tensor:
    """h_1 … h_T from h_0 = `first`, differentiable."""
    apply = cast(Callable[[Tensor, Tensor, Tensor], Tensor], _LinearRecurrence.apply)
    return apply(a, b, first)


class _LinearRecurrence(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, b: Tensor, first: Tensor) -> Tensor:
        return _in_stretches(a, b, first)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        a, _, first = inputs
        ctx.save_for_backward(a, first, output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, first, h = ctx.saved_tensors
        # Backwards in time, step t is reached from t + 1 through a_{t+1}; the last from nowhere.
        through = torch.cat([torch.zeros_like(a[:1]), a[1:].flip(0)]).conj()
        g = _in_stretches(through, grad.flip(0), torch.zeros_like(first)).flip(0)
        before = torch.cat([first[None], h[:-1]])
        return g * before.conj(), g, a[0].conj() * g[0]


def _in_stretches(a: Tensor, b: Tensor, first: Tensor) -> Tensor:
    steps = a.shape[0]
    length = max(1, math.isqrt(steps))
    stretches = -(-steps // length)
    rest = stretches * length - steps
    if rest:  # a factor of 1 and nothing added: the state stays as it is
        a = torch.cat([a, torch.ones_like(a[:rest])])
        b = torch.cat([b, torch.zeros_like(b[:rest])])
    a = a.reshape(stretches, length, *a.shape[1:])
    b = b.reshape(stretches, length, *b.shape[1:])
    from_zero, product = [b[:, 0]], [a[:, 0]]
    for t in range(1, length):
        from_zero.append(torch.addcmul(b[:, t], a[:, t], from_zero[-1]))
        product.append(product[-1] * a[:, t])
    before = [first]
    for stretch in range(stretches - 1):
        end, factor = from_zero[-1][stretch], product[-1][stretch]
        before.append(torch.addcmul(end, factor, before[-1]))
    began = torch.stack(before)[:, None]
    h = torch.addcmul(torch.stack(from_zero, 1), torch.stack(product, 1), began)
    return h.flatten(0, 1)[:steps]
