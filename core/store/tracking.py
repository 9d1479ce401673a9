"""The store: what is to be run, what is running and what came out. The only file that uses MLflow.

MLflow experiment = `Experiment.name`; MLflow run = one execution of one config. Params are the
flat config for people, the tag `unroll.config` is the same for machines. MLflow takes seconds to
load, so it is loaded only to write, or to read a store that is not a local database.
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import math
import os
import shlex
import sqlite3
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast
from urllib.parse import quote, urlsplit

import pandas
from filelock import FileLock

from core.analysis.sizes import size_of
from core.experiment import Config, Experiment
from core.experiments import all_experiments, experiment_named
from core.formatting import counted
from core.secrets import without_secrets
from core.settings import BadSetting, Value, settings_of, shown
from core.sqlite_copy import copy_before_upgrade
from core.store.copies import Copies
from core.store.database import SCHEMA_REVISION, Database, StoredRun
from core.store.folder import (
    NO_ROOM,
    StoreError,
    database_path,
    ensure_folder,
    folder_of,
    is_server,
    require_server,
    schema_lock,
    tracking_uri,
)
from core.store.people import Person, person_of_process
from core.store.postgres import BACKEND_VARIABLE, PostgresDatabase
from core.store.records import (
    ACTIVE,
    NOTE,
    TAG_CONFIG,
    TAG_ERROR,
    TAG_OWNER,
    TAG_RETRY_OF,
    TAG_STATE,
    TAG_SWEEP,
    TAG_USER,
    RunRecord,
    Status,
    note_text,
)
from core.store.sqlite import SqliteFile, check_database
from core.store.tables import read_table, row_of

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

# Else MLflow prints addresses among the data on standard output.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

Result = TypeVar("Result")

MAX_TAG_LENGTH = 5000
"""Characters of a tag's value that every version of MLflow takes."""

PAGE_RUNS = 50
"""Runs asked for at once: MLflow holds a whole page of them as database objects."""

SERVER_SECONDS = 5.0
"""How long a server may take to say which experiments it has, before MLflow asks it."""

MODEL = "model"
"""The folder of a run's artifacts with a trained model."""

QUEUE_PAGE_RUNS = 8
"""The same for the queue, of which mostly the next one or two are needed."""


class Store:
    """One MLflow store. Open it with `open_store`.

    Whatever is written is written by its `person`, and refused (`NotAllowed`) if they may not.
    """

    def __init__(self, uri: str, person: Person | None = None) -> None:
        self.uri = uri
        self.folder = folder_of(uri)
        self.person = person or person_of_process()
        self._experiment_ids: dict[str, str] = {}
        self._copies = Copies(self.folder / "copies")

    def by(self, person: Person) -> Store:
        """The same store, used by that person."""
        theirs = copy.copy(self)
        theirs.person = person
        return theirs

    def require_change(self, records: Iterable[RunRecord]) -> None:
        """`NotAllowed` unless the person may change all of these runs."""
        for record in records:
            self.person.require_change(record.name, record.user)

    def _require_change(self, run_id: str) -> None:
        if self.person.role != "admin":
            self.require_change([self.run(run_id, unreadable=True)])

    def _mlflow(self) -> ModuleType:
        return load_mlflow(remote=self.is_remote)

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's own access to the store."""
        mlflow = self._mlflow()
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        client: MlflowClient = mlflow.tracking.MlflowClient(self.uri)
        return client

    @cached_property
    def database(self) -> Database | None:
        """The reader used instead of MLflow, if its database is at hand and of a known revision."""
        path = database_path(self.uri)
        return PostgresDatabase.of(self.uri) if path is None else SqliteFile.at(path)

    # Writing

    def create(
        self,
        experiment: Experiment,
        config: Config,
        *,
        sweep: str,
        status: Literal["SCHEDULED", "RUNNING"] = "SCHEDULED",
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Record a run that is to be executed and return its id.

        The run becomes SCHEDULED only after its config is recorded: no worker starts half a run.
        Raises `BadSetting` if the settings are too long to be recorded.
        """
        self.person.require_launch()
        repeated = (tags or {}).get(TAG_RETRY_OF)
        if repeated:
            self._require_change(repeated)
        mlflow = self._mlflow()
        flat = config.flat()
        settings = json.dumps(flat)
        if len(settings) > MAX_TAG_LENGTH:
            raise BadSetting(
                f"the settings take {len(settings):,} characters, and a run can record "
                f"{MAX_TAG_LENGTH:,}; give shorter names of files and folders"
            )
        all_tags = {
            TAG_CONFIG: settings,
            TAG_SWEEP: sweep,
            "mlflow.source.name": command_line(experiment, config),
            "mlflow.source.type": "LOCAL",
            TAG_USER: self.person.name,
            **(tags or {}),
        }
        if self.person.role != "admin":
            all_tags[TAG_USER] = self.person.name

        def create_run() -> Run:
            identifier = self.experiment_number(experiment.name, experiment.question)
            return self.client.create_run(identifier, run_name=run_name(config), tags=all_tags)

        try:
            run = create_run()
        except (
            mlflow.exceptions.MlflowException
        ):  # somebody deleted the experiment in the MLflow UI meanwhile
            self._experiment_ids.pop(experiment.name, None)
            run = create_run()
        run_id: str = run.info.run_id
        params = {"variant": config.architecture.variant}
        params |= {name: _as_text(value) for name, value in flat.items() if value is not None}
        params |= {name: str(value) for name, value in size_of(config).recorded.items()}
        note = note_text(run_id, "")
        self.client.log_batch(
            run_id,
            params=[mlflow.entities.Param(*item) for item in params.items()],
            tags=[mlflow.entities.RunTag(NOTE, note)] if note else [],
        )
        if status == "SCHEDULED":
            self.client.update_run(run_id, status="SCHEDULED")
        return run_id

    def take(self, run_id: str, owner: Mapping[str, Any], tags: Mapping[str, str]) -> bool:
        """Make a process the owner of a run that is to be executed, and record that it runs.

        False, and nothing is recorded, if the run has ended or another process owns it. Its owner
        may call it again, with what it knows better by then.
        """
        self._require_change(run_id)
        with self._ownership():
            record = self.run(run_id, unreadable=True)
            if record.status not in ACTIVE or not record.may_be_owned_by(owner):
                return False
            self.set_tags(run_id, {TAG_OWNER: json.dumps(owner), **tags})
            self.client.update_run(run_id, status="RUNNING")
        return True

    def release(self, run_id: str, owner: Mapping[str, Any]) -> bool:
        """Take a run that has not begun from the process that meant to start it."""
        self._require_change(run_id)
        with self._ownership():
            record = self.run(run_id, unreadable=True)
            if record.status != "SCHEDULED" or not record.may_be_owned_by(owner):
                return False
            self.remove_tags(run_id, [TAG_OWNER])
        return True

    def end(
        self,
        run_id: str,
        status: Status,
        error: str = "",
        *,
        owner: Mapping[str, Any] | None = None,
    ) -> bool:
        """End a run, with the reason if it did not finish; False if it has ended already.

        With `owner` only if no other process has become its owner meanwhile, `{}` standing for
        none: who decides that a run is to end has looked at it some time ago.
        """
        self._require_change(run_id)
        with self._ownership():
            record = self.run(run_id, unreadable=True)
            if record.status not in ACTIVE:
                return False
            if owner is not None and not record.may_be_owned_by(owner):
                return False
            if error:
                self.set_tags(run_id, {TAG_ERROR: without_secrets(error)})
            self.client.set_terminated(run_id, status)
        return True

    def _ownership(self) -> FileLock:
        """Held while a run's owner or end is looked at and changed, by one process at a time.

        MLflow has no such step of its own. The nodes of a cluster have no file in common: between
        them the owner is compared, but not in one step.
        """
        return FileLock(self.folder / "owner.lock", poll_interval=0.005)

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags in one call. Text that is too long for MLflow is cut, and ends in an ellipsis.

        Raises `ValueError` for JSON that is too long: cut, it could not be read again.
        """
        self._require_change(run_id)
        mlflow = self._mlflow()
        entities = []
        for key, value in tags.items():
            if len(value) > MAX_TAG_LENGTH:
                if key in (TAG_CONFIG, TAG_OWNER, TAG_STATE):
                    raise ValueError(f"{key} has {len(value):,} characters; it cannot be cut")
                value = value[: MAX_TAG_LENGTH - 1] + "…"
            entities.append(mlflow.entities.RunTag(key, value))
        self.client.log_batch(run_id, tags=entities)

    def set_note(self, run_id: str, result: str) -> None:
        """Record the result in words; what people have written about the run stays below it."""
        comment = self.run(run_id).comment
        self.set_tags(run_id, {NOTE: note_text(run_id, result, comment)})

    def remove_tags(self, run_id: str, tags: Iterable[str]) -> None:
        """Remove tags that the run has."""
        self._require_change(run_id)
        for tag in tags:
            self.client.delete_tag(run_id, tag)

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name."""
        self._require_change(run_id)
        self.client.update_run(run_id, name=name)

    def delete(self, run_id: str) -> None:
        """Delete a run as MLflow does: it can be restored until `mlflow gc` is called."""
        self._require_change(run_id)
        self.client.delete_run(run_id)

    def restore(self, run_id: str) -> None:
        """Undo `delete`."""
        self._require_change(run_id)
        self.client.restore_run(run_id)

    def log_metrics(self, run_id: str, points: Iterable[tuple[str, float, int]]) -> int:
        """Log (name, value, step) points in as few calls as MLflow allows.

        Values that are not finite cannot be stored faithfully by MLflow; they are left out (the
        tables keep them) and their number is returned.
        """
        self._require_change(run_id)
        mlflow = self._mlflow()
        now = int(time.time() * 1000)
        points = list(points)
        metrics = [
            mlflow.entities.Metric(n, float(v), now, s) for n, v, s in points if math.isfinite(v)
        ]
        for start in range(0, len(metrics), 1000):
            self.client.log_batch(run_id, metrics=metrics[start : start + 1000])
        return len(points) - len(metrics)

    def upload(self, run_id: str, file: Path, under: str | None = None) -> None:
        """Keep a file as the run's artifact."""
        self._require_change(run_id)
        self.client.log_artifact(run_id, str(file), under)

    # Reading

    def run(self, run_id: str, *, unreadable: bool = False) -> RunRecord:
        """One run, deleted or not; `BadSetting` if there is none of that id.

        One whose settings cannot be read is a `BadSetting`, too, unless it is asked for.
        """
        stored: StoredRun | None
        if self.database:
            stored = self.database.run(run_id)
        else:
            mlflow = self._mlflow()
            try:
                stored = _stored_run(self.client.get_run(run_id))
            except mlflow.exceptions.MlflowException as error:
                if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    raise StoreError(f"the store {self.uri} does not answer ({error})") from error
                stored = None
        record = None if stored is None else _record(stored, self._experiments_by_id())
        if record is not None and (unreadable or not record.unreadable):
            return record
        if record is not None:
            raise BadSetting(f"run is {run_id!r}, which cannot be read: {record.unreadable}")
        raise BadSetting(
            f"run is {run_id!r}, but the store has no such run; "
            "python -m experiments runs lists them"
        )

    def runs(
        self,
        experiment: str | None = None,
        status: Status | None = None,
        ended_since: float | None = None,
        metrics: Sequence[str] | None = None,
        *,
        archived: bool = True,
        deleted: bool = False,
        unreadable: bool = False,
    ) -> list[RunRecord]:
        """Runs in the order submitted, the oldest first; the arguments are `newest_first`'s.

        What people look at is asked for without the archived runs.
        """
        records = self.newest_first(
            experiment, status, ended_since, metrics, deleted=deleted, unreadable=unreadable
        )
        shown = (record for record in records if archived or not record.archived)
        return sorted(shown, key=lambda record: (record.submitted, record.original_id))

    def newest_first(
        self,
        experiment: str | None = None,
        status: Status | None = None,
        ended_since: float | None = None,
        metrics: Sequence[str] | None = None,
        *,
        deleted: bool = False,
        unreadable: bool = False,
    ) -> Iterator[RunRecord]:
        """Runs as they are read, the newest first; with `deleted` those that somebody deleted.

        `ended_since` (seconds since the epoch) restricts to runs that ended then or later, which
        is how a reader keeps up with a large store. `metrics` restricts what is read of each.
        Runs that are not ours are left out, and so are those that cannot be read, unless they are
        asked for.
        """
        names = self._experiments_by_id()
        ids = [i for i, name in names.items() if experiment in (None, name)]
        since = None if ended_since is None else int(ended_since * 1000)
        if self.database:
            stored = self.database.newest_first(ids, status, since, metrics, deleted=deleted)
        else:
            stored = self._search(ids, status, since, metrics, deleted=deleted)
        for run in stored:
            record = _record(run, names)
            if record is not None and (unreadable or not record.unreadable):
                yield record

    def waiting(self) -> Iterator[RunRecord]:
        """The SCHEDULED runs in the order submitted, also those that cannot be read.

        They are read a few at a time, as they are used: a worker that asks for the next one of a
        long queue at every end of a run must not read all of it.
        """
        names = self._experiments_by_id()
        stored: Iterator[StoredRun]
        if self.database:
            stored = self.database.oldest_first([*names], "SCHEDULED", QUEUE_PAGE_RUNS)
        else:
            stored = self._search(
                list(names), "SCHEDULED", None, None, order="ASC", page_size=QUEUE_PAGE_RUNS
            )
        records = (_record(run, names) for run in stored)
        return (record for record in records if record is not None)

    def stamp(self) -> tuple[int, ...] | None:
        """A value that changes with every write to the store; None if a server keeps it."""
        return self.database.stamp() if self.database else None

    def active(self) -> list[RunRecord]:
        """Every SCHEDULED and RUNNING run, in the order submitted."""
        # A run that starts between the two queries is in both answers: the later one counts.
        records = {r.run_id: r for status in ACTIVE for r in self.runs(status=status)}
        return sorted(records.values(), key=lambda record: record.submitted)

    def table(self, record: RunRecord, name: str) -> pandas.DataFrame | None:
        """A run's table, or None when it has not recorded any row of it.

        Columns that are newer than the run are there: an axis at its older value, others empty.
        """
        row = row_of(record.experiment, name)
        content = self._content(record, name)
        if content is None:
            return None
        try:
            table = read_table(content, row)
        except ValueError:  # somebody edited it
            return None
        if row is None:
            return table
        # By names in sets: pandas' own ways take longer, for each column, than reading the file.
        there = set(table)
        numbers = {n for n, kind in zip(table, table.dtypes, strict=True) if kind.kind in "iufcb"}
        for column in row.columns():
            if column.role in ("measure", "seed"):  # what is no number was not measured
                for damaged in there.intersection(column.names) - numbers:
                    table[damaged] = pandas.to_numeric(table[damaged], errors="coerce")
            if column.estimate and not column.aggregation.has_interval:  # older runs gave one
                for end in there & {f"{column.name}_low", f"{column.name}_high"}:
                    table[end] = math.nan
        missing = [n for n in row.header() if n not in there]
        if not missing:
            return table
        older = {c.name: c.older for c in row.columns() if c.older is not None}
        older |= {c.name: "" for c in row.columns() if c.role == "note"}
        table = table.reindex(columns=[*table.columns, *missing])
        return table.assign(**{n: older[n] for n in missing if n in older})

    def _content(self, record: RunRecord, name: str) -> bytes | None:
        """A run's table as it was written; a server is asked only for what is not on this disk."""
        run_id, final = record.run_id, self.is_remote and record.status == "FINISHED"
        copied = self._copies.table(run_id, name) if final else None
        if copied is not None:
            return copied
        sure = final and name == experiment_named(record.experiment).summary.table
        if self.is_remote and not sure and not self._has_table(record, name):
            return None
        with self.artifact(run_id, f"tables/{name}.csv") as path:
            # Whoever keeps files may be away for a moment; or somebody has deleted them meanwhile.
            if path is None and self.is_remote and name in self._tables_there(run_id):
                raise StoreError(f"the store {self.uri} does not hand out its files just now")
            try:
                content = None if path is None else path.read_bytes()
            except OSError:  # it is gone by now
                return None
        if content is not None and final:
            self._copies.keep(run_id, name, content)
        return content

    def _has_table(self, record: RunRecord, name: str) -> bool:
        """Whether a server has this table of a run; those of a finished run are listed once.

        To ask for a file that is not there takes some servers seconds.
        """
        if record.status != "FINISHED":
            return name in self._tables_there(record.run_id)
        names = self._copies.names(record.run_id)
        if names is None:
            names = self._tables_there(record.run_id)
            self._copies.keep_names(record.run_id, names)
        return name in names

    def is_at_hand(self, run_id: str, name: str) -> bool:
        """Whether a table can be read without asking a server."""
        return not self.is_remote or self._copies.has(run_id, name)

    def keep_tables(self, run_id: str, folder: Path) -> None:
        """Keep what a run has recorded that finished on this machine, where a server has it."""
        if self.is_remote:
            files = sorted(folder.glob("*.csv"))
            for file in files:
                self._copies.keep(run_id, file.stem, file.read_bytes())
            self._copies.keep_names(run_id, [file.stem for file in files])

    def _tables_there(self, run_id: str) -> frozenset[str]:
        return frozenset(Path(file).stem for file in self.files(run_id, "tables"))

    def log_text(self, run_id: str) -> str:
        """The run's log, as far as it is available here."""
        spooled = self.spool(run_id) / "log.txt"
        if spooled.exists():
            return spooled.read_text(errors="replace")
        with self.artifact(run_id, "log.txt") as path:
            return "" if path is None else path.read_text(errors="replace")

    @contextlib.contextmanager
    def artifact(self, run_id: str, path: str) -> Iterator[Path | None]:
        """A local path to a run's artifact, None if it has none.

        It is a copy if the store is elsewhere, and gone when the context ends.
        """
        folder = self.database.artifacts(run_id) if self.database else None
        if folder is not None:
            yield folder / path if (folder / path).exists() else None
            return
        mlflow = self._mlflow()
        with tempfile.TemporaryDirectory(prefix="unroll-") as copies:
            try:
                fetched: Path | None = self._fetched(run_id, path, Path(copies))
            except (mlflow.exceptions.MlflowException, OSError):
                fetched = None
            yield fetched

    @contextlib.contextmanager
    def model(self, run_id: str) -> Iterator[Path | None]:
        """A local folder with the model of a finished run, None if it has none; a server is asked
        for it once."""
        copied = self._copies.folder_of(run_id, MODEL) if self.is_remote else None
        if copied is not None:
            yield copied
            return
        with self.artifact(run_id, MODEL) as folder:
            if folder is not None and self.is_remote:
                self._copies.keep_folder(run_id, MODEL, folder)
            yield folder

    def _fetched(self, run_id: str, path: str, folder: Path) -> Path:
        """Copy an artifact into a folder. A file whose place is known is asked for in one request,
        where MLflow's client looks the run up and lists its files before."""
        location = self.database.location(run_id) if self.database else ""
        if not location.startswith("mlflow-artifacts:/") or not Path(path).suffix:
            return Path(self.client.download_artifacts(run_id, path, str(folder)))
        copied = folder / Path(path).name
        copied.write_bytes(self._of_proxy(f"/{_place(location)}/{quote(path)}").content)
        return copied

    def _of_proxy(self, address: str) -> Any:
        """An answer of MLflow's server that stands before the artifacts."""
        with _MLFLOW_IMPORT:  # see load_mlflow; this is less of it
            from mlflow.utils import credentials, rest_utils

        answer: Any = rest_utils.http_request(  # type: ignore[no-untyped-call]
            credentials.get_default_host_creds(self.uri),  # type: ignore[no-untyped-call]
            f"/api/2.0/mlflow-artifacts/artifacts{address}",
            "GET",
            max_retries=2,
            raise_on_status=False,
        )
        answer.raise_for_status()
        return answer

    @property
    def is_remote(self) -> bool:
        """Whether every artifact is asked for from a server."""
        return is_server(self.uri)

    def files(self, run_id: str, folder: str) -> dict[str, int]:
        """The files in a folder of a run's artifacts → their size in bytes."""
        known = self.database.artifacts(run_id) if self.database else None
        if known is not None:
            found = sorted((known / folder).iterdir()) if (known / folder).is_dir() else []
            return {file.name: file.stat().st_size for file in found}
        location = self.database.location(run_id) if self.database else ""
        if location.startswith("mlflow-artifacts:/"):
            answer = self._of_proxy(f"?path={_place(location)}/{quote(folder)}")
            listed = [
                (file["path"], file.get("file_size")) for file in answer.json().get("files", ())
            ]
        else:
            listed = [(f.path, f.file_size) for f in self.client.list_artifacts(run_id, folder)]
        return {Path(path).name: int(size or 0) for path, size in listed}

    def params(self, run_id: str) -> dict[str, str]:
        """A run's params: its settings, and what follows from them, as text."""
        if self.database:
            return self.database.params(run_id)
        params: dict[str, str] = self.client.get_run(run_id).data.params
        return dict(sorted(params.items()))

    def history(self, run_id: str) -> list[tuple[str, float, int, int]]:
        """Every value of a run's metrics: name, value, milliseconds since the epoch, step."""
        if self.database:
            return self.database.history(run_id)
        names = sorted(self.client.get_run(run_id).data.metrics)
        points = (p for name in names for p in self.client.get_metric_history(run_id, name))
        return [(p.key, p.value, p.timestamp, p.step) for p in points if math.isfinite(p.value)]

    def spool(self, run_id: str) -> Path:
        """Where a run's rows are while it runs."""
        return self.folder / "spool" / run_id

    def _search(
        self,
        ids: Sequence[str],
        status: str | None,
        ended_since_ms: int | None,
        metrics: Sequence[str] | None,
        order: Literal["ASC", "DESC"] = "DESC",
        page_size: int = PAGE_RUNS,
        *,
        deleted: bool = False,
    ) -> Iterator[StoredRun]:
        entities = self._mlflow().entities
        stage = entities.ViewType.DELETED_ONLY if deleted else entities.ViewType.ACTIVE_ONLY
        terms = []
        if status is not None:
            terms.append(f"attributes.status = '{status}'")
        if ended_since_ms is not None:
            terms.append(f"attributes.end_time >= {ended_since_ms}")
        order_by, token = [f"attributes.start_time {order}"], None
        while ids:
            page = self.client.search_runs(
                list(ids), " AND ".join(terms), stage, page_size, order_by, token
            )
            yield from (_stored_run(run, metrics) for run in page)
            token = page.token
            if not token:
                return

    def runs_of(self, name: str) -> list[StoredRun]:
        """The runs of an MLflow experiment that is none of ours, as they are stored, the newest
        first."""
        if self.database:
            ids = [i for n, i in self.database.experiments().items() if n == name]
            return list(self.database.newest_first(ids, None, None, ()))
        experiment = self.client.get_experiment_by_name(name)
        ids = [] if experiment is None else [str(experiment.experiment_id)]
        return list(self._search(ids, None, None, ()))

    def forget_experiments(self) -> None:
        """Ask for the numbers of all experiments again: somebody may have renamed one."""
        self._experiment_ids.clear()

    def _experiments_by_id(self) -> dict[str, str]:
        """MLflow's number → name, of our experiments that have ever been run.

        The numbers stay the same; the store is asked for those that are not known yet.
        """
        ours = [experiment.name for experiment in all_experiments()]
        if any(name not in self._experiment_ids for name in ours):
            if self.database:
                stored = self.database.experiments()
            else:
                stored = {e.name: e.experiment_id for e in self.client.search_experiments()}
            self._experiment_ids |= {name: stored[name] for name in ours if name in stored}
        return {self._experiment_ids[n]: n for n in ours if n in self._experiment_ids}

    def experiment_number(self, name: str, note: str) -> str:
        """MLflow's number for an experiment, which is created or restored if need be."""
        self._experiments_by_id()
        if name in self._experiment_ids:
            return self._experiment_ids[name]
        with schema_lock(self.folder):
            existing = self.client.get_experiment_by_name(name)
            if existing is None:
                local = database_path(self.uri) is not None
                location = str(self.folder / "artifacts" / name) if local else None
                identifier = str(self.client.create_experiment(name, artifact_location=location))
                self.client.set_experiment_tag(identifier, NOTE, note)
                # Without it the MLflow UI opens the experiment on a page for language models.
                kind = ("mlflow.experimentKind", "custom_model_development")
                self.client.set_experiment_tag(identifier, *kind)
            else:
                identifier = str(existing.experiment_id)
                if existing.lifecycle_stage == "deleted":
                    self.client.restore_experiment(identifier)
        self._experiment_ids[name] = identifier
        return identifier


def open_store(uri: str | None = None) -> Store:
    """Open the store, creating or repairing it first. Raises `StoreError` with what to do."""
    uri = uri or tracking_uri()
    path = database_path(uri)
    if path is not None:
        uri = f"sqlite:///{path}"  # absolute: processes with another folder must find the same
    require_server(uri)
    ensure_folder(folder_of(uri))
    try:
        with schema_lock(folder_of(uri)):
            if path is not None:
                check_database(path)
                copy_before_upgrade(path, SCHEMA_REVISION)
            if SqliteFile.at(path) is None:  # MLflow makes or brings up to date what it needs
                _require_same_store(uri, _experiments_of_server(uri))
            if path is not None:
                check_database(path)
            database = SqliteFile.at(path)
            if database is not None:
                database.repair_locations()
    except StoreError:
        raise
    except Exception as error:  # MLflow lets errors of SQLAlchemy, alembic and urllib through
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StoreError(
            f"the store {uri} cannot be opened ({reason}); check MLFLOW_TRACKING_URI, or restore "
            "the store from a copy"
        ) from error
    return Store(uri)


def _experiments_of_server(uri: str) -> dict[str, int | None]:
    """Number → when it was created, of the store's experiments, as a server or MLflow says.

    An MLflow server that lets everybody in is asked in one request: to load MLflow takes seconds.
    """
    if is_server(uri) and "@" not in uri:
        address = f"{uri.rstrip('/')}/api/2.0/mlflow/experiments/search?max_results=1000"
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError, HTTPException):
            with urllib.request.urlopen(address, timeout=SERVER_SECONDS) as answer:
                found = json.load(answer)
            return {e["experiment_id"]: int(e["creation_time"]) for e in found["experiments"]}
    return {e.experiment_id: e.creation_time for e in Store(uri).client.search_experiments()}


def _require_same_store(uri: str, experiments: Mapping[str, int | None]) -> None:
    """`StoreError` if the database that is read is not the one behind the server, by when its
    experiments were created."""
    database = PostgresDatabase.of(uri)
    if database is not None and not experiments.items() <= database.created().items():
        raise StoreError(
            f"{BACKEND_VARIABLE} names a database with other experiments than the server at {uri} "
            f"(MLFLOW_TRACKING_URI) has; name the server's own, or unset {BACKEND_VARIABLE}"
        )


LASTING_ERRORS = (
    *("RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE"),
    *("INVALID_STATE", "BAD_REQUEST", "PERMISSION_DENIED", "UNAUTHENTICATED"),
)
"""MLflow's codes for what would be refused again."""


def is_temporary(error: Exception) -> bool:
    """Whether the store was away (locked, unreachable, on a full disk) and may be back later."""
    if isinstance(error, BadSetting):
        return False
    module = type(error).__module__
    if module == "mlflow.exceptions":
        return getattr(error, "error_code", "") not in LASTING_ERRORS
    away = (StoreError, sqlite3.OperationalError, ConnectionError, TimeoutError)
    no_room = isinstance(error, OSError) and error.errno in NO_ROOM
    return (
        isinstance(error, away)
        or no_room
        or module.startswith(("requests.", "urllib3.", "psycopg"))
    )


STORE_PATIENCE = 900.0
"""Seconds for which a run waits at its start and its end for a store that is away."""

LONGEST_WAIT = 10.0
"""Seconds between two tries."""


def insist(
    action: Callable[[], Result],
    say: Callable[[Exception], None] = lambda _: None,
    while_waiting: Callable[[], None] = lambda: None,
    patience: float = STORE_PATIENCE,
) -> Result:
    """Do what must not fail because the store is away for minutes, locked or on a full disk.

    `say` gets the error of each try that failed; `while_waiting` may raise to give up.
    """
    deadline = time.monotonic() + patience
    wait = 0.5
    while True:
        try:
            return action()
        except Exception as error:
            if not is_temporary(error) or time.monotonic() > deadline:
                raise
            say(error)
        while_waiting()
        time.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT)


def _place(location: str) -> str:
    """Where artifacts are below MLflow's server: `1/3f2a…/artifacts`."""
    return quote(urlsplit(location).path.strip("/"))


_MLFLOW_IMPORT = threading.Lock()


def load_mlflow(*, remote: bool = False) -> ModuleType:
    """MLflow with what writing to a local store needs, or to a server's, which is a third less to
    import; imported by one thread at a time.

    The import takes seconds, which a forked run, for example, should not spend. Its modules import
    each other in circles, so that two threads that began it at once would see halves of them.
    """
    with _MLFLOW_IMPORT:
        import mlflow.entities
        import mlflow.exceptions
        import mlflow.tracking

        if not remote:
            import mlflow.store.tracking.sqlalchemy_store
    return mlflow


def _stored_run(run: Run, metrics: Sequence[str] | None = None) -> StoredRun:
    latest: dict[str, float] = run.data.metrics
    return StoredRun(
        run_id=run.info.run_id,
        experiment_id=run.info.experiment_id,
        name=run.info.run_name or run.info.run_id[:8],
        status=run.info.status,
        start_ms=run.info.start_time or 0,
        end_ms=run.info.end_time or None,
        deleted=run.info.lifecycle_stage == "deleted",
        tags=run.data.tags,
        metrics={n: v for n, v in latest.items() if metrics is None or n in metrics},
    )


def _record(run: StoredRun, experiments: Mapping[str, str]) -> RunRecord | None:
    """None for a run that another program put into our experiments."""
    if TAG_CONFIG not in run.tags and TAG_SWEEP not in run.tags:
        return None
    name = experiments.get(run.experiment_id, "")
    settings, old_budget, unreadable = _settings(name, run.tags.get(TAG_CONFIG))
    return RunRecord(
        run_id=run.run_id,
        experiment_id=run.experiment_id,
        experiment=name,
        name=run.name,
        status=cast(Status, run.status),
        settings=settings,
        sweep=run.tags.get(TAG_SWEEP, ""),
        submitted=run.start_ms / 1000,
        ended=None if run.end_ms is None else run.end_ms / 1000,
        metrics=run.metrics,
        tags=run.tags,
        deleted=run.deleted,
        old_budget=old_budget,
        unreadable=unreadable,
    )


def _settings(experiment: str, text: str | None) -> tuple[dict[str, Value], int | None, str]:
    """The settings and the old parameter budget that a tag records, and why it cannot be read."""
    if text is None:
        return {}, None, f"it has no tag {TAG_CONFIG}"
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError):
        return {}, None, f"its tag {TAG_CONFIG} is {shown(text)}, which is not JSON"
    if not isinstance(settings, dict):
        return {}, None, f"its tag {TAG_CONFIG} is {shown(text)}, which names no settings"
    if not experiment:
        return settings, None, ""
    config = experiment_named(experiment).config
    if reason := config.unreadable(settings):
        return {}, None, f"by its tag {TAG_CONFIG}, {reason}"
    old_budget = settings["parameter_budget"] if config.has_old_budget(settings) else None
    return config.settings_as_recorded(settings), old_budget, ""


def run_name(config: Config) -> str:
    """`bi-LSTM 64 · dot attention · seed 0`, or `· 8 seeds` where one run measures several.

    Between the architecture and the seeds stand the kinds (settings with a noun) that are not the
    experiment's defaults: without them runs of one sweep would be called the same.
    """
    flat = config.flat()
    kinds = [
        setting.kind(flat[setting.name])
        for setting in settings_of(type(config))
        if setting.noun and flat[setting.name] != setting.default
    ]
    seeds = flat.get("seeds")
    repeats = counted(int(seeds), "seed") if seeds else f"seed {flat['seed']}"
    return " · ".join([config.architecture.label, *kinds, repeats])


def command_line(experiment: Experiment, config: Config) -> str:
    """The command that makes this very run again."""
    default = experiment.config().flat()
    given = {setting.name for setting in experiment.settings} - {"cell", "bidirectional"}
    flags = [f"--variants {config.architecture.variant}"]
    for name, value in config.flat().items():
        if value != default[name] and name in given:
            flags.append(f"--{name.replace('_', '-')}={shlex.quote(_as_text(value))}")
    return " ".join(["python -m experiments run", experiment.name, *flags])


def _as_text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
