"""The tables of MLflow, read in one go and without loading MLflow.

MLflow's search makes an object of every param and metric, 1.4 ms a run, and loading MLflow takes
seconds. Code that only reads (a page, a list) waits for neither. Tables of a revision that was not
checked are left to MLflow: they are neither read nor repaired here. A test compares the answers of
both readers.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

SCHEMA_REVISION = "dc11669786a5"
"""The revision of MLflow's tables that is read here: that of the MLflow in requirements.txt."""

BATCH_RUNS = 500
"""Runs whose tags are read together; a database takes at most some thousand values in a query."""


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


class Rows(Protocol):
    """What a query gives."""

    def fetchall(self) -> list[tuple[Any, ...]]: ...

    def __iter__(self) -> Iterator[tuple[Any, ...]]: ...


class Connection(Protocol):
    """What sqlite3 and psycopg have in common."""

    def execute(self, query: str, values: Sequence[str | int] = ...) -> Rows: ...


class Database(ABC):
    """A database with MLflow's tables."""

    placeholder: ClassVar[str]
    """What stands for a value in a query."""

    def __init__(self) -> None:
        self._artifacts: dict[str, str] = {}

    @abstractmethod
    def connect(self) -> AbstractContextManager[Connection]:
        """A connection for some queries."""

    @abstractmethod
    def stamp(self) -> tuple[int, ...]:
        """A value that is another one after each commit."""

    def is_understood(self) -> bool:
        """Whether the tables are of the revision that is read here."""
        with self.connect() as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        return found == [(SCHEMA_REVISION,)]

    def experiments(self) -> dict[str, str]:
        """Name → MLflow's number, of the experiments that were not deleted."""
        query = "SELECT name, experiment_id FROM experiments WHERE lifecycle_stage = 'active'"
        with self.connect() as connection:
            return {name: str(identifier) for name, identifier in connection.execute(query)}

    def created(self) -> dict[str, int | None]:
        """MLflow's number of an experiment → when it was created, in milliseconds."""
        query = "SELECT experiment_id, creation_time FROM experiments"
        with self.connect() as connection:
            return {str(number): created for number, created in connection.execute(query)}

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
            f"experiment_id IN ({self._placeholders(experiment_ids)})",
        ]
        values: list[str | int] = [int(identifier) for identifier in experiment_ids]
        if status is not None:
            conditions.append(f"status = {self.placeholder}")
            values.append(status)
        if ended_since_ms is not None:
            conditions.append(f"end_time >= {self.placeholder}")
            values.append(ended_since_ms)
        yield from self._select(" AND ".join(conditions), values, metrics)

    def oldest_first(
        self, experiment_ids: Sequence[str], status: str, batch_runs: int
    ) -> Iterator[StoredRun]:
        """Runs of a status that were not deleted; so many are read in one go as they are used."""
        condition = (
            f"lifecycle_stage = 'active' AND status = {self.placeholder} "
            f"AND experiment_id IN ({self._placeholders(experiment_ids)})"
        )
        values: list[str | int] = [status, *(int(identifier) for identifier in experiment_ids)]
        yield from self._select(condition, values, None, order="ASC", batch_runs=batch_runs)

    def run(self, run_id: str) -> StoredRun | None:
        """One run, deleted or not."""
        return next(self._select(f"run_uuid = {self.placeholder}", [run_id], None), None)

    def params(self, run_id: str) -> dict[str, str]:
        """A run's params."""
        query = f"SELECT key, value FROM params WHERE run_uuid = {self.placeholder} ORDER BY key"
        with self.connect() as connection:
            return dict(connection.execute(query, [run_id]).fetchall())

    def history(self, run_id: str) -> list[tuple[str, float, int, int]]:
        """Every value of a run's metrics that is a number: name, value, milliseconds, step."""
        query = (
            "SELECT key, value, timestamp, step, is_nan FROM metrics "
            f"WHERE run_uuid = {self.placeholder} ORDER BY key, step, timestamp, value"
        )
        with self.connect() as connection:
            rows = connection.execute(query, [run_id]).fetchall()
        return [(key, value, at, step) for key, value, at, step, is_nan in rows if not is_nan]

    def artifacts(self, run_id: str) -> Path | None:
        """The folder of a run's artifacts; None where they are not files of this machine."""
        location = self.location(run_id)
        return Path(location) if location.startswith("/") else None

    def location(self, run_id: str) -> str:
        """Where a run's artifacts are: a path or an address; empty for an unknown run."""
        if run_id not in self._artifacts:
            self.run(run_id)
        return self._artifacts.get(run_id, "")

    def _select(
        self,
        condition: str,
        values: Sequence[str | int],
        metrics: Sequence[str] | None,
        *,
        order: Literal["ASC", "DESC"] = "DESC",
        batch_runs: int | None = None,
    ) -> Iterator[StoredRun]:
        with self.connect() as connection:
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
                ((every,),) = connection.execute("SELECT COUNT(*) FROM runs").fetchall()
                whole_tables = 2 * len(rows) > every
            batch_size = len(rows) if whole_tables else batch_runs or BATCH_RUNS
            for start in range(0, len(rows), batch_size):
                batch = rows[start : start + batch_size]
                tags: dict[str, dict[str, str]] = {row[0]: {} for row in batch}
                latest: dict[str, dict[str, float]] = {row[0]: {} for row in batch}
                ids = None if whole_tables else [*tags]
                for run_id, key, value in self._pairs(connection, "tags", "value", ids, None):
                    if run_id in tags:
                        tags[run_id][sys.intern(key)] = value
                for run_id, key, value, is_nan in self._pairs(
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

    def _pairs(
        self,
        connection: Connection,
        table: str,
        columns: str,
        run_ids: Sequence[str] | None,
        keys: Sequence[str] | None,
    ) -> Iterator[tuple[Any, ...]]:
        """Run id, key and the columns, of these runs and keys; None stands for all of them."""
        wanted = {"run_uuid": run_ids, "key": keys}
        terms = [
            f"{name} IN ({self._placeholders(v)})" for name, v in wanted.items() if v is not None
        ]
        where = f" WHERE {' AND '.join(terms)}" if terms else ""
        values = [*(run_ids or ()), *(keys or ())]
        yield from connection.execute(
            f"SELECT run_uuid, key, {columns} FROM {table}{where}", values
        )

    def _placeholders(self, values: Sequence[object]) -> str:
        return ", ".join([self.placeholder] * len(values)) or "NULL"
