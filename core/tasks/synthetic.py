"""Pairs of exactly known difficulty: copy, reverse, and sentences of the synchronous grammar.

copy:     3 1 2 → 3 1 2
reverse:  3 1 2 → 2 1 3
grammar:  the dog has seen the king → der Hund hat den König gesehen
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

from core.tasks import grammar
from core.tasks.pairs import Codec, Pair, Words

SyntheticName = Literal["copy", "reverse", "grammar"]
DIGITS = Words("0123456789")
ENGLISH, GERMAN = Words(grammar.words("english")), Words(grammar.words("german"))


def codecs(name: SyntheticName) -> tuple[Codec, Codec]:
    """Of source and target."""
    return (ENGLISH, GERMAN) if name == "grammar" else (DIGITS, DIGITS)


def draw_pairs(name: SyntheticName, lengths: Sequence[int], seed: str) -> list[Pair]:
    """One pair per source length, in that order; the same seed draws the same pairs."""
    chance = random.Random(seed)
    if name == "grammar":
        return [_sentence(grammar.draw(length, chance)) for length in lengths]
    offset = DIGITS.encode("0")[0]
    sources = (tuple(offset + d for d in chance.choices(range(10), k=n)) for n in lengths)
    return [Pair(s, s[::-1] if name == "reverse" else s) for s in sources]


def _sentence(drawn: grammar.Sentence) -> Pair:
    return Pair(ENGLISH.encode(" ".join(drawn.english)), GERMAN.encode(" ".join(drawn.german)))
