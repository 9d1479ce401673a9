"""minLSTM: an LSTM whose gates read the input alone, so that all steps can be taken at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from core.models.layer import Parameters, State, StepCell

if TYPE_CHECKING:
    from torch import Tensor


class MinLSTM(StepCell):
    """Feng, Tung, Ahmed, Bengio & Hajimirsadeghi (2024), "Were RNNs all we needed?", section 3.2.

    f = σ(W_f x + b_f)   i = σ(W_i x + b_i)   n = W_n x + b_n
    h' = f/(f + i) ⊙ h + i/(f + i) ⊙ n
    """

    name: ClassVar[str] = "min-lstm"
    title: ClassVar[str] = "minLSTM"
    source: ClassVar[str] = "Feng et al. (2024)"

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        return {
            f"{kind}_{gate}": (width, inputs) if kind == "W" else (width,)
            for gate in ("f", "i", "n")
            for kind in ("W", "b")
        }

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        (h,) = state
        keeps, n = self._gates(x, p)
        return (n + keeps * (h - n),)

    def scan(self, x_TBI: Tensor, first: State, p: Parameters) -> tuple[Tensor, State]:
        """The share that is kept, f/(f + i), does not depend on h."""
        from core.models.scan import linear_recurrence

        keeps_TBH, n_TBH = self._gates(x_TBI, p)
        h_TBH = linear_recurrence(keeps_TBH, (1 - keeps_TBH) * n_TBH, first[0])
        return h_TBH, (h_TBH[-1],)

    def _gates(self, x: Tensor, p: Parameters) -> tuple[Tensor, Tensor]:
        """The share of h that is kept, and the candidate."""
        f = (x @ p.W_f.T + p.b_f).sigmoid()
        i = (x @ p.W_i.T + p.b_i).sigmoid()
        return f / (f + i), x @ p.W_n.T + p.b_n
