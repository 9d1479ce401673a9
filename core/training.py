"""Training many seeds of one network in one batched pass.

Each network's loss depends on its own parameters alone and Adam works element by element, so a
step on the sum of the losses is one independent step for every seed.

Shapes: S seeds, T time, B batch, I input, C classes, D·H output of the recurrent layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from core.models.recurrent import Recurrent


class LastStepClassifier(nn.Module):
    """Recurrent layers, and a linear readout of their last output; one of each per seed."""

    def __init__(
        self, recurrent: Recurrent, classes: int, generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        self.recurrent = recurrent
        architecture = recurrent.architecture
        width = architecture.directions * architecture.hidden_size
        bound, like = 1 / math.sqrt(width), recurrent.weights(0, 0).weight_hh
        readout_SHC = torch.empty(len(generators), width, classes, dtype=torch.float64)
        for readout_HC, generator in zip(readout_SHC, generators, strict=True):
            readout_HC.uniform_(-bound, bound, generator=generator)
        self.readout_SHC = nn.Parameter(readout_SHC.to(like))
        self.bias_SC = nn.Parameter(like.new_zeros(len(generators), classes))

    def forward(self, x_STBI: Tensor) -> Tensor:
        """Scores of each class after the last step, SBC."""
        output_STBH, _ = self.recurrent(x_STBI)
        return torch.baddbmm(self.bias_SC[:, None], output_STBH[:, -1], self.readout_SHC)


def cross_entropy_by_seed(scores_SBC: Tensor, target_SB: Tensor) -> Tensor:
    """Mean over each seed's samples, S."""
    losses = nn.functional.cross_entropy(
        scores_SBC.flatten(0, 1), target_SB.flatten(), reduction="none"
    )
    return losses.view(target_SB.shape).mean(-1)


def train(
    parameters: Sequence[nn.Parameter],
    losses_of_step: Callable[[], Tensor],
    *,
    steps: int,
    learning_rate: float,
) -> Iterator[tuple[int, Tensor]]:
    """Adam for `steps` steps; yields (step, its losses by seed) after each, counted from 1.

    `losses_of_step` draws a batch and returns the losses, S; they are those *before* the update.
    """
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    for step in range(1, steps + 1):
        optimizer.zero_grad(set_to_none=True)
        losses_S = losses_of_step()
        torch.autograd.backward(losses_S.sum())
        optimizer.step()
        yield step, losses_S.detach()
