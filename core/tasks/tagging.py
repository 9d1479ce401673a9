"""Tagging that looks ahead: the tag of a step depends on the token d steps further on.

    ahead, d = 2      tokens 3 0 2 1 1 → tags 2 1 1 – –        the token itself
    compare, d = 1    tokens 3 0 2 1 1 → tags < > < = –        smaller, equal or larger than this

A step without a token so far ahead (–) is not counted.

Shapes: T time, B batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import torch
from torch import Tensor

Rule = Literal["ahead", "compare"]

UNCOUNTED = -1
"""The tag of a step that has no token so far ahead."""

OUTCOMES = ("smaller", "equal", "larger")
"""Tags 0, 1 and 2 of the rule `compare`: the token ahead is … than the present one."""


@dataclass(frozen=True)
class Tagging:
    """The task under one rule; tokens are 0 … `tokens` − 1, all equally likely."""

    rule: Rule
    tokens: int

    @property
    def tags(self) -> int:
        """The number of different tags."""
        return self.tokens if self.rule == "ahead" else len(OUTCOMES)

    def draw(self, steps: int, batch_size: int, generator: torch.Generator) -> Tensor:
        """Draw tokens, TB."""
        return torch.randint(self.tokens, (steps, batch_size), generator=generator)

    def tag(self, tokens_TB: Tensor, look_ahead: int) -> Tensor:
        """The tag of every step, TB."""
        tags_TB = torch.full_like(tokens_TB, UNCOUNTED)
        counted = max(0, len(tokens_TB) - look_ahead)
        needed_TB, present_TB = tokens_TB[look_ahead:], tokens_TB[:counted]
        if self.rule == "compare":
            needed_TB = torch.sign(needed_TB - present_TB) + OUTCOMES.index("equal")
        tags_TB[:counted] = needed_TB
        return tags_TB

    def chance(self, look_ahead: int) -> float:
        """The exact percent of tags that the best answer without looking ahead gets right.

        The tokens so far say nothing of a token to come. So for `ahead` it is one in K, and for
        `compare` the best answer is the likeliest outcome for the present token a: a of K tokens
        are smaller, one is equal.
        """
        if look_ahead == 0:
            return 100.0
        if self.rule == "ahead":
            return 100 / self.tokens
        best = (max(a, 1, self.tokens - 1 - a) for a in range(self.tokens))
        return 100 * fmean(best) / self.tokens
