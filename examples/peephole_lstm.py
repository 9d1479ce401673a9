"""The LSTM with peepholes: the gates see the cell state too.

Gers, Schraudolph & Schmidhuber (2002), Learning precise timing with LSTM recurrent networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from core.models.layer import Equation, Parameters, State, StepCell

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
    equations: ClassVar[tuple[Equation, ...]] = (
        Equation("i", r"\sigma(W_i {x} + U_i {h} + p_i \odot {c} + b_i)", "Input gate", gate=True),
        Equation("f", r"\sigma(W_f {x} + U_f {h} + p_f \odot {c} + b_f)", "Forget gate", gate=True),
        Equation("g", r"\tanh(W_g {x} + U_g {h} + b_g)", "Candidate"),
        Equation("c'", r"{f} \odot {c} + {i} \odot {g}", "Cell state"),
        Equation(
            "o", r"\sigma(W_o {x} + U_o {h} + p_o \odot {c'} + b_o)", "Output gate", gate=True
        ),
        Equation("h'", r"{o} \odot \tanh({c'})", "Hidden state"),
    )

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
        i = self.watch("i", (i + p.p_i * c).sigmoid())
        f = self.watch("f", (f + p.p_f * c).sigmoid())
        g = self.watch("g", g.tanh())
        c = f * c + i * g
        o = self.watch("o", (o + p.p_o * c).sigmoid())
        return o * c.tanh(), c
