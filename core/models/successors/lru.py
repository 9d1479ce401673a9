"""LRU: a linear recurrence whose complex numbers fade and turn, each at a rate of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from core.models.layer import Equation, Parameters, State, StepCell

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MIN_RADIUS, MAX_RADIUS = 0.4, 0.99
"""Between which |λ| is drawn at first."""


class LRU(StepCell):
    """Orvieto et al. (2023), "Resurrecting Recurrent Neural Networks for Long Sequences", § 3.

    λ = exp(−exp(ν) + i exp(θ))   γ = exp(log γ)
    s' = λ ⊙ s + γ ⊙ B x
    y = Re(C s') + D x

    B, C and s are complex; the state holds the real and the imaginary part of s. λ is drawn
    uniformly in the ring between two radii, and γ starts at √(1 − |λ|²), so that white noise keeps
    its variance.
    """

    name: ClassVar[str] = "lru"
    title: ClassVar[str] = "LRU"
    source: ClassVar[str] = "Orvieto et al. (2023)"
    equations: ClassVar[tuple[Equation, ...]] = (
        Equation(
            "s_re'",
            r"\Re(\lambda) \odot {s_re} - \Im(\lambda) \odot {s_im} + \gamma \odot \Re(B) {x}",
            "State, real part",
        ),
        Equation(
            "s_im'",
            r"\Re(\lambda) \odot {s_im} + \Im(\lambda) \odot {s_re} + \gamma \odot \Im(B) {x}",
            "State, imaginary part",
        ),
        Equation("y", r"\Re(C) {s_re'} - \Im(C) {s_im'} + D {x}", "Output"),
    )

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        return {
            "nu": (width,),
            "theta": (width,),
            "log_gamma": (width,),
            "B_re": (width, inputs),
            "B_im": (width, inputs),
            "C_re": (width, width),
            "C_im": (width, width),
            "D": (width, inputs),
        }

    def states(self, width: int) -> Mapping[str, int]:
        return {"s_re": width, "s_im": width}

    def prepared(self, p: Parameters) -> Parameters:
        """With λ and γ."""
        radius, angle = (-p.nu.exp()).exp(), p.theta.exp()
        ring = {"lambda_re": radius * angle.cos(), "lambda_im": radius * angle.sin()}
        return Parameters({**p, **ring, "gamma": p.log_gamma.exp()})

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        s_re, s_im = state
        return (
            p.lambda_re * s_re - p.lambda_im * s_im + p.gamma * (x @ p.B_re.T),
            p.lambda_re * s_im + p.lambda_im * s_re + p.gamma * (x @ p.B_im.T),
        )

    def output(self, x: Tensor, state: State, p: Parameters) -> Tensor:
        s_re, s_im = state
        return s_re @ p.C_re.T - s_im @ p.C_im.T + x @ p.D.T

    def scan(self, x_TBI: Tensor, first: State, p: Parameters) -> tuple[Tensor, State]:
        """s is linear in s, with the same factors at every step."""
        import torch

        from core.models.scan import linear_recurrence

        b_TBH = torch.complex(p.gamma * (x_TBI @ p.B_re.T), p.gamma * (x_TBI @ p.B_im.T))
        a_TBH = torch.complex(p.lambda_re, p.lambda_im).expand_as(b_TBH)
        s_TBH = linear_recurrence(a_TBH, b_TBH, torch.complex(*first))
        state = s_TBH.real, s_TBH.imag
        return self.output(x_TBI, state, p), (s_TBH.real[-1], s_TBH.imag[-1])

    def initial(self, inputs: int, width: int, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Their appendix: |λ|² uniform between the squares of both radii, angles up to 2π, B and C
        with a variance that keeps that of the signal."""
        import torch

        def uniform() -> Tensor:
            return torch.rand(width, dtype=torch.float64, generator=generator)

        def normal(columns: int, scale: float) -> Tensor:
            drawn = torch.randn(width, columns, dtype=torch.float64, generator=generator)
            return drawn / math.sqrt(scale)

        squares = MIN_RADIUS**2 + uniform() * (MAX_RADIUS**2 - MIN_RADIUS**2)
        return {
            "nu": (-0.5 * squares.log()).log(),
            "theta": (2 * math.pi * uniform()).log(),
            "log_gamma": 0.5 * (1 - squares).log(),
            "B_re": normal(inputs, 2 * inputs),
            "B_im": normal(inputs, 2 * inputs),
            "C_re": normal(width, width),
            "C_im": normal(width, width),
            "D": normal(inputs, inputs),
        }
