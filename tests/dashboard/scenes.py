"""Stores in the states that a page can meet, filled from the declarations of every experiment."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import sqlite3
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, get_type_hints
from unittest import mock

import pandas

from core.experiment import Config, Experiment, Progress, Row
from core.experiments import all_experiments
from core.experiments.length_quality.declaration import SampleRow
from core.experiments.memory_span.declaration import AttemptRow
from core.models.registry import usual_variants, variants
from core.stats.estimates import Estimate
from core.store.folder import database_path
from core.store.recorder import Recorder, metric_points
from core.store.records import TAG_SWEEP, Status
from core.store.tracking import MAX_TAG_LENGTH, Store
from dashboard.charts import scales
from dashboard.charts.scales import has_seeds
from tests.dashboard.hostile import TEXTS

NASTY = "RuntimeError: *4 GiB* of $2 <script>alert(1)</script> [link](http://example.org)"
"""What a careless page would show as Markdown or HTML."""

POINTS = 12
"""Of a made-up curve."""

SIZES = (16, 1024)
"""Of one that has no seeds; a run's own hidden size comes to them."""

LAGS = (2, 5, 10, 20, 50)

LEARNED: dict[str, float] = {
    "learned": 1.0,
    "steps_to_learn": 200.0,
    "loss": 0.1,
    "accuracy": 97.0,
    "half_life_start": 2.0,
    "half_life_end": 4.0,
    "trained_steps": 250.0,
}
"""What every attempt comes to."""

SPANS = {"span_by_seed": "2, 5, 10"}

PROBLEM = "out of memory: *4 GiB*"
"""Why attention has no value at the largest size."""

NOTES = {"device": "cpu", "chip": "Made-up(R) chip CPU @ 2.00GHz"}
"""On what everything was made up, unless a test says otherwise."""

declared = functools.cache(scales.declared_values)

hints_of = functools.cache(get_type_hints)


def rows(experiment: Experiment, config: Config, *, wide: bool = False) -> Iterator[Row]:
    """Made-up rows of every table; `wide` gives further axes two values."""
    for row in experiment.rows:
        axes = [column for column in row.columns() if column.is_axis]
        values = [_places(row, axis.name, config, wide=wide) for axis in axes]
        for place in itertools.product(*values):
            at = dict(zip((axis.name for axis in axes), place, strict=True))
            yield row(**at, **_measures(row, at, config))


def _places(row: type[Row], name: str, config: Config, *, wide: bool) -> list[Any]:
    if name == "seed":
        own = [config.seed]
        return (
            own if experiment_of(row).one_run_per_seed else [*own, config.seed + 1, config.seed + 2]
        )
    if declared(row, name):
        return list(declared(row, name))
    if hints_of(row)[name] is str:
        return ["forward", "backward"] if wide else ["forward"]
    if any(column.curve and column.name == name for column in row.columns()):
        if name == "lag":
            return list(LAGS)
        if has_seeds(row):
            return list(range(POINTS))
        return sorted({*SIZES, config.architecture.hidden_size})
    return [1, 2] if wide else [1]


def experiment_of(row: type[Row]) -> Experiment:
    """The experiment that a row belongs to."""
    return next(experiment for experiment in all_experiments() if row in experiment.rows)


def _measures(row: type[Row], at: Mapping[str, Any], config: Config) -> dict[str, Any]:
    hints = hints_of(row)
    others = sorted({*variants()} - {*usual_variants()})
    place = [*usual_variants(), *others].index(config.architecture.variant)
    rate = 0.1 + 0.1 * (place % 9)
    curve = next((c.name for c in row.columns() if c.curve), "")
    broken = bool(curve) and at.get("subject") == "attention" and at[curve] == SIZES[-1]
    made: dict[str, Any] = {}
    for column in row.columns():
        kind, name = hints[column.name], column.name
        if column.role == "note":
            said = NASTY if row is SampleRow else ""
            made[name] = {**NOTES, **SPANS}.get(name, PROBLEM if broken else said)
        elif column.role == "measure" and kind is Estimate:
            made[name] = Estimate(rate, rate - 0.05, rate + 0.05, 3)
        elif column.role == "measure":
            amount = _amount(row, name, rate, at, curve)
            made[name] = int(amount) if kind is int else None if broken else amount
    return made


def _amount(row: type[Row], name: str, rate: float, at: Mapping[str, Any], curve: str) -> float:
    if row is AttemptRow:
        return LEARNED[name]
    if any(column.role == "seed" for column in row.columns()):
        zero = hints_of(row)[name] is int
        return 0.0 if zero else -rate * at.get(curve, 1) - 0.01 * at.get("seed", 0)
    slower = 1 + list(declared(row, "subject")).index(at["subject"]) if "subject" in at else 1
    quartile = {"q1": 0.9, "q3": 1.1}.get(name.rpartition("_")[2], 1.0)
    return 1000 * rate * slower * quartile * at.get(curve, 1)


def close(recorder: Recorder) -> None:
    """Close a recorder, but log no curves: they take MLflow longer than all else, and no page
    reads them."""

    def summary(row: type[Row], table: pandas.DataFrame) -> Iterator[tuple[str, float, int]]:
        return (point for point in metric_points(row, table) if "/" not in point[0])

    with mock.patch("core.store.recorder.metric_points", summary):
        recorder.close()


def record(
    store: Store,
    experiment: Experiment,
    config: Config,
    sweep: str,
    status: Status = "FINISHED",
    *,
    wide: bool = False,
    machine: Mapping[str, str] = NOTES,
    without: Collection[str] = (),
) -> str:
    """Put one run into the store, ended (or not) as asked, `without` some tables; its id.

    What has been put into one store is copied into the next: MLflow takes ten times as long.
    """
    made = (experiment.name, str(config.flat()), wide, frozenset(without), _measures)
    asked = (*made, status, str(machine))
    if asked not in _recorded:
        run_id = _put(store, experiment, config, sweep, status, wide, machine, without)
        _recorded[asked] = Recorded.of(store, run_id)
        return run_id
    return _recorded[asked].copy(store, experiment, sweep)


@dataclasses.dataclass(frozen=True)
class Recorded:
    """A run as one store has it, with what differs in another."""

    run_id: str
    tables: Mapping[str, list[dict[str, Any]]]
    files: Mapping[str, Mapping[Path, bytes]]
    """`artifacts` and `spool` → name → content."""

    TABLES: ClassVar = ("runs", "params", "tags", "metrics", "latest_metrics")

    @classmethod
    def of(cls, store: Store, run_id: str) -> Recorded:
        """Read a run from a store."""
        with _database(store) as database:
            tables = {
                name: [
                    dict(row)
                    for row in database.execute(
                        f"SELECT * FROM {name} WHERE run_uuid = ?", [run_id]
                    )
                ]
                for name in cls.TABLES
            }
        artifacts = _files(Path(tables["runs"][0]["artifact_uri"]))
        return cls(run_id, tables, {"artifacts": artifacts, "spool": _files(store.spool(run_id))})

    def copy(self, store: Store, experiment: Experiment, sweep: str) -> str:
        """Put the run into another store as a new one of that comparison; its id."""
        new_id = uuid.uuid4().hex
        identifier = store.experiment_number(experiment.name, experiment.question)
        folder = Path(store.client.get_experiment(identifier).artifact_location) / new_id
        folder /= "artifacts"
        for there, kind in ((folder, "artifacts"), (store.spool(new_id), "spool")):
            for name, content in self.files[kind].items():
                (there / name).parent.mkdir(parents=True, exist_ok=True)
                (there / name).write_bytes(content)
        with _database(store) as database:
            (newest,) = database.execute("SELECT max(start_time) FROM runs").fetchone()
            start = max(int(time.time() * 1000), (newest or 0) + 1)
            now = {
                "run_uuid": new_id,
                "experiment_id": int(identifier),
                "artifact_uri": str(folder),
                "start_time": start,
            }
            for table, rows in self.tables.items():
                for row in rows:
                    own = {**row, **{name: now[name] for name in now if name in row}}
                    if row.get("end_time"):
                        own["end_time"] = start
                    if table == "tags":
                        text = row["value"].replace(self.run_id, new_id)
                        own["value"] = sweep if row["key"] == TAG_SWEEP else text
                    columns, values = ", ".join(own), ", ".join(f":{name}" for name in own)
                    database.execute(f"INSERT INTO {table} ({columns}) VALUES ({values})", own)
        return new_id


def _files(folder: Path) -> dict[Path, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder): file.read_bytes() for file in files}


@contextlib.contextmanager
def _database(store: Store) -> Iterator[sqlite3.Connection]:
    path = database_path(store.uri)
    assert path is not None
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.row_factory = sqlite3.Row
        database.execute("PRAGMA synchronous = OFF")
        yield database


_recorded: dict[tuple[Any, ...], Recorded] = {}


def _put(
    store: Store,
    experiment: Experiment,
    config: Config,
    sweep: str,
    status: Status,
    wide: bool,
    machine: Mapping[str, str],
    without: Collection[str],
) -> str:
    if status == "SCHEDULED":
        return store.create(experiment, config, sweep=sweep)
    run_id = store.create(experiment, config, sweep=sweep, status="RUNNING")
    owner = {"host": "elsewhere", "pid": 1, "created": 1.0, "started": time.time()}
    store.take(run_id, owner, machine)
    recorder = Recorder(store, run_id, experiment)
    every = rows(experiment, config, wide=wide)
    made = (row for row in every if row.table not in without)
    for row in made if status == "FINISHED" else itertools.islice(made, POINTS + 3):
        recorder.take(row)
    recorder.take(Progress(1, 2, "half of it"))
    if status == "RUNNING":
        recorder.upload()
        return run_id
    recorder.log(NASTY)
    close(recorder)
    store.log_metrics(run_id, [("seconds", 2.0, 0)])
    if status == "FAILED":
        store.set_tags(run_id, {"unroll.traceback": f"Traceback\n{NASTY}"})
    store.end(run_id, status, "" if status == "FINISHED" else NASTY)
    return run_id


def fill(store: Store, statuses: Sequence[Status], *, wide: bool = False) -> None:
    """One comparison per experiment, its variants ended as the statuses say."""
    for experiment in all_experiments():
        sweep = f"{experiment.name} 2026-11-23 04:30:12 7f3a"
        for variant, status in zip(usual_variants(), statuses, strict=False):
            config, *_ = experiment.configs([variant], {})
            record(store, experiment, config, sweep, status, wide=wide)


def fill_hostile(store: Store) -> None:
    """As `fill`, but everything that people can type is what they should not: see `hostile`.

    The first experiment has a comparison of every text, and the newest one of each is another's.
    """
    texts = list(TEXTS.values())
    for place, experiment in enumerate(all_experiments()):
        first = place % len(texts)
        newest = texts[first]
        others = [*texts[first + 1 :], *texts[:first]]
        for text in [*(others if place == 0 else others[:1]), newest]:
            statuses = HOSTILE_STATUSES if text == newest else HOSTILE_STATUSES[:1]
            for variant, status in zip(usual_variants(), statuses, strict=False):
                config, *_ = experiment.configs([variant], {})
                sweep = f"{text[:MAX_TAG_LENGTH]} {place}"
                run_id = record(store, experiment, config, sweep, status)
                store.client.update_run(run_id, name=text)
                chip = f"{text} {variant}"[-MAX_TAG_LENGTH:]
                tags = {"mlflow.note.content": text, "people: own_tag": text, "chip": chip}
                store.set_tags(run_id, tags)


def fill_older(store: Store) -> None:
    """As `fill`, by a version in which no table had its last measure yet."""
    fill(store, ("FINISHED", "FINISHED"))
    for run in store.runs():
        experiment = next(one for one in all_experiments() if one.name == run.experiment)
        for row in experiment.rows:
            measures = [column.name for column in row.columns() if column.role == "measure"]
            with store.artifact(run.run_id, f"tables/{row.table}.csv") as path:
                if path is not None and len(measures) > 1:
                    table = pandas.read_csv(path)
                    newest = [n for n in table if n in (measures[-1], f"{measures[-1]}_low")]
                    table.drop(columns=newest).to_csv(path, index=False)


HOSTILE_STATUSES: tuple[Status, ...] = ("FINISHED", "FINISHED", "FAILED")

Fill = Callable[[Store], None]

SCENES: dict[str, Fill] = {
    "empty": lambda store: None,
    "full": functools.partial(fill, statuses=("FINISHED",) * 6),
    "wide": functools.partial(fill, statuses=("FINISHED",) * 3, wide=True),
    "single": functools.partial(fill, statuses=("FINISHED",)),
    "failed": functools.partial(fill, statuses=("FINISHED", "FAILED", "KILLED")),
    "all failed": functools.partial(fill, statuses=("FAILED", "KILLED")),
    "running": functools.partial(fill, statuses=("FINISHED", "RUNNING", "SCHEDULED")),
    "queued": functools.partial(fill, statuses=("SCHEDULED", "SCHEDULED")),
    "coming": functools.partial(fill, statuses=("RUNNING", "SCHEDULED")),
    "older": fill_older,
    "hostile": fill_hostile,
}
"""Name → what fills its store: how the runs of each experiment stand, wide tables, names."""
