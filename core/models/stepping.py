"""A `StepCell` over time: forward, back and through one step, for one network or many at once.

Shapes: ... seeds S or nothing, T time, B batch, I input, H width, N numbers of one state, K rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import vjp, vmap

from core.models.layer import Back, Parameters, State, StepCell, Trace

Weights = Mapping[str, Tensor]


def over_seeds(function: Callable[..., Any], seeds: bool) -> Callable[..., Any]:
    """The function of one network, for all networks of a leading axis if there is one."""
    return vmap(function) if seeds else function


def prepared(cell: StepCell, weights: Weights) -> Parameters:
    """What a pass of the cell reads."""
    return cell.prepared(Parameters(weights))


def run_steps(
    cell: StepCell,
    x_TBI: Tensor,
    weights: Weights,
    first: State,
    *,
    seeds: bool = False,
    scan: bool = False,
) -> tuple[Tensor, State]:
    """(outputs of every step ...TBH, the last state), differentiable by autograd.

    Step by step, or with `scan` all at once where the cell can do that.
    """

    def run(x_TBI: Tensor, weights: Weights, first: State) -> tuple[Tensor, State]:
        if scan and cell.has_scan:
            return cell.scan(x_TBI, first, prepared(cell, weights))
        p, state, outputs = prepared(cell, weights), first, []
        for x_BI in x_TBI.unbind(0):
            state = cell.step(x_BI, state, p)
            outputs.append(cell.output(x_BI, state, p))
        return torch.stack(outputs), state

    output_TBH, last = over_seeds(run, seeds)(x_TBI, dict(weights), first)
    return output_TBH, last


def run_padded(
    cell: StepCell, x_TBI: Tensor, weights: Weights, first: State, lengths_B: Tensor
) -> tuple[Tensor, State]:
    """`run_steps` of one network over sequences that end at different steps.

    Padding is never read: after a sequence's end its state stays as it is and its output is zero.
    """
    p, state, outputs = prepared(cell, weights), first, []
    for t, x_BI in enumerate(x_TBI.unbind(0)):
        goes_on_B1 = (t < lengths_B)[:, None].to(x_BI.device)
        after = cell.step(x_BI, state, p)
        state = tuple(torch.where(goes_on_B1, a, b) for a, b in zip(after, state, strict=True))
        outputs.append(torch.where(goes_on_B1, cell.output(x_BI, state, p), 0.0))
    return torch.stack(outputs), state


def flip_each(sequence_TBX: Tensor, lengths_B: Tensor) -> Tensor:
    """Each sequence of a padded batch from its own end; the padding stays behind it."""
    t_TB = torch.arange(sequence_TBX.shape[0])[:, None].expand(-1, len(lengths_B))
    source_TB = torch.where(t_TB < lengths_B, lengths_B - 1 - t_TB, t_TB)
    index_TBX = source_TB.to(sequence_TBX.device)[..., None].expand_as(sequence_TBX)
    return sequence_TBX.gather(0, index_TBX)


class Graph(NamedTuple):
    """The outputs of a pass, and what their gradients are asked for by."""

    outputs_TBH: Tensor
    x_TBI: Tensor
    probes: State


@dataclass(frozen=True)
class StepTrace(Trace):
    """A pass of a `StepCell`, from which autograd goes back."""

    cell: StepCell
    weights: Weights
    x_TBI: Tensor
    states: State
    outputs_TBH: Tensor
    seeds: bool
    """Whether the first axis of every tensor is the network."""
    graph: Graph | None = None
    """What autograd goes back through; None where nobody asked for it, or of a part of a pass."""

    @classmethod
    def of(
        cls,
        cell: StepCell,
        weights: Weights,
        x_TBI: Tensor,
        first: State,
        *,
        seeds: bool,
        back: bool = True,
    ) -> StepTrace:
        """Run the cell over x from a state; with `back` in such a way that gradients can go back.

        A probe of zero is added to each state: its gradient is the total derivative by that state.
        """

        def run(
            x_TBI: Tensor, probes: State, weights: Weights, first: State
        ) -> tuple[Tensor, State]:
            p, states, outputs = prepared(cell, weights), [first], []
            for t, x_BI in enumerate(x_TBI.unbind(0)):
                state = cell.step(x_BI, states[-1], p)
                states.append(tuple(s + probe[t] for s, probe in zip(state, probes, strict=True)))
                outputs.append(cell.output(x_BI, states[-1], p))
            parts = (torch.stack(list(part)) for part in zip(*states, strict=True))
            return torch.stack(outputs), tuple(parts)

        steps = x_TBI.shape[-3]
        with torch.set_grad_enabled(back):
            read_TBI = x_TBI.detach().requires_grad_()
            probes = tuple(
                s.new_zeros(*s.shape[:-2], steps, *s.shape[-2:], requires_grad=True) for s in first
            )
            outputs, states = over_seeds(run, seeds)(read_TBI, probes, dict(weights), first)
        graph = Graph(outputs, read_TBI, probes) if back else None
        known = tuple(state.detach() for state in states)
        return cls(cell, weights, x_TBI, known, outputs.detach(), seeds, graph)

    @property
    def output_TBH(self) -> Tensor:
        return self.outputs_TBH

    def back(
        self,
        grad_output: Sequence[Tensor | None],
        *,
        keep_states: bool = False,
        overwrite: bool = False,
    ) -> Back:
        """By autograd through every step. Raises ValueError where nothing was kept for that."""
        if self.graph is None:
            raise ValueError("this trace kept nothing to go back through; run it anew with back")
        given = torch.zeros_like(self.outputs_TBH)
        for t, gradient in enumerate(grad_output):
            if gradient is not None:
                given[..., t, :, :] = gradient
        outputs, x_TBI, probes = self.graph
        grad_x, *grad_states = torch.autograd.grad(
            outputs,
            [x_TBI, *probes] if keep_states else [x_TBI],
            given,
            retain_graph=not overwrite,
            allow_unused=True,
            materialize_grads=True,
        )
        return Back(grad_x, tuple(grad_states))

    @torch.no_grad()
    def through_step(self, rows: State, step: int) -> State:
        cell = self.cell

        def through(x_BI: Tensor, before: State, weights: Weights, rows: State) -> State:
            p = prepared(cell, weights)
            _, transposed, *_ = vjp(lambda *state: tuple(cell.step(x_BI, state, p)), *before)
            # A row is the cotangent of one sample, B = 1.
            through_all = vmap(lambda *row: transposed(tuple(part[None] for part in row)))
            return tuple(part[:, 0] for part in through_all(*rows))

        before = tuple(state[..., step, :, :] for state in self.states)
        x_BI = self.x_TBI[..., step, :, :]
        found: State = over_seeds(through, self.seeds)(x_BI, before, dict(self.weights), rows)
        return found

    def first_steps(self, steps: int) -> StepTrace:
        return StepTrace(
            self.cell,
            self.weights,
            self.x_TBI[..., :steps, :, :],
            tuple(state[..., : steps + 1, :, :] for state in self.states),
            self.outputs_TBH[..., :steps, :, :],
            self.seeds,
        )

    def cpu(self) -> StepTrace:
        return StepTrace(
            self.cell,
            {name: weight.cpu() for name, weight in self.weights.items()},
            self.x_TBI.cpu(),
            tuple(state.cpu() for state in self.states),
            self.outputs_TBH.cpu(),
            self.seeds,
        )
