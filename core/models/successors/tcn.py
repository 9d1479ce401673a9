"""A temporal convolution: what a step reads lies 1, 2, 4, … steps apart, level by level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from core.models.layer import Parameters, State, StepCell

if TYPE_CHECKING:
    from torch import Tensor

KERNEL = 3
"""Steps K that a convolution reads."""
DILATIONS = (1, 2, 4, 8, 16)
"""How far apart they lie, level by level: together the last 1 + 2 (K − 1) Σ d = 125 steps."""


class TCN(StepCell):
    """Bai, Kolter & Koltun (2018), "An Empirical Evaluation of Generic Convolutional and Recurrent
    Networks for Sequence Modeling", without weight norm and dropout.

    z⁰ = W_in x
    u = relu(b_a + Σ_k A_k zˡ_{t−kd})   v = relu(b_b + Σ_k B_k u_{t−kd})   over k = K − 1 … 0
    zˡ⁺¹ = relu(zˡ + v),   d = 1, 2, 4, 8, 16

    The state is the output y, and what later steps still read: the last (K − 1) d of each zˡ and u,
    oldest first. Nothing is fed back: what lies more than 124 steps back has no effect at all.
    """

    name: ClassVar[str] = "tcn"
    title: ClassVar[str] = "TCN"
    source: ClassVar[str] = "Bai et al. (2018)"
    recurrent: ClassVar[bool] = False

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {"W_in": (width, inputs)}
        for dilation in DILATIONS:
            for part in "ab":
                shapes[f"W_{part}{dilation}"] = (width, KERNEL * width)
                shapes[f"b_{part}{dilation}"] = (width,)
        return shapes

    def states(self, width: int) -> Mapping[str, int]:
        kept = {
            f"{part}{dilation}": (KERNEL - 1) * dilation * width
            for dilation in DILATIONS
            for part in "zu"
        }
        return {"y": width, **kept}

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        import torch

        z = x @ p.W_in.T
        kept, width = iter(state[1:]), z.shape[-1]
        after: list[Tensor] = []

        def convolved(now: Tensor, dilation: int, part: str) -> Tensor:
            before = torch.cat([next(kept), now], -1)
            after.append(before[..., width:])
            read = _places(before, width)[..., ::dilation, :].flatten(-2)
            return (read @ p[f"W_{part}{dilation}"].T + p[f"b_{part}{dilation}"]).relu()

        for dilation in DILATIONS:
            z = (z + convolved(convolved(z, dilation, "a"), dilation, "b")).relu()
        if self.watched:
            for name, part in zip([*self.states(width)][1:], after, strict=True):
                self.watch(f"{name}'", _places(part, width))
        return z, *after

    def scan(self, x_TBI: Tensor, first: State, p: Parameters) -> tuple[Tensor, State]:
        import torch

        z_TBH = x_TBI @ p.W_in.T
        kept, (steps, _, width) = iter(first[1:]), z_TBH.shape
        last: list[Tensor] = []

        def convolved(now_TBH: Tensor, dilation: int, part: str) -> Tensor:
            before = _places(next(kept), width).movedim(-2, 0)
            both = torch.cat([before, now_TBH])
            last.append(both[-len(before) :].movedim(0, -2).flatten(-2))
            places = (both[k * dilation : k * dilation + steps] for k in range(KERNEL))
            read = torch.cat([*places], -1)
            return (read @ p[f"W_{part}{dilation}"].T + p[f"b_{part}{dilation}"]).relu()

        for dilation in DILATIONS:
            z_TBH = (z_TBH + convolved(convolved(z_TBH, dilation, "a"), dilation, "b")).relu()
        return z_TBH, (z_TBH[-1], *last)


def _places(kept: Tensor, width: int) -> Tensor:
    """Vectors of H side by side → one under the other, ...KH."""
    return kept.view(*kept.shape[:-1], -1, width)
