"""Recording of a run's rows: to a local spool at once, to the store in batches.

The spool makes a `kill -9` harmless: `salvage` uploads what a dead run left in it.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import math
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import pandas

from core.experiment import Artifact, Checkpoint, Event, Experiment, Progress, Row
from core.formatting import one_line
from core.secrets import without_secrets
from core.settings import BadSetting
from core.store.folder import NO_ROOM
from core.store.records import TAG_STATE, RunRecord
from core.store.tables import read_table
from core.store.tracking import Store, insist

CHECKPOINT, FILES = "checkpoint", "files"
"""Where the newest checkpoint and the artifacts lie in a run's spool."""

TEMPORARY_SUFFIX = ".new"

MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""The unit in which the system counts memory."""

UPLOAD_SECONDS = 1.0

UPLOAD_SHARE = 0.05
"""At most this share of a run's time goes into showing its rows while it runs."""

MAX_MESSAGE = 400
"""Characters of a progress message: its JSON, at up to 12 a character, must fit into a tag."""


class Recorder:
    """Records a run's events. Use from one thread.

    While the disk has no room it waits, and calls `while_waiting` now and then, which may raise to
    give up.
    """

    def __init__(
        self,
        store: Store,
        run_id: str,
        experiment: Experiment,
        while_waiting: Callable[[], None] = lambda: None,
    ) -> None:
        self._store, self._run_id, self._experiment = store, run_id, experiment
        self._while_waiting = while_waiting
        self._spool = store.spool(run_id)
        self._tables = self._spool / "tables"
        self._files: dict[str, FileIO] = {}
        self._changed: set[str] = set()
        self._new_checkpoint = False
        self._upload_at = 0.0
        self.rows = 0
        self.progress = Progress(0, 1)
        self.summary: dict[str, Any] = {}

    def log(self, text: str) -> None:
        """Add a line to the run's log; a full disk costs the line, not the run."""
        with contextlib.suppress(OSError):
            self._spool.mkdir(parents=True, exist_ok=True)
            with (self._spool / "log.txt").open("a") as log:
                log.write(f"{time.strftime('%H:%M:%S')} {text}\n")

    def take(self, event: Event) -> None:
        """Record one event, and upload the tables when it is time to."""
        if isinstance(event, Progress):
            if event.message != self.progress.message:
                self.log(event.message)
            self.progress = event
        elif isinstance(event, Artifact):
            self._write(self._spool / FILES / event.path, event.content)
        elif isinstance(event, Checkpoint):
            self._write(self._spool / CHECKPOINT, event.content)
            self._new_checkpoint = True
        else:
            self._write_row(event)
        now = time.monotonic()
        first_row = self.rows == 1 and self._changed
        if first_row or now >= self._upload_at:
            try:
                self.upload()
            except Exception as error:  # noqa: BLE001 - the rows are safe in the spool
                reason = without_secrets(str(error))
                self.log(f"the rows so far could not be uploaded ({reason}); trying again")
            cost = time.monotonic() - now
            self._upload_at = time.monotonic() + max(UPLOAD_SECONDS, cost / UPLOAD_SHARE)

    def _write_row(self, row: Row) -> None:
        values = row.flat()
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        if row.table not in self._files:
            self._insist(lambda: self._open(row.table))
            writer.writerow(row.header())
        writer.writerow(values)
        # Line by line to the operating system: a killed process loses no row.
        content = lines.getvalue().encode()
        self._insist(lambda: _append(self._files[row.table], content))
        self._changed.add(row.table)
        self.rows += 1
        if type(row) is self._experiment.summary:
            self.summary = dict(zip(row.header(), values, strict=True))

    def upload(self) -> None:
        """Bring the store up to date with everything taken so far."""
        for table in sorted(self._changed):
            self._store.upload(self._run_id, self._tables / f"{table}.csv", "tables")
        self._changed.clear()
        if self._new_checkpoint and self._store.database is None:
            # This machine may be one of several, and its disk may be lost with it.
            self._store.upload(self._run_id, self._spool / CHECKPOINT)
            self._new_checkpoint = False
        if (self._spool / "log.txt").exists():  # a full disk may have prevented it
            self._store.upload(self._run_id, self._spool / "log.txt")
        self.report_state()

    def report_state(self) -> None:
        """Store how far the run is, which is also a sign of life."""
        share = self.progress.done / self.progress.total if self.progress.total else 0.0
        message = self.progress.message
        if len(message) > MAX_MESSAGE:
            message = message[: MAX_MESSAGE - 1] + "…"
        state = {
            "beat": time.time(),
            "fraction": round(min(1.0, share), 4),
            "message": message,
            "rows": self.rows,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_BYTES,
        }
        self._store.set_tags(self._run_id, {TAG_STATE: json.dumps(state)})

    def close(self, *, finished: bool = True) -> None:
        """Upload everything and log the metrics. Only `discard` gives up what is on this disk."""
        for file in self._files.values():
            file.close()
        if finished:
            (self._spool / CHECKPOINT).unlink(missing_ok=True)
        salvage(self._store, self._run_id, self._experiment)
        self.report_state()

    def discard(self, *, finished: bool) -> None:
        """Empty the spool, once the store says that the run has ended."""
        if finished:
            self._store.keep_tables(self._run_id, self._tables)
        shutil.rmtree(self._spool, ignore_errors=True)

    def _write(self, path: Path, content: bytes) -> None:
        """Write the whole file or nothing: the process may be killed meanwhile."""
        new = path.with_name(path.name + TEMPORARY_SUFFIX)

        def write() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(content)
            new.replace(path)

        self._insist(write)

    def _open(self, table: str) -> None:
        self._tables.mkdir(parents=True, exist_ok=True)
        self._files[table] = FileIO(self._tables / f"{table}.csv", "w")

    def _insist(self, write: Callable[[], None]) -> None:
        """Write, and as long as the disk has no room try again."""
        insist(write, self.say_that_it_waits, self._while_waiting, patience=math.inf)

    def say_that_it_waits(self, error: Exception) -> None:
        """Say what the run waits for: the store, or room on the disk."""
        message = f"waiting for the store ({one_line(without_secrets(str(error)))})"
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            message = f"waiting for room on the disk ({error.strerror})"
        if message == self.progress.message:
            return
        self.log(message)
        self.progress = dataclasses.replace(self.progress, message=message)
        with contextlib.suppress(Exception):  # what is away may be what keeps the state
            self.report_state()


def _append(file: FileIO, content: bytes) -> None:
    """Add whole lines to a file or leave it as it was, whatever part of them the disk took."""
    length = file.tell()
    try:
        written = 0
        while written < len(content):
            written += file.write(content[written:])
    except OSError:
        file.truncate(length)
        file.seek(length)
        raise


def salvage(store: Store, run_id: str, experiment: Experiment) -> int:
    """Move a run's spool into the store: tables, metrics, log. Returns the number of rows."""
    spool, rows = store.spool(run_id), 0
    points: list[tuple[str, float, int]] = []
    for row in experiment.rows:
        path = spool / "tables" / f"{row.table}.csv"
        if not path.exists():
            continue
        # A killed process may have left half a last line.
        content = path.read_bytes()
        complete = content[: content.rfind(b"\n") + 1]
        if complete != content:
            path.write_bytes(complete)
        if not complete:
            continue
        store.upload(run_id, path, "tables")
        table = read_table(complete, row)
        rows += len(table)
        points += metric_points(row, table)
    non_finite = store.log_metrics(run_id, points)
    if non_finite:
        store.log_metrics(run_id, [("non_finite_values", float(non_finite), 0)])
    for path in (spool / "log.txt", spool / CHECKPOINT):
        if path.exists():
            store.upload(run_id, path)
    for path in sorted((spool / FILES).rglob("*")):
        if path.is_file() and path.suffix != TEMPORARY_SUFFIX:
            under = path.parent.relative_to(spool / FILES)
            store.upload(run_id, path, None if under == Path() else str(under))
    return rows


def newest_checkpoint(store: Store, record: RunRecord) -> bytes | None:
    """The checkpoint to resume from: that of the run which this one repeats, or of one before."""
    while record.retry_of:
        try:
            record = store.run(record.retry_of)
        except BadSetting:  # it was deleted for good
            return None
        # A server keeps what a run that finished had uploaded on its way.
        if record.status == "FINISHED":
            continue
        with store.artifact(record.run_id, CHECKPOINT) as path:
            if path is not None:
                return path.read_bytes()
    return None


def metric_points(row: type[Row], table: pandas.DataFrame) -> Iterator[tuple[str, float, int]]:
    """MLflow's view of a table: (metric, value, step).

    A summary gives plain names. A table whose curve axis has at least two values gives
    `table/measure` over it: the mean over seeds, one chart per value of every other axis that has
    more than one, and of an axis marked `latest` only the last value.
    """
    columns = row.columns()
    curve = next((c.name for c in columns if c.curve), None)
    axes = [c.name for c in columns if c.role == "axis" and not c.curve]
    if not any(c.is_axis for c in columns):
        notes = {c.name for c in columns if c.role == "note"}
        for name in row.header():
            if name in notes or name.endswith("_n"):
                continue
            for value in table[name].dropna().tail(1):
                yield name, float(value), 0
    if curve is None:
        return
    for column in columns:
        if column.latest and len(table):
            table = table[table[column.name] == table[column.name].iloc[-1]]
    if table[curve].nunique() < 2:
        return
    charted = [name for name in axes if table[name].nunique() > 1]
    for column in columns:
        if column.role != "measure":
            continue
        means = table.groupby([*charted, curve], sort=True)[column.name].mean().dropna()
        for key, value in means.items():
            *coordinates, step = key if isinstance(key, tuple) else (key,)
            suffix = "".join(f"/{n} {v}" for n, v in zip(charted, coordinates, strict=True))
            yield f"{row.table}/{column.name}{suffix}", float(value), int(step)
