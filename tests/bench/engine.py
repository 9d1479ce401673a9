"""What recording costs on top of measuring, and how long a submitted run waits.

`python -m tests.bench engine`
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from rich.table import Table

from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.gradient_decay.declaration import GradientRow
from core.store.folder import PROJECT
from core.store.recorder import Recorder
from core.store.tracking import Store
from experiments.queue import submit
from experiments.worker import environment, worker_status
from tests.bench.window import temporary_store

ROWS = 3200

REPEATS = 5


def tables() -> list[Table]:
    """Both measurements on a store of their own."""
    with temporary_store() as store:
        table = Table("engine", "median s", "best s", "worst s", "target s")
        for name, times, target in (
            (f"record {ROWS:,} rows", _recording(store), 0.5),
            ("submit to first row, warm worker", _first_row(store), 1.0),
        ):
            figures = (statistics.median(times), min(times), max(times))
            table.add_row(name, *(f"{figure:.3f}" for figure in figures), f"{target:g}")
        return [table]


def _recording(store: Store) -> list[float]:
    (config,) = GRADIENT_DECAY.configs(["rnn"], {"seeds": [32]})
    rows = [
        GradientRow(
            training_step=0,
            layer=1,
            seed=k // 100,
            steps_back=k % 100,
            log10_input_gradient=-k / 7,
            log10_state_gradient=-k / 9,
            input_zeros=0,
            state_zeros=0,
            overflows=0,
        )
        for k in range(ROWS)
    ]
    times = []
    for _ in range(REPEATS):
        run_id = store.create(GRADIENT_DECAY, config, sweep="bench", status="RUNNING")
        started = time.perf_counter()
        recorder = Recorder(store, run_id, GRADIENT_DECAY)
        for row in rows:
            recorder.take(row)
        recorder.close()
        store.end(run_id, "FINISHED")
        times.append(time.perf_counter() - started)
    return times


def _first_row(store: Store) -> list[float]:
    worker = subprocess.Popen(
        [sys.executable, "-m", "experiments", "worker"],
        cwd=PROJECT,
        env=environment(store),
        stderr=subprocess.DEVNULL,
    )
    try:
        while (status := worker_status(store)) is None or not status.ready:
            time.sleep(0.05)
        return [_wait_for_rows(store) for _ in range(REPEATS)]
    finally:
        worker.terminate()
        worker.wait()


def _wait_for_rows(store: Store) -> float:
    configs = GRADIENT_DECAY.configs(["lstm"], {})
    started = time.perf_counter()
    (run_id,) = submit(store, GRADIENT_DECAY, configs)
    while not store.run(run_id).state.get("rows"):
        time.sleep(0.005)
    waited = time.perf_counter() - started
    while store.run(run_id).status != "FINISHED":
        time.sleep(0.05)
    return waited
