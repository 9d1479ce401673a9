"""minLSTM: an LSTM whose gates read the input alone, so that all steps can be taken at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from core.models.layer import Equation, Parameters, State, StepCell

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
    equations: ClassVar[tuple[Equation, ...]] = (
        Equation("f", r"\sigma(W_f {x} + b_f)", "Forget gate", gate=True),
        Equation("i", r"\sigma(W_i {x} + b_i)", "Input gate", gate=True),
        Equation("n", r"W_n {x} + b_n", "Candidate"),
        Equation("h'", r"({f} \odot {h} + {i} \odot {n}) / ({f} + {i})", "Hidden state"),
    )

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        return {
            f"{kind}_{gate}": (width, inputs) if kind == "W" else (width,)
            for gate in ("f", "i", "n")
            for kind in ("W", "b")
        }

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        (h,) = state
        f, i, n = self._gates(x, p)
        if self.watched:
            for name, part in zip("fin", (f, i, n), strict=True):
                self.watch(name, part)
        return (n + f / (f + i) * (h - n),)

    def scan(self, x_TBI: Tensor, first: State, p: Parameters) -> tuple[Tensor, State]:
        """The share that is kept, f/(f + i), does not depend on h."""
        from core.models.scan import linear_recurrence

        f_TBH, i_TBH, n_TBH = self._gates(x_TBI, p)
        keeps_TBH = f_TBH / (f_TBH + i_TBH)
        h_TBH = linear_recurrence(keeps_TBH, (1 - keeps_TBH) * n_TBH, first[0])
        return h_TBH, (h_TBH[-1],)

    def _gates(self, x: Tensor, p: Parameters) -> tuple[Tensor, Tensor, Tensor]:
        """Both gates, and the candidate."""
        f = (x @ p.W_f.T + p.b_f).sigmoid()
        i = (x @ p.W_i.T + p.b_i).sigmoid()
        return f, i, x @ p.W_n.T + p.b_n
