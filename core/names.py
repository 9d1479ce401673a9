"""Names and notes that people typed, made fit to stand among other words.

They can hold anything: markup, line breaks, letters that read from right to left or that order the
reader's eye to do so, and ten thousand letters. Escaping is up to whoever writes them down.
"""

from __future__ import annotations

import re

LETTERS = 80
"""Of a name in the middle of a sentence."""
END = 20
"""Of them at its end: names that begin alike are told apart there."""
ORDERS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Embed, override or isolate a direction: unclosed, they turn round what stands beside them."""
CONTROL = (*range(0x20), *range(0x7F, 0xA0))
INVISIBLE = {ord(letter): None for letter in ORDERS} | dict.fromkeys(CONTROL, " ")
"""Control characters are spaces: a terminal would obey them."""
RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
ISOLATE, END_ISOLATE = "\u2068", "\u2069"
FORMULA = "=+-@\t\r"
"""A spreadsheet computes what begins so."""


def one_line(text: str) -> str:
    """All letters that can be seen, with single spaces between words."""
    return " ".join(text.translate(INVISIBLE).split())


def isolated(text: str) -> str:
    """The text as a world of its own, if any of it reads from right to left."""
    return f"{ISOLATE}{text}{END_ISOLATE}" if RIGHT_TO_LEFT.search(text) else text


def short(text: str, letters: int = LETTERS) -> str:
    """On one line; of a long one the beginning and the end: `xxxxxx…xxx`."""
    line = one_line(text)
    return line if len(line) <= letters else f"{line[: letters - END - 1]}…{line[-END:]}"


def among(text: str, letters: int = LETTERS) -> str:
    """Short, and without an effect on the words beside it."""
    return isolated(short(text, letters))


def cell(text: str) -> str:
    """Of a CSV file that a spreadsheet opens: no formula, but a number stays a number."""
    if not text.startswith(tuple(FORMULA)):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
