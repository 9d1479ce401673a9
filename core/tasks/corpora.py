"""What a seq2seq model is trained, validated and tested on, and how its text becomes numbers."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.tasks.pairs import Codec, Pair
from core.tasks.parallel_text import BadCorpus, Sides, joined
from core.tasks.subwords import Subwords
from core.tasks.synthetic import SyntheticName, codecs, draw_pairs

VALIDATED = 500
"""Pairs that a synthetic task is validated on."""
FEWEST_LINES = 20
"""Of a file that is to be split into training, validation and test."""


@dataclass(frozen=True)
class Corpus:
    """Pairs for each purpose; none of the test is among the training pairs."""

    source: Codec
    target: Codec
    train: list[Pair]
    validation: list[Pair]
    test: list[Pair]


def words_in(codec: Codec, tokens: Iterable[int]) -> int:
    """Length as people count it."""
    return len(codec.decode(tokens).split())


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
    """Every length equally often: trained ones in training, all of them in the test."""
    span = longest_trained - shortest + 1
    lengths = [shortest + index % span for index in range(max(training_pairs, VALIDATED))]
    train = draw_pairs(name, lengths[:training_pairs], f"{seed} train")
    validation = draw_pairs(name, lengths[:VALIDATED], f"{seed} validation")
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
) -> Corpus:
    """Subwords are learned on the training side only, one vocabulary for both languages."""
    lowered = (line.lower() for side in train for line in side)
    subwords = Subwords.learn(lowered, vocabulary)

    def pairs(sides: Sides, longest: int) -> list[Pair]:
        found = []
        for number in range(1, joined_sentences + 1):
            for source, target in zip(*joined(sides, number), strict=True):
                if shortest <= len(source.split()) <= longest:
                    found.append(Pair(subwords.encode(source), subwords.encode(target)))
        return found

    trained = pairs(train, longest_trained)
    if len(trained) > training_pairs:
        trained = random.Random(0).sample(trained, training_pairs)
    parts = (trained, pairs(validation, longest_trained), pairs(test, longest_tested))
    for part, name in zip(parts, ("training", "validation", "test"), strict=True):
        if not part:
            raise BadCorpus(
                f"the {name} text has no sentence of {shortest} words or more within the longest "
                "length; change shortest, longest_trained or longest_tested"
            )
    return Corpus(subwords, subwords, *parts)


def split(sides: Sides, name: str) -> tuple[Sides, Sides, Sides]:
    """Training, validation and test of one file: 90, 5 and 5 percent of its different pairs.

    Raises `BadCorpus` when there are too few lines.
    """
    pairs = list(dict.fromkeys(zip(sides.source, sides.target, strict=True)))
    if len(pairs) < FEWEST_LINES:
        raise BadCorpus(
            f"{name} has {len(pairs)} different pairs; training, validation and test need "
            f"{FEWEST_LINES} at the least"
        )
    random.Random(0).shuffle(pairs)
    part = max(1, len(pairs) // 20)
    return _sides(pairs[2 * part :]), _sides(pairs[:part]), _sides(pairs[part : 2 * part])


def _sides(pairs: Sequence[tuple[str, str]]) -> Sides:
    return Sides([source for source, _ in pairs], [target for _, target in pairs])
