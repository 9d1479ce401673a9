"""Backups of a whole store, and their way back.

A backup is a folder: `manifest.json`, the database as of one moment, and `artifacts/EXPERIMENT/…`,
the files of the runs that the database has. The database is copied first. Runs only ever add files
or lengthen them, so each run of the copy has at least the files that it had at that moment; of a
run that was going on, a table may have rows that its metrics do not have yet. The other way round
a run that ended between the two copies would be FINISHED without its files. What only `mlflow gc`
removes must not be removed meanwhile.

A backup is made under another name, and gets its own once it is whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from core.formatting import counted, shortened_list
from core.secrets import without_secrets
from core.settings import BadSetting
from core.sqlite_copy import copy_before_upgrade, known_revisions, schema_revision
from core.store.database import SCHEMA_REVISION
from core.store.folder import StoreError, database_path, folder_of, schema_lock
from experiments.artifact_stores import artifact_store, regular_files, sha256
from experiments.databases import (
    Content,
    PostgresDatabase,
    SqliteDatabase,
    database_of,
)

FORMAT = 1

MANIFEST, ARTIFACTS = "manifest.json", "artifacts"

COUNTED = ("experiments", "runs", "params", "metrics", "tags")
"""Tables whose rows a manifest counts."""

SHOWN_FILES = 5

Say = Callable[[str], None]


@dataclass(frozen=True)
class Manifest:
    """What a backup is of, and what it must have."""

    format: int
    made: str
    host: str
    kind: str
    schema_revision: str
    versions: dict[str, str]
    counts: dict[str, int]
    statuses: dict[str, int]
    locations: dict[str, str]
    """Number of an experiment → where its files were."""
    files: dict[str, str]
    """Path → SHA-256."""


def backup(uri: str, target: Path | None, say: Say) -> Path:
    """Copy the whole store into a new folder, while it is used; return the folder.

    Raises `BadSetting` if the folder is there already, and `StoreError`.
    """
    database = database_of(uri)
    if target is None:
        target = folder_of(uri) / "backups" / time.strftime("unroll-%Y%m%d-%H%M%S")
    target = target.absolute()
    if target.exists():
        raise BadSetting(f"to is {str(target)!r}, which is there already; give a new folder")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir(mode=0o700)  # whoever reads it has everything
        made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        say("copying the database …")
        dump = partial / database.file
        database.dump(dump)
        content = database.content(dump)
        say(f"copying the files of {counted(len(content.runs), 'run')} …")
        for number, location in sorted(content.locations.items()):
            runs = runs_of(content, location)
            if runs:
                folder = partial / ARTIFACTS / number
                artifact_store(uri, location).download(runs, folder)
        files = {p.relative_to(partial).as_posix(): sha256(p) for p in regular_files(partial)}
        manifest = Manifest(
            format=FORMAT,
            made=made,
            host=socket.gethostname(),
            kind=database.kind,
            schema_revision=content.revision,
            versions={"python": sys.version.split()[0], "mlflow": metadata.version("mlflow")},
            counts={table: content.counts.get(table, 0) for table in COUNTED},
            statuses=dict(content.statuses),
            locations=dict(content.locations),
            files=files,
        )
        (partial / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1))
        os.sync()
        partial.rename(target)
    except OSError as error:
        raise StoreError(
            f"the backup {target} cannot be written ({error.strerror or error})"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def runs_of(content: Content, location: str) -> set[str]:
    """The runs whose files are below a location."""
    below = f"{location.rstrip('/')}/"
    return {run_id for run_id, place in content.runs.items() if place.startswith(below)}


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a whole backup, every file of which is as it was; else `StoreError`."""
    path = folder / MANIFEST
    if not path.exists():
        raise BadSetting(f"folder is {str(folder)!r}, which is no backup: it has no {MANIFEST}")
    try:
        manifest = TypeAdapter(Manifest).validate_python(json.loads(path.read_text()))
    except (ValueError, ValidationError) as error:
        raise StoreError(f"{path} cannot be read: it was damaged") from error
    if not all(number.isdigit() for number in manifest.locations):  # they name folders
        raise StoreError(f"{path} names experiments that are no numbers")
    if manifest.format != FORMAT:
        raise StoreError(
            f"the backup is of format {manifest.format}; this version of Unroll reads {FORMAT}"
        )
    there = {p.relative_to(folder).as_posix(): p for p in regular_files(folder)}
    there.pop(MANIFEST)
    damaged = [
        name
        for name, expected in manifest.files.items()
        if name not in there or sha256(there[name]) != expected
    ]
    damaged += sorted(there.keys() - manifest.files.keys())
    if damaged:
        raise StoreError(
            f"the backup is not as it was made: {shortened_list(damaged, SHOWN_FILES, 'file')}; "
            "nothing was restored"
        )
    if manifest.schema_revision not in known_revisions():
        raise StoreError(
            f"the backup was made with MLflow {manifest.versions.get('mlflow', '')}, whose tables "
            f"(revision {manifest.schema_revision}) are newer than those of the installed "
            f"{metadata.version('mlflow')}; install that version first"
        )
    return manifest


def restore(folder: Path, uri: str, into: Path | None, say: Say) -> str:
    """Make an empty store what the backup has; return what happened, in a sentence.

    Raises `BadSetting` and `StoreError`, before anything is written if the backup is damaged, of a
    newer MLflow or another kind of database, or the store has runs.
    """
    say("checking the backup …")
    folder = folder.absolute()
    manifest = read_manifest(folder)
    if into is not None:
        if manifest.kind != SqliteDatabase.kind:
            raise BadSetting(
                f"into is {str(into)!r}, but a backup of PostgreSQL is restored where "
                "MLFLOW_BACKEND_STORE_URI points; let that be another database"
            )
        uri = f"sqlite:///{into.absolute() / 'mlflow.db'}"
    database = _database_for(manifest, uri)
    dump = folder / database.file
    with _alone(uri):
        going_on = database.runs() and isinstance(database, PostgresDatabase)
        if database.runs() and not (going_on and not database.differences(dump)):
            raise StoreError(
                f"the store {database} has {counted(database.runs(), 'run')}; nothing is written "
                "over them: restore --into another place, or move the store away"
            )
        places = _places(manifest, uri)
        say(f"restoring {counted(manifest.counts['runs'], 'run')} …")
        if isinstance(database, SqliteDatabase):
            _put_files(folder, uri, places)
            moved = {n: place for n, place in places.items() if place != manifest.locations[n]}
            try:
                database.restore(dump, moved)
            except (OSError, sqlite3.Error) as error:
                raise StoreError(f"the store {database} cannot be written ({error})") from error
        else:
            if not going_on:
                database.restore(dump, {})
            _put_files(folder, uri, places)  # a server takes files of runs that it knows
    found = differences(folder, uri, manifest)
    if found:
        raise StoreError(f"what was restored is not what the backup has: {'; '.join(found)}")
    return _restored_in_words(manifest, database)


def verify(folder: Path, uri: str, into: Path | None) -> list[str]:
    """What a store has otherwise than a backup, in sentences; none if they are equal."""
    folder = folder.absolute()
    manifest = read_manifest(folder)
    if into is not None:
        uri = f"sqlite:///{into.absolute() / 'mlflow.db'}"
    return differences(folder, uri, manifest)


def differences(folder: Path, uri: str, manifest: Manifest) -> list[str]:
    """What the store has otherwise than the backup: every row of every table (runs, params, the
    history of metrics, tags, and notes, which are tags) and every file of its runs.

    Where an experiment has its files may differ: a store may have moved.
    """
    database = _database_for(manifest, uri)
    found = database.differences(folder / database.file)
    content = database.content(folder / database.file)
    places = _places(manifest, uri)
    for number, location in sorted(manifest.locations.items()):
        runs = runs_of(content, location)
        if not runs:
            continue
        under = f"{ARTIFACTS}/{number}/"
        expected = {
            name.removeprefix(under): digest
            for name, digest in manifest.files.items()
            if name.startswith(under)
        }
        present = artifact_store(uri, places[number]).hashes(runs)
        differing = [n for n, digest in expected.items() if present.get(n) != digest]
        differing += sorted(present.keys() - expected.keys())
        if differing:
            found.append(
                f"files of experiment {number}: {shortened_list(differing, SHOWN_FILES, 'file')}"
            )
    return found


def upgrade(uri: str, say: Say) -> str:
    """Bring the tables of a store's database up to those of the installed MLflow, of which a copy
    is kept before; return what happened.
    """
    path = database_path(uri)
    if path is None:
        return _upgrade_server_database(uri, say)
    if not path.exists():
        raise StoreError(f"there is no store at {path} yet")
    with _alone(uri), schema_lock(path.parent):
        before = _known(schema_revision(path))
        if before == SCHEMA_REVISION:
            return f"the store {path} is up to date"
        try:
            copy = copy_before_upgrade(path, SCHEMA_REVISION)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"the database {path} cannot be copied ({error}); nothing was changed"
            ) from error
        say(f"the database as it is now was copied to {copy}")
        _migrate(
            f"sqlite:///{path}",
            {},
            f"to go back, put {copy} in the place of "
            f"{path.name} and remove {path.name}-wal and {path.name}-shm",
        )
    return f"the store {path} was upgraded from {before} to {schema_revision(path)}"


def _upgrade_server_database(uri: str, say: Say) -> str:
    database = database_of(uri)
    if isinstance(database, SqliteDatabase):
        return upgrade(f"sqlite:///{database.path}", say)
    folder = folder_of(uri)
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f"before-upgrade-{time.strftime('%Y%m%d-%H%M%S')}.dump"
    database.dump(copy)
    before = _known(database.content(copy).revision)
    if before == SCHEMA_REVISION:
        copy.unlink()
        return f"the database {database} is up to date"
    say(f"the database as it is now was copied to {copy}")
    _migrate(database.address, database.environment, f"restore {copy} by pg_restore --clean")
    return f"the database {database} was upgraded from {before} to {SCHEMA_REVISION}"


def _known(revision: str) -> str:
    if revision and revision not in known_revisions():
        raise StoreError(
            f"the tables of the store are of revision {revision}, which the installed MLflow "
            f"{metadata.version('mlflow')} does not know: a newer one made them; install that"
        )
    return revision


def _migrate(uri: str, environment: Mapping[str, str], way_back: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "db", "upgrade", uri],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise StoreError(
            f"MLflow could not upgrade the store ({without_secrets(reason)}); {way_back}"
        )


def _database_for(manifest: Manifest, uri: str) -> SqliteDatabase | PostgresDatabase:
    database = database_of(uri)
    if database.kind != manifest.kind:
        raise StoreError(
            f"the backup is of {manifest.kind}, and the store of {database.kind}; point "
            "MLFLOW_TRACKING_URI (of a server: MLFLOW_BACKEND_STORE_URI) at the same kind"
        )
    return database


def _places(manifest: Manifest, uri: str) -> dict[str, str]:
    """Number of an experiment → where its files are, or are to be, in the store.

    A local store has them beside its database, wherever it is. A server's have their addresses.
    """
    path = database_path(uri)
    if path is None:
        return manifest.locations
    local = {
        n: where for n, where in manifest.locations.items() if where.startswith(("/", "file:"))
    }
    names = Counter(Path(where).name for where in local.values())
    places = dict(manifest.locations)
    for number, where in local.items():
        name = Path(where).name
        places[number] = str(
            path.parent / "artifacts" / (number if name in ("", "..") or names[name] > 1 else name)
        )
    return places


def _put_files(folder: Path, uri: str, places: Mapping[str, str]) -> None:
    for number, place in sorted(places.items()):
        source = folder / ARTIFACTS / number
        if source.exists():
            artifact_store(uri, place).upload(source)


@contextlib.contextmanager
def _alone(uri: str) -> Iterator[None]:
    """While nothing of Unroll uses the store from this machine."""
    folder = folder_of(uri)
    with contextlib.ExitStack() as stack:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("serve", "worker"):
            try:
                stack.enter_context(FileLock(folder / f"{name}.lock", timeout=0))
            except Timeout:
                raise StoreError(
                    f"{name} is running on the store {without_secrets(uri)}; stop it first"
                ) from None
        yield


def _restored_in_words(manifest: Manifest, database: Any) -> str:
    counts = manifest.counts
    text = (
        f"{database} has what the backup of {manifest.made} has, in every row and file: "
        f"{counted(counts['runs'], 'run')}, {counted(counts['params'], 'param')}, "
        f"{counts['metrics']:,} values of metrics, {counted(len(manifest.files) - 1, 'file')}"
    )
    if running := manifest.statuses.get("RUNNING", 0):
        text += (
            f"; {counted(running, 'run')} had not ended: on {manifest.host} the worker ends such "
            "runs as lost, elsewhere cancel does; retry makes them again"
        )
    return text
