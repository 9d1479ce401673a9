"""What does one step do to the state, and what do many steps do together?

The step Jacobian J_t = ∂s_t/∂s_{t−1} of the full state s (h, and c for an LSTM) is the cell's
adjoint applied to the identity. In a stack it is taken layer by layer and direction by direction,
with the layer's input sequence held fixed: these are the diagonal blocks of the whole stack's
Jacobian, which is block-triangular because no layer reads the one above it. A backward direction
counts its steps in its own reading order.

Everything runs from the last step back, as the gradient does, on one sample per seed.

Shapes: S seeds, T time, B = 1, H hidden, A columns of a (see `cells`), N = states·H, K rows that
the adjoint is applied to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from core.models.cells import Cell, PackedWeights, gates_of_steps
from core.models.recurrence import Trace


class JacobianStep(NamedTuple):
    """At k = T − t: J_t's largest singular value, and log10 ‖∂s_T/∂s_t‖₂ (−inf: exactly zero)."""

    steps_back: int
    largest_singular_value_S: Tensor
    log10_product_norm_S: Tensor


class Spectrum:
    """One layer and direction, walked from its last step back.

    After `walk` is exhausted, `exponents_SN` holds the Lyapunov exponents in nats per step, the
    largest first: means of ln |diag R| over all steps. An orthonormal frame Q is carried along,
    Q' R = J_tᵀ Q (Benettin et al. 1980; for recurrent networks Engelken et al. 2023).
    """

    def __init__(self, cell: Cell, trace: Trace) -> None:
        self.cell = cell
        self.trace = trace
        self.steps = trace.a_TBA.shape[-3]
        self._gates = gates_of_steps(cell, trace.a_TBA)
        width = len(cell.states) * trace.states[0].shape[-1]
        eye = torch.eye(width, dtype=trace.a_TBA.dtype, device=trace.a_TBA.device)
        self._identity_SNN = eye.expand(trace.a_TBA.shape[0], width, width)
        self._log_growth_SN = torch.zeros_like(self._identity_SNN[..., 0])

    @torch.no_grad()
    def walk(self, every: int = 1, frame_NN: Tensor | None = None) -> Iterator[JacobianStep | None]:
        """Every step, from the last one back; None where singular values are not taken.

        They cost the most, so `every` takes them at every `every`-th distance only. `frame_NN`
        are the orthonormal rows to start from; left out, rows in no particular direction.
        """
        if frame_NN is None:
            # Rows of the identity would start along single units, and a saturated unit passes next
            # to nothing on: that start alone would cost several nats, which T steps do not average
            # away.
            like = self._identity_SNN
            drawn = torch.randn(like.shape[-2:], generator=torch.Generator().manual_seed(0))
            frame_NN = torch.linalg.qr(drawn.to(like))[0]
        product_SNN, log10_scale_S = self._identity_SNN, self._log_growth_SN[..., 0].clone()
        frame_SNN: Tensor = frame_NN.expand_as(self._identity_SNN)
        for k in range(self.steps):
            if k % every:
                yield None
            else:
                yield JacobianStep(
                    k,
                    largest_singular_value(self.apply_adjoint(self._identity_SNN, k)),
                    log10_scale_S + largest_singular_value(product_SNN).log10(),
                )
            product_SNN, frame_SNN = self.apply_adjoint(
                torch.cat([product_SNN, frame_SNN], dim=-2), k
            ).chunk(2, dim=-2)
            # The logarithm of the product's scale is kept apart, so that no length of product
            # under- or overflows.
            largest_S = product_SNN.abs().amax(dim=(-2, -1))
            product_SNN = product_SNN / torch.where(largest_S > 0, largest_S, 1.0)[..., None, None]
            log10_scale_S = log10_scale_S + largest_S.log10()
            q_SNN, r_SNN = torch.linalg.qr(frame_SNN.mT)
            self._log_growth_SN += r_SNN.diagonal(dim1=-2, dim2=-1).abs().log()
            frame_SNN = q_SNN.mT

    def singular_values(self, steps_back: int) -> Tensor:
        """Every singular value of J_t at t = T − steps_back, SN, the largest first."""
        values_SN: Tensor = torch.linalg.svdvals(self.apply_adjoint(self._identity_SNN, steps_back))
        return values_SN

    def apply_adjoint(self, rows_SKN: Tensor, steps_back: int) -> Tensor:
        """Each row v → v J_t, at t = T − steps_back."""
        t, trace = self.steps - 1 - steps_back, self.trace
        before, now = (tuple(s[..., i, :, :] for s in trace.states) for i in (t, t + 1))
        rows = rows_SKN.chunk(len(trace.states), dim=-1)
        buffer_SKA = rows_SKN.new_empty(*rows_SKN.shape[:-1], trace.a_TBA.shape[-1])
        (grad_a,) = gates_of_steps(self.cell, buffer_SKA.unsqueeze(-3))
        rows = self.cell.adjoint(rows, self._gates[t], before, now, trace.weights, grad_a)
        return torch.cat(rows, dim=-1)

    @property
    def exponents_SN(self) -> Tensor:
        """Lyapunov exponents so far; −inf where a direction of the state dies entirely."""
        return (self._log_growth_SN / self.steps).sort(dim=-1, descending=True).values


def largest_singular_value(matrix_SNN: Tensor) -> Tensor:
    """‖·‖₂ of each matrix, exactly (all singular values are computed)."""
    singular_values_SN: Tensor = torch.linalg.svdvals(matrix_SNN)
    return singular_values_SN[..., 0]


def on_cpu(trace: Trace) -> Trace:
    """The same trace on the CPU, which has LAPACK."""
    weights = PackedWeights(*(weight.cpu() for weight in trace.weights))
    return Trace(weights, trace.a_TBA.cpu(), tuple(state.cpu() for state in trace.states))
