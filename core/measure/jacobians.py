"""What does one step do to the state, and what do many steps do together?

The step Jacobian J_t = ∂s_t/∂s_{t−1} of the full state s (h, and c for an LSTM) is the adjoint of
the cell's step applied to the identity. In a stack it is taken layer by layer and direction by
direction,
with the layer's input sequence held fixed: these are the diagonal blocks of the whole stack's
Jacobian, which is block-triangular because no layer reads the one above it. A backward direction
counts its steps in its own reading order.

Everything runs from the last step back, as the gradient does, on one sample per seed.

A singular value is a ratio of norms, so it depends on the units of the state. An h is within ±1,
but an LSTM's c has any: written for c/2 instead of c, the same network has another largest singular
value. The spectral radius, the largest modulus of an eigenvalue, has none of this: for any change
of units D the matrix D J D⁻¹ has the eigenvalues of J (Horn & Johnson 2013, section 1.3). What it
lacks is the bound: norms bound a product of different steps, spectral radii do not.

Shapes: S seeds, T time, B = 1, H hidden, A columns of a (see `cells`), N = states·H, K rows that
the adjoint is applied to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from core.models.layer import Trace


class JacobianStep(NamedTuple):
    """At k = T − t: J_t's largest singular value and its spectral radius, and
    log10 ‖∂s_T/∂s_t‖₂ (−inf: exactly zero)."""

    steps_back: int
    largest_singular_value_S: Tensor
    spectral_radius_S: Tensor
    log10_product_norm_S: Tensor


class Spectrum:
    """The step Jacobians of one layer and direction."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.steps = trace.steps
        like, width = trace.states[0], sum(trace.sizes)
        eye = torch.eye(width, dtype=like.dtype, device=like.device)
        self.identity_SNN = eye.expand(like.shape[0], width, width)

    @torch.no_grad()
    def walk(self, every: int = 1) -> Iterator[JacobianStep | None]:
        """Every step, from the last one back; None where singular values are not taken.

        They cost the most, so `every` takes them at every `every`-th distance only.
        """
        product_SNN = self.identity_SNN
        log10_scale_S = torch.zeros_like(product_SNN[..., 0, 0])
        for k in range(self.steps):
            if k % every:
                yield None
            else:
                jacobian_SNN = self.apply_adjoint(self.identity_SNN, k)
                yield JacobianStep(
                    k,
                    largest_singular_value(jacobian_SNN),
                    spectral_radius(jacobian_SNN),
                    log10_scale_S + largest_singular_value(product_SNN).log10(),
                )
            product_SNN = self.apply_adjoint(product_SNN, k)
            # The logarithm of the product's scale is kept apart, so that no length of product
            # under- or overflows.
            largest_S = product_SNN.abs().amax(dim=(-2, -1))
            product_SNN = product_SNN / torch.where(largest_S > 0, largest_S, 1.0)[..., None, None]
            log10_scale_S = log10_scale_S + largest_S.log10()

    def singular_values(self, steps_back: int) -> Tensor:
        """Every singular value of J_t at t = T − steps_back, SN, the largest first."""
        values_SN: Tensor = torch.linalg.svdvals(self.apply_adjoint(self.identity_SNN, steps_back))
        return values_SN

    def apply_adjoint(self, rows_SKN: Tensor, steps_back: int) -> Tensor:
        """Each row v → v J_t, at t = T − steps_back."""
        rows = torch.split(rows_SKN, self.trace.sizes, dim=-1)
        return torch.cat(self.trace.through_step(rows, self.steps - 1 - steps_back), dim=-1)


class LyapunovExponents:
    """Lyapunov exponents in nats per step, by QR: Q' R = J_tᵀ Q (Benettin et al. 1980; for
    recurrent networks Engelken et al. 2023).

    From the last step of a spectrum back, an orthonormal frame Q is carried along. Two transients
    are left out of the means of ln |diag R|: the first `lead_in` steps of the walk, on which Q
    turns from any directions into those that grow most, and the first steps of the sequence, which
    are not reached: there the state fills up from zero. After the lead-in, `all_steps` steps give
    all exponents; after these the leading direction goes on alone, which costs next to nothing, for
    `leading_steps` more. ValueError if the sequence is shorter than the walk.
    """

    def __init__(
        self,
        spectrum: Spectrum,
        *,
        lead_in: int,
        all_steps: int,
        leading_steps: int = 0,
        frame_NN: Tensor | None = None,
    ) -> None:
        if lead_in + all_steps + leading_steps > spectrum.steps:
            raise ValueError(f"{spectrum.steps} steps are too few for such a walk")
        self._spectrum = spectrum
        self._lead_in, self._all_steps, self._leading_steps = lead_in, all_steps, leading_steps
        like = spectrum.identity_SNN
        if frame_NN is None:
            # Rows of the identity would start along single units, and a saturated unit passes next
            # to nothing on.
            drawn = torch.randn(like.shape[-2:], generator=torch.Generator().manual_seed(0))
            frame_NN = torch.linalg.qr(drawn.to(like))[0]
        self._frame_SKN = frame_NN.expand_as(like)
        self._log_growth_SN = torch.zeros_like(like[..., 0])
        self._leading: list[Tensor] = []

    @torch.no_grad()
    def walk(self) -> Iterator[None]:
        """Yield after every step; the results are there when it is exhausted."""
        both = self._lead_in + self._all_steps
        for k in range(both):
            log_growth_SN = self._step(k)
            if k >= self._lead_in:
                self._log_growth_SN += log_growth_SN
            yield
        self._frame_SKN = self._frame_SKN[..., :1, :]
        for k in range(both, both + self._leading_steps):
            self._leading.append(self._step(k)[..., 0])
            yield

    def _step(self, k: int) -> Tensor:
        """Take the frame one step back; return ln |diag R|."""
        rows_SKN = self._spectrum.apply_adjoint(self._frame_SKN, k)
        if rows_SKN.shape[-2] == 1:  # the QR decomposition of one vector, in less time
            norm_S1: Tensor = torch.linalg.vector_norm(rows_SKN, dim=-1)
            self._frame_SKN = rows_SKN / torch.where(norm_S1 > 0, norm_S1, 1.0)[..., None]
            return norm_S1.log()
        q_SNK, r_SKK = torch.linalg.qr(rows_SKN.mT)
        self._frame_SKN = q_SNK.mT
        log_growth: Tensor = r_SKK.diagonal(dim1=-2, dim2=-1).abs().log()
        return log_growth

    @property
    def exponents_SN(self) -> Tensor:
        """All exponents, the largest first; −inf where a direction of the state dies entirely."""
        return (self._log_growth_SN / self._all_steps).sort(dim=-1, descending=True).values

    @property
    def running_SK(self) -> Tensor:
        """The mean growth of the leading direction over its first 1, 2, … `leading_steps` steps."""
        total_SK = torch.stack(self._leading, dim=-1).cumsum(-1)
        return total_SK / torch.arange(1, total_SK.shape[-1] + 1).to(total_SK)


def largest_singular_value(matrix_SNN: Tensor) -> Tensor:
    """‖·‖₂ of each matrix, exactly (all singular values are computed)."""
    singular_values_SN: Tensor = torch.linalg.svdvals(matrix_SNN)
    return singular_values_SN[..., 0]


def spectral_radius(matrix_SNN: Tensor) -> Tensor:
    """The largest modulus of an eigenvalue of each matrix."""
    eigenvalues_SN: Tensor = torch.linalg.eigvals(matrix_SNN)
    return eigenvalues_SN.abs().amax(-1)
