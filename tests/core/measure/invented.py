"""Invented sentences and their corruptions: populations to score and to draw samples from."""

from __future__ import annotations

import random
from collections.abc import Sequence

from core.tasks import grammar

LENGTHS = range(4, 17)


def sentences(count: int, seed: int = 0, lengths: Sequence[int] = LENGTHS) -> list[str]:
    """Target sentences of the grammar, of lengths drawn evenly."""
    chance = random.Random(seed)
    return [" ".join(grammar.draw(chance.choice(lengths), chance).german) for _ in range(count)]


def corrupted(references: Sequence[str], rate: float, seed: int, perfect: float = 0.2) -> list[str]:
    """Each reference with words replaced, left out or added, at a rate of its own around `rate`;
    a share of them stays perfect."""
    chance = random.Random(seed)
    words = [word for text in references[:500] for word in text.split()]
    outputs = []
    for text in references:
        own = 0.0 if chance.random() < perfect else chance.betavariate(4 * rate, 4 * (1 - rate))
        written: list[str] = []
        for word in text.split():
            draw = chance.random()
            if draw < 0.6 * own:
                written.append(chance.choice(words))
            elif draw < 0.8 * own:
                continue
            elif draw < own:
                written += [word, chance.choice(words)]
            else:
                written.append(word)
        outputs.append(" ".join(written))
    return outputs


REFERENCES = sentences(300)
