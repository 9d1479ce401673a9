"""A leaky integrator: each unit learns how slowly it forgets.

Jaeger, Lukoševičius, Popovici & Siewert (2007), Optimization and applications of echo state
networks with leaky-integrator neurons, with learned rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from core.models.layer import Parameters, State, StepCell

if TYPE_CHECKING:
    from torch import Tensor


class LeakyRNN(StepCell):
    """α = σ(a), h' = (1 − α) h + α tanh(W x + U h + b), one α for each unit."""

    name: ClassVar[str] = "leaky-rnn"
    title: ClassVar[str] = "Leaky RNN"
    source: ClassVar[str] = "Jaeger et al. (2007)"

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        return {"W": (width, inputs), "U": (width, width), "b": (width,), "a": (width,)}

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        (h,) = state
        rate = self.watch("α", p.a.sigmoid())
        return ((1 - rate) * h + rate * (x @ p.W.T + h @ p.U.T + p.b).tanh(),)
