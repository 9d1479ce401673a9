"""Typed text as a sequence: one step for each letter, as people count letters.

`naïve 👩‍👩‍👧` → n a ï v e ␣ 👩‍👩‍👧, however many code points they are made of. The first letter
typed is the first step, in any writing direction.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

import regex

from core.exploring.exploration import LONGEST
from core.words import counted

LONGEST_CLUSTER = 16
"""Code points of one letter: a family emoji has 11; a letter under a thousand accents has more."""
SEEN = {" ": "␣", "\n": "⏎", "\t": "⇥"}


class Typed(NamedTuple):
    """The letters that are read, and what was done to the text in a sentence (or nothing)."""

    letters: tuple[str, ...]
    remark: str


def typed(text: str) -> Typed:
    """The first 200 letters of a text."""
    # No letter that counts lies further: the rest of an endless text is not looked through.
    found = regex.findall(r"\X", text[: LONGEST * LONGEST_CLUSTER])
    letters = tuple(visible(letter) for letter in found[:LONGEST])
    cut = len(found) > LONGEST or len(text) > LONGEST * LONGEST_CLUSTER
    remark = f"Only the first {counted(len(letters), 'letter')} are read." if cut else ""
    return Typed(letters, remark)


def visible(letter: str) -> str:
    """A letter that can stand under a figure: spaces and unprintable ones have a sign."""
    if letter in SEEN:
        return SEEN[letter]
    kept = "".join(c for c in letter[:LONGEST_CLUSTER] if c.isprintable() or c in "\u200d\ufe0f")
    alone = kept and unicodedata.combining(kept[0])
    return f"◌{kept}" if alone else kept or "�"
