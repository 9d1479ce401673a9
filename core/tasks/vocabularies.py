"""The vocabularies of the seq2seq tasks, without torch: special tokens, words, and their number.

`core.tasks.corpora` turns text into these tokens.
"""

from __future__ import annotations

import functools
from typing import Literal

from core.tasks import grammar

SyntheticName = Literal["copy", "reverse", "grammar"]

SPECIAL = ("<padding>", "<begin>", "<end>", "<unknown>")
"""The first four tokens of every vocabulary."""


def words_of(task: SyntheticName) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a synthetic task's source and target: digits, or English and German."""
    if task == "grammar":
        return tuple(grammar.words("english")), tuple(grammar.words("german"))
    return tuple("0123456789"), tuple("0123456789")


@functools.cache
def vocabulary_sizes(task: SyntheticName) -> tuple[int, int]:
    """How many tokens source and target of a synthetic task have, the special ones too."""
    source, target = words_of(task)
    return len(SPECIAL) + len(source), len(SPECIAL) + len(target)
