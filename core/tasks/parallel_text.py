"""Parallel text from files: one sentence a line, aligned by line, or two columns of one file.

Everything is read (`core.files`) and checked before anything is used: a file that cannot be trusted
is refused with its name and the line. Multi30k is read from a folder that has its files, or
downloaded from their public home on request.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import http.client
import itertools
import os
import re
import unicodedata
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, get_args

from core import files
from core.settings import BadSetting


class Sides(NamedTuple):
    """Sentences of two languages, aligned by index."""

    source: list[str]
    target: list[str]


HEADINGS = {
    *("source", "target", "src", "tgt", "trg", "attribution", "text", "translation", "sentence"),
    *("english", "german", "french", "spanish", "italian", "dutch", "portuguese", "russian"),
    *("chinese", "japanese", "korean", "deutsch", "englisch"),
    *("en", "de", "fr", "es", "it", "nl", "pt", "ru", "zh", "ja", "ko"),
}
"""A first line whose two columns are called one of these names them, and is no sentence."""

CELL_MARKS = ("\t", ";", ",")
"""What separates the columns of a `.csv`: the first of those that most of its lines have."""


WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff]"
)
"""A letter of Thai, Lao, Burmese, Khmer, Japanese or Chinese, which put no spaces between words."""


def count_words(text: str) -> int:
    """The length of a text in words; of a script without spaces every letter counts as one.

    `the dog` → 2, `狗看见猫。` → 4, `我 love 你` → 3.
    """
    count = 0
    for part in text.split():
        letters = len(WITHOUT_SPACES.findall(part))
        rest = WITHOUT_SPACES.sub("", part) if letters else part
        count += letters + (not letters or any(letter.isalnum() for letter in rest))
    return count


MAX_WORD = 200
"""Letters of a word, in a script with spaces: longer ones are no words, and a batch with one takes
a hundred times as long."""


def too_long(text: str) -> int:
    """The letters of the longest word of a text if it is too long to be one, else 0."""
    words = (part for part in text.split() if not WITHOUT_SPACES.search(part))
    longest = max(map(len, words), default=0)
    return longest if longest > MAX_WORD else 0


def is_empty(text: str) -> bool:
    """Whether a model would read nothing: blanks, controls and marks without width."""
    return all(unicodedata.category(letter)[0] in "CZ" for letter in text)


def sentences(field: str, name: str, content: bytes) -> list[str]:
    """The lines of a UTF-8 text, gzipped if it is called `.gz`, without blanks at their ends.

    Raises `BadSetting` if it is truncated, not gzip, too large or no text, or has an empty line.
    """
    lines = [line.strip() for line in lines_of(field, name, content)]
    for number, line in enumerate(lines, start=1):
        if is_empty(line):
            raise BadSetting(
                f"{field} is {files.quoted(name)}, whose line {number:,} is empty; give it a "
                "sentence"
            )
        _require_words(field, name, number, line)
    return lines


def _require_words(field: str, name: str, number: int, text: str) -> None:
    if letters := too_long(text):
        raise BadSetting(
            f"{field} is {files.quoted(name)}, whose line {number:,} has a word of {letters:,} "
            f"letters; give at most {MAX_WORD}"
        )


def lines_of(field: str, name: str, content: bytes) -> list[str]:
    """The lines of a UTF-8 text, gzipped if it is called `.gz`. Raises `BadSetting`."""
    if name.endswith(".gz"):
        content = files.unpacked(field, name, content)
    return files.text_lines(field, name, content)


class Table(NamedTuple):
    """What a file with columns holds."""

    sides: Sides
    ignored: tuple[str, ...]
    """What of it was not read, in words."""


def read_table(field: str, name: str, content: bytes) -> Table:
    """The first two columns of a text, source and target: separated by tabs, or of a `.csv`.

    Further columns and a line of headings are ignored, which is said. Raises `BadSetting` for a
    line without two of them.
    """
    rows = list(_rows(field, name, content))
    ignored = []
    if rows and len(rows[0][1]) > 1 and {cell.lower() for cell in rows[0][1][:2]} <= HEADINGS:
        ignored.append(f"line 1, which names the columns: {', '.join(rows[0][1])}")
        rows = rows[1:]
        if not rows:
            raise BadSetting(
                f"{field} is {files.quoted(name)}, which has no sentences under its line of "
                "headings; give some"
            )
    more = sum(any(cells[2:]) for _, cells in rows)
    if more == len(rows) and all(cells[0].isdecimal() for _, cells in rows):
        raise BadSetting(
            f"{field} is {files.quoted(name)}, whose first column has numbers alone; give source "
            "and target as its first two columns"
        )
    if more:
        ignored.append(f"what {more:,} of {len(rows):,} lines have after their second column")
    sides = Sides([], [])
    for number, cells in rows:
        fault = ""
        if len(cells) < 2:
            fault = "has 1 column" if any(cells) else "is empty"
        elif empty := [
            side for side, cell in zip(Sides._fields, cells, strict=False) if is_empty(cell)
        ]:
            fault = f"has an empty {' and an empty '.join(empty)}"
        if fault:
            separator = "comma" if _is_csv(name) else "tab"
            raise BadSetting(
                f"{field} is {files.quoted(name)}, whose line {number:,} {fault}; give source, "
                f"{separator}, target"
            )
        for cell in cells[:2]:
            _require_words(field, name, number, cell)
        sides.source.append(cells[0])
        sides.target.append(cells[1])
    return Table(sides, tuple(ignored))


def _is_csv(name: str) -> bool:
    return name.lower().removesuffix(".gz").endswith(".csv")


def _rows(field: str, name: str, content: bytes) -> Iterator[tuple[int, list[str]]]:
    """(line, cells without blanks at their ends) of every line."""
    lines = lines_of(field, name, content)
    if not _is_csv(name):
        # Quotation marks of a spreadsheet, which doubles those within; else they are the text's.
        quoted = any('""' in cell[1:-1] for line in lines for cell in _quoted(line))
        for number, line in enumerate(lines, start=1):
            split = line.split("\t")
            if _is_cut(split):
                raise BadSetting(
                    f"{field} is {files.quoted(name)}, whose line {number:,} has a tab within "
                    "quotation marks; give source, tab, target"
                )
            yield number, [(_unquoted(cell) if quoted else cell).strip() for cell in split]
        return
    named = re.fullmatch(r"sep=(.)", lines[0].strip('"'))  # how Excel is told the separator
    mark = named[1] if named else max(CELL_MARKS, key=lambda mark: _lines_in_two(lines, mark))
    first = 1 + bool(named)
    reader = csv.reader(lines[first - 1 :], delimiter=mark, strict=True)
    columns = 0
    try:
        for at, cells in enumerate(reader, start=first):
            if reader.line_num + first - 1 != at:
                raise csv.Error("a cell goes on in the next line")
            columns = columns or len(cells)
            if len(cells) > columns:  # else a comma of the text would cut it short
                raise csv.Error(
                    f"it has {len(cells)} columns, and the first line {columns}; a text with "
                    f"{mark!r} within stands in quotation marks"
                )
            yield at, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise BadSetting(
            f"{field} is {files.quoted(name)}, whose line {reader.line_num + first - 1:,} cannot "
            f"be read ({error}); give source, comma, target"
        ) from None


def _lines_in_two(lines: Sequence[str], mark: str) -> int:
    """How many of the lines have two columns or more when so separated."""
    found = 0
    for line in lines:
        with contextlib.suppress(csv.Error):  # quotation marks that another separator explains
            found += len(next(csv.reader([line], delimiter=mark, strict=True))) > 1
    return found


def _is_cut(cells: Sequence[str]) -> bool:
    """Whether a quotation is open at the end of a cell, closed at the end of the next, and there
    would be columns enough without: `"ein	zwei"	two`."""
    return len(cells) > 2 and any(
        one.lstrip().startswith('"')
        and one.count('"') == 1 == other.count('"')
        and other.rstrip().endswith('"')
        for one, other in itertools.pairwise(cells)
    )


def _quoted(line: str) -> list[str]:
    return [cell for cell in line.split("\t") if _is_quoted(cell.strip())]


def _is_quoted(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', "")


def _unquoted(cell: str) -> str:
    bare = cell.strip()
    return bare[1:-1].replace('""', '"') if _is_quoted(bare) else cell


def tsv_sides(field: str, name: str, content: bytes) -> Sides:
    """The sentences of such a text."""
    return read_table(field, name, content).sides


def read_tsv(field: str, name: str) -> Table:
    """Read a file of that kind."""
    return read_table(field, name, files.read(field, name))


def joined(sides: Sides, number: int) -> Sides:
    """Join each `number` consecutive sentences into one; a remainder is left out."""
    starts = range(0, len(sides.source) - len(sides.source) % number, number)
    return Sides(*([" ".join(side[at : at + number]) for at in starts] for side in sides))


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
"""Where the files are, and where `fetch` puts them, unless another folder is named."""

SHARED_FOLDER = "multi30k"
"""Likewise on a shared host: this folder of those that files may be read from."""

MAX_FETCHED = 4 * files.MEBIBYTE
"""Bytes of one file. The largest that was published has 0.7 MiB."""


def folder_of(name: str) -> str:
    """The folder of that name; the usual one for an empty name."""
    return name or (SHARED_FOLDER if files.boundary() else str(DEFAULT_FOLDER))


def read(folder: str, split: Split, source: Language, target: Language) -> Sides:
    """Read a split in two languages. Raises `BadSetting` for a missing or altered file."""
    sides = []
    for language in (source, target):
        name = f"{split}.{language}.gz"
        path = str(Path(folder_of(folder), name))
        if not files.resolve("folder", path).exists():
            raise BadSetting(
                f"folder has no {files.quoted(path)}; name a folder that has it, or let it be "
                "fetched"
            )
        content = files.read("folder", path)
        actual, published = hashlib.sha256(content).hexdigest(), SHA256[name]
        if actual != published:
            raise BadSetting(
                f"folder has {files.quoted(path)} with SHA-256 {actual[:12]}…, but the published "
                f"file has {published[:12]}…; it is damaged or another version: get it again"
            )
        sides.append(sentences("folder", path, content))
    return Sides(*sides)


def fetch(
    folder: str,
    source: Language,
    target: Language,
    *,
    home: str = HOME,
    report: Callable[[str], None] = print,
) -> None:
    """Fetch the files that the folder lacks, resuming where an earlier try broke off.

    On a shared host nothing is written but `SHARED_FOLDER`: what one person fetches serves
    everybody, and nobody makes folders there. Raises `BadSetting` for a file that cannot be
    fetched or kept, or is not what was published.
    """
    if folder and files.boundary():
        raise BadSetting(
            f"fetch is true, but folder is {files.quoted(folder)}; leave folder out: here files "
            "are fetched into one place for everybody"
        )
    path = files.resolve("folder", folder_of(folder))
    try:
        path.mkdir(parents=True, exist_ok=True)
        for split in SPLITS:
            for language in (source, target):
                name = f"{split}.{language}.gz"
                if not (path / name).exists():
                    report(f"fetching {name}")
                    _fetch_file(home + name, path / name)
    except OSError as error:
        raise BadSetting(
            f"fetch is true, but {files.quoted(folder_of(folder))} cannot be written "
            f"({(error.strerror or str(error)).lower()}); get the files by hand and name their "
            "folder"
        ) from None


def _fetch_file(address: str, path: Path) -> None:
    """Download to `.part` and rename: under its own name a file is whole and checked."""
    part = path.with_name(path.name + ".part")
    with open(part, "a+b", opener=_open_part) as file:
        try:
            _download(address, file)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise BadSetting(
                f"fetch is true, but {address} could not be fetched ({reason}); try again, or get "
                "the files by hand and name their folder"
            ) from None
        file.seek(0)
        if hashlib.sha256(file.read()).hexdigest() != SHA256[path.name]:
            part.unlink()
            raise BadSetting(
                f"fetch is true, but {address} is not what was published (its SHA-256 differs); "
                "not kept"
            )
    part.replace(path)


def _open_part(path: str, flags: int) -> int:
    """Open for writing, but neither through a link nor a pipe that waits for its other end."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)


def _download(address: str, file: BinaryIO) -> None:
    """Append to the file what it lacks. It fails after 30 seconds without a byte."""
    start = file.seek(0, os.SEEK_END)
    request = urllib.request.Request(address, headers={"Range": f"bytes={start}-"} if start else {})
    with contextlib.ExitStack() as open_:
        try:
            answer = open_.enter_context(urllib.request.urlopen(request, timeout=30.0))
        except urllib.error.HTTPError as error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:  # it was complete already
                return
            raise
        if answer.status != http.client.PARTIAL_CONTENT:
            file.truncate(0)
        while piece := answer.read(2**16):
            if file.seek(0, os.SEEK_END) + len(piece) > MAX_FETCHED:
                file.truncate(0)
                raise http.client.HTTPException("it is larger than what was published")
            file.write(piece)
        if answer.length:
            raise http.client.IncompleteRead(b"", answer.length)
