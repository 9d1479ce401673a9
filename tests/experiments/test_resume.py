"""A run that is killed with -9 halfway and repeated ends as if nothing had happened."""

from __future__ import annotations

import os
import signal

import pandas
import pytest

from core.experiments.length_quality import LENGTH_QUALITY
from core.store.recorder import CHECKPOINT
from core.store.tracking import Store
from experiments.queue import retry, submit
from tests.experiments.processes import until

SETTINGS = {
    "seeds": [1],
    "hidden_size": [16],
    "embedding_size": [16],
    "training_steps": [400],
    "training_pairs": [500],
    "tested_pairs": [3],
    "longest_trained": [6],
    "longest_tested": [8],
    "attention": ["dot"],
    "dropout": [0.1],
    "validations": [5],
}

TIMINGS = ["tokens_per_second", "training_seconds"]


@pytest.mark.slow
def test_the_rows_are_those_of_a_run_that_was_never_killed(working: Store) -> None:
    store = working
    configs = LENGTH_QUALITY.configs(["gru"], SETTINGS)
    (run_id,) = submit(store, LENGTH_QUALITY, configs)
    until(lambda: (store.spool(run_id) / CHECKPOINT).exists())
    os.kill(store.run(run_id).owner["pid"], signal.SIGKILL)
    until(lambda: store.run(run_id).status == "FAILED")
    again = retry(store, run_id)
    (whole,) = submit(store, LENGTH_QUALITY, configs)
    until(lambda: not store.active(), seconds=120)
    assert "resuming from the checkpoint" in store.log_text(again)
    for row in LENGTH_QUALITY.rows:
        tables = [store.table(store.run(i), row.table) for i in (again, whole)]
        first, second = (t.drop(columns=TIMINGS, errors="ignore") for t in tables if t is not None)
        pandas.testing.assert_frame_equal(first, second, check_exact=True)
