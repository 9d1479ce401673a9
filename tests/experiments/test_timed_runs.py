"""Runs that measure time never overlap any other run, whoever starts them: real processes."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.experiment import Experiment
from core.experiments import experiment_named
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.throughput import THROUGHPUT
from core.store_folder import PROJECT
from core.tracking import RunRecord, Store, open_store
from experiments.queue import cancel, submit
from experiments.worker import environment
from tests.experiments.test_worker import ENDLESS, QUICK, start_run, start_worker, until

TIMED: dict[str, list[Any]] = {
    "hidden_size": [8],
    "input_size": [4],
    "batch_size": [2],
    "sequence_length": [16],
    "shortest_length": [8],
    "repetitions": [3],
    "streamed_tokens": [10],
}


@pytest.fixture(scope="module")
def shared(template_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with a live worker."""
    folder = tmp_path_factory.mktemp("timed") / "store"
    shutil.copytree(template_folder, folder)
    store = open_store(f"sqlite:///{folder / 'mlflow.db'}")
    worker = start_worker(store)
    yield store
    worker.terminate()
    assert worker.wait(30) == 0


def queue(store: Store, experiment: Experiment, *variants: str) -> list[str]:
    settings = TIMED if experiment.timed else QUICK
    return submit(store, experiment, experiment.configs(variants, settings))


def foreground(store: Store, experiment: Experiment) -> subprocess.Popen[bytes]:
    """The same from the command line, beside the worker."""
    settings = TIMED if experiment.timed else QUICK
    flags = [f"--{name.replace('_', '-')}={value[0]}" for name, value in settings.items()]
    return subprocess.Popen(
        [sys.executable, "-m", "experiments", "run", experiment.name, "--variants=rnn,gru", *flags],
        cwd=PROJECT,
        env=environment(store),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def spans(records: list[RunRecord]) -> list[tuple[float, float, bool]]:
    """When each run was executed, and whether it measured time."""
    return [
        (r.owner["started"], r.ended or 0.0, experiment_named(r.experiment).timed) for r in records
    ]


def test_no_run_overlaps_a_timed_one(shared: Store) -> None:
    for _ in range(2):
        queue(shared, GRADIENT_DECAY, "rnn", "gru")
        queue(shared, THROUGHPUT, "rnn", "lstm")
    beside = [foreground(shared, GRADIENT_DECAY), foreground(shared, THROUGHPUT)]
    assert [process.wait(120) for process in beside] == [0, 0]
    until(lambda: not shared.active(), seconds=120)
    found = spans(shared.runs())
    assert len(found) == 12
    assert sum(timed for _, _, timed in found) == 6
    for (start, end, timed), (start_2, end_2, timed_2) in itertools.combinations(found, 2):
        if timed or timed_2:
            assert end <= start_2 or end_2 <= start


def test_the_queue_keeps_its_order_behind_a_run_that_must_wait(shared: Store) -> None:
    busy = start_run(shared, ENDLESS)
    (timed,) = queue(shared, THROUGHPUT, "rnn")
    (later,) = queue(shared, GRADIENT_DECAY, "rnn")
    (sign,) = submit(shared, GRADIENT_DECAY, GRADIENT_DECAY.configs(["gru"], ENDLESS))
    cancel(shared, sign)
    assert shared.run(later).status == "SCHEDULED"
    cancel(shared, busy.run_id)
    until(lambda: shared.run(later).status == "FINISHED")
    assert shared.run(timed).ended <= shared.run(later).owner["started"]
