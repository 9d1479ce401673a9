"""Runs that measure time never overlap any other run, whoever starts them: real processes."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import pytest

from core.experiment import Experiment
from core.experiments import experiment_named
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.throughput import THROUGHPUT
from core.store.folder import PROJECT
from core.store.records import RunRecord
from core.store.tracking import Store
from experiments.queue import cancel, submit
from experiments.worker import environment
from tests.experiments.processes import ENDLESS, QUICK, start_run, until

TIMED: dict[str, list[Any]] = {
    "launches": [1],
    "hidden_size": [8],
    "input_size": [4],
    "batch_size": [2],
    "sequence_length": [16],
    "shortest_length": [8],
    "repetitions": [3],
    "streamed_tokens": [10],
}


def queue(store: Store, experiment: Experiment, *variants: str) -> list[str]:
    settings = TIMED if experiment.timed else QUICK
    return submit(store, experiment, experiment.configs(variants, settings))


def foreground(store: Store, experiment: Experiment) -> subprocess.Popen[bytes]:
    """The same from the command line, beside the worker."""
    settings = TIMED if experiment.timed else QUICK
    flags = [f"--{name.replace('_', '-')}={value[0]}" for name, value in settings.items()]
    return subprocess.Popen(
        [sys.executable, "-m", "experiments", "run", experiment.name, "--variants=rnn", *flags],
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


@pytest.mark.slow
def test_no_run_overlaps_a_timed_one(working: Store) -> None:
    before = {run.run_id for run in working.runs()}
    queue(working, GRADIENT_DECAY, "rnn")
    queue(working, THROUGHPUT, "lstm")
    queue(working, GRADIENT_DECAY, "gru")
    beside = [foreground(working, GRADIENT_DECAY), foreground(working, THROUGHPUT)]
    assert [process.wait(120) for process in beside] == [0, 0]
    until(lambda: not working.active(), seconds=120)
    found = spans([run for run in working.runs() if run.run_id not in before])
    assert len(found) == 5
    assert sum(timed for _, _, timed in found) == 2
    for (start, end, timed), (start_2, end_2, timed_2) in itertools.combinations(found, 2):
        if timed or timed_2:
            assert end <= start_2 or end_2 <= start


@pytest.mark.slow
def test_the_queue_keeps_its_order_behind_a_run_that_must_wait(working: Store) -> None:
    busy = start_run(working, ENDLESS)
    (timed,) = queue(working, THROUGHPUT, "rnn")
    (later,) = queue(working, GRADIENT_DECAY, "rnn")
    (sign,) = submit(working, GRADIENT_DECAY, GRADIENT_DECAY.configs(["gru"], ENDLESS))
    cancel(working, sign)
    assert working.run(later).status == "SCHEDULED"
    cancel(working, busy.run_id)
    until(lambda: working.run(later).status == "FINISHED")
    assert working.run(timed).ended <= working.run(later).owner["started"]
