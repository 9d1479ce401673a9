"""Copies of a SQLite database that are whole although others write to it meanwhile."""

from __future__ import annotations

import importlib.util
import os
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

BUSY_SECONDS = 60.0


def copy_database(source: Path, target: Path) -> None:
    """Write a copy as of one moment to a file that nobody has open, all of it or nothing.

    The copy is one file without a write-ahead log beside it. Raises `sqlite3.Error` if the source
    is not sound, and `OSError` if the target cannot be written.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True)) as read,
            closing(sqlite3.connect(partial)) as write,
        ):
            read.execute(f"PRAGMA busy_timeout = {int(1000 * BUSY_SECONDS)}")
            read.backup(write)
            write.execute("PRAGMA journal_mode = DELETE")
            (sound,) = write.execute("PRAGMA quick_check(1)").fetchone()
            if sound != "ok":
                raise sqlite3.DatabaseError(sound)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def schema_revision(path: Path) -> str:
    """The revision of MLflow's tables in a database; "" if it has none."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        return ""
    return str(row[0]) if row else ""


def known_revisions() -> frozenset[str]:
    """Every revision of its tables that the installed MLflow knows, without loading it."""
    spec = importlib.util.find_spec("mlflow")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    (package,) = spec.submodule_search_locations
    files = (Path(package) / "store" / "db_migrations" / "versions").glob("*.py")
    found = (re.search(r'^revision = "(\w+)"', file.read_text(), re.MULTILINE) for file in files)
    return frozenset(revision[1] for revision in found if revision)


def copy_before_upgrade(path: Path, newest: str) -> Path | None:
    """Copy a database whose tables are not of the newest revision beside it, before MLflow changes
    them: its migrations are not transactions. None if there is nothing to change, or if the tables
    are of a later MLflow, which this one does not touch.

    A database that has not been written to since is not copied again.
    """
    revision = schema_revision(path) if path.exists() else ""
    if revision in ("", newest) or revision not in known_revisions():
        return None
    written = time.strftime("%Y%m%d-%H%M%S", time.localtime(path.stat().st_mtime))
    target = path.with_name(f"{path.name}.before-upgrade-{revision}-{written}")
    if not target.exists():
        copy_database(path, target)
    return target
