"""What reading on does to tags that were already given.

A network that writes hands every token on before the next one is there: what it said must stand.
So each prefix of a sequence is tagged by itself, as if it were all there is, and compared with the
tags of the whole.

Shapes: N networks, S seeds, T time, B batch, J tokens read on, P positions.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor

from core.experiments.two_sided_context import RevisionRow, TwoSidedContextConfig
from core.experiments.two_sided_context_networks import Exercise, Taggers
from core.statistics import finite

SEQUENCES = 32
MOST_POSITIONS = 8
"""Tagged positions of each sequence, from its start."""
BEYOND = 2
"""Tokens read on after the furthest one that is needed."""


def revision_rows(config: TwoSidedContextConfig, taggers: Taggers) -> Iterator[RevisionRow]:
    """For the networks of the variant itself: percent of tags that will change, by tokens read on.

    In float64 and on the CPU: there rounding, which depends on how much is computed at once, does
    not decide between two tags.
    """
    members = taggers.group.members
    own = [index for index, member in enumerate(members) if member.network == "itself"]
    exact = copy.deepcopy(taggers).to("cpu", torch.float64)
    for parameter in exact.parameters():
        parameter.data = parameter.data[own]
    exercise = Exercise(config, [members[index] for index in own], torch.device("cpu"))
    tokens_STB = exercise.draw(SEQUENCES, exercise.generators("test"))
    furthest = min(config.furthest + BEYOND, config.sequence_length - 1)
    positions = min(config.sequence_length - furthest, MOST_POSITIONS)
    percent_NJ = revised(exact, exercise.read(tokens_STB), positions, furthest)
    for member, percents in zip(exercise.members, percent_NJ.tolist(), strict=True):
        for read_on, percent in enumerate(percents):
            yield RevisionRow(member.look_ahead, member.seed, read_on, finite(percent))


@torch.no_grad()
def revised(taggers: Taggers, x_NTBV: Tensor, positions: int, furthest: int) -> Tensor:
    """Percent of the first tags that the rest of the sequence will change, NJ; nan if diverged."""
    scores_NTBC = taggers(x_NTBV)
    whole_NPB = scores_NTBC[:, :positions].argmax(-1)
    changed_NJ = torch.zeros(len(x_NTBV), furthest + 1, dtype=torch.float64)
    for length in range(1, positions + furthest + 1):
        tags_NTB = taggers(x_NTBV[:, :length]).argmax(-1)
        for position in range(max(0, length - 1 - furthest), min(positions, length)):
            changed_NB = tags_NTB[:, position] != whole_NPB[:, position]
            changed_NJ[:, length - 1 - position] += changed_NB.sum(-1)
    changed_NJ[~scores_NTBC.isfinite().flatten(1).all(1)] = torch.nan
    return 100 * changed_NJ / (positions * x_NTBV.shape[2])
