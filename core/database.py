"""What a local store's database says of its runs, read in one go and without loading MLflow.

MLflow's search makes an object of every param and metric, 1.4 ms a run, and to load MLflow takes
seconds. Whoever only looks (a page, a list) need not wait for either. Tables of a version that was
not checked are left to MLflow; a test holds both to the same answers.
"""

from __future__ import annotations

import math
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKED = "dc11669786a5"
"""The revision of MLflow's tables that is read here: that of the MLflow in requirements.txt."""
AT_ONCE = 500
"""Runs whose tags are asked for together; SQLite takes at most some thousand values a question."""
PATIENCE_SECONDS = 20.0
NAME_TAG = "mlflow.runName"

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Found:
    """A run as the store keeps it."""

    run_id: str
    experiment_id: str
    name: str
    status: str
    start_ms: int
    end_ms: int | None
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


class Database:
    """One SQLite file, opened anew for each question: it may be moved or replaced in between."""

    def __init__(self, path: Path) -> None:
        self._address = f"{path.as_uri()}?mode=rw"  # a write-ahead log cannot be read without
        self._artifacts: dict[str, str] = {}

    @classmethod
    def at(cls, path: Path | None) -> Database | None:
        """None where there is no database yet, or one that only MLflow itself understands."""
        if path is None or not path.exists():
            return None
        found = cls(path)
        try:
            with found._opened() as connection:
                revisions = _ask(connection, "SELECT version_num FROM alembic_version")
        except sqlite3.Error:
            return None
        return found if revisions == [(CHECKED,)] else None

    def experiments(self) -> dict[str, str]:
        """Name → MLflow's number, of those that were not deleted."""
        question = "SELECT name, experiment_id FROM experiments WHERE lifecycle_stage = 'active'"
        with self._opened() as connection:
            return {name: str(identifier) for name, identifier in _ask(connection, question)}

    def newest_first(
        self,
        experiment_ids: Sequence[str],
        status: str | None,
        ended_since_ms: int | None,
        metrics: Sequence[str] | None,
    ) -> Iterator[Found]:
        """Runs that were not deleted, with the newest values of these metrics (None: of all)."""
        conditions = ["lifecycle_stage = 'active'", f"experiment_id IN ({_marks(experiment_ids)})"]
        values: list[str | int] = [int(identifier) for identifier in experiment_ids]
        if status is not None:
            conditions.append("status = ?")
            values.append(status)
        if ended_since_ms is not None:
            conditions.append("end_time >= ?")
            values.append(ended_since_ms)
        yield from self._runs(" AND ".join(conditions), values, metrics)

    def run(self, run_id: str) -> Found | None:
        """One run, deleted or not."""
        return next(self._runs("run_uuid = ?", [run_id], None), None)

    def artifacts(self, run_id: str) -> Path | None:
        """The folder of a run's artifacts; None where they are not files of this machine."""
        if run_id not in self._artifacts:
            self.run(run_id)
        location = self._artifacts.get(run_id, "")
        return Path(location) if location.startswith("/") else None

    def _runs(
        self, condition: str, values: Sequence[str | int], metrics: Sequence[str] | None
    ) -> Iterator[Found]:
        question = (
            "SELECT run_uuid, experiment_id, name, status, start_time, end_time, artifact_uri "
            f"FROM runs WHERE {condition} ORDER BY start_time DESC, run_uuid DESC"
        )
        with self._opened() as connection:
            rows = _ask(connection, question, values)
            self._artifacts |= {row[0]: row[-1] for row in rows}
            yield from _read(connection, rows, metrics)

    def _opened(self) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(self._address, uri=True, timeout=PATIENCE_SECONDS))


def _read(
    connection: sqlite3.Connection, rows: Sequence[Row], metrics: Sequence[str] | None
) -> Iterator[Found]:
    # A table is read faster from end to end than run by run, if most runs are wanted.
    most = len(rows) > AT_ONCE and 2 * len(rows) > _all(connection)
    at_once = max(1, len(rows) if most else AT_ONCE)
    for start in range(0, len(rows), at_once):
        part = rows[start : start + at_once]
        tags: dict[str, dict[str, str]] = {row[0]: {} for row in part}
        measured: dict[str, dict[str, float]] = {row[0]: {} for row in part}
        only = None if most else [*tags]
        for run_id, key, value in _of("tags", "value", connection, only, None):
            if run_id in tags:
                tags[run_id][sys.intern(key)] = value
        for run_id, key, value, is_nan in _of(
            "latest_metrics", "value, is_nan", connection, only, metrics
        ):
            if run_id in measured:
                measured[run_id][sys.intern(key)] = math.nan if is_nan else value
        for run_id, experiment_id, name, status, start_ms, end_ms, _ in part:
            named = name or tags[run_id].get(NAME_TAG) or run_id[:8]
            yield Found(
                *(run_id, str(experiment_id), named, status, start_ms or 0, end_ms or None),
                *(tags[run_id], measured[run_id]),
            )


def _all(connection: sqlite3.Connection) -> int:
    return int(_ask(connection, "SELECT COUNT(*) FROM runs")[0][0])


def _of(
    table: str,
    columns: str,
    connection: sqlite3.Connection,
    ids: Sequence[str] | None,
    keys: Sequence[str] | None,
) -> Iterator[Row]:
    """Run id, key and the columns: of these runs and keys, None of each being all."""
    chosen = {"run_uuid": ids, "key": keys}
    terms = [f"{name} IN ({_marks(v)})" for name, v in chosen.items() if v is not None]
    where = f" WHERE {' AND '.join(terms)}" if terms else ""
    values = [*(ids or ()), *(keys or ())]
    yield from connection.execute(f"SELECT run_uuid, key, {columns} FROM {table}{where}", values)


def _ask(
    connection: sqlite3.Connection, question: str, values: Sequence[str | int] = ()
) -> list[Row]:
    return connection.execute(question, values).fetchall()


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
