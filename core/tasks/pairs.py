"""Sentence pairs as numbers: vocabularies, and batches in which no source is padded.

    reverse:  3 1 2 → 2 1 3

Sources of one length share a batch: nothing needs packing, and no step is spent on padding.

Shapes: N pairs, B batch, S source steps, T target steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

SPECIAL = ("<padding>", "<begin>", "<end>", "<unknown>")
PADDING, BEGIN, END, UNKNOWN = range(len(SPECIAL))
"""The first four tokens of every vocabulary."""


class Pair(NamedTuple):
    """A source and its target, without BEGIN and END."""

    source: tuple[int, ...]
    target: tuple[int, ...]


class Codec(Protocol):
    """Text ↔ tokens of one language."""

    @property
    def size(self) -> int:
        """Tokens in the vocabulary, the special ones too."""

    def encode(self, text: str) -> tuple[int, ...]:
        """Tokens of a text; what is not known becomes UNKNOWN."""

    def decode(self, tokens: Iterable[int]) -> str:
        """Text of tokens."""

    def pieces(self, tokens: Iterable[int]) -> list[str]:
        """Each token by itself, as an attention map labels it."""


class Words:
    """A vocabulary of whole words, separated by spaces."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = (*SPECIAL, *words)
        self._numbers = {word: number for number, word in enumerate(self.words)}

    @property
    def size(self) -> int:
        """Tokens in the vocabulary."""
        return len(self.words)

    def encode(self, text: str) -> tuple[int, ...]:
        """`the dog` → numbers; a word that is not known becomes UNKNOWN."""
        return tuple(self._numbers.get(word, UNKNOWN) for word in text.split())

    def decode(self, tokens: Iterable[int]) -> str:
        """Numbers → `der Hund`."""
        return " ".join(self.pieces(tokens))

    def pieces(self, tokens: Iterable[int]) -> list[str]:
        """One word each."""
        return [self.words[token] for token in tokens]


class PairBatch(NamedTuple):
    """Pairs whose sources are equally long."""

    source_SB: Tensor
    written_TB: Tensor
    """What the decoder is given: BEGIN and the target."""
    wanted_TB: Tensor
    """What it is to say: the target and END, then PADDING."""


class Batches:
    """Pairs in batches by source length; the order is drawn anew for every epoch.

    Epoch e of seed s is always the same, so training that goes on from a checkpoint reads what it
    would have read.
    """

    def __init__(self, pairs: Sequence[Pair], batch_size: int, seed: int) -> None:
        self.pairs, self.batch_size, self.seed = pairs, batch_size, seed
        self._by_length: dict[int, list[int]] = {}
        for index, pair in enumerate(pairs):
            self._by_length.setdefault(len(pair.source), []).append(index)
        self._lengths = sorted(self._by_length)
        self._tensors = {
            length: self._laid_out(self._by_length[length]) for length in self._lengths
        }

    def __len__(self) -> int:
        """Batches in an epoch."""
        return sum(-(-len(members) // self.batch_size) for members in self._by_length.values())

    def epoch(self, number: int) -> Iterator[PairBatch]:
        """Every pair once."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        chosen: list[tuple[int, Tensor]] = []
        for length in self._lengths:
            order_N = self._order(length, generator)
            chosen += [(length, part_B) for part_B in torch.split(order_N, self.batch_size)]
        for index in torch.randperm(len(chosen), generator=generator).tolist():
            yield self._batch(*chosen[index])

    def _order(self, length: int, generator: torch.Generator) -> Tensor:
        """Shuffled, then by target length: targets of a batch are about equally long too."""
        members = self._by_length[length]
        order_N = torch.randperm(len(members), generator=generator)
        targets_N = torch.tensor([len(self.pairs[index].target) for index in members])
        return order_N[targets_N[order_N].argsort(stable=True)]

    def _laid_out(self, members: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Sources NS; targets between BEGIN and END, N(T+1), filled up with PADDING."""
        longest = max(len(self.pairs[i].target) for i in members)
        source_NS = torch.tensor([self.pairs[i].source for i in members])
        target_NT = torch.full((len(members), longest + 2), PADDING)
        for row_T, index in zip(target_NT, members, strict=True):
            row = [BEGIN, *self.pairs[index].target, END]
            row_T[: len(row)] = torch.tensor(row)
        return source_NS, target_NT

    def _batch(self, length: int, chosen_B: Tensor) -> PairBatch:
        source_NS, target_NT = self._tensors[length]
        target_BT = target_NT[chosen_B]
        used = int((target_BT != PADDING).sum(-1).max())
        written_BT = target_BT[:, : used - 1]
        return PairBatch(
            source_NS[chosen_B].T.contiguous(),
            written_BT.masked_fill(written_BT == END, PADDING).T.contiguous(),
            target_BT[:, 1:used].T.contiguous(),
        )


def padded_sources(sources: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Sources of any lengths side by side, SB, filled up with PADDING; and their lengths, B."""
    lengths_B = torch.tensor([len(source) for source in sources])
    tokens_SB = torch.full((int(lengths_B.max()), len(sources)), PADDING)
    for column, source in enumerate(sources):
        tokens_SB[: len(source), column] = torch.tensor(source)
    return tokens_SB, lengths_B
