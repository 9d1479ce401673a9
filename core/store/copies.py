"""Copies on this disk of the tables and models that a server keeps.

A scorecard reads thousands of tables, and each is a request to the MLflow server. What a finished
run has recorded does not change any more, so it is asked for once.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import uuid
from collections.abc import Callable, Collection
from pathlib import Path

MAX_BYTES = 2**30
"""Of all copies together; those of an average run take 50 kB."""

PRUNE_BYTES = 2**26
"""That much more may come before what is too much is removed."""

FREE_BYTES = 2**31
"""Left on the disk for what is more important."""

NAMES = "names"
"""The file that lists the tables which a run has."""


class Copies:
    """The copies in one folder, which has a folder for each run. Without room there are none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Every run is a process of its own, and writes little: of many of them some prune.
        self._unpruned = random.randrange(PRUNE_BYTES)
        """Bytes written since what is too much was last removed."""

    def names(self, run_id: str) -> frozenset[str] | None:
        """The names of a run's tables, None if they are not known here."""
        try:
            return frozenset((self.folder / run_id / NAMES).read_text().split("\n")) - {""}
        except OSError:
            return None

    def has(self, run_id: str, name: str) -> bool:
        """Whether there is a copy of a table."""
        return (self.folder / run_id / f"{name}.csv").exists()

    def table(self, run_id: str, name: str) -> bytes | None:
        """The copy of a table, None if there is none, or if it was pruned this moment."""
        try:
            return (self.folder / run_id / f"{name}.csv").read_bytes()
        except OSError:
            return None

    def folder_of(self, run_id: str, name: str) -> Path | None:
        """The copy of a folder of files, None if there is none."""
        copied = self.folder / run_id / name
        return copied if copied.is_dir() else None

    def keep_names(self, run_id: str, names: Collection[str]) -> None:
        """Remember which tables a run has."""
        content = "\n".join(sorted(names)).encode()
        self._write(run_id, NAMES, lambda part: part.write_bytes(content))

    def keep(self, run_id: str, name: str, content: bytes) -> None:
        """Keep a copy of a table."""
        self._write(run_id, f"{name}.csv", lambda part: part.write_bytes(content))

    def keep_folder(self, run_id: str, name: str, source: Path) -> None:
        """Keep a copy of a folder of files."""
        self._write(run_id, name, lambda part: shutil.copytree(source, part))

    def _write(self, run_id: str, name: str, write: Callable[[Path], object]) -> None:
        """Write the whole file or folder or nothing: several processes read and write it."""
        size = 0
        part = self.folder / run_id / f".{name}-{uuid.uuid4().hex}"
        with contextlib.suppress(OSError):
            part.parent.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self.folder).free < FREE_BYTES:
                self.prune(most=0)
                return
            try:
                write(part)
                size = _bytes(part)
                part.replace(part.with_name(name))
            finally:
                if part.is_dir():
                    shutil.rmtree(part, ignore_errors=True)
                part.unlink(missing_ok=True)
        self._unpruned += size
        if self._unpruned > PRUNE_BYTES:
            self._unpruned = 0
            self.prune()

    def prune(self, most: int = MAX_BYTES) -> None:
        """Remove the runs that were copied longest ago, until the rest takes at most that much."""
        runs = []
        for folder in self.folder.iterdir() if self.folder.is_dir() else ():
            with contextlib.suppress(OSError):
                runs.append((folder.stat().st_mtime, _bytes(folder), folder))
        total = sum(size for _, size, _ in runs)
        for _, size, folder in sorted(runs):
            if total <= most:
                return
            shutil.rmtree(folder, ignore_errors=True)
            total -= size


def _bytes(path: Path) -> int:
    """The size of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
