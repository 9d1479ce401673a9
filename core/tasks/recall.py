"""Delayed recall: a symbol is shown once, noise follows, and at the end it must be reported.

    symbols 0 1 2 3, noise 4 5 6 7, lag 3:    6 4 2 7 5 6 → 2

Shapes: S seeds, T time, B batch, I input, V tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class RecallBatch(NamedTuple):
    """Tokens to read, TB, and the symbol to report after the last of them, B."""

    tokens_TB: Tensor
    target_B: Tensor


@dataclass(frozen=True)
class Recall:
    """The task at one length: lags are drawn evenly from `shortest_lag` to `longest_lag`.

    A lag is the number of steps that follow the symbol. Symbols are 0 … symbols − 1, noise tokens
    come after them. Raises ValueError if a sequence has no room for the longest lag.
    """

    sequence_length: int
    shortest_lag: int
    longest_lag: int
    symbols: int
    noises: int

    def __post_init__(self) -> None:
        if not 0 <= self.shortest_lag <= self.longest_lag < self.sequence_length:
            raise ValueError(
                f"lags are {self.shortest_lag} to {self.longest_lag}; "
                f"{self.sequence_length} steps have room for 0 to {self.sequence_length - 1}"
            )

    def draw(self, batch_size: int, generator: torch.Generator) -> RecallBatch:
        """A batch of sequences, each with its own symbol, lag and noise."""
        shape, tokens = (self.sequence_length, batch_size), self.symbols + self.noises
        tokens_TB = torch.randint(self.symbols, tokens, shape, generator=generator)
        target_B = torch.randint(self.symbols, (batch_size,), generator=generator)
        lags = (self.shortest_lag, self.longest_lag + 1)
        lag_B = torch.randint(*lags, (batch_size,), generator=generator)
        tokens_TB[self.sequence_length - 1 - lag_B, torch.arange(batch_size)] = target_B
        return RecallBatch(tokens_TB, target_B)


class SeededRecall:
    """The task for S seeds at once, each seed from its own generator.

    Every token is a fixed vector drawn from N(0, 1), so any input size can carry the task.
    """

    def __init__(
        self,
        task: Recall,
        input_size: int,
        generators: Sequence[torch.Generator],
        like: Tensor,
    ) -> None:
        self.task, self.generators = task, generators
        shape = (task.symbols + task.noises, input_size)
        embedding_SVI = torch.stack(
            [torch.randn(shape, dtype=torch.float64, generator=g) for g in generators]
        )
        self.embedding_SVI = embedding_SVI.to(like)

    def draw(self, batch_size: int) -> tuple[Tensor, Tensor]:
        """What the networks read, STBI, and what they must report, SB."""
        batches = [self.task.draw(batch_size, generator) for generator in self.generators]
        x_STBI = torch.stack(
            [
                embedding_VI[batch.tokens_TB.to(embedding_VI.device)]
                for embedding_VI, batch in zip(self.embedding_SVI, batches, strict=True)
            ]
        )
        target_SB = torch.stack([batch.target_B for batch in batches])
        return x_STBI, target_SB.to(x_STBI.device)
