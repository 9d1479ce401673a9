"""Multi30k (Elliott et al. 2016): captions of photographs in English, German and French.

29,000 pairs to train on, 1,014 to validate, 1,000 to test (`test_2016_flickr`). Read from a folder
that has the files, or fetched from their public home when that is asked for; their SHA-256 is
checked either way, and nothing that fails it is kept.
"""

from __future__ import annotations

import contextlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from core.tasks.parallel_text import BadCorpus, Sides, checksum, read_aligned

Language = Literal["de", "en", "fr"]
Split = Literal["train", "val", "test_2016_flickr"]

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
FETCHED = Path(__file__).resolve().parents[2] / "mlruns" / "data" / "multi30k"
"""Where fetching puts the files unless another folder is named."""
SPLITS: tuple[Split, ...] = ("train", "val", "test_2016_flickr")
PIECE = 2**16
SECONDS = 30.0
"""Without a byte, after which a download counts as broken off."""

Told = Callable[[str], None]


def read(folder: Path, split: Split, source: Language, target: Language) -> Sides:
    """A split in two languages. Raises `BadCorpus` for a missing, altered or damaged file."""
    paths = [folder / f"{split}.{language}.gz" for language in (source, target)]
    for path in paths:
        if not path.exists():
            raise BadCorpus(f"{path} is missing; name a folder that has it, or let it be fetched")
        check(path)
    return read_aligned(*paths)


def check(path: Path) -> None:
    """Raise `BadCorpus` unless a file is what was published."""
    found, known = checksum(path), SHA256[path.name]
    if found != known:
        raise BadCorpus(
            f"{path} has SHA-256 {found[:12]}…, but the published file has {known[:12]}…; "
            "it is damaged or another version: remove it and get it again"
        )


def fetch(
    folder: Path, source: Language, target: Language, *, home: str = HOME, tell: Told = print
) -> None:
    """Fetch what is missing in the folder, going on where an earlier try broke off."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        for language in (source, target):
            path = folder / f"{split}.{language}.gz"
            if not path.exists():
                tell(f"fetching {path.name}")
                _fetch_file(home + path.name, path)


def _fetch_file(address: str, path: Path) -> None:
    """By way of `.part`: under its own name a file is whole and checked."""
    part = path.with_name(path.name + ".part")
    try:
        _append(address, part)
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


def _append(address: str, part: Path) -> None:
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={start}-"} if start else {})
    with contextlib.ExitStack() as open_:
        try:
            answer = open_.enter_context(urllib.request.urlopen(request, timeout=SECONDS))
        except urllib.error.HTTPError as error:
            if error.code == 416:  # it was whole already
                return
            raise
        goes_on = answer.status == http.client.PARTIAL_CONTENT
        with part.open("ab" if goes_on else "wb") as file:
            for piece in _pieces(answer):
                file.write(piece)


def _pieces(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while piece := answer.read(PIECE):
        yield piece
    if answer.length:
        raise http.client.IncompleteRead(b"", answer.length)
