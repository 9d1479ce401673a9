"""A local store's SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import ClassVar

from core.store.database import Database
from core.store.folder import StoreError

BUSY_SECONDS = 20.0
"""How long a reader waits for a writer's lock."""


class SqliteFile(Database):
    """One SQLite file, opened anew for each query: it may be moved or replaced in between."""

    placeholder: ClassVar[str] = "?"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    @classmethod
    def at(cls, path: Path | None) -> SqliteFile | None:
        """None where there is no database yet, or one that only MLflow itself understands."""
        if path is None or not path.exists():
            return None
        file = cls(path)
        try:
            return file if file.is_understood() else None
        except sqlite3.Error:
            return None

    def connect(self) -> closing[sqlite3.Connection]:
        # Not read-only: a write-ahead log cannot be read so.
        address = f"{self._path.as_uri()}?mode=rw"
        return closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS))

    def stamp(self) -> tuple[int, ...]:
        """Which file it is, when it was written last, and how long it is: another with each commit.

        A write-ahead log is part of it. Readers make and remove an empty one, which says nothing.
        """
        stamps: list[int] = []
        for path in (self._path, self._path.with_name(f"{self._path.name}-wal")):
            with contextlib.suppress(OSError):
                state = path.stat()
                if state.st_size:
                    stamps += [state.st_ino, state.st_mtime_ns, state.st_size]
        return tuple(stamps)

    def repair_locations(self) -> None:
        """Point artifact locations at where the store is now.

        MLflow keeps them absolute: a moved store would lose sight of its artifacts, and a copied
        one would write into the store that it was copied from. Only locations of the form
        …/artifacts/EXPERIMENT are changed, which are gone, were copied along, or lie beside another
        database of this name: a folder that somebody chose elsewhere stays. A run whose files were
        left behind keeps its own.
        """
        artifacts = self._path.parent / "artifacts"
        with self.connect() as connection, connection:
            for number, old in connection.execute(
                "SELECT experiment_id, artifact_location FROM experiments "
                "WHERE artifact_location LIKE '/%'"
            ).fetchall():
                location = Path(old)
                if location.parent == artifacts or location.parent.name != "artifacts":
                    continue
                new = artifacts / location.name
                beside = location.parent.parent / self._path.name
                if location.exists() and not new.exists() and not beside.exists():
                    continue
                runs = connection.execute(
                    "SELECT run_uuid, artifact_uri FROM runs "
                    "WHERE experiment_id = ? AND substr(artifact_uri, 1, ?) = ?",
                    (number, len(old) + 1, f"{old}/"),
                ).fetchall()
                here = [
                    (f"{new}{uri[len(old) :]}", run_id)
                    for run_id, uri in runs
                    if Path(f"{new}{uri[len(old) :]}").exists() or not Path(uri).exists()
                ]
                connection.executemany("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", here)
                connection.execute(
                    "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
                    (str(new), number),
                )


def check_database(path: Path) -> None:
    """Refuse a file that is not a sound SQLite database, before anything writes to it."""
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
            connection.execute("SELECT name FROM sqlite_master").fetchall()
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
    except sqlite3.Error as error:
        raise StoreError(
            f"the store {path} cannot be used ({error}); restore it from a copy, or move it "
            "away and a new one is made"
        ) from error


def analyze(path: Path) -> None:
    """Refresh SQLite's statistics: reads of a large store are tens of times faster with them."""
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        connection.execute("PRAGMA optimize")
        connection.execute("ANALYZE")
