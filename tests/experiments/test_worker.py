"""The queue under real processes: finish, fail, cancel, kill -9, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.store_folder import PROJECT
from core.tracking import RunRecord, Store, open_store
from experiments.queue import cancel, is_alive, retry, submit
from experiments.worker import ensure_worker, environment, worker_status

QUICK = {"seeds": [2], "hidden_size": [8], "sequence_length": [20], "batch_size": [2]}
ENDLESS = {**QUICK, "training_steps": [100_000], "spectrum": [False]}


def until(what: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def start_worker(store: Store) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "experiments", "worker"]
    with (store.folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=PROJECT, env=environment(store), stderr=log)
    until(lambda: (status := worker_status(store)) is not None and status.ready)
    return process


def start_run(store: Store, settings: dict[str, list[object]]) -> RunRecord:
    """A run that has measured its first rows and goes on."""
    (run_id,) = submit(store, GRADIENT_DECAY, GRADIENT_DECAY.configs(["gru"], settings))
    until(lambda: store.run(run_id).state.get("rows"))
    return store.run(run_id)


@pytest.fixture(scope="module")
def shared(template_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with a live worker, for tests that leave the worker alone."""
    folder = tmp_path_factory.mktemp("worker") / "store"
    shutil.copytree(template_folder, folder)
    store = open_store(f"sqlite:///{folder / 'mlflow.db'}")
    worker = start_worker(store)
    yield store
    worker.terminate()
    assert worker.wait(30) == 0


def test_queued_runs_are_made_and_end_as_finished(shared: Store) -> None:
    configs = GRADIENT_DECAY.configs(["rnn", "bi-lstm"], QUICK)
    run_ids = submit(shared, GRADIENT_DECAY, configs)
    until(lambda: all(shared.run(i).status == "FINISHED" for i in run_ids))
    record = shared.run(run_ids[0])
    assert 0 < record.metrics["decay_rate"] < 1
    assert len(shared.table(record.run_id, "gradient")) == 2 * 20
    assert record.note
    assert not shared.spool(record.run_id).exists()


def test_a_second_worker_is_refused_with_the_first_ones_process(shared: Store) -> None:
    status = worker_status(shared)
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "worker"],
        cwd=PROJECT,
        env=environment(shared),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"process {status.pid}" in done.stderr
    ensure_worker(shared)
    assert worker_status(shared) == status


def test_a_run_that_fails_is_failed_with_its_traceback(shared: Store) -> None:
    lost = {"task": ["tsv"], "file": ["/nowhere/at/all.tsv"], "seeds": [1]}
    (run_id,) = submit(shared, LENGTH_QUALITY, LENGTH_QUALITY.configs(["rnn"], lost))
    until(lambda: shared.run(run_id).status == "FAILED")
    assert "there is no such file" in shared.run(run_id).error
    assert "Traceback" in shared.log_text(run_id)


def test_a_run_killed_with_9_is_found_and_keeps_its_rows_and_can_be_retried(shared: Store) -> None:
    record = start_run(shared, ENDLESS)
    os.kill(record.owner["pid"], signal.SIGKILL)
    until(lambda: shared.run(record.run_id).status == "FAILED")
    lost = shared.run(record.run_id)
    assert "SIGKILL" in lost.error
    assert "retry runs it again" in lost.error
    assert len(shared.table(record.run_id, "gradient")) >= 2 * 20
    assert shared.client.get_metric_history(record.run_id, "gradient/log10_input_gradient")
    assert "lost" in shared.log_text(record.run_id)
    again = retry(shared, record.run_id)
    until(lambda: shared.run(again).status == "RUNNING")
    cancel(shared, again)
    until(lambda: shared.run(again).status == "KILLED")


def test_a_running_run_that_is_cancelled_ends_killed_with_its_rows(shared: Store) -> None:
    record = start_run(shared, ENDLESS)
    assert "told to stop" in cancel(shared, record.run_id)
    until(lambda: shared.run(record.run_id).status == "KILLED", seconds=8)
    assert "cancelled" in shared.run(record.run_id).error
    assert len(shared.table(record.run_id, "gradient")) >= 2 * 20
    until(lambda: not is_alive(record))


def test_a_queued_run_that_is_cancelled_never_starts(shared: Store) -> None:
    busy = [start_run(shared, ENDLESS) for _ in range(len(os.sched_getaffinity(0)))]
    (queued,) = submit(shared, GRADIENT_DECAY, GRADIENT_DECAY.configs(["rnn"], ENDLESS))
    cancel(shared, queued)
    assert shared.run(queued).status == "KILLED"
    assert not shared.run(queued).owner
    for record in busy:
        cancel(shared, record.run_id)
    until(lambda: not shared.active())


def test_a_worker_killed_with_9_leaves_its_runs_running_for_the_next_worker(store: Store) -> None:
    worker = start_worker(store)
    record = start_run(store, ENDLESS)
    (queued,) = submit(store, GRADIENT_DECAY, GRADIENT_DECAY.configs(["rnn"], QUICK))
    worker.kill()
    worker.wait()
    assert worker_status(store) is None
    assert is_alive(record)
    second = start_worker(store)
    try:
        until(lambda: store.run(queued).status == "FINISHED")
        assert store.run(record.run_id).status == "RUNNING"
        os.kill(record.owner["pid"], signal.SIGKILL)
        until(lambda: store.run(record.run_id).status == "FAILED")
        assert "its process is gone" in store.run(record.run_id).error
        assert len(store.table(record.run_id, "gradient")) >= 2 * 20
    finally:
        second.terminate()
        second.wait(30)


def test_a_worker_that_is_stopped_queues_its_unfinished_runs_again(store: Store) -> None:
    worker = start_worker(store)
    record = start_run(store, ENDLESS)
    worker.send_signal(signal.SIGINT)
    assert worker.wait(30) == 0
    assert store.run(record.run_id).status == "KILLED"
    (again,) = store.runs(status="SCHEDULED")
    assert again.retry_of == record.run_id
    assert again.settings == record.settings
    assert not psutil.pid_exists(record.owner["pid"])


def test_a_worker_does_not_end_while_there_is_work(store: Store) -> None:
    (run_id,) = submit(store, GRADIENT_DECAY, GRADIENT_DECAY.configs(["rnn"], QUICK))
    subprocess.run(
        [sys.executable, "-m", "experiments", "worker", "--exit-when-idle", "0"],
        cwd=PROJECT,
        env=environment(store),
        check=True,
        timeout=60,
    )
    assert store.run(run_id).status == "FINISHED"
    assert len(store.runs()) == 1


def test_a_run_whose_rows_cannot_be_read_does_not_hold_up_the_queue(store: Store) -> None:
    broken, fine = submit(store, GRADIENT_DECAY, GRADIENT_DECAY.configs(["rnn", "gru"], QUICK))
    owner = {"host": os.uname().nodename, "pid": 2**22 + 1, "created": 1.0, "started": 1.0}
    store.mark_running(broken, owner, {})
    (store.spool(broken) / "tables").mkdir(parents=True)
    (store.spool(broken) / "tables" / "gradient.csv").write_text('"never closed\n')
    worker = start_worker(store)
    try:
        until(lambda: store.run(fine).status == "FINISHED")
        until(lambda: store.run(broken).status == "FAILED")
        assert "cannot be read" in store.run(broken).error
        assert (store.folder / "unreadable" / broken / "tables" / "gradient.csv").exists()
    finally:
        worker.terminate()
        worker.wait(30)


def test_a_worker_started_in_the_background_ends_when_there_is_nothing_to_do(store: Store) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "worker", "--exit-when-idle", "0.5"],
        cwd=PROJECT,
        env=environment(store),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert "idle" in done.stderr
