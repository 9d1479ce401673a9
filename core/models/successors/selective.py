"""S6: the recurrence of Mamba, whose input decides at every step what is kept and what is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from core.models.layer import Equation, Parameters, State, StepCell

if TYPE_CHECKING:
    import torch
    from torch import Tensor

STATE_SIZE = 16
"""Numbers N of each channel's state, as the paper takes them."""

MIN_STEP, MAX_STEP = 1e-3, 1e-1
"""Between which Δ is drawn at first."""


class SelectiveSSM(StepCell):
    """Gu & Dao (2023), "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", § 3.2.

    u = W_u x   Δ = softplus(W_Δ x + b_Δ)   B = W_B x   C = W_C x   A = −exp(log A)
    s' = exp(Δ A) ⊙ s + (Δ ⊙ u) Bᵀ
    y = s' C + D ⊙ u

    u and Δ have H channels, B and C have N numbers, s is H × N. Mamba's block around it (the short
    convolution and the gate) is left out: this is the recurrence alone.
    """

    name: ClassVar[str] = "s6"
    title: ClassVar[str] = "S6 (Mamba)"
    source: ClassVar[str] = "Gu & Dao (2023)"
    equations: ClassVar[tuple[Equation, ...]] = (
        Equation("u", r"W_u {x}", "Input of the channels"),
        Equation("Δ", r"\log(1 + \exp(W_\Delta {x} + b_\Delta))", "Step size"),
        Equation("s'", r"\exp({Δ} A) \odot {s} + ({Δ} \odot {u}) (W_B {x})^\top", "State"),
        Equation("y", r"{s'} W_C {x} + D \odot {u}", "Output"),
    )

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        return {
            "W_u": (width, inputs),
            "W_delta": (width, inputs),
            "b_delta": (width,),
            "W_B": (STATE_SIZE, inputs),
            "W_C": (STATE_SIZE, inputs),
            "log_A": (width, STATE_SIZE),
            "D": (width,),
        }

    def states(self, width: int) -> Mapping[str, int]:
        return {"s": width * STATE_SIZE}

    def prepared(self, p: Parameters) -> Parameters:
        """With −A."""
        return Parameters({**p, "minus_A": p.log_A.exp()})

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        u, delta = self.watch("u", x @ p.W_u.T), self.watch("Δ", self._step_size(x, p))
        keeps, added = self._factors(x, u, delta, p)
        s = keeps * state[0] + added
        if self.watched:
            self.watch("s'", s.view(*s.shape[:-1], -1, STATE_SIZE))
        return (s,)

    def output(self, x: Tensor, state: State, p: Parameters) -> Tensor:
        s = state[0].view(*state[0].shape[:-1], -1, STATE_SIZE)
        c = x @ p.W_C.T
        return (s * c[..., None, :]).sum(-1) + p.D * (x @ p.W_u.T)

    def scan(self, x_TBI: Tensor, first: State, p: Parameters) -> tuple[Tensor, State]:
        """What is kept depends on x alone, so that s is linear in s."""
        from core.models.scan import linear_recurrence

        u_TBH, delta_TBH = x_TBI @ p.W_u.T, self._step_size(x_TBI, p)
        s_TBN = linear_recurrence(*self._factors(x_TBI, u_TBH, delta_TBH, p), first[0])
        return self.output(x_TBI, (s_TBN,), p), (s_TBN[-1],)

    def _step_size(self, x: Tensor, p: Parameters) -> Tensor:
        """Δ of every channel."""
        return _softplus(x @ p.W_delta.T + p.b_delta)

    def _factors(self, x: Tensor, u: Tensor, delta: Tensor, p: Parameters) -> tuple[Tensor, Tensor]:
        """exp(Δ A) and (Δ ⊙ u) Bᵀ, each of H·N numbers."""
        keeps = (-delta[..., None] * p.minus_A).exp()
        added = (delta * u)[..., None] * (x @ p.W_B.T)[..., None, :]
        return keeps.flatten(-2), added.flatten(-2)

    def initial(self, inputs: int, width: int, generator: torch.Generator) -> Mapping[str, Tensor]:
        """A = −1, −2, … −N in every channel; b_Δ such that Δ is log-uniform between two ends."""
        import torch

        drawn = dict(super().initial(inputs, width, generator))
        numbers = torch.arange(1, STATE_SIZE + 1, dtype=torch.float64)
        uniform = torch.rand(width, dtype=torch.float64, generator=generator)
        delta = MIN_STEP * (MAX_STEP / MIN_STEP) ** uniform
        drawn["log_A"] = numbers.log().expand(width, -1).clone()
        drawn["b_delta"] = delta + (-(-delta).expm1()).log()  # softplus of it is Δ
        drawn["D"] = torch.ones(width, dtype=torch.float64)
        return drawn


def _softplus(a: Tensor) -> Tensor:
    """log(1 + exp a), without overflow."""
    return a.clamp(min=0) + (-a.abs()).exp().log1p()
