"""Corpora to train, validate and test a seq2seq model on, and how their text becomes numbers.

    copy       3 1 2 → 3 1 2
    reverse    3 1 2 → 2 1 3
    grammar    the dog has seen the king → der Hund hat den König gesehen
    subwords   ein mädchen klettert → ▁ein ▁mädchen ▁klet tert

Shapes: N pairs, B batch, S source steps, T target steps.
"""

from __future__ import annotations

import functools
import io
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import sentencepiece
import torch
from torch import Tensor

from core.settings import BadSetting, shown
from core.tasks import grammar
from core.tasks.parallel_text import Sides, count_words, joined
from core.tasks.vocabularies import SPECIAL, SyntheticName, words_of

PADDING, BEGIN, END, UNKNOWN = range(len(SPECIAL))
"""The numbers of the special tokens."""


class Pair(NamedTuple):
    """A source and its target, without BEGIN and END."""

    source: tuple[int, ...]
    target: tuple[int, ...]


class Codec(Protocol):
    """Text ↔ tokens of one language."""

    size: int
    """Tokens in the vocabulary, the special ones too."""

    def encode(self, text: str) -> tuple[int, ...]:
        """Text → tokens; what is not in the vocabulary becomes UNKNOWN."""

    def decode(self, tokens: Iterable[int]) -> str:
        """Tokens → text."""

    def pieces(self, tokens: Iterable[int]) -> list[str]:
        """Each token by itself, as an attention map labels it."""


class Words:
    """A vocabulary of whole words, separated by spaces."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = (*SPECIAL, *words)
        self.size = len(self.words)
        self._numbers = {word: number for number, word in enumerate(self.words)}

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._numbers.get(word, UNKNOWN) for word in text.split())

    def decode(self, tokens: Iterable[int]) -> str:
        return " ".join(self.pieces(tokens))

    def pieces(self, tokens: Iterable[int]) -> list[str]:
        return [self.words[token] for token in tokens]


class Subwords:
    """Byte-pair encoding (Sennrich et al. 2016), saved as SentencePiece's own model."""

    def __init__(self, model: bytes, *, cased: bool = False) -> None:
        self.model, self.cased = model, cased
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        self.size = int(self._processor.get_piece_size())

    @classmethod
    def learn(cls, lines: Iterable[str], size: int, *, cased: bool = False) -> Subwords:
        """Learn `size` subwords from training text, in one thread: the result is deterministic.

        Raises `BadSetting` for a size that the text does not support.
        """
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(lines if cased else (line.lower() for line in lines)),
                model_writer=model,
                model_type="bpe",
                vocab_size=size,
                character_coverage=1.0,
                num_threads=1,
                pad_id=PADDING,
                bos_id=BEGIN,
                eos_id=END,
                unk_id=UNKNOWN,
                minloglevel=2,
            )
        except RuntimeError as error:
            reason = str(error).rpartition("]")[2].strip() or str(error)
            raise BadSetting(
                f"vocabulary is {size}, which this text does not support ({reason}); "
                "give another size"
            ) from None
        return cls(model.getvalue(), cased=cased)

    def encode(self, text: str) -> tuple[int, ...]:
        """Text → tokens; the text is lowercased first, unless case is kept."""
        return tuple(self._processor.encode(text if self.cased else text.lower()))

    def decode(self, tokens: Iterable[int]) -> str:
        """Tokens → text, detokenised."""
        return str(self._processor.decode([int(token) for token in tokens]))

    def pieces(self, tokens: Iterable[int]) -> list[str]:
        """Each subword by itself; ▁ begins a word."""
        return [str(self._processor.id_to_piece(int(token))) for token in tokens]


class PairBatch(NamedTuple):
    """Pairs whose sources are equally long."""

    source_SB: Tensor
    input_TB: Tensor
    """The decoder's input: BEGIN and the target."""
    target_TB: Tensor
    """The decoder's expected output: the target and END, then PADDING."""


class Batches:
    """Pairs in batches by source length; the order is drawn anew for every epoch.

    Sources of one length share a batch: nothing needs packing, and no step is spent on padding.
    Epoch e of seed s is always the same, so training that goes on from a checkpoint reads what it
    would have read.
    """

    def __init__(self, pairs: Sequence[Pair], batch_size: int, seed: int) -> None:
        self.pairs, self.batch_size, self.seed = pairs, batch_size, seed
        self._by_length: dict[int, list[int]] = {}
        for index, pair in enumerate(pairs):
            self._by_length.setdefault(len(pair.source), []).append(index)
        self._tensors = {
            length: self._tensors_of(members) for length, members in sorted(self._by_length.items())
        }

    def __len__(self) -> int:
        """Batches in an epoch."""
        return sum(-(-len(members) // self.batch_size) for members in self._by_length.values())

    def epoch(self, number: int) -> Iterator[PairBatch]:
        """Yield every pair once.

        Pairs of one source length are shuffled, then sorted by target length: targets of a batch
        are about equally long too.
        """
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        batches: list[tuple[int, Tensor]] = []
        for length in self._tensors:
            members = self._by_length[length]
            order_N = torch.randperm(len(members), generator=generator)
            targets_N = torch.tensor([len(self.pairs[index].target) for index in members])
            order_N = order_N[targets_N[order_N].argsort(stable=True)]
            batches += [(length, part_B) for part_B in torch.split(order_N, self.batch_size)]
        for index in torch.randperm(len(batches), generator=generator).tolist():
            yield self._batch(*batches[index])

    def _tensors_of(self, members: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Sources NS; targets between BEGIN and END, N(T+2), filled up with PADDING."""
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


DIGITS = Words(words_of("copy")[0])

ENGLISH, GERMAN = (Words(words) for words in words_of("grammar"))


def codecs(name: SyntheticName) -> tuple[Codec, Codec]:
    """The codecs of source and target."""
    return (ENGLISH, GERMAN) if name == "grammar" else (DIGITS, DIGITS)


def draw_pairs(name: SyntheticName, lengths: Sequence[int], seed: str) -> list[Pair]:
    """One pair per source length, in that order; the same seed draws the same pairs."""
    chance = random.Random(seed)
    if name == "grammar":
        drawn = [grammar.draw(length, chance) for length in lengths]
        return [
            Pair(ENGLISH.encode(" ".join(one.english)), GERMAN.encode(" ".join(one.german)))
            for one in drawn
        ]
    offset = DIGITS.encode("0")[0]
    sources = (tuple(offset + d for d in chance.choices(range(10), k=n)) for n in lengths)
    return [Pair(s, s[::-1] if name == "reverse" else s) for s in sources]


@dataclass(frozen=True)
class Corpus:
    """Pairs for each purpose; none of the test is among the training pairs."""

    source: Codec
    target: Codec
    train: list[Pair]
    validation: list[Pair]
    test: list[Pair]


def words_in(codec: Codec, tokens: Iterable[int]) -> int:
    """Length in words, as people count it."""
    return count_words(codec.decode(tokens))


def synthetic_corpus(
    name: SyntheticName,
    *,
    shortest: int,
    longest_trained: int,
    longest_tested: int,
    training_pairs: int,
    tested_pairs: int,
    seed: int,
) -> Corpus:
    """Pairs of every length equally often: the trained lengths in training, all in the test.

    Validation has 500 pairs.
    """
    span = longest_trained - shortest + 1
    lengths = [shortest + index % span for index in range(max(training_pairs, 500))]
    train = draw_pairs(name, lengths[:training_pairs], f"{seed} train")
    validation = draw_pairs(name, lengths[:500], f"{seed} validation")
    known = {pair.source for pair in train}
    test: list[Pair] = []
    for length in range(shortest, longest_tested + 1):
        drawn = draw_pairs(name, [length] * (4 * tested_pairs), f"{seed} test {length}")
        new = dict.fromkeys(pair for pair in drawn if pair.source not in known)
        test += list(new)[:tested_pairs]
    return Corpus(*codecs(name), train, validation, test)


def text_corpus(
    train: Sides,
    validation: Sides,
    test: Sides,
    *,
    vocabulary: int,
    training_pairs: int,
    joined_sentences: int = 1,
    shortest: int = 1,
    longest_trained: int,
    longest_tested: int,
    cased: bool = False,
) -> Corpus:
    """Parallel text of the wanted lengths, as subwords.

    The subwords are learned on the training side only, one vocabulary for both languages. Raises
    `BadSetting` where no sentence is left.
    """
    lines = (line for side in train for line in side)
    subwords = Subwords.learn(lines, vocabulary, cased=cased)

    def pairs(sides: Sides, longest: int) -> list[Pair]:
        encoded: list[Pair] = []
        for number in range(1, joined_sentences + 1):
            for source, target in zip(*joined(sides, number), strict=True):
                if not shortest <= count_words(source) <= longest:
                    continue
                pair = Pair(subwords.encode(source), subwords.encode(target))
                if not (pair.source and pair.target):
                    raise BadSetting(
                        f"the text has the pair {shown(source)} and {shown(target)}, of which "
                        "nothing is left for the model to read; remove it"
                    )
                encoded.append(pair)
        return encoded

    trained = pairs(train, longest_trained)
    if len(trained) > training_pairs:
        trained = random.Random(0).sample(trained, training_pairs)
    parts = (trained, pairs(validation, longest_trained), pairs(test, longest_tested))
    for part, name in zip(parts, ("training", "validation", "test"), strict=True):
        if not part:
            raise BadSetting(
                f"the {name} text has no sentence of {shortest} words or more within the longest "
                "length; change shortest, longest_trained or longest_tested"
            )
    return Corpus(subwords, subwords, *parts)


def split(sides: Sides, name: str, *, cased: bool = False) -> tuple[Sides, Sides, Sides]:
    """Training, validation and test of one file: 90, 5 and 5 percent of its different pairs.

    Different is what the model reads differently: after the normalisation of its subwords, and
    without capitals unless case is kept. All targets of one source stay in one part, so that no
    tested source is known from training. Raises `BadSetting` when there are too few pairs.
    """
    read = functools.partial(normalised, cased=cased)
    by_source: dict[str, dict[str, tuple[str, str]]] = {}
    for source, target in zip(sides.source, sides.target, strict=True):
        by_source.setdefault(read(source), {}).setdefault(read(target), (source, target))
    number = sum(map(len, by_source.values()))
    if number < 20:
        raise BadSetting(
            f"{name} has {number} different pairs; training, validation and test need at least 20"
        )
    groups = [list(pairs.values()) for pairs in by_source.values()]
    random.Random(0).shuffle(groups)
    size = max(1, number // 20)
    parts: list[list[tuple[str, str]]] = [[], [], []]
    for group in groups:
        fits = (part for part in parts[1:] if len(part) + len(group) <= size)
        place = next(fits, parts[0])
        place += group
    if not (parts[1] and parts[2]):
        raise BadSetting(
            f"{name} has sources with so many targets that none is left to validate and to test "
            "on; give more different sources"
        )
    train, validation, test = (Sides([s for s, _ in p], [t for _, t in p]) for p in parts)
    return train, validation, test


def normalised(text: str, *, cased: bool) -> str:
    """A text as subwords read it: SentencePiece's form of NFKC, one blank between words."""
    return str(_normaliser().normalize(text if cased else text.lower())).strip()


@functools.cache
def _normaliser() -> Any:
    return sentencepiece.SentencePieceNormalizer(
        rule_name="nmt_nfkc",
        add_dummy_prefix=False,
        escape_whitespaces=False,
        remove_extra_whitespaces=True,
    )
