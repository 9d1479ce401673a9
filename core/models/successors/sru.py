"""SRU: gates that read the state by a number for each unit, and no matrix of recurrent weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from core.models.layer import Equation, Parameters, State, StepCell

if TYPE_CHECKING:
    from torch import Tensor


class SRU(StepCell):
    """Lei, Zhang, Wang, Dai & Artzi (2018), "Simple recurrent units for highly parallelizable
    recurrence", equations 1 to 4.

    f = σ(W_f x + v_f ⊙ c + b_f)   r = σ(W_r x + v_r ⊙ c + b_r)
    c' = f ⊙ c + (1 − f) ⊙ W x
    h' = r ⊙ c' + (1 − r) ⊙ W_h x

    The highway's x is projected by W_h, since a layer may read another number of features than it
    has units; the next step reads c alone.
    """

    name: ClassVar[str] = "sru"
    title: ClassVar[str] = "SRU"
    source: ClassVar[str] = "Lei et al. (2018)"
    equations: ClassVar[tuple[Equation, ...]] = (
        Equation("f", r"\sigma(W_f {x} + v_f \odot {c} + b_f)", "Forget gate", gate=True),
        Equation("r", r"\sigma(W_r {x} + v_r \odot {c} + b_r)", "Reset gate", gate=True),
        Equation("c'", r"{f} \odot {c} + (1 - {f}) \odot W {x}", "Cell state"),
        Equation("h'", r"{r} \odot {c'} + (1 - {r}) \odot W_h {x}", "Hidden state"),
    )

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        return {
            "W": (4 * width, inputs),
            "v_f": (width,),
            "v_r": (width,),
            "b_f": (width,),
            "b_r": (width,),
        }

    def states(self, width: int) -> Mapping[str, int]:
        return {"h": width, "c": width}

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        _, c = state
        of_x, a_f, a_r, highway = (x @ p.W.T).chunk(4, -1)
        f = self.watch("f", (a_f + p.v_f * c + p.b_f).sigmoid())
        r = self.watch("r", (a_r + p.v_r * c + p.b_r).sigmoid())
        after = f * c + (1 - f) * of_x
        return r * after + (1 - r) * highway, after
