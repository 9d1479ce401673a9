"""Stores in the states that a page can meet, filled from the declarations of every experiment."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.architecture import VARIANTS
from core.experiment import Config, Experiment, Progress, Row
from core.experiments import EXPERIMENTS
from core.recorder import Recorder
from core.statistics import Estimate
from core.tracking import Status, Store

NASTY = "RuntimeError: *4 GiB* of $2 <script>alert(1)</script> [link](http://example.org)"
"""What a careless page would show as Markdown or HTML."""
POINTS = 12
"""Of a made-up curve."""


def rows(experiment: Experiment, config: Config, *, wide: bool = False) -> Iterator[Row]:
    """Made-up rows of every table; `wide` gives further axes two values."""
    for row in experiment.rows:
        columns = row.columns()
        axes = [column for column in columns if column.role == "axis"]
        types = {field.name: str(field.type) for field in dataclasses.fields(row)}
        values = []
        for axis in axes:
            if axis.name == "seed":
                values.append([config.seed, config.seed + 1, config.seed + 2])
            elif types[axis.name] == "str":
                values.append(["forward", "backward"] if wide else ["forward"])
            elif axis.curve:
                values.append(list(range(POINTS)))
            else:
                values.append([1, 2] if wide else [1])
        for place in itertools.product(*values):
            at = dict(zip((axis.name for axis in axes), place, strict=True))
            yield row(**at, **_measures(row, types, at, config))


def _measures(
    row: type[Row], types: Mapping[str, str], at: Mapping[str, Any], config: Config
) -> dict[str, Any]:
    curve = next((c.name for c in row.columns() if c.curve), "")
    rate = 0.1 + 0.1 * list(VARIANTS).index(config.architecture.variant)
    value = -rate * at.get(curve, 1) - 0.01 * at.get("seed", 0)
    made = {}
    for column in row.columns():
        if column.role == "measure":
            kind = types[column.name]
            made[column.name] = (
                Estimate(rate, rate - 0.05, rate + 0.05, 3)
                if kind == "Estimate"
                else (0 if kind == "int" else value)
            )
    return made


def record(
    store: Store,
    experiment: Experiment,
    config: Config,
    sweep: str,
    status: Status = "FINISHED",
    *,
    wide: bool = False,
) -> str:
    """Put one run into the store, ended (or not) as asked; returns its id."""
    if status == "SCHEDULED":
        return store.create(experiment, config, sweep=sweep)
    run_id = store.create(experiment, config, sweep=sweep, status="RUNNING")
    owner = {"host": "elsewhere", "pid": 1, "created": 1.0, "started": time.time()}
    store.mark_running(run_id, owner, {})
    recorder = Recorder(store, run_id, experiment)
    made = rows(experiment, config, wide=wide)
    for row in made if status == "FINISHED" else itertools.islice(made, POINTS + 3):
        recorder.take(row)
    recorder.take(Progress(1, 2, "half of it"))
    if status == "RUNNING":
        recorder.upload()
        return run_id
    recorder.log(NASTY)
    recorder.close()
    store.log_metrics(run_id, [("seconds", 2.0, 0)])
    if status == "FAILED":
        store.set_tags(run_id, {"unroll.traceback": f"Traceback\n{NASTY}"})
    store.end(run_id, status, "" if status == "FINISHED" else NASTY)
    return run_id


def fill(store: Store, statuses: Sequence[Status], *, wide: bool = False) -> None:
    """One comparison per experiment, its variants ended as the statuses say."""
    for experiment in EXPERIMENTS:
        sweep = f"{experiment.name} 2026-11-23 04:30:12 7f3a"
        for variant, status in zip(VARIANTS, statuses, strict=False):
            (config,) = experiment.configs([variant], {})
            record(store, experiment, config, sweep, status, wide=wide)


SCENES: dict[str, tuple[tuple[Status, ...], bool]] = {
    "empty": ((), False),
    "full": (("FINISHED",) * 6, False),
    "wide": (("FINISHED",) * 3, True),
    "single": (("FINISHED",), False),
    "failed": (("FINISHED", "FAILED", "KILLED"), False),
    "all failed": (("FAILED", "KILLED"), False),
    "running": (("FINISHED", "RUNNING", "SCHEDULED"), False),
    "coming": (("RUNNING", "SCHEDULED"), False),
}
"""Name → how the runs of each experiment stand, and whether their tables have wide axes."""
