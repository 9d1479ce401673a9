"""Gated DeltaNet: a matrix of what was read under which key, corrected rather than added to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from core.models.layer import Equation, Parameters, State, StepCell

if TYPE_CHECKING:
    from torch import Tensor

KEY_SIZE = 16
"""Numbers K of a key: the state has so many for each of the H numbers of a value."""


class GatedDeltaNet(StepCell):
    """Yang, Kautz & Hatamizadeh (2024), "Gated Delta Networks: Improving Mamba2 with Delta Rule",
    equation 10, one head.

    q, k = W_q x, W_k x, each divided by its length   v = W_v x
    α = σ(w_α x + b_α)   β = σ(w_β x + b_β)
    S' = α S (I − β k kᵀ) + β v kᵀ
    y = S' q

    S k is what is remembered under the key k; β of it is forgotten and β v written in its place,
    and α of everything is kept. S is H × K.
    """

    name: ClassVar[str] = "delta-net"
    title: ClassVar[str] = "Gated DeltaNet"
    source: ClassVar[str] = "Yang et al. (2024)"
    equations: ClassVar[tuple[Equation, ...]] = (
        Equation("α", r"\sigma(w_\alpha {x} + b_\alpha)", "Kept", gate=True),
        Equation("β", r"\sigma(w_\beta {x} + b_\beta)", "Rewritten", gate=True),
        Equation("k", r"W_k {x} / \|W_k {x}\|", "Key"),
        Equation("v", r"W_v {x}", "Value"),
        Equation(
            "S'", r"{α} \cdot {S} (I - {β} \cdot {k} {k}^\top) + {β} \cdot {v} {k}^\top", "State"
        ),
        Equation("q", r"W_q {x} / \|W_q {x}\|", "Query"),
        Equation("y", r"{S'} {q}", "Output"),
    )

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        return {
            "W_q": (KEY_SIZE, inputs),
            "W_k": (KEY_SIZE, inputs),
            "W_v": (width, inputs),
            "W_alpha": (1, inputs),
            "b_alpha": (1,),
            "W_beta": (1, inputs),
            "b_beta": (1,),
        }

    def states(self, width: int) -> Mapping[str, int]:
        return {"S": width * KEY_SIZE}

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        s = state[0].view(*state[0].shape[:-1], -1, KEY_SIZE)
        k, v = self.watch("k", _unit(x @ p.W_k.T)), self.watch("v", x @ p.W_v.T)
        alpha = self.watch("α", (x @ p.W_alpha.T + p.b_alpha).sigmoid())[..., None]
        beta = self.watch("β", (x @ p.W_beta.T + p.b_beta).sigmoid())
        remembered = alpha[..., 0] * (s * k[..., None, :]).sum(-1)
        s = alpha * s + (beta * (v - remembered))[..., None] * k[..., None, :]
        self.watch("S'", s)
        return (s.flatten(-2),)

    def output(self, x: Tensor, state: State, p: Parameters) -> Tensor:
        s = state[0].view(*state[0].shape[:-1], -1, KEY_SIZE)
        q = self.watch("q", _unit(x @ p.W_q.T))
        return (s * q[..., None, :]).sum(-1)


def _unit(vector: Tensor) -> Tensor:
    """The vector divided by its length; of zero, zero."""
    return vector / (vector.square().sum(-1, keepdim=True) + 1e-12).sqrt()
