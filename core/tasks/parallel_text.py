"""Parallel text from files: one sentence a line, aligned by line, or a TSV of two columns.

Everything is read and checked before anything is used: a file that cannot be trusted is refused
with its name and the line. Multi30k is read from a folder that has its files, or downloaded from
their public home on request.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from core.settings import BadSetting


class BadCorpus(BadSetting):
    """A file that cannot be used: the message names the file, the line and what to do."""


class Sides(NamedTuple):
    """Sentences of two languages, aligned by index."""

    source: list[str]
    target: list[str]


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file, gzipped if it is called `.gz`, without blanks at their ends.

    Raises `BadCorpus` when it is missing, truncated, not gzip, not UTF-8, or has an empty line.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except FileNotFoundError:
        raise BadCorpus(f"{path} cannot be read: there is no such file") from None
    except gzip.BadGzipFile:
        raise BadCorpus(f"{path} cannot be read: it is not a gzip file, or damaged") from None
    except OSError as error:
        raise BadCorpus(f"{path} cannot be read: {error.strerror or error}") from None
    except (EOFError, zlib.error):
        raise BadCorpus(f"{path} ends too early; it was cut off, get it again") from None
    try:
        # Not splitlines, which also splits at characters that a sentence may contain.
        lines = content.decode("utf-8-sig").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise BadCorpus(f"{path}, line {number:,} is not valid UTF-8; save it as UTF-8") from None
    lines = [line.strip() for line in lines]
    if lines == [""]:
        raise BadCorpus(f"{path} is empty; it needs one sentence a line")
    if "" in lines:
        raise BadCorpus(f"{path}, line {lines.index('') + 1:,} is empty; give it a sentence")
    return lines


def read_aligned(source: Path, target: Path) -> Sides:
    """Read two files of equally many lines."""
    sides = Sides(read_lines(source), read_lines(target))
    if len(sides.source) != len(sides.target):
        raise BadCorpus(
            f"{source} has {len(sides.source):,} lines and {target} has {len(sides.target):,}; "
            "line n of one must translate line n of the other"
        )
    return sides


def read_tsv(path: Path) -> Sides:
    """Read a file with a source, a tab and a target on every line."""
    sides = Sides([], [])
    for number, line in enumerate(read_lines(path), start=1):
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) != 2:
            count = f"{len(columns)} column{'' if len(columns) == 1 else 's'}"
            raise BadCorpus(f"{path}, line {number:,} has {count}; give source, tab, target")
        sides.source.append(columns[0])
        sides.target.append(columns[1])
    return sides


def joined(sides: Sides, number: int) -> Sides:
    """Join each `number` consecutive sentences into one; a remainder is left out."""
    starts = range(0, len(sides.source) - len(sides.source) % number, number)
    return Sides(*([" ".join(side[at : at + number]) for at in starts] for side in sides))


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Multi30k (Elliott et al. 2016): captions of photographs in English, German and French.

Language = Literal["de", "en", "fr"]

Split = Literal["train", "val", "test_2016_flickr"]
"""29,000 pairs to train on, 1,014 to validate and 1,000 to test."""

SPLITS: tuple[Split, ...] = get_args(Split)

HOME = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/"

SHA256 = {
    "test_2016_flickr.de.gz": "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
    "test_2016_flickr.en.gz": "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
    "test_2016_flickr.fr.gz": "6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90",
    "train.de.gz": "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6",
    "train.en.gz": "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
    "train.fr.gz": "622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c",
    "val.de.gz": "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a",
    "val.en.gz": "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
    "val.fr.gz": "ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9",
}

DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / "mlruns" / "data" / "multi30k"
"""Where `fetch` puts the files unless another folder is named."""


def read(folder: Path, split: Split, source: Language, target: Language) -> Sides:
    """Read a split in two languages. Raises `BadCorpus` for a missing, altered or damaged file."""
    paths = [folder / f"{split}.{language}.gz" for language in (source, target)]
    for path in paths:
        if not path.exists():
            raise BadCorpus(f"{path} is missing; name a folder that has it, or let it be fetched")
        actual, published = checksum(path), SHA256[path.name]
        if actual != published:
            raise BadCorpus(
                f"{path} has SHA-256 {actual[:12]}…, but the published file has {published[:12]}…; "
                "it is damaged or another version: remove it and get it again"
            )
    return read_aligned(*paths)


def fetch(
    folder: Path,
    source: Language,
    target: Language,
    *,
    home: str = HOME,
    report: Callable[[str], None] = print,
) -> None:
    """Fetch the files that the folder lacks, resuming where an earlier try broke off.

    Raises `BadCorpus` for a file that cannot be fetched, or is not what was published.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        for language in (source, target):
            path = folder / f"{split}.{language}.gz"
            if not path.exists():
                report(f"fetching {path.name}")
                _fetch_file(home + path.name, path)


def _fetch_file(address: str, path: Path) -> None:
    """Download to `.part` and rename: under its own name a file is whole and checked."""
    part = path.with_name(path.name + ".part")
    try:
        _download(address, part)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise BadCorpus(
            f"{address} could not be fetched ({reason}); try again, or get the files by hand and "
            "name their folder"
        ) from None
    if checksum(part) != SHA256[path.name]:
        part.unlink()
        raise BadCorpus(f"{address} is not what was published (its SHA-256 differs); not kept")
    part.replace(path)


def _download(address: str, part: Path) -> None:
    """Append to `part` what it lacks. It fails after 30 seconds without a byte."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={start}-"} if start else {})
    with contextlib.ExitStack() as open_:
        try:
            answer = open_.enter_context(urllib.request.urlopen(request, timeout=30.0))
        except urllib.error.HTTPError as error:
            if error.code == 416:  # the file was complete already
                return
            raise
        resumes = answer.status == http.client.PARTIAL_CONTENT
        with part.open("ab" if resumes else "wb") as file:
            while piece := answer.read(2**16):
                file.write(piece)
        if answer.length:
            raise http.client.IncompleteRead(b"", answer.length)
