"""A local store's database, read in one go and without loading MLflow.

MLflow's search makes an object of every param and metric, 1.4 ms a run, and loading MLflow takes
seconds. Code that only reads (a page, a list) waits for neither. Tables of a revision that was not
checked are left to MLflow: they are neither read nor repaired here. A test compares the answers of
both readers.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.store.folder import StoreError

SCHEMA_REVISION = "dc11669786a5"
"""The revision of MLflow's tables that is read here: that of the MLflow in requirements.txt."""

BATCH_RUNS = 500
"""Runs whose tags are read together; SQLite takes at most some thousand values in a query."""

BUSY_SECONDS = 20.0
"""How long a reader waits for a writer's lock."""


@dataclass(frozen=True)
class StoredRun:
    """A run as the store keeps it, its tags not yet interpreted."""

    run_id: str
    experiment_id: str
    name: str
    status: str
    start_ms: int
    end_ms: int | None
    deleted: bool
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


class Database:
    """One SQLite file, opened anew for each query: it may be moved or replaced in between."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._artifacts: dict[str, str] = {}

    @classmethod
    def at(cls, path: Path | None) -> Database | None:
        """None where there is no database yet, or one that only MLflow itself understands."""
        if path is None or not path.exists():
            return None
        database = cls(path)
        try:
            with database._connect() as connection:
                revisions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        except sqlite3.Error:
            return None
        return database if revisions == [(SCHEMA_REVISION,)] else None

    def experiments(self) -> dict[str, str]:
        """Name → MLflow's number, of the experiments that were not deleted."""
        query = "SELECT name, experiment_id FROM experiments WHERE lifecycle_stage = 'active'"
        with self._connect() as connection:
            return {name: str(identifier) for name, identifier in connection.execute(query)}

    def newest_first(
        self,
        experiment_ids: Sequence[str],
        status: str | None,
        ended_since_ms: int | None,
        metrics: Sequence[str] | None,
        *,
        deleted: bool = False,
    ) -> Iterator[StoredRun]:
        """Runs that were (not) deleted, with the newest values of these metrics (None: of all)."""
        conditions = [
            f"lifecycle_stage = '{'deleted' if deleted else 'active'}'",
            f"experiment_id IN ({_placeholders(experiment_ids)})",
        ]
        values: list[str | int] = [int(identifier) for identifier in experiment_ids]
        if status is not None:
            conditions.append("status = ?")
            values.append(status)
        if ended_since_ms is not None:
            conditions.append("end_time >= ?")
            values.append(ended_since_ms)
        yield from self._select(" AND ".join(conditions), values, metrics)

    def oldest_first(
        self, experiment_ids: Sequence[str], status: str, batch_runs: int
    ) -> Iterator[StoredRun]:
        """Runs of a status that were not deleted; so many are read in one go as they are used."""
        condition = (
            f"lifecycle_stage = 'active' AND experiment_id IN ({_placeholders(experiment_ids)}) "
            "AND status = ?"
        )
        values: list[str | int] = [int(identifier) for identifier in experiment_ids]
        values.append(status)
        yield from self._select(condition, values, None, order="ASC", batch_runs=batch_runs)

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

    def run(self, run_id: str) -> StoredRun | None:
        """One run, deleted or not."""
        return next(self._select("run_uuid = ?", [run_id], None), None)

    def artifacts(self, run_id: str) -> Path | None:
        """The folder of a run's artifacts; None where they are not files of this machine."""
        if run_id not in self._artifacts:
            self.run(run_id)
        location = self._artifacts.get(run_id, "")
        return Path(location) if location.startswith("/") else None

    def repair_locations(self) -> None:
        """Point artifact locations at where the store is now.

        MLflow keeps them absolute, so a moved or copied folder would lose sight of its artifacts.
        Only locations of the form …/artifacts/EXPERIMENT that no longer exist are changed.
        """
        artifacts = self._path.parent / "artifacts"
        with self._connect() as connection, connection:
            for (old,) in connection.execute(
                "SELECT DISTINCT artifact_location FROM experiments "
                "WHERE artifact_location LIKE '/%'"
            ).fetchall():
                location = Path(old)
                moved = location.parent != artifacts and not location.exists()
                if not moved or location.parent.name != "artifacts":
                    continue
                new = str(artifacts / location.name)
                connection.execute(
                    "UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?",
                    (new, old),
                )
                connection.execute(
                    "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) "
                    "WHERE substr(artifact_uri, 1, ?) = ?",
                    (new, len(old) + 1, len(old) + 1, f"{old}/"),
                )

    def _select(
        self,
        condition: str,
        values: Sequence[str | int],
        metrics: Sequence[str] | None,
        *,
        order: Literal["ASC", "DESC"] = "DESC",
        batch_runs: int | None = None,
    ) -> Iterator[StoredRun]:
        with self._connect() as connection:
            rows = connection.execute(
                "SELECT run_uuid, experiment_id, name, status, start_time, end_time, "
                f"lifecycle_stage, artifact_uri FROM runs WHERE {condition} "
                f"ORDER BY start_time {order}, run_uuid {order}",
                values,
            ).fetchall()
            self._artifacts |= {row[0]: row[-1] for row in rows}
            # A table is read faster from end to end than run by run, if most runs are wanted.
            whole_tables = False
            if batch_runs is None and len(rows) > BATCH_RUNS:
                (every,) = connection.execute("SELECT COUNT(*) FROM runs").fetchone()
                whole_tables = 2 * len(rows) > every
            batch_size = len(rows) if whole_tables else batch_runs or BATCH_RUNS
            for start in range(0, len(rows), batch_size):
                batch = rows[start : start + batch_size]
                tags: dict[str, dict[str, str]] = {row[0]: {} for row in batch}
                latest: dict[str, dict[str, float]] = {row[0]: {} for row in batch}
                ids = None if whole_tables else [*tags]
                for run_id, key, value in _pairs(connection, "tags", "value", ids, None):
                    if run_id in tags:
                        tags[run_id][sys.intern(key)] = value
                for run_id, key, value, is_nan in _pairs(
                    connection, "latest_metrics", "value, is_nan", ids, metrics
                ):
                    if run_id in latest:
                        latest[run_id][sys.intern(key)] = math.nan if is_nan else value
                for run_id, experiment_id, name, status, start_ms, end_ms, stage, _ in batch:
                    yield StoredRun(
                        run_id=run_id,
                        experiment_id=str(experiment_id),
                        name=name or tags[run_id].get("mlflow.runName") or run_id[:8],
                        status=status,
                        start_ms=start_ms or 0,
                        end_ms=end_ms or None,
                        deleted=stage != "active",
                        tags=tags[run_id],
                        metrics=latest[run_id],
                    )

    def _connect(self) -> closing[sqlite3.Connection]:
        # Not read-only: a write-ahead log cannot be read so.
        address = f"{self._path.as_uri()}?mode=rw"
        return closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS))


def _pairs(
    connection: sqlite3.Connection,
    table: str,
    columns: str,
    run_ids: Sequence[str] | None,
    keys: Sequence[str] | None,
) -> Iterator[tuple[Any, ...]]:
    """Run id, key and the columns, of these runs and keys; None stands for all of them."""
    wanted = {"run_uuid": run_ids, "key": keys}
    terms = [f"{name} IN ({_placeholders(v)})" for name, v in wanted.items() if v is not None]
    where = f" WHERE {' AND '.join(terms)}" if terms else ""
    values = [*(run_ids or ()), *(keys or ())]
    yield from connection.execute(f"SELECT run_uuid, key, {columns} FROM {table}{where}", values)


def _placeholders(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


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
