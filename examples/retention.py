"""Linear attention that fades: a matrix of associations instead of a vector.

Sun et al. (2023), Retentive network: a successor to transformer for large language models, the
recurrent form of one head.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from core.models.layer import Parameters, State, StepCell

if TYPE_CHECKING:
    from torch import Tensor

KEY = 8
"""Numbers of a key and of a query."""

DECAY = 1 - 2**-5
"""γ: what a step leaves of the matrix."""


class Retention(StepCell):
    """The state S is a matrix of `KEY` × H numbers, and not the vector that the layer above reads.

    k = W_k x / √KEY, v = W_v x, q = W_q x,  S' = γ S + k vᵀ,  output = W_o S'ᵀ q
    """

    name: ClassVar[str] = "retention"
    title: ClassVar[str] = "Retention"
    source: ClassVar[str] = "Sun et al. (2023)"

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        return {
            "W_k": (KEY, inputs),
            "W_q": (KEY, inputs),
            "W_v": (width, inputs),
            "W_o": (width, width),
        }

    def states(self, width: int) -> Mapping[str, int]:
        return {"S": KEY * width}

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        (flat,) = state
        key, value = x @ p.W_k.T / KEY**0.5, x @ p.W_v.T
        matrix = DECAY * flat.unflatten(-1, (KEY, -1)) + key[..., :, None] * value[..., None, :]
        self.watch("S'", matrix)
        return (matrix.flatten(-2),)

    def output(self, x: Tensor, state: State, p: Parameters) -> Tensor:
        (flat,) = state
        matrix = flat.unflatten(-1, (KEY, -1))
        return ((x @ p.W_q.T)[..., :, None] * matrix).sum(-2) @ p.W_o.T
