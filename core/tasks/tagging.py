"""Tagging that looks ahead: the tag of a step depends on the token d steps further on.

`core.tasks.tag_rules` has the rules; a tag is a number, for `pair` the present token times K plus
the one ahead. Steps without a token so far ahead are not counted.

Shapes: T time, B batch, K tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from core.tasks.tag_rules import Rule, tag_count, tag_of

UNCOUNTED = -1
"""The tag of a step that has no token so far ahead."""


@dataclass(frozen=True)
class Tagging:
    """The task under one rule; tokens are 0 … `tokens` − 1, all equally likely."""

    rule: Rule
    tokens: int

    @property
    def tags(self) -> int:
        """The number of different tags."""
        return tag_count(self.rule, self.tokens)

    @cached_property
    def _tags_KK(self) -> Tensor:
        """The tag by the present token and the token ahead."""
        each = range(self.tokens)
        return torch.tensor([[tag_of(self.rule, self.tokens, a, b) for b in each] for a in each])

    def draw(self, steps: int, batch_size: int, generator: torch.Generator) -> Tensor:
        """Draw tokens, TB."""
        return torch.randint(self.tokens, (steps, batch_size), generator=generator)

    def tag(self, tokens_TB: Tensor, look_ahead: int) -> Tensor:
        """The tag of every step, TB."""
        tags_TB = torch.full_like(tokens_TB, UNCOUNTED)
        counted = max(0, len(tokens_TB) - look_ahead)
        tags_KK = self._tags_KK.to(tokens_TB.device)
        tags_TB[:counted] = tags_KK[tokens_TB[:counted], tokens_TB[look_ahead:]]
        return tags_TB
