"""The networks of `two-sided-context`: what they read, what they must say when, how well they do.

Seed i of a run draws weights, training, validation and test sequences each from a generator of its
own. So a seed starts from the same weights at every look-ahead, every network of it reads the same
sequences, and it is the same whether alone or among others.

Shapes: N networks, S seeds, T time, B batch, V tokens, H output of the recurrent layers, C tags.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from core.experiments.two_sided_context import TwoSidedContextConfig
from core.experiments.two_sided_context_work import Group, Member
from core.models.recurrent import Recurrent
from core.models.side_by_side import read_side_by_side
from core.tasks.tagging import UNCOUNTED, Tagging

Purpose = Literal["weights", "training", "validation", "test"]


def generator(seed: int, purpose: Purpose) -> torch.Generator:
    """What a seed draws from for one purpose."""
    purposes = get_args(Purpose)
    return torch.Generator().manual_seed(len(purposes) * seed + purposes.index(purpose))


class Taggers(nn.Module):
    """Recurrent layers and a linear readout of every step's output: N networks side by side."""

    def __init__(self, config: TwoSidedContextConfig, group: Group) -> None:
        super().__init__()
        self.group = group
        generators = [generator(member.seed, "weights") for member in group.members]
        self.recurrent = Recurrent(
            group.architecture,
            config.features,
            implementation="equations",
            generators=generators,
        )
        width = group.architecture.directions * group.architecture.hidden_size
        tags = Tagging(config.rule, config.tokens).tags
        bound = 1 / math.sqrt(width)
        readout_NHC = torch.empty(len(generators), width, tags)
        for readout_HC, drawn in zip(readout_NHC, generators, strict=True):
            readout_HC.uniform_(-bound, bound, generator=drawn)
        self.readout_NHC = nn.Parameter(readout_NHC)
        self.bias_NC = nn.Parameter(torch.zeros(len(generators), tags))

    def forward(self, x_NTBV: Tensor) -> Tensor:
        """Scores of each tag at every step, NTBC."""
        output_NTBH = read_side_by_side(self.recurrent, x_NTBV.to(self.bias_NC))
        scores = torch.baddbmm(self.bias_NC[:, None], output_NTBH.flatten(1, 2), self.readout_NHC)
        return scores.view(*output_NTBH.shape[:3], -1)

    @property
    def parameters_each(self) -> int:
        """Of one network."""
        return sum(parameter[0].numel() for parameter in self.parameters())


class Exercise:
    """The tagging task as the networks of a group are set it."""

    def __init__(
        self, config: TwoSidedContextConfig, members: Sequence[Member], device: torch.device
    ) -> None:
        self.task, self.steps = Tagging(config.rule, config.tokens), config.sequence_length
        self.members, self.device = members, device
        self.seeds = sorted({member.seed for member in members})
        self.seed_N = torch.tensor([self.seeds.index(m.seed) for m in members], device=device)
        counted = [self.steps - member.look_ahead for member in members]
        self.counted_N = torch.tensor(counted, device=device)

    def generators(self, purpose: Purpose) -> list[torch.Generator]:
        """One per seed."""
        return [generator(seed, purpose) for seed in self.seeds]

    def draw(self, sequences: int, generators: Sequence[torch.Generator]) -> Tensor:
        """Tokens of every seed, STB."""
        drawn = [self.task.draw(self.steps, sequences, one) for one in generators]
        return torch.stack(drawn).to(self.device)

    def read(self, tokens_STB: Tensor) -> Tensor:
        """What each network reads: its seed's tokens, one-hot, NTBV."""
        return nn.functional.one_hot(tokens_STB, self.task.tokens).float()[self.seed_N]

    def wanted(self, tokens_STB: Tensor) -> Tensor:
        """What each network must say at every step, NTB; delayed, d steps after the token."""
        tags = []
        for member, seed in zip(self.members, self.seed_N.tolist(), strict=True):
            tags_TB = self.task.tag(tokens_STB[seed], member.look_ahead)
            delay = member.look_ahead if member.network == "delayed" else 0
            tags.append(
                tags_TB.roll(delay, dims=0)
            )  # the steps not counted come round to the start
        return torch.stack(tags)

    def losses(self, scores_NTBC: Tensor, wanted_NTB: Tensor) -> Tensor:
        """Cross-entropy of each network in nats per tag that counts, N."""
        losses = nn.functional.cross_entropy(
            scores_NTBC.flatten(0, 2),
            wanted_NTB.flatten(),
            reduction="none",
            ignore_index=UNCOUNTED,
        )
        batch = wanted_NTB.shape[-1]
        return losses.view(wanted_NTB.shape).sum((1, 2)) / (self.counted_N * batch)


class Marks(NamedTuple):
    """How well networks do on some sequences."""

    loss_N: Tensor
    """Nats per tag; not finite where a network has diverged."""
    percent_NB: Tensor
    """Of each sequence's tags that are right."""


@torch.no_grad()
def examine(taggers: Taggers, exercise: Exercise, tokens_STB: Tensor, batch_size: int) -> Marks:
    """Every network on its seed's sequences, so many at a time."""
    losses, percents, sequences = [], [], tokens_STB.shape[-1]
    for part_STB in torch.split(tokens_STB, batch_size, dim=-1):
        scores_NTBC, wanted_NTB = taggers(exercise.read(part_STB)), exercise.wanted(part_STB)
        right_NTB = scores_NTBC.argmax(-1) == wanted_NTB
        percents.append(100 * right_NTB.sum(1) / exercise.counted_N[:, None])
        losses.append(exercise.losses(scores_NTBC, wanted_NTB) * part_STB.shape[-1] / sequences)
    # Part by part: torch's sum over a first axis depends on how many networks there are.
    return Marks(reduce(torch.add, losses), torch.cat(percents, dim=-1))
