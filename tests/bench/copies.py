"""A store of any size: a few runs measured, small ones, and recorded many times over.

    python -m tests.bench scale --runs 10000 --store FOLDER

makes it where there is none yet, and then measures the dashboard over it.

Each copy says of which run it is one: a throw-away store for measuring the dashboard, not results.
MLflow takes 50 ms to record a run, so copies are rows copied inside its database.
"""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy
from rich.table import Table

from core.experiment import Config
from core.experiments import all_experiments, experiment_named
from core.models.registry import usual_variants
from core.runner import execute
from core.settings import BadSetting
from core.store.records import NOTE, TAG_CONFIG, TAG_SWEEP, RunRecord
from core.store.sqlite import analyze
from core.store.tracking import Store, open_store, run_name

SMALL: Mapping[str, Mapping[str, Any]] = {
    "gradient-decay": {"seeds": 3},
    "parameter-count": {},
    "throughput": {
        "sequence_length": 128,
        "batch_size": 4,
        "repetitions": 3,
        "streamed_tokens": 30,
    },
    "length-quality": {
        "training_steps": 40,
        "training_pairs": 300,
        "tested_pairs": 8,
        "longest_trained": 8,
        "longest_tested": 12,
    },
    "memory-span": {"seeds": 3, "training_steps": 60, "longest_lag": 20},
    "two-sided-context": {"seeds": 3, "training_steps": 40, "furthest": 5},
    "state-tracking": {"seeds": 3, "training_steps": 40, "longest_tested": 64},
    "recall": {"seeds": 3, "training_steps": 40, "most_pairs": 3},
    "language-model": {"seeds": 3, "training_steps": 20, "tested_windows": 40},
}
"""What each experiment is asked for, so that all variants of all together take a minute or so."""

WIDTHS = (16, 32, 64, 128)
"""Each copied comparison is said to have one of them."""

BATCH = 200
"""Copies that are written together."""

SECONDS_APART = 60.0
"""Between the launches of copied comparisons: the last of them is now."""

TAG_COPY_OF = "unroll.copy_of"

MARK = ".copies"
"""A folder with this file in it holds nothing but copies."""


def store_of(folder: Path, number: int) -> Store:
    """The store with so many finished runs in a folder: the one that is there, or a new one.

    Raises `BadSetting` for a folder that holds something else.
    """
    mark = folder / MARK
    if mark.exists() and mark.read_text() == str(number):
        return open_store(f"sqlite:///{folder / 'mlflow.db'}")
    if folder.exists() and any(folder.iterdir()):
        raise BadSetting(
            f"store is {folder}, which holds something else than copies of {number:,} runs; "
            "give a new folder"
        )
    store = open_store(f"sqlite:///{folder / 'mlflow.db'}")
    fill(store, number, store.uri)
    analyze(folder / "mlflow.db")
    mark.write_text(str(number))
    return store


def fill(store: Store, number: int, database: str) -> None:
    """Measure one small run of everything, and copy them in turns until there are enough, in the
    database that is behind the store."""
    templates = [store.run(run_id) for run_id in _measured(store)]
    engine = sqlalchemy.create_engine(database)
    tables = sqlalchemy.MetaData()
    tables.reflect(engine, only=Copies.TABLES)
    with engine.begin() as connection:
        copies = [Copies(connection, tables, template) for template in templates]
        planned = itertools.islice(_planned(templates, number - len(templates)), number)
        for batch in _batches(planned):
            rows: dict[str, list[dict[str, Any]]] = {name: [] for name in Copies.TABLES}
            for copy in batch:
                for name, more in copies[copy.template].rows(copy).items():
                    rows[name] += more
            for name, every in rows.items():
                if every:
                    connection.execute(tables.tables[name].insert(), every)
    engine.dispose()


def _batches(planned: Iterator[Copy]) -> Iterator[list[Copy]]:
    while batch := list(itertools.islice(planned, BATCH)):
        yield batch


def _measured(store: Store) -> Iterator[str]:
    for experiment in all_experiments():
        settings = {name: [value] for name, value in SMALL.get(experiment.name, {}).items()}
        once = {experiment.replicate.name: [1]} if experiment.replicate else {}
        for config in experiment.configs(list(usual_variants()), settings | once):
            name = f"measured {experiment.name}"  # not queued: a worker may be there
            run_id = store.create(experiment, config, sweep=name, status="RUNNING")
            if execute(store, run_id) != "FINISHED":
                raise RuntimeError(f"{run_name(config)} did not finish: {store.run(run_id).error}")
            yield run_id


@dataclass(frozen=True)
class Copy:
    """One run to be recorded again: which, as what and when."""

    template: int
    config: Config
    sweep: str
    submitted: float


def _planned(templates: Sequence[RunRecord], number: int) -> Iterator[Copy]:
    """Comparisons of all variants of an experiment, at two seeds each; the experiments in turns."""
    of: dict[str, list[int]] = {}
    for index, template in enumerate(templates):
        of.setdefault(template.experiment, []).append(index)
    each = [(index, seed) for seed in (0, 1) for index in range(len(usual_variants()))]
    launches = -(-number // len(each))
    begin = time.time() - SECONDS_APART * launches
    planned = (
        Copy(
            members[index],
            _config(templates[members[index]], 2 * launch + seed, WIDTHS[launch % len(WIDTHS)]),
            f"copies {launch:04d} {name}",
            begin + SECONDS_APART * launch + index + seed / 2,
        )
        for launch, (name, members) in zip(
            range(launches), itertools.cycle(of.items()), strict=False
        )
        for index, seed in each
    )
    return itertools.islice(planned, number)


def _config(template: RunRecord, seed: int, width: int) -> Config:
    """The template's, at another seed and width."""
    flat = {**template.settings, "seed": seed, "hidden_size": width}
    return experiment_named(template.experiment).config.from_flat(flat)


class Copies:
    """Records one run again and again, as rows of the tables of MLflow's database."""

    TABLES = ("runs", "params", "tags", "metrics", "latest_metrics")

    def __init__(
        self,
        connection: sqlalchemy.Connection,
        tables: sqlalchemy.MetaData,
        template: RunRecord,
    ) -> None:
        self._template = template
        self._rows = {}
        for name in self.TABLES:
            table = tables.tables[name]
            chosen = sqlalchemy.select(table).where(table.c.run_uuid == template.run_id)
            self._rows[name] = [dict(row) for row in connection.execute(chosen).mappings()]

    def rows(self, copy: Copy) -> dict[str, list[dict[str, Any]]]:
        """One more. It has the template's artifacts: the very files."""
        run_id, flat = secrets.token_hex(16), copy.config.flat()
        took = (self._template.ended or 0.0) - self._template.submitted
        times = (int(1000 * copy.submitted), int(1000 * (copy.submitted + took)))
        name = run_name(copy.config)
        changed: dict[str, dict[str, Any]] = {
            "tags": {
                TAG_CONFIG: json.dumps(flat),
                TAG_SWEEP: copy.sweep,
                NOTE: f"Copied to measure the dashboard. {self._template.note}",
                TAG_COPY_OF: self._template.run_id,
                "mlflow.runName": name,
            },
            "params": {setting: str(flat[setting]) for setting in ("seed", "hidden_size")},
        }
        made = {
            table: [{**row, "run_uuid": run_id} for row in rows if row.get("key") not in other]
            + [{"run_uuid": run_id, "key": key, "value": value} for key, value in other.items()]
            for table, rows in self._rows.items()
            for other in [changed.get(table, {})]
        }
        (run,) = made["runs"]
        run |= {"name": name, "start_time": times[0], "end_time": times[1]}
        return made


def tables(folder: Path, number: int) -> list[Table]:
    """How long it took to make, and whether MLflow finds it complete."""
    started = time.perf_counter()
    store = store_of(folder, number)
    took = time.perf_counter() - started
    count = len(store.runs(status="FINISHED", metrics=[]))
    table = Table("copies", "runs", "seconds", "database MiB")
    size = (folder / "mlflow.db").stat().st_size / 2**20
    table.add_row(str(folder), f"{count:,}", f"{took:.0f}", f"{size:.0f}")
    return [table]
