"""Three tasks whose answer lies a stated lag back: recall, adding and copy memory.

Each draws sequences, says how many steps they have, and how well the best answer that ignores the
past does: exactly, not by measuring.

Shapes: T time, B batch, I input, A steps at the end of the sequence that are answered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor

COPIED = 10
"""Symbols of a copy task, as in Hochreiter & Schmidhuber (1997) and everybody since."""


class LagBatch(NamedTuple):
    """What is read, TBI, and what must be answered at the last A steps, AB."""

    x_TBI: Tensor
    target_AB: Tensor


class LagTask(Protocol):
    """A task at any lag."""

    named: ClassVar[int]
    """The last so many answers are symbols to be named; 0 where the answer is a number."""

    @property
    def inputs(self) -> int:
        """Features of a step."""

    @property
    def outputs(self) -> int:
        """Scores of an answer, or 1 for a number."""

    def steps(self, lag: int) -> int:
        """Of a sequence."""

    def answered(self, lag: int) -> int:
        """Steps at the end that count in the loss."""

    def draw(self, lag: int, batch_size: int, generator: torch.Generator) -> LagBatch:
        """Sequences on the CPU, each with its own symbols, numbers and noise."""

    def baseline(self, lag: int) -> float:
        """Expected loss of the best answer that ignores the past."""

    @property
    def chance(self) -> float | None:
        """Expected share of symbols that such an answer names; none where it is a number."""


@dataclass(frozen=True)
class CuedRecall:
    """A symbol is shown once with a cue, `lag` steps of noise follow, then it must be named.

    Symbols are read one-hot; in their place N(0, 1) noise follows. Of 2 symbols and a cue, lag 2:

        1 0 1     .3 -.8 0     -1.2 .5 0     → symbol 0
    """

    symbols: int
    named: ClassVar[int] = 1

    @property
    def inputs(self) -> int:
        """A feature per symbol, and the cue."""
        return self.symbols + 1

    @property
    def outputs(self) -> int:
        """A score per symbol."""
        return self.symbols

    def steps(self, lag: int) -> int:
        """The symbol, then the noise."""
        return lag + 1

    def answered(self, lag: int) -> int:
        """After the last step."""
        return 1

    def draw(self, lag: int, batch_size: int, generator: torch.Generator) -> LagBatch:
        """Symbols are drawn evenly."""
        target_B = torch.randint(self.symbols, (batch_size,), generator=generator)
        x_TBI = torch.randn(lag + 1, batch_size, self.inputs, generator=generator)
        x_TBI[..., -1] = 0
        x_TBI[0] = torch.nn.functional.one_hot(target_B, self.inputs)
        x_TBI[0, :, -1] = 1
        return LagBatch(x_TBI, target_B[None])

    def baseline(self, lag: int) -> float:
        """Every symbol is as likely: ln K nats."""
        return math.log(self.symbols)

    @property
    def chance(self) -> float:
        """One in K."""
        return 1 / self.symbols


@dataclass(frozen=True)
class Adding:
    """Two of T numbers are marked, one in each half; their sum is asked (the lag is T).

    Hochreiter & Schmidhuber (1997), as Arjovsky, Shah & Bengio (2016) have it. T = 4:

        .3 0     .7 1     .1 1     .9 0     → .8
    """

    inputs: ClassVar[int] = 2
    outputs: ClassVar[int] = 1
    named: ClassVar[int] = 0
    chance: ClassVar[None] = None

    def steps(self, lag: int) -> int:
        """The lag is the sequence's length."""
        return lag

    def answered(self, lag: int) -> int:
        """After the last step."""
        return 1

    def draw(self, lag: int, batch_size: int, generator: torch.Generator) -> LagBatch:
        """Numbers and the places of the marks are drawn evenly."""
        number_TB = torch.rand(lag, batch_size, generator=generator)
        half, sequences = lag // 2, torch.arange(batch_size)
        first_B = torch.randint(half, (batch_size,), generator=generator)
        second_B = torch.randint(half, lag, (batch_size,), generator=generator)
        mark_TB = torch.zeros_like(number_TB)
        mark_TB[first_B, sequences] = mark_TB[second_B, sequences] = 1
        target_B = number_TB[first_B, sequences] + number_TB[second_B, sequences]
        return LagBatch(torch.stack([number_TB, mark_TB], dim=-1), target_B[None])

    def baseline(self, lag: int) -> float:
        """Always 1, and so wrong by the variance of a sum of two: 2/12."""
        return 1 / 6


@dataclass(frozen=True)
class CopyMemory:
    """Ten symbols, blanks, a delimiter `lag` steps after them, and then the ten again.

    Arjovsky, Shah & Bengio (2016): lag + 20 steps, an answer at each; blank (_) until the
    delimiter (|) has been read. With three symbols copied instead of ten, lag 2:

        read    2 0 1 _ | _ _ _
        answer  _ _ _ _ _ 2 0 1
    """

    symbols: int
    named: ClassVar[int] = COPIED

    @property
    def inputs(self) -> int:
        """One-hot: symbols, blank, delimiter."""
        return self.symbols + 2

    @property
    def outputs(self) -> int:
        """A score per symbol, and one for blank."""
        return self.symbols + 1

    def steps(self, lag: int) -> int:
        """Ten to read, the pause, ten to write."""
        return lag + 2 * COPIED

    def answered(self, lag: int) -> int:
        """At every step."""
        return self.steps(lag)

    def draw(self, lag: int, batch_size: int, generator: torch.Generator) -> LagBatch:
        """Symbols are drawn evenly."""
        shown_TB = torch.randint(self.symbols, (COPIED, batch_size), generator=generator)
        read_TB = torch.full((self.steps(lag), batch_size), self.symbols)
        target_TB = read_TB.clone()
        read_TB[:COPIED], target_TB[-COPIED:] = shown_TB, shown_TB
        read_TB[COPIED + lag - 1] = self.symbols + 1
        return LagBatch(torch.nn.functional.one_hot(read_TB, self.inputs).float(), target_TB)

    def baseline(self, lag: int) -> float:
        """Blanks are certain, of the last ten each symbol is as likely: 10 ln K / (lag + 20)."""
        return COPIED * math.log(self.symbols) / self.steps(lag)

    @property
    def chance(self) -> float:
        """One in K."""
        return 1 / self.symbols
