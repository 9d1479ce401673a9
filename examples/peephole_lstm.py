"""The LSTM with peepholes: the gates see the cell state too.

Gers, Schraudolph & Schmidhuber (2002), Learning precise timing with LSTM recurrent networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from core.models.layer import Parameters, State, StepCell

if TYPE_CHECKING:
    from torch import Tensor


class PeepholeLSTM(StepCell):
    """An extra state, the cell c, which the input and forget gates read before and the output gate
    after it is renewed.

    i = σ(W_i x + U_i h + p_i ∘ c + b_i)
    f = σ(W_f x + U_f h + p_f ∘ c + b_f)
    c' = f ∘ c + i ∘ tanh(W_g x + U_g h + b_g)
    h' = σ(W_o x + U_o h + p_o ∘ c' + b_o) ∘ tanh(c')
    """

    name: ClassVar[str] = "peephole-lstm"
    title: ClassVar[str] = "Peephole LSTM"
    source: ClassVar[str] = "Gers et al. (2002)"

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        return {
            "W": (4 * width, inputs),
            "U": (4 * width, width),
            "b": (4 * width,),
            "p_i": (width,),
            "p_f": (width,),
            "p_o": (width,),
        }

    def states(self, width: int) -> Mapping[str, int]:
        return {"h": width, "c": width}

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        h, c = state
        i, f, g, o = (x @ p.W.T + h @ p.U.T + p.b).chunk(4, dim=-1)
        i, f = (i + p.p_i * c).sigmoid(), (f + p.p_f * c).sigmoid()
        c = f * c + i * g.tanh()
        return (o + p.p_o * c).sigmoid() * c.tanh(), c
