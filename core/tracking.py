"""The store: what is to be run, what is running and what came out. The only file that uses MLflow.

MLflow experiment = `Experiment.name`; MLflow run = one execution of one config. Params are the
flat config for people, the tag `unroll.config` is the same for machines. MLflow takes seconds to
load: that happens when something is written, or read from elsewhere than a local database.
"""

from __future__ import annotations

import getpass
import json
import logging
import math
import os
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from core import store_folder
from core.database import Database, Found
from core.experiment import Config, Experiment
from core.experiments import EXPERIMENTS, experiment_named
from core.settings import BadSetting, Value, settings_of
from core.store_folder import StoreError
from core.words import counted

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Else MLflow prints addresses among the data on standard output.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

if TYPE_CHECKING:
    import pandas
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

Status = Literal["SCHEDULED", "RUNNING", "FINISHED", "FAILED", "KILLED"]
STATUSES: tuple[Status, ...] = ("SCHEDULED", "RUNNING", "FINISHED", "FAILED", "KILLED")
ACTIVE: tuple[Status, ...] = ("SCHEDULED", "RUNNING")
ENDED: tuple[Status, ...] = ("FINISHED", "FAILED", "KILLED")

TAG_CONFIG = "unroll.config"
TAG_SWEEP = "unroll.sweep"
TAG_STATE = "unroll.state"
TAG_OWNER = "unroll.owner"
TAG_CANCEL = "unroll.cancel"
TAG_ERROR = "unroll.error"
TAG_RETRY_OF = "unroll.retry_of"
NOTE = "mlflow.note.content"
MOST_CHARACTERS = 5000
"""Of an MLflow tag."""
PAGE = 50
"""Runs asked for at once: MLflow holds a whole page of them as database objects."""
FEW = 8
"""Of a queue, where mostly the next one or two are wanted."""


@dataclass(frozen=True)
class RunRecord:
    """One run as everyone but MLflow sees it."""

    run_id: str
    experiment_id: str
    """MLflow's number for the experiment."""
    experiment: str
    name: str
    status: Status
    settings: Mapping[str, Value]
    """The flat config."""
    sweep: str
    submitted: float
    """Seconds since the epoch."""
    ended: float | None
    metrics: Mapping[str, float]
    tags: Mapping[str, str] = field(repr=False)

    @property
    def note(self) -> str:
        """The result in one sentence, once there is one."""
        return self.tags.get(NOTE, "")

    @property
    def error(self) -> str:
        """Why a FAILED or KILLED run ended."""
        return self.tags.get(TAG_ERROR, "")

    @property
    def cancelled(self) -> bool:
        """Whether somebody has asked it to stop."""
        return TAG_CANCEL in self.tags

    @property
    def retry_of(self) -> str:
        """The run that this one repeats, if any."""
        return self.tags.get(TAG_RETRY_OF, "")

    @cached_property
    def owner(self) -> Mapping[str, Any]:
        """Who executes it: `host`, `pid`, `created` (of that process), `started`."""
        return json.loads(self.tags.get(TAG_OWNER, "{}"))  # type: ignore[no-any-return]

    @cached_property
    def state(self) -> Mapping[str, Any]:
        """The newest sign of life: `beat` (time), `fraction`, `message`, `rows`."""
        return json.loads(self.tags.get(TAG_STATE, "{}"))  # type: ignore[no-any-return]

    @property
    def seconds(self) -> float | None:
        """How long it ran, without waiting in the queue; None while unknown."""
        started: float | None = self.owner.get("started")
        if started is None:
            return None
        return max(0.0, (self.ended or time.time()) - started)

    @cached_property
    def config(self) -> Config:
        """The validated config; `BadSetting` if this version of Unroll no longer takes it."""
        return experiment_named(self.experiment).config.from_flat(self.settings)


class Store:
    """One MLflow store. Open it with `open_store`."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.folder = store_folder.folder_of(uri)
        self._experiment_ids: dict[str, str] = {}

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's own access to the store."""
        from mlflow.tracking import MlflowClient

        for talkative in ("mlflow", "alembic"):
            logging.getLogger(talkative).setLevel(logging.WARNING)
        return MlflowClient(self.uri)

    @cached_property
    def database(self) -> Database | None:
        """What answers instead of MLflow, where the store is a local database that is known."""
        return Database.at(store_folder.database_path(self.uri))

    # --- writing -------------------------------------------------------------------------------

    def create(
        self,
        experiment: Experiment,
        config: Config,
        *,
        sweep: str,
        status: Literal["SCHEDULED", "RUNNING"] = "SCHEDULED",
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Record a run that is to be made and return its id.

        The run becomes SCHEDULED only after its config is on it: nobody takes up half a run.
        """
        from mlflow.entities import Param
        from mlflow.exceptions import MlflowException

        flat = config.flat()
        described = {
            TAG_CONFIG: json.dumps(flat),
            TAG_SWEEP: sweep,
            "mlflow.source.name": command_line(experiment, config),
            "mlflow.source.type": "LOCAL",
            "mlflow.user": _user(),
            **(tags or {}),
        }

        def create() -> Run:
            identifier = self._experiment_id(experiment.name)
            return self.client.create_run(identifier, run_name=run_name(config), tags=described)

        try:
            run = create()
        except MlflowException:  # somebody deleted the experiment in the MLflow UI since
            self._experiment_ids.pop(experiment.name, None)
            run = create()
        run_id: str = run.info.run_id
        params = [Param(name, _param(v)) for name, v in flat.items() if v is not None]
        self.client.log_batch(run_id, params=[Param("variant", _variant(config)), *params])
        if status == "SCHEDULED":
            self.client.update_run(run_id, status="SCHEDULED")
        return run_id

    def mark_running(self, run_id: str, owner: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Say who executes a run from now on, and on what."""
        self.set_tags(run_id, {TAG_OWNER: json.dumps(owner), **tags})
        self.client.update_run(run_id, status="RUNNING")

    def end(self, run_id: str, status: Status, error: str = "") -> None:
        """End a run, with the reason if it did not finish."""
        if error:
            self.set_tags(run_id, {TAG_ERROR: error})
        self.client.set_terminated(run_id, status)

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags in one call; long values are cut to what MLflow takes."""
        from mlflow.entities import RunTag

        self.client.log_batch(
            run_id, tags=[RunTag(k, v[-MOST_CHARACTERS:]) for k, v in tags.items()]
        )

    def log_metrics(self, run_id: str, points: Iterable[tuple[str, float, int]]) -> int:
        """Log (name, value, step) points in as few calls as MLflow allows.

        Values that are not finite cannot be stored faithfully by MLflow; they are left out (the
        tables keep them) and their number is returned.
        """
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        points = list(points)
        metrics = [Metric(n, float(v), now, s) for n, v, s in points if math.isfinite(v)]
        for start in range(0, len(metrics), 1000):
            self.client.log_batch(run_id, metrics=metrics[start : start + 1000])
        return len(points) - len(metrics)

    def upload(self, run_id: str, file: Path, under: str | None = None) -> None:
        """Keep a file as the run's artifact."""
        self.client.log_artifact(run_id, str(file), under)

    # --- reading -------------------------------------------------------------------------------

    def run(self, run_id: str) -> RunRecord:
        """One run; `BadSetting` if there is none of that id."""
        found = self.database.run(run_id) if self.database else self._run_by_mlflow(run_id)
        record = None if found is None else self._record(found, self._experiment_names())
        if record is None:
            raise BadSetting(
                f"run is {run_id!r}, but the store has no such run; "
                "python -m experiments runs lists them"
            )
        return record

    def runs(
        self,
        experiment: str | None = None,
        status: Status | None = None,
        ended_since: float | None = None,
        metrics: Sequence[str] | None = None,
    ) -> list[RunRecord]:
        """Runs in the order submitted, the oldest first; asked for as of `newest_first`."""
        found = self.newest_first(experiment, status, ended_since, metrics)
        return sorted(found, key=lambda record: (record.submitted, record.run_id))

    def newest_first(
        self,
        experiment: str | None = None,
        status: Status | None = None,
        ended_since: float | None = None,
        metrics: Sequence[str] | None = None,
    ) -> Iterator[RunRecord]:
        """Runs as they are read, the newest first.

        `ended_since` (seconds since the epoch) restricts to runs that ended then or later, which
        is how a reader keeps up with a large store. `metrics` restricts what is read of each.
        """
        asked = [experiment] if experiment else [e.name for e in EXPERIMENTS]
        ids = [self._experiment_ids_known()[n] for n in asked if n in self._experiment_ids_known()]
        since = None if ended_since is None else int(ended_since * 1000)
        if self.database:
            found = self.database.newest_first(ids, status, since, metrics)
        else:
            found = self._search(ids, status, since, metrics)
        names = self._experiment_names()
        records = (self._record(run, names) for run in found)
        return (record for record in records if record is not None)

    def waiting(self) -> Iterator[RunRecord]:
        """The SCHEDULED runs in the order submitted; of a server a few at a time, as they are
        taken: who asks for the next of a long queue every other second must not read all of it."""
        if self.database:
            return iter(self.runs(status="SCHEDULED"))
        ids, names = list(self._experiment_ids_known().values()), self._experiment_names()
        found = self._search(ids, "SCHEDULED", None, None, order="ASC", page_size=FEW)
        records = (self._record(run, names) for run in found)
        return (record for record in records if record is not None)

    def active(self) -> list[RunRecord]:
        """Every SCHEDULED and RUNNING run, in the order submitted."""
        # A run that starts between the two questions is in both answers: the later one counts.
        found = [record for status in ACTIVE for record in self.runs(status=status)]
        records = {record.run_id: record for record in found}.values()
        return sorted(records, key=lambda record: record.submitted)

    def table(self, run_id: str, name: str) -> pandas.DataFrame | None:
        """A run's table, or None when it has not recorded any row of it."""
        import pandas

        path = self.artifact(run_id, f"tables/{name}.csv")
        return None if path is None else pandas.read_csv(path)

    def log_text(self, run_id: str) -> str:
        """What the run printed and reported, as far as it is known here."""
        for path in (self.spool(run_id) / "log.txt", self.artifact(run_id, "log.txt")):
            if path is not None and path.exists():
                return path.read_text(errors="replace")
        return ""

    def artifact(self, run_id: str, path: str) -> Path | None:
        """A local path to a run's artifact, fetched when the store is elsewhere."""
        folder = self.database.artifacts(run_id) if self.database else None
        if folder is not None:
            return folder / path if (folder / path).exists() else None
        from mlflow.exceptions import MlflowException

        try:
            return Path(self.client.download_artifacts(run_id, path))
        except (MlflowException, OSError):
            return None

    def spool(self, run_id: str) -> Path:
        """Where a run's rows are while it runs."""
        return self.folder / "spool" / run_id

    # --- inside --------------------------------------------------------------------------------

    def _run_by_mlflow(self, run_id: str) -> Found | None:
        from mlflow.exceptions import MlflowException

        try:
            return _found(self.client.get_run(run_id))
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise StoreError(f"the store {self.uri} does not answer ({error})") from error

    def _search(
        self,
        ids: Sequence[str],
        status: str | None,
        ended_since_ms: int | None,
        metrics: Sequence[str] | None,
        order: Literal["ASC", "DESC"] = "DESC",
        page_size: int = PAGE,
    ) -> Iterator[Found]:
        asked = {"status = '{}'": status, "end_time >= {}": ended_since_ms}
        terms = [f"attributes.{term.format(v)}" for term, v in asked.items() if v is not None]
        by, token = [f"attributes.start_time {order}"], None
        while ids:
            page = self.client.search_runs(list(ids), " AND ".join(terms), 1, page_size, by, token)
            yield from (_found(run, metrics) for run in page)
            token = page.token
            if not token:
                return

    def _record(self, found: Found, experiments: Mapping[str, str]) -> RunRecord | None:
        """None for a run that somebody else put into our experiments."""
        if TAG_CONFIG not in found.tags:
            return None
        return RunRecord(
            run_id=found.run_id,
            experiment_id=found.experiment_id,
            experiment=experiments.get(found.experiment_id, ""),
            name=found.name,
            status=cast(Status, found.status),
            settings=json.loads(found.tags[TAG_CONFIG]),
            sweep=found.tags.get(TAG_SWEEP, ""),
            submitted=found.start_ms / 1000,
            ended=None if found.end_ms is None else found.end_ms / 1000,
            metrics=found.metrics,
            tags=found.tags,
        )

    def _experiment_names(self) -> dict[str, str]:
        return {identifier: name for name, identifier in self._experiment_ids_known().items()}

    def _experiment_ids_known(self) -> dict[str, str]:
        if len(self._experiment_ids) < len(EXPERIMENTS):
            known = {e.name for e in EXPERIMENTS}
            if self.database:
                there = self.database.experiments()
            else:
                there = {e.name: e.experiment_id for e in self.client.search_experiments()}
            self._experiment_ids |= {name: there[name] for name in known & there.keys()}
        return self._experiment_ids

    def _experiment_id(self, name: str) -> str:
        if name not in self._experiment_ids_known():
            with store_folder.schema_lock(self.folder):
                self._experiment_ids[name] = self._create_experiment(name)
        return self._experiment_ids[name]

    def _create_experiment(self, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        if found is None:
            local = store_folder.database_path(self.uri) is not None
            location = str(self.folder / "artifacts" / name) if local else None
            identifier: str = self.client.create_experiment(name, artifact_location=location)
            self.client.set_experiment_tag(identifier, NOTE, experiment_named(name).question)
            # Without it the MLflow UI opens the experiment on a page for language models.
            kind = ("mlflow.experimentKind", "custom_model_development")
            self.client.set_experiment_tag(identifier, *kind)
            return identifier
        if found.lifecycle_stage == "deleted":
            self.client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)


def open_store(uri: str | None = None) -> Store:
    """Open the store, creating or repairing it first. Raises `StoreError` with what to do."""
    uri = uri or store_folder.tracking_uri()
    if (path := store_folder.database_path(uri)) is not None:
        uri = f"sqlite:///{path}"  # absolute: processes with another folder must find the same
    folder, database = store_folder.folder_of(uri), store_folder.database_path(uri)
    store_folder.require_server(uri)
    store_folder.ensure_folder(folder)
    try:
        with store_folder.schema_lock(folder):
            if database is not None:
                store_folder.check_database(database)
            if Database.at(database) is None:  # MLflow makes or brings up to date what it needs
                Store(uri).client.search_experiments(max_results=1)
            if database is not None:
                store_folder.check_database(database)
                store_folder.repair_locations(database)
    except StoreError:
        raise
    except (
        Exception
    ) as error:  # MLflow lets SQLAlchemy, alembic and urllib errors through as they are
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StoreError(
            f"the store {uri} cannot be opened ({reason}); check MLFLOW_TRACKING_URI, or restore "
            "the store from a copy"
        ) from error
    return Store(uri)


def load_ahead() -> None:
    """Import what writing to a local store needs, before somebody waits for it.

    It takes seconds, which a forked run for instance is not to spend.
    """
    import mlflow.tracking
    from mlflow.store.tracking import sqlalchemy_store

    assert sqlalchemy_store, mlflow.tracking


def _found(run: Run, metrics: Sequence[str] | None = None) -> Found:
    measured: dict[str, float] = run.data.metrics
    return Found(
        run_id=run.info.run_id,
        experiment_id=run.info.experiment_id,
        name=run.info.run_name or run.info.run_id[:8],
        status=run.info.status,
        start_ms=run.info.start_time or 0,
        end_ms=run.info.end_time or None,
        tags=run.data.tags,
        metrics={n: v for n, v in measured.items() if metrics is None or n in metrics},
    )


def run_name(config: Config) -> str:
    """`bi-LSTM 64 · dot attention · seed 0`, or `· 8 seeds` where one run measures several.

    Between the architecture and the seeds stand the kinds (settings with a noun) that are not the
    experiment's defaults: without them runs of one comparison would be called the same.
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
    flags = [f"--variants {_variant(config)}"]
    for name, value in config.flat().items():
        if value != default[name] and name not in ("cell", "bidirectional"):
            flags.append(f"--{name.replace('_', '-')}={shlex.quote(_param(value))}")
    return " ".join(["python -m experiments run", experiment.name, *flags])


def _variant(config: Config) -> str:
    return config.architecture.variant


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return f"user {os.getuid()}"


def _param(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
