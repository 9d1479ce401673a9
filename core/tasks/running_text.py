"""A text to be read character by character: in three parts, and as numbers. Without torch.

A text is a list of passages: paragraphs of the licences that come along, lines of a file that
somebody names. In a passage every run of white space is one blank; each ends with a line feed.

    "a  b", "c"  →  "a b\\nc\\n"

The licences are in `licences/`, whose README names each and why it may be copied. Validation and
test are licences of other families than those of training. A file is divided in its own order: 90,
5 and 5 percent of its characters, and a passage that came before is left out.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy
from numpy.typing import NDArray

from core import files
from core.settings import BadSetting
from core.tasks import parallel_text

Numbers = NDArray[numpy.int64]

Side = Literal["whole", "source", "target"]
"""What of a line is read: all of it, or one side of source, tab, target."""

HeldOut = Literal["validation", "test"]

LICENCES = Path(__file__).resolve().parent / "licences"

FAMILIES = {
    "training": ("GPL-2", "GPL-3", "LGPL-2.1", "LGPL-3", "GFDL-1.3"),
    "validation": ("MPL-1.1",),
    "test": ("MPL-2.0", "CC0-1.0"),
}
"""Part → the licences in it."""

PARTS = 20
"""Of so many equal parts of a file the last but one is validation and the last one the test."""

MIN_COUNT = 10
"""A character that training has less often is unknown: what stands for all such characters must
come often enough to be learned."""

UNKNOWN = 0

RULES = re.compile(r"[*=|-]{2,}|(?<!\S)[*|](?!\S)")
"""Lines and the sides of boxes, as plain text draws them."""

REPEATED = 32
"""Characters: so many in a row that training has too are called repeated."""


class Parts(NamedTuple):
    """A text, divided."""

    training: str
    validation: str
    test: str


def joined(passages: Iterable[str]) -> str:
    """Passages, each with a line feed at its end; without white space an empty one is left out."""
    plain = (" ".join(passage.split()) for passage in passages)
    return "".join(f"{passage}\n" for passage in plain if passage)


@functools.cache
def licences() -> Parts:
    """The licences that come along, paragraph by paragraph, without lines and boxes."""

    def paragraphs(name: str) -> list[str]:
        return re.split(r"\n\s*\n", RULES.sub(" ", (LICENCES / name).read_text("utf-8")))

    return Parts(
        *(joined(p for name in FAMILIES[part] for p in paragraphs(name)) for part in Parts._fields)
    )


def file_parts(name: str, side: Side, most: int) -> Parts:
    """A file that somebody names, line by line; of its training part at most the first `most`
    characters.

    Raises `BadSetting` for a file that cannot be read, and for one of two columns of which none is
    chosen.
    """
    content = files.read("file", name)
    if side == "whole":
        lines = parallel_text.lines_of("file", name, content)
        if all("\t" in line for line in lines if line.strip()):
            raise BadSetting(
                f"side is 'whole', but every line of {files.quoted(name)} has a tab; give source "
                "or target, the column to read"
            )
    else:
        lines = getattr(parallel_text.tsv_sides("file", name, content), side)
    return divided(lines, most)


def divided(passages: Sequence[str], most: int) -> Parts:
    """The passages in their order: 90, 5 and 5 percent of the characters of the different ones."""
    different: dict[str, str] = {}
    for passage in passages:
        different.setdefault(" ".join(passage.casefold().split()), passage)
    kept = [*different.values()]
    lengths = numpy.cumsum([len(joined([passage])) for passage in kept])
    ends = [(PARTS - left) * int(lengths[-1]) // PARTS for left in (2, 1)]
    first, second = (int(end) for end in numpy.searchsorted(lengths, ends, side="right"))
    training = joined(kept[:first])
    return Parts(training[:most], joined(kept[first:second]), joined(kept[second:]))


@dataclass(frozen=True)
class RunningText:
    """The parts as numbers: UNKNOWN, then the characters of training that come most often."""

    characters: str
    """Those that are told apart, without UNKNOWN."""
    training: Numbers
    validation: Numbers
    test: Numbers

    @classmethod
    def of(cls, parts: Parts, vocabulary: int) -> RunningText:
        """With at most so many numbers, UNKNOWN among them; training alone decides which."""
        counts = Counter(parts.training)
        often = [char for char, count in counts.most_common(vocabulary - 1) if count >= MIN_COUNT]
        characters = "".join(sorted(often))
        number = {char: index for index, char in enumerate(characters, start=UNKNOWN + 1)}
        return cls(
            characters,
            *(numpy.array([number.get(c, UNKNOWN) for c in part], numpy.int64) for part in parts),
        )

    def starts(self, part: HeldOut, length: int, count: int) -> Numbers:
        """Where `count` windows of so many characters begin, evenly over a part.

        Raises `BadSetting` where the part is too short for them all to differ.
        """
        have = len(self.held_out(part))
        if have < length + count - 1:
            raise BadSetting(
                f"tested_windows is too many: {count:,} windows of {length:,} characters are to "
                f"differ, and the {part} part of the text has {have:,} characters; give fewer, a "
                "shorter longest_context or window, or a longer text"
            )
        return numpy.linspace(0, have - length, count).round().astype(numpy.int64)

    def windows(self, part: HeldOut, length: int, count: int) -> Numbers:
        """The characters of these windows, a row each."""
        every = numpy.lib.stride_tricks.sliding_window_view(self.held_out(part), length)
        return every[self.starts(part, length, count)]

    def held_out(self, part: HeldOut) -> Numbers:
        return self.validation if part == "validation" else self.test

    def repeated(self, windows: Numbers) -> float:
        """The percentage of windows whose last 32 characters stand in the training part too."""
        if min(windows.shape[1], len(self.training)) < REPEATED:
            return 0.0
        view = numpy.lib.stride_tricks.sliding_window_view(self.training, REPEATED)
        known, ends = (
            numpy.ascontiguousarray(rows + 1, numpy.uint8).view(f"S{REPEATED}").ravel()
            for rows in (view, windows[:, -REPEATED:])
        )
        return 100 * float(numpy.isin(ends, known).mean())
