"""Parallel text from files: one sentence a line, aligned by line, or a TSV of two columns.

Everything is read and checked before anything is used: a file that cannot be trusted is refused
with its name and the line.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from core.settings import BadSetting


class BadCorpus(BadSetting):
    """A file that cannot be used. One line: which file, where in it, what to do."""


class Sides(NamedTuple):
    """Sentences of two languages, aligned by index."""

    source: list[str]
    target: list[str]


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file, gzipped if it is called `.gz`, without blanks at their ends.

    Raises `BadCorpus` when it is missing, truncated, no gzip or no UTF-8, or has an empty line.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except OSError as error:
        raise BadCorpus(f"{path} cannot be read: {_reason(error)}") from None
    except (EOFError, zlib.error):
        raise BadCorpus(f"{path} ends too early; it was cut off, get it again") from None
    try:
        # Not splitlines, which also splits at characters that a sentence may contain.
        lines = content.decode("utf-8-sig").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise BadCorpus(f"{path}, line {number:,} is no UTF-8 text; save it as UTF-8") from None
    lines = [line.strip() for line in lines]
    if lines == [""]:
        raise BadCorpus(f"{path} is empty; it needs one sentence a line")
    if "" in lines:
        raise BadCorpus(f"{path}, line {lines.index('') + 1:,} is empty; give it a sentence")
    return lines


def read_aligned(source: Path, target: Path) -> Sides:
    """Two files of equally many lines."""
    sides = Sides(read_lines(source), read_lines(target))
    if len(sides.source) != len(sides.target):
        raise BadCorpus(
            f"{source} has {len(sides.source):,} lines and {target} has {len(sides.target):,}; "
            "line n of one must translate line n of the other"
        )
    return sides


def read_tsv(path: Path) -> Sides:
    """A file with a source, a tab and a target on every line."""
    sides = Sides([], [])
    for number, line in enumerate(read_lines(path), start=1):
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) != 2 or not all(columns):
            found = f"{len(columns)} column{'' if len(columns) == 1 else 's'}"
            what = found if len(columns) != 2 else "an empty column"
            raise BadCorpus(f"{path}, line {number:,} has {what}; give source, tab, target")
        sides.source.append(columns[0])
        sides.target.append(columns[1])
    return sides


def joined(sides: Sides, number: int) -> Sides:
    """Each `number` consecutive sentences as one: real text of any length. A rest is left out."""
    return Sides(*(_joined(side, number) for side in sides))


def _joined(lines: Sequence[str], number: int) -> list[str]:
    whole = len(lines) - len(lines) % number
    return [" ".join(lines[start : start + number]) for start in range(0, whole, number)]


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, gzip.BadGzipFile):
        return "it is no gzip file, or a damaged one"
    return error.strerror or str(error)
