"""Tasks whose answer lies a stated lag back: recall, adding and copy memory.

`Recall` shows a symbol once and asks for it at the end of noise that is made of other tokens:

    symbols 0 1 2 3, noise 4 5 6 7, lag 3:    6 4 2 7 5 6 → 2

The `LagTask`s draw sequences at any lag, and say how many steps these have and how well the best
answer that ignores the past does: exactly, not by measuring.

Shapes: S seeds, T time, B batch, I input, V tokens, A steps at the end that are answered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor

from core.tasks.lag_shapes import COPIED, LagShape, lag_shape


class RecallBatch(NamedTuple):
    """Tokens to read, TB, and the symbol to report after the last of them, B."""

    tokens_TB: Tensor
    target_B: Tensor


@dataclass(frozen=True)
class Recall:
    """Delayed recall at one length; lags are uniform from `shortest_lag` to `longest_lag`.

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
        """Draw a batch of sequences, each with its own symbol, lag and noise."""
        shape, tokens = (self.sequence_length, batch_size), self.symbols + self.noises
        tokens_TB = torch.randint(self.symbols, tokens, shape, generator=generator)
        target_B = torch.randint(self.symbols, (batch_size,), generator=generator)
        lags = (self.shortest_lag, self.longest_lag + 1)
        lag_B = torch.randint(*lags, (batch_size,), generator=generator)
        tokens_TB[self.sequence_length - 1 - lag_B, torch.arange(batch_size)] = target_B
        return RecallBatch(tokens_TB, target_B)


class SeededRecall:
    """Delayed recall for S seeds at once, each seed from its own generator.

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
        """Draw the input of the networks, STBI, and the symbols that they must report, SB."""
        batches = [self.task.draw(batch_size, generator) for generator in self.generators]
        x_STBI = torch.stack(
            [
                embedding_VI[batch.tokens_TB.to(embedding_VI.device)]
                for embedding_VI, batch in zip(self.embedding_SVI, batches, strict=True)
            ]
        )
        target_SB = torch.stack([batch.target_B for batch in batches])
        return x_STBI, target_SB.to(x_STBI.device)


class LagBatch(NamedTuple):
    """The input, TBI, and the answers wanted at the last A steps, AB."""

    x_TBI: Tensor
    target_AB: Tensor


class LagTask(Protocol):
    """A task at any lag."""

    symbol_answers: ClassVar[int]
    """How many answers at the end are symbols; 0 where the answer is a number."""

    @property
    def shape(self) -> LagShape:
        """Features of a step, scores of an answer, steps of a sequence."""

    def answer_steps(self, lag: int) -> int:
        """Steps at the end that count in the loss."""

    def draw(self, lag: int, batch_size: int, generator: torch.Generator) -> LagBatch:
        """Sequences on the CPU, each with its own symbols, numbers and noise, all uniform."""

    def baseline(self, lag: int) -> float:
        """Expected loss of the best answer that ignores the past."""

    @property
    def chance(self) -> float | None:
        """Expected share of symbols that such an answer names; None where it is a number."""


@dataclass(frozen=True)
class CuedRecall:
    """A symbol is shown once with a cue, `lag` steps of noise follow, then it must be named.

    A step has a feature per symbol (one-hot; N(0, 1) where it is noise) and one for the cue. An
    answer has a score per symbol. With 2 symbols and lag 2:

        1 0 1     .3 -.8 0     -1.2 .5 0     → symbol 0
    """

    symbols: int
    symbol_answers: ClassVar[int] = 1

    @property
    def shape(self) -> LagShape:
        return lag_shape("recall", self.symbols)

    def answer_steps(self, lag: int) -> int:
        return 1

    def draw(self, lag: int, batch_size: int, generator: torch.Generator) -> LagBatch:
        target_B = torch.randint(self.symbols, (batch_size,), generator=generator)
        inputs = self.shape.inputs
        x_TBI = torch.randn(self.shape.steps(lag), batch_size, inputs, generator=generator)
        x_TBI[..., -1] = 0
        x_TBI[0] = torch.nn.functional.one_hot(target_B, inputs)
        x_TBI[0, :, -1] = 1
        return LagBatch(x_TBI, target_B[None])

    def baseline(self, lag: int) -> float:
        """ln K nats: every symbol is equally likely."""
        return math.log(self.symbols)

    @property
    def chance(self) -> float:
        return 1 / self.symbols


@dataclass(frozen=True)
class Adding:
    """Two of T numbers are marked, one in each half; the answer is their sum (the lag is T).

    Hochreiter & Schmidhuber (1997), as Arjovsky, Shah & Bengio (2016) have it. T = 4:

        .3 0     .7 1     .1 1     .9 0     → .8
    """

    symbol_answers: ClassVar[int] = 0
    chance: ClassVar[None] = None
    shape: ClassVar[LagShape] = lag_shape("adding", 0)

    def answer_steps(self, lag: int) -> int:
        return 1

    def draw(self, lag: int, batch_size: int, generator: torch.Generator) -> LagBatch:
        number_TB = torch.rand(lag, batch_size, generator=generator)
        half, sequences = lag // 2, torch.arange(batch_size)
        first_B = torch.randint(half, (batch_size,), generator=generator)
        second_B = torch.randint(half, lag, (batch_size,), generator=generator)
        mark_TB = torch.zeros_like(number_TB)
        mark_TB[first_B, sequences] = mark_TB[second_B, sequences] = 1
        target_B = number_TB[first_B, sequences] + number_TB[second_B, sequences]
        return LagBatch(torch.stack([number_TB, mark_TB], dim=-1), target_B[None])

    def baseline(self, lag: int) -> float:
        """The squared error of the best answer that reads the last input alone.

        The last number x is marked with probability q = 1 / (T - ⌊T/2⌋). Then x + 1/2 is the best
        answer, and the variance of the other number is left, 1/12; else the constant 1 is, and the
        variance of both is left, 2/12: 1/6 - q/12 in all, which is (1 - 1/T) / 6 for an even T.
        """
        return 1 / 6 - 1 / (12 * (lag - lag // 2))


@dataclass(frozen=True)
class CopyMemory:
    """Ten symbols, blanks, a delimiter `lag` steps after them, and then the ten again.

    Arjovsky, Shah & Bengio (2016): lag + 20 steps, an answer at each; blank (_) until the
    delimiter (|) has been read. A step is one-hot over symbols, blank and delimiter; an answer has
    a score per symbol, and one for blank. With three symbols copied instead of ten, lag 2:

        read    2 0 1 _ | _ _ _
        answer  _ _ _ _ _ 2 0 1
    """

    symbols: int
    symbol_answers: ClassVar[int] = COPIED

    @property
    def shape(self) -> LagShape:
        return lag_shape("copy", self.symbols)

    def answer_steps(self, lag: int) -> int:
        return self.shape.steps(lag)

    def draw(self, lag: int, batch_size: int, generator: torch.Generator) -> LagBatch:
        shown_TB = torch.randint(self.symbols, (COPIED, batch_size), generator=generator)
        read_TB = torch.full((self.shape.steps(lag), batch_size), self.symbols)
        target_TB = read_TB.clone()
        read_TB[:COPIED], target_TB[-COPIED:] = shown_TB, shown_TB
        read_TB[COPIED + lag - 1] = self.symbols + 1
        return LagBatch(torch.nn.functional.one_hot(read_TB, self.shape.inputs).float(), target_TB)

    def baseline(self, lag: int) -> float:
        """10 ln K / (lag + 20): blanks are certain, the last ten symbols equally likely."""
        return COPIED * math.log(self.symbols) / self.shape.steps(lag)

    @property
    def chance(self) -> float:
        return 1 / self.symbols
