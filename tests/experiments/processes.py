"""Real workers and real runs for tests."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from core.experiments.gradient_decay import GRADIENT_DECAY
from core.store.folder import PROJECT
from core.store.records import RunRecord
from core.store.tracking import Store
from experiments.queue import submit
from experiments.worker import environment, worker_status

QUICK = {"seeds": [2], "hidden_size": [8], "sequence_length": [20], "batch_size": [2]}

ENDLESS = {**QUICK, "training_steps": [100_000], "spectrum": [False]}


def until(what: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for it, not longer than that."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def start_worker(store: Store) -> subprocess.Popen[bytes]:
    """A worker that is ready."""
    command = [sys.executable, "-m", "experiments", "worker"]
    with (store.folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=PROJECT, env=environment(store), stderr=log)
    until(lambda: (status := worker_status(store)) is not None and status.ready)
    return process


def start_run(store: Store, settings: dict[str, list[object]]) -> RunRecord:
    """A run that has measured the gradients before training, and goes on."""
    (run_id,) = submit(store, GRADIENT_DECAY, GRADIENT_DECAY.configs(["gru"], settings))
    until(lambda: store.run(run_id).state.get("rows"))
    table = store.spool(run_id) / "tables" / "gradient.csv"
    lines = 1 + int(str(settings["seeds"][0])) * int(str(settings["sequence_length"][0]))
    until(lambda: table.exists() and table.read_text().count("\n") >= lines)
    return store.run(run_id)
