"""Texts that people upload to train on, where they cannot write to the folder of corpora.

    uploads/3f2a…/9c1e…/pairs.tsv       person, content, name

They lie in `uploads` of the folder that files may be read from (`core.files`), or of the store's
folder on one's own machine. Every upload is checked as a training text before it is kept. Nothing
of a path is what somebody typed but the letters and digits of the file's name. The same content is
kept once for a person, and nothing is ever overwritten: a run that is repeated reads what it read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from core import files
from core.settings import BadSetting
from core.tasks.parallel_text import lines_of, tsv_sides

FOLDER = "uploads"

MAX_PERSON_FILES = 50
MAX_PERSON_BYTES = 200 * files.MEBIBYTE
"""Of one person: a dozen of the largest files, and thousands of usual ones."""

MIN_FREE_BYTES = 2 * 2**30
"""What uploads leave free on the disk, for runs and their results."""

MAX_NAME = 60
"""Letters of the name that a file is kept under."""


@dataclass(frozen=True)
class Upload:
    """A file that a person has uploaded."""

    name: str
    """As the setting `file` takes it."""
    size: int
    uploaded: float
    """Seconds since 1970."""


class Uploads:
    """One person's uploads."""

    def __init__(self, store_folder: Path, person: str) -> None:
        self._root = files.boundary() or store_folder.absolute()
        # Addresses of people are not written on disk.
        owner = hashlib.sha256(person.encode(errors="replace")).hexdigest()[:16]
        self._folder = self._root / FOLDER / owner

    def keep(self, name: str, content: bytes, *, any_text: bool = False) -> str:
        """Keep a file of source, tab, target, or any text; return its name for the setting `file`.

        Raises `BadSetting` if it is larger than an upload may be, is not such a text, exceeds what
        one person may keep, or the disk is nearly full.
        """
        if len(content) > files.MAX_UPLOAD_BYTES:
            raise BadSetting(
                f"file is {files.quoted(name)}, which has {len(content):,} bytes; give at most "
                f"{files.MAX_UPLOAD_BYTES:,} ({files.MAX_UPLOAD_BYTES // files.MEBIBYTE} MiB)"
            )
        safe = safe_name(name)
        (lines_of if any_text else tsv_sides)("file", safe, content)
        path = self._folder / hashlib.sha256(content).hexdigest()[:32] / safe
        with self._changing(name):
            kept = self.files()
            if same := [one for one in kept if Path(one.name).parent.name == path.parent.name]:
                return same[0].name
            size = sum(one.size for one in kept) + len(content)
            if len(kept) >= MAX_PERSON_FILES or size > MAX_PERSON_BYTES:
                raise BadSetting(
                    f"file is {files.quoted(name)}, with which your uploads would be "
                    f"{len(kept) + 1} files of {-(-size // files.MEBIBYTE)} MiB; at most "
                    f"{MAX_PERSON_FILES} of {MAX_PERSON_BYTES // files.MEBIBYTE} MiB are kept: "
                    "remove some"
                )
            free = shutil.disk_usage(self._folder).free
            if free - len(content) < MIN_FREE_BYTES:
                raise BadSetting(
                    f"file is {files.quoted(name)}, and the disk has only "
                    f"{free // files.MEBIBYTE:,} MiB free; uploads leave "
                    f"{MIN_FREE_BYTES // files.MEBIBYTE:,} MiB of it for runs: have old uploads "
                    "removed, or tell whoever runs this dashboard"
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as new:
                new.write(content)
            Path(new.name).chmod(0o644)  # a worker may be another user
            Path(new.name).replace(path)
        return self._name(path)

    def files(self) -> list[Upload]:
        """The person's files, the newest first."""
        found = []
        for path in self._folder.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):  # it was removed meanwhile
                status = path.lstat()
                found.append(Upload(self._name(path), status.st_size, status.st_mtime))
        return sorted(found, key=lambda one: -one.uploaded)

    def remove(self, name: str) -> None:
        """Remove one of the person's files. Raises `BadSetting` if there is none of that name."""
        with self._changing(name):
            if name not in {one.name for one in self.files()}:
                raise BadSetting(f"file is {files.quoted(name)}, which is not one of your uploads")
            shutil.rmtree((self._root / name).parent)

    def _name(self, path: Path) -> str:
        """Relative to the boundary, which may lie elsewhere on a worker's machine; else in full."""
        return str(path.relative_to(self._root) if files.boundary() else path)

    @contextlib.contextmanager
    def _changing(self, name: str) -> Iterator[None]:
        """Of two changes at once, one after the other; a failure of the disk is a sentence."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / ".lock", timeout=30):
                yield
        except (OSError, Timeout) as error:
            reason = getattr(error, "strerror", None) or "another upload of yours takes long"
            raise BadSetting(
                f"file is {files.quoted(name)}, and uploads cannot be changed ({reason.lower()}); "
                "try again later, or tell whoever runs this dashboard"
            ) from error


def safe_name(name: str) -> str:
    """A name of letters, digits, `-`, `_` and `.` for a file: `../Größe (1).tsv` → `Große__1.tsv`.

    Letters lose their accents. Its end stays, which says how to read it.
    """
    last = re.split(r"[/\\]", name)[-1]
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode()
    letters = re.sub(r"[^A-Za-z0-9_.-]", "_", plain).lstrip("._-")
    stem, suffix = os.path.splitext(letters)  # noqa: PTH122 - a name, not a path
    return f"{stem[: MAX_NAME - len(suffix[:8])] or 'text'}{suffix[:8] or '.tsv'}"
