"""minGRU: a GRU whose gates read the input alone, so that all steps can be taken at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from core.models.layer import Equation, Parameters, State, StepCell

if TYPE_CHECKING:
    from torch import Tensor


class MinGRU(StepCell):
    """Feng, Tung, Ahmed, Bengio & Hajimirsadeghi (2024), "Were RNNs all we needed?", section 3.1.

    z = σ(W_z x + b_z)
    n = W_n x + b_n
    h' = (1 − z) ⊙ h + z ⊙ n
    """

    name: ClassVar[str] = "min-gru"
    title: ClassVar[str] = "minGRU"
    source: ClassVar[str] = "Feng et al. (2024)"
    equations: ClassVar[tuple[Equation, ...]] = (
        Equation("z", r"\sigma(W_z {x} + b_z)", "Update gate", gate=True),
        Equation("n", r"W_n {x} + b_n", "Candidate"),
        Equation("h'", r"(1 - {z}) \odot {h} + {z} \odot {n}", "Hidden state"),
    )

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        return {
            "W_z": (width, inputs),
            "b_z": (width,),
            "W_n": (width, inputs),
            "b_n": (width,),
        }

    def scan(self, x_TBI: Tensor, first: State, p: Parameters) -> tuple[Tensor, State]:
        """h_t = (1 − z_t) ⊙ h_{t−1} + z_t ⊙ n_t is linear in h."""
        from core.models.scan import linear_recurrence

        z_TBH = (x_TBI @ p.W_z.T + p.b_z).sigmoid()
        n_TBH = x_TBI @ p.W_n.T + p.b_n
        h_TBH = linear_recurrence(1 - z_TBH, z_TBH * n_TBH, first[0])
        return h_TBH, (h_TBH[-1],)

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        (h,) = state
        z = self.watch("z", (x @ p.W_z.T + p.b_z).sigmoid())
        n = self.watch("n", x @ p.W_n.T + p.b_n)
        return (h + z * (n - h),)
