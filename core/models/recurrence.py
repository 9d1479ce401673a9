"""A cell over time, and its adjoint over time.

Only h_{t−1} → h_t must run step by step. The input's part of every step is one matrix product
before the loop; the gradients of the inputs and of the weights are one product each after it.

Shapes: ... seeds S or nothing, T time, B batch, I input, H hidden, A columns of a (see `cells`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from core.models.cells import (
    Cell,
    Gates,
    PackedWeights,
    Weights,
    gates_of_steps,
    plus_product,
    product,
)
from core.models.layer import Back, State, Trace


@dataclass(frozen=True)
class GateTrace(Trace):
    """A pass over time of a cell with an adjoint, and what that adjoint needs of it."""

    cell: Cell
    weights: PackedWeights
    a_TBA: Tensor
    """...TBA, the gates of every step."""
    states: State
    """Each ...(T+1)BH; index 0 is the state before the first step."""

    @property
    def output_TBH(self) -> Tensor:
        """h after every step, ...TBH."""
        return self.states[0][..., 1:, :, :]

    @property
    def last(self) -> State:
        """The state after the last step, each ...BH."""
        return tuple(state[..., -1, :, :] for state in self.states)

    @cached_property
    def gates(self) -> list[Gates]:
        """Each step's views of a."""
        return gates_of_steps(self.cell, self.a_TBA)

    def back(
        self,
        grad_output: Sequence[Tensor | None],
        *,
        keep_states: bool = False,
        overwrite: bool = False,
    ) -> Back:
        """By the adjoint; the gates make room for their gradients with `overwrite`."""
        adjoint = unroll_adjoint(self, grad_output, keep_states=keep_states, overwrite=overwrite)
        grad_x_TBI = input_gradient(self.cell, self.weights, adjoint.grad_a_TBA)
        return Back(grad_x_TBI, adjoint.grad_states)

    def through_step(self, rows: State, step: int) -> State:
        """The adjoint of one step, applied to the rows as to a batch."""
        before, now = (tuple(s[..., i, :, :] for s in self.states) for i in (step, step + 1))
        rows_KH = rows[0]
        buffer_KA = rows_KH.new_empty(*rows_KH.shape[:-1], self.a_TBA.shape[-1])
        (grad_a,) = gates_of_steps(self.cell, buffer_KA.unsqueeze(-3))
        return self.cell.adjoint(rows, self.gates[step], before, now, self.weights, grad_a)

    def first_steps(self, steps: int) -> GateTrace:
        states = tuple(state[..., : steps + 1, :, :] for state in self.states)
        return GateTrace(self.cell, self.weights, self.a_TBA[..., :steps, :, :], states)

    def cpu(self) -> GateTrace:
        weights = PackedWeights(*(weight.cpu() for weight in self.weights))
        states = tuple(state.cpu() for state in self.states)
        return GateTrace(self.cell, weights, self.a_TBA.cpu(), states)


def unroll(
    cell: Cell, weights: PackedWeights, x_TBI: Tensor, first: State | None = None
) -> GateTrace:
    """Run the cell over x (...TBI) from the state `first` (each ...BH; left out: zeros)."""
    *lead, steps, batch, _ = x_TBI.shape
    width = weights.hidden.shape[-1]
    a_TBA = _input_part(cell, weights, x_TBI)
    if first is None:
        first = tuple(x_TBI.new_zeros(*lead, batch, width) for _ in cell.states)
    states = tuple(s.new_empty(*s.shape[:-2], steps + 1, *s.shape[-2:]) for s in first)
    at_step = list(zip(*(s.unbind(-3) for s in states), strict=True))
    _copy(at_step[0], first)
    state = first
    for t, gates in enumerate(gates_of_steps(cell, a_TBA), start=1):
        state = cell.step(gates, state, weights)
        _copy(at_step[t], state)
    return GateTrace(cell, weights, a_TBA, states)


def _input_part(cell: Cell, weights: PackedWeights, x_TBI: Tensor) -> Tensor:
    """W_ih x_t + b of every step, ...TBA, as one matrix product."""
    a_TBA = x_TBI.new_empty(*x_TBI.shape[:-1], weights.bias.shape[-1])
    into = cell.reads_input(a_TBA).flatten(-3, -2)
    bias = cell.reads_input(weights.bias)[..., None, :]
    plus_product(bias, x_TBI.flatten(-3, -2), weights.input.mT, out=into)
    unread = a_TBA.shape[-1] - into.shape[-1]
    a_TBA[..., :unread] = weights.bias[..., None, None, :unread]
    return a_TBA


def _copy(into: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for tensor, value in zip(into, values, strict=True):
        tensor.copy_(value)


class Adjoint(NamedTuple):
    """∂L/∂a of every step (...TBA), ∂L/∂state of every step (each ...TBH) and of the first one."""

    grad_a_TBA: Tensor
    grad_states: State
    grad_first: State


def unroll_adjoint(
    trace: GateTrace,
    grad_output: Sequence[Tensor | None],
    grad_last: State | None = None,
    *,
    keep_states: bool = False,
    overwrite: bool = False,
) -> Adjoint:
    """Run the adjoint from the last step back, given ∂L/∂h_t (BH) from the layer above.

    `grad_output` has None for a step that the layer above does not read; `grad_last` is what the
    last state gets beyond that. With `keep_states` the gradient of the full state at every t is
    kept, else `grad_states` is empty. `overwrite` lets ∂L/∂a take the place of the trace's gates,
    for a trace that is not needed again. No weight gradient is computed.
    """
    cell = trace.cell
    grad_a_TBA = trace.a_TBA if overwrite else torch.empty_like(trace.a_TBA)
    grad_state = tuple(map(torch.zeros_like, trace.last)) if grad_last is None else grad_last
    grad_states = tuple(torch.empty_like(s[..., 1:, :, :]) for s in trace.states if keep_states)
    at_step = list(zip(*(g.unbind(-3) for g in grad_states), strict=True))
    states = list(zip(*(s.unbind(-3) for s in trace.states), strict=True))
    a = trace.gates
    grad_a = a if overwrite else gates_of_steps(cell, grad_a_TBA)
    for t in reversed(range(len(a))):
        from_above = grad_output[t]
        if from_above is not None:
            grad_state = (grad_state[0] + from_above, *grad_state[1:])
        if keep_states:
            _copy(at_step[t], grad_state)
        before, now = states[t], states[t + 1]
        grad_state = cell.adjoint(grad_state, a[t], before, now, trace.weights, grad_a[t])
    return Adjoint(grad_a_TBA, grad_states, grad_state)


def input_gradient(cell: Cell, weights: PackedWeights, grad_a_TBA: Tensor) -> Tensor:
    """∂L/∂x_t of every step (...TBI) as one matrix product."""
    grad_a = cell.reads_input(grad_a_TBA)
    grad_x = product(grad_a.flatten(-3, -2), weights.input)
    return grad_x.view(*grad_a.shape[:-1], -1)


def weight_gradient(x_TBI: Tensor, trace: GateTrace, grad_a_TBA: Tensor) -> Weights:
    """∂L/∂ of PyTorch's four parameters: over all steps, one matrix product each.

    Each product is taken transposed: with few input features, MKL is up to nine times as fast.
    """
    cell, grad_a = trace.cell, grad_a_TBA.flatten(-3, -2)
    h = trace.states[0][..., :-1, :, :].flatten(-3, -2)
    return cell.unpack_gradients(
        (x_TBI.flatten(-3, -2).mT @ cell.reads_input(grad_a)).mT,
        (h.mT @ cell.reads_hidden(grad_a)).mT,
        grad_a.sum(-2),
    )


class Unrolled(torch.autograd.Function):
    """`unroll` for autograd, with `unroll_adjoint` as its backward pass (of first order only)."""

    @staticmethod
    def forward(
        ctx: Any, cell: Cell, x_TBI: Tensor, *weights_and_first: Tensor
    ) -> tuple[Tensor, ...]:
        """(cell, x, the four weights, the first state) → (h of every step, the last state)."""
        weights, first = Weights(*weights_and_first[:4]), weights_and_first[4:]
        packed = cell.pack(weights)
        trace = unroll(cell, packed, x_TBI, first)
        ctx.cell = cell
        ctx.save_for_backward(x_TBI, *packed, trace.a_TBA, *trace.states)
        return trace.output_TBH, *(state.clone() for state in trace.last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """∂L/∂ of each argument of `forward`; gradients that are not needed are not computed."""
        x_TBI, *saved = ctx.saved_tensors
        trace = GateTrace(ctx.cell, PackedWeights(*saved[:4]), saved[4], tuple(saved[5:]))
        adjoint = unroll_adjoint(trace, grads[0].unbind(-3), tuple(grads[1:]))
        grad_x: Tensor | None = None
        grad_weights: Sequence[Tensor | None] = (None,) * 4
        if ctx.needs_input_grad[1]:
            grad_x = input_gradient(ctx.cell, trace.weights, adjoint.grad_a_TBA)
        if any(ctx.needs_input_grad[2:6]):
            grad_weights = weight_gradient(x_TBI, trace, adjoint.grad_a_TBA)
        return None, grad_x, *grad_weights, *adjoint.grad_first


def run_unrolled(cell: Cell, x_TBI: Tensor, weights: Weights, first: State) -> tuple[Tensor, State]:
    """(h of every step ...TBH, the last state), differentiable."""
    apply = cast(Callable[..., Sequence[Tensor]], Unrolled.apply)
    output_TBH, *last = apply(cell, x_TBI, *weights, *first)
    return output_TBH, tuple(last)
