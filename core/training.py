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
        drawn = torch.stack(
            [
                torch.empty(width, classes, dtype=torch.float64).uniform_(
                    -bound, bound, generator=generator
                )
                for generator in generators
            ]
        )
        self.readout_SHC = nn.Parameter(drawn.to(like))
        self.bias_SC = nn.Parameter(like.new_zeros(len(generators), classes))

    def forward(self, x_STBI: Tensor) -> Tensor:
        """Scores of each class after the last step, SBC."""
        output_STBH, _ = self.recurrent(x_STBI)
        return torch.baddbmm(self.bias_SC[:, None], output_STBH[:, -1], self.readout_SHC)


def cross_entropy_by_seed(scores_SBC: Tensor, target_SB: Tensor) -> Tensor:
    """Mean over each seed's samples, S."""
    losses_BS = nn.functional.cross_entropy(
        scores_SBC.permute(1, 2, 0), target_SB.mT, reduction="none"
    )
    return losses_BS.mean(0)


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
        losses_S.sum().backward()
        optimizer.step()
        yield step, losses_S.detach()
