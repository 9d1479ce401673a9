"""A store's database as a whole: dumped while others write to it, restored, compared.

SQLite is copied by its backup API, PostgreSQL by pg_dump: both see one moment. PostgreSQL's
programs learn from their environment where the database is, never from the command line, which
everybody on the machine can read.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from core.formatting import counted
from core.secrets import without_secrets
from core.settings import BadSetting
from core.sqlite_copy import BUSY_SECONDS, copy_database
from core.store.folder import StoreError, database_path, is_server
from core.store.postgres import BACKEND_VARIABLE

LOCATIONS = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
}
"""Table → its column that says where files are. It changes when a store moves."""

PARAMETERS = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "options": "PGOPTIONS",
}
"""What an address may have behind its `?` → the variable that PostgreSQL's programs read."""

LOCK_SECONDS = 20

ESCAPE = re.compile(r"\\(.)")

ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}


@dataclass(frozen=True)
class Content:
    """What a dump has, as far as a backup needs to know it."""

    revision: str
    counts: Mapping[str, int]
    """Table → rows."""
    locations: Mapping[str, str]
    """Number of an experiment → where its files are."""
    runs: Mapping[str, str]
    """Id of a run → where its files are."""
    statuses: Mapping[str, int]


class WholeDatabase(Protocol):
    """A database that can be dumped and restored."""

    kind: str
    file: str
    """The name of a dump."""

    def dump(self, target: Path) -> None:
        """Write the whole database, as of one moment, to a file."""

    def restore(self, dump: Path, moved: Mapping[str, str]) -> None:
        """Make the database what the dump has; all of it or nothing. `moved` are the locations of
        experiments that are others now, by their numbers.
        """

    def runs(self) -> int:
        """How many runs it has."""

    def content(self, dump: Path) -> Content:
        """Read what a dump has."""

    def differences(self, dump: Path) -> list[str]:
        """What the database has otherwise than the dump, in sentences. Locations do not count."""


def database_of(uri: str) -> SqliteDatabase | PostgresDatabase:
    """The database behind the address of a store. Raises `StoreError` where it is not known."""
    if is_server(uri):
        uri = os.environ.get(BACKEND_VARIABLE, "").strip()
        if not uri:
            raise StoreError(
                "MLFLOW_TRACKING_URI is the address of an MLflow server; give that of its "
                f"database, too, in {BACKEND_VARIABLE}"
            )
    path = database_path(uri)
    if path is not None:
        return SqliteDatabase(path)
    if uri.startswith("postgresql"):
        return PostgresDatabase(uri)
    raise StoreError(
        f"the database is {without_secrets(uri)}; Unroll backs up SQLite and PostgreSQL, and "
        "others have programs of their own"
    )


class SqliteDatabase:
    """One file."""

    kind, file = "sqlite", "database.db"

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def dump(self, target: Path) -> None:
        if not self.path.exists():
            raise StoreError(f"there is no store at {self.path} yet")
        try:
            copy_database(self.path, target)
        except sqlite3.Error as error:
            raise StoreError(f"the database {self.path} cannot be copied ({error})") from error

    def restore(self, dump: Path, moved: Mapping[str, str]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.path.parent, prefix=".restore-") as folder:
            prepared = Path(folder) / self.file
            shutil.copyfile(dump, prepared)
            with (
                closing(sqlite3.connect(prepared)) as source,
                closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as target,
            ):
                _move(source, moved)
                source.backup(target)  # in one transaction, whoever reads meanwhile

    def runs(self) -> int:
        if not self.path.exists():
            return 0
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=rw", uri=True)) as connection:
            if "runs" not in _tables(connection):
                return 0
            (number,) = connection.execute("SELECT COUNT(*) FROM runs").fetchone()
            return int(number)

    def content(self, dump: Path) -> Content:
        with closing(_read_only(dump)) as connection:
            counts = {
                table: int(connection.execute(f'SELECT COUNT(*) FROM "{table}"').fetchone()[0])
                for table in _tables(connection)
            }
            ask = connection.execute
            revision = ask("SELECT version_num FROM alembic_version").fetchone()[0]
            locations = ask("SELECT experiment_id, artifact_location FROM experiments").fetchall()
            runs = ask("SELECT run_uuid, artifact_uri FROM runs").fetchall()
            statuses = ask("SELECT status, COUNT(*) FROM runs GROUP BY status").fetchall()
        return Content(
            revision,
            counts,
            {str(number): location or "" for number, location in locations},
            {run_id: location or "" for run_id, location in runs},
            dict(statuses),
        )

    def differences(self, dump: Path) -> list[str]:
        found = []
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=rw", uri=True)) as connection:
            here = _tables(connection)
            connection.execute("ATTACH ? AS dump", (f"{dump.as_uri()}?mode=ro&immutable=1",))
            there = _tables(connection, "dump")
            for table in sorted(here | there):
                if table not in here or table not in there:
                    found.append(_missing_table(table, in_store=table in here))
                    continue
                columns = _columns(connection, table, "main") & _columns(connection, table, "dump")
                columns.discard(LOCATIONS.get(table, ""))
                listed = ", ".join(f'"{name}"' for name in sorted(columns))
                one, other = (
                    f'SELECT {listed} FROM {schema}."{table}"' for schema in ("dump", "main")
                )
                lost, new = (
                    int(connection.execute(f"SELECT COUNT(*) FROM ({query})").fetchone()[0])
                    for query in (f"{one} EXCEPT {other}", f"{other} EXCEPT {one}")
                )
                found += _row_differences(table, lost, new)
        return found


class PostgresDatabase:
    """A database of a PostgreSQL server, by pg_dump, pg_restore and psql."""

    kind, file = "postgresql", "database.dump"

    def __init__(self, uri: str) -> None:
        address = urlsplit(uri)
        named = {
            "host": address.hostname or "",
            "port": str(address.port or ""),
            "user": unquote(address.username or ""),
            "password": unquote(address.password or ""),
            **dict(parse_qsl(address.query)),
        }
        unknown = named.keys() - PARAMETERS.keys()
        if unknown:
            raise BadSetting(
                f"the address of the database has {', '.join(sorted(unknown))}; Unroll can pass "
                f"on {', '.join(PARAMETERS)}"
            )
        self.name = unquote(address.path.lstrip("/"))
        self.environment = {PARAMETERS[name]: text for name, text in named.items() if text}
        self.environment["PGDATABASE"] = self.name
        # Drivers of Python read the same variables.
        self.address = f"{address.scheme}:///{quote(self.name)}"
        self._shown = without_secrets(uri)

    def __str__(self) -> str:
        return self._shown

    def dump(self, target: Path) -> None:
        self._run("pg_dump", "--format=custom", "--no-owner", "--no-acl", f"--file={target}")

    def restore(self, dump: Path, moved: Mapping[str, str]) -> None:
        if moved:
            raise StoreError("locations in PostgreSQL are not changed")
        # What is in nobody's way: a server that reads these tables at the moment.
        patience = {"PGOPTIONS": f"-c lock_timeout={LOCK_SECONDS}s"}
        options = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-acl")
        clean = ("--clean", "--if-exists", f"--dbname={self.name}")
        self._run("pg_restore", *options, *clean, str(dump), **patience)

    def runs(self) -> int:
        if not self._ask("SELECT to_regclass('runs')").strip():
            return 0
        return int(self._ask("SELECT COUNT(*) FROM runs"))

    def content(self, dump: Path) -> Content:
        counts: dict[str, int] = {}
        revision = ""
        locations: dict[str, str] = {}
        runs: dict[str, str] = {}
        statuses: dict[str, int] = {}
        for table, columns, line in self._lines(dump):
            counts[table] = counts.get(table, 0) + (line is not None)
            if line is None or table not in ("alembic_version", "experiments", "runs"):
                continue
            row = dict(zip(columns, map(_unescaped, line.split("\t")), strict=True))
            if table == "alembic_version":
                revision = row["version_num"]
            elif table == "experiments":
                locations[row["experiment_id"]] = row["artifact_location"]
            else:
                runs[row["run_uuid"]] = row["artifact_uri"]
                statuses[row["status"]] = statuses.get(row["status"], 0) + 1
        return Content(revision, counts, locations, runs, statuses)

    def differences(self, dump: Path) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            now = Path(folder) / self.file
            self.dump(now)
            here, there = self._rows(now), self._rows(dump)
        found = []
        for table in sorted(here.keys() | there.keys()):
            if table not in here or table not in there:
                found.append(_missing_table(table, in_store=table in here))
                continue
            lost, new = there[table] - here[table], here[table] - there[table]
            found += _row_differences(table, len(lost), len(new))
        return found

    def _rows(self, dump: Path) -> dict[str, set[bytes]]:
        """Table → a hash of each row."""
        rows: dict[str, set[bytes]] = {}
        for table, columns, line in self._lines(dump):
            hashes = rows.setdefault(table, set())
            if line is None:
                continue
            values = zip(columns, line.split("\t"), strict=True)
            kept = sorted((n, text) for n, text in values if n != LOCATIONS.get(table))
            hashes.add(hashlib.blake2b(repr(kept).encode(), digest_size=16).digest())
        return rows

    def _lines(self, dump: Path) -> Iterator[tuple[str, list[str], str | None]]:
        """Table, columns and each row of a dump as pg_restore writes it; None stands for a table
        at its beginning.
        """
        command = [program("pg_restore"), "--data-only", "--file=-", str(dump)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        table, columns = "", list[str]()
        with process:
            for content in process.stdout:
                line = content.decode().removesuffix("\n")
                if table and line == r"\.":
                    table = ""
                elif table:
                    yield table, columns, line
                elif found := re.fullmatch(
                    r"COPY (?:\w+\.)?\"?(\w+)\"? \((.*)\) FROM stdin;", line
                ):
                    table = found[1]
                    columns = [name.strip(' "') for name in found[2].split(",")]
                    yield table, columns, None
            reason = process.stderr.read().decode(errors="replace")
        if process.returncode:
            raise StoreError(f"{dump} cannot be read ({_last_line(reason)})")

    def _ask(self, query: str) -> str:
        return self._run("psql", "--no-psqlrc", "--tuples-only", "--no-align", f"--command={query}")

    def _run(self, name: str, *arguments: str, **more: str) -> str:
        done = subprocess.run(
            [program(name), *arguments],
            env={**os.environ, **self.environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StoreError(f"{name} failed at {self} ({_last_line(done.stderr)})")
        return done.stdout


def program_folders() -> list[str]:
    """Where Debian keeps PostgreSQL's programs, those of the newest version first."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parts[-2].isdigit()]
    return [str(path) for path in sorted(found, key=lambda p: int(p.parts[-2]), reverse=True)]


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs. Raises `StoreError` where it is not installed."""
    path = os.pathsep.join([*program_folders(), os.environ.get("PATH", os.defpath)])
    found = shutil.which(name, path=path)
    if found is None:
        raise StoreError(f"{name} is not installed; on Debian, apt install postgresql-client")
    return found


def _read_only(dump: Path) -> sqlite3.Connection:
    """A dump, of which reading leaves no trace beside it."""
    return sqlite3.connect(f"{dump.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def _tables(connection: sqlite3.Connection, schema: str = "main") -> set[str]:
    query = f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table'"
    return {name for (name,) in connection.execute(query) if not name.startswith("sqlite_")}


def _columns(connection: sqlite3.Connection, table: str, schema: str) -> set[str]:
    return {row[1] for row in connection.execute(f'PRAGMA {schema}.table_info("{table}")')}


def _move(connection: sqlite3.Connection, moved: Mapping[str, str]) -> None:
    """Let experiments, and what belongs to them, have their files elsewhere."""
    tables = _tables(connection)
    with connection:
        for number, new in moved.items():
            old = connection.execute(
                "SELECT artifact_location FROM experiments WHERE experiment_id = ?", (number,)
            ).fetchone()[0]
            for table in LOCATIONS.keys() & tables:
                column = LOCATIONS[table]
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE experiment_id = ? AND substr({column} || '/', 1, ?) = ?",
                    (new, len(old) + 1, number, len(old) + 1, f"{old}/"),
                )


def _unescaped(text: str) -> str:
    """A value as COPY writes it; "" for none."""
    if text == r"\N":
        return ""
    return ESCAPE.sub(lambda found: ESCAPED.get(found[1], found[1]), text)


def _missing_table(table: str, *, in_store: bool) -> str:
    return f"{table} is a table of the {'store' if in_store else 'backup'} alone"


def _row_differences(table: str, lost: int, new: int) -> Iterator[str]:
    if lost:
        yield f"{table}: {counted(lost, 'row')} of the backup not in the store"
    if new:
        yield f"{table}: {counted(new, 'row')} of the store not in the backup"


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return without_secrets(lines[-1]) if lines else "it gave no reason"
