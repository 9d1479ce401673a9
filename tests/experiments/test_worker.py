"""The queue under real processes: finish, fail, cancel, kill -9, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import psutil
import pytest
from filelock import FileLock

from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.store.folder import PROJECT, StoreError
from core.store.people import Person
from core.store.records import RunRecord
from core.store.tracking import Store
from experiments import worker
from experiments.__main__ import main
from experiments.cli import parse
from experiments.liveness import is_alive
from experiments.logs import SILENT
from experiments.queue import cancel, retry, submit
from experiments.worker import WorkerStatus, ensure_worker, environment, worker_status
from tests.experiments.processes import ENDLESS, QUICK, start_run, start_worker, until
from tests.toy import TOY, ToyConfig


def test_queued_runs_are_made_and_end_as_finished(working: Store) -> None:
    configs = GRADIENT_DECAY.configs(["rnn", "bi-lstm"], QUICK)
    run_ids = submit(working, GRADIENT_DECAY, configs)
    until(lambda: all(working.run(i).status == "FINISHED" for i in run_ids))
    record = working.run(run_ids[0])
    assert 0 < record.metrics["decay_rate"] < 1
    assert len(working.table(record, "gradient")) == 2 * 20
    assert record.note
    assert not working.spool(record.run_id).exists()


def test_a_second_worker_is_refused_with_the_first_ones_process(
    working: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", working.uri)
    status = worker_status(working)
    assert main(["worker"]) == 1
    assert f"process {status.pid}" in capsys.readouterr().err
    ensure_worker(working)
    assert worker_status(working) == status


def test_a_run_that_fails_is_failed_with_its_traceback(working: Store) -> None:
    lost = {"task": ["multi30k"], "folder": ["/nowhere/at/all"], "seeds": [1]}
    (run_id,) = submit(working, LENGTH_QUALITY, LENGTH_QUALITY.configs(["rnn"], lost))
    until(lambda: working.run(run_id).status == "FAILED")
    assert "name a folder that has it" in working.run(run_id).error
    assert "Traceback" in working.log_text(run_id)


def test_a_run_killed_with_9_is_found_and_keeps_its_rows_and_can_be_retried(working: Store) -> None:
    record = start_run(working, ENDLESS)
    os.kill(record.owner["pid"], signal.SIGKILL)
    until(lambda: working.run(record.run_id).status == "FAILED")
    lost = working.run(record.run_id)
    assert "SIGKILL" in lost.error
    assert "retry runs it again" in lost.error
    assert len(working.table(record, "gradient")) >= 2 * 20
    assert working.client.get_metric_history(record.run_id, "gradient/log10_input_gradient")
    assert "lost" in working.log_text(record.run_id)
    again = retry(working, record.run_id)
    until(lambda: working.run(again).status == "RUNNING")
    cancel(working, again)
    until(lambda: working.run(again).status == "KILLED")


def test_a_running_run_that_is_cancelled_ends_killed_with_its_rows(working: Store) -> None:
    record = start_run(working, ENDLESS)
    assert "is stopping" in cancel(working, record.run_id)
    until(lambda: working.run(record.run_id).status == "KILLED", seconds=8)
    assert "cancelled" in working.run(record.run_id).error
    assert len(working.table(record, "gradient")) >= 2 * 20
    until(lambda: not is_alive(record))


@pytest.mark.slow
def test_a_run_goes_on_when_the_fork_server_alone_dies(working: Store) -> None:
    record = start_run(working, ENDLESS)
    os.kill(psutil.Process(record.owner["pid"]).ppid(), signal.SIGKILL)
    (another,) = submit(working, GRADIENT_DECAY, GRADIENT_DECAY.configs(["rnn"], QUICK))
    until(lambda: working.run(another).status == "FINISHED")
    assert working.run(record.run_id).status == "RUNNING"
    assert is_alive(record)
    cancel(working, record.run_id)
    until(lambda: working.run(record.run_id).status == "KILLED")
    assert "lost" not in working.log_text(record.run_id)


def test_a_queued_run_that_is_cancelled_never_starts(working: Store) -> None:
    busy = [start_run(working, ENDLESS) for _ in range(len(os.sched_getaffinity(0)))]
    (queued,) = submit(working, GRADIENT_DECAY, GRADIENT_DECAY.configs(["rnn"], ENDLESS))
    cancel(working, queued)
    assert working.run(queued).status == "KILLED"
    assert not working.run(queued).owner
    for record in busy:
        cancel(working, record.run_id)
    until(lambda: not working.active())


@dataclass(frozen=True)
class Succession:
    """A worker that was killed with a run going and one waiting, and the next one."""

    store: Store
    going: RunRecord
    waiting: str
    second: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def succession(
    new_store: Callable[[Path], Store], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Succession]:
    store = new_store(tmp_path_factory.mktemp("succession") / "store")
    first = start_worker(store)
    going = start_run(store, ENDLESS)
    (waiting,) = submit(store, GRADIENT_DECAY, GRADIENT_DECAY.configs(["rnn"], QUICK))
    first.kill()
    first.wait()
    assert worker_status(store) is None
    assert is_alive(going)
    second = start_worker(store)
    yield Succession(store, going, waiting, second)
    if second.poll() is None:
        second.terminate()
        second.wait(30)
    with contextlib.suppress(ProcessLookupError):  # it would run for ever
        os.kill(going.owner["pid"], signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_killed_with_9_leaves_its_runs_running_for_the_next_worker(
    succession: Succession,
) -> None:
    store, record = succession.store, succession.going
    until(lambda: store.run(succession.waiting).status == "FINISHED")
    assert store.run(record.run_id).status == "RUNNING"
    os.kill(record.owner["pid"], signal.SIGKILL)
    until(lambda: store.run(record.run_id).status == "FAILED")
    assert "its process is gone" in store.run(record.run_id).error
    assert len(store.table(record, "gradient")) >= 2 * 20


@pytest.mark.slow
def test_a_worker_that_is_stopped_queues_its_unfinished_runs_again(succession: Succession) -> None:
    store = succession.store
    record = start_run(store, ENDLESS)
    succession.second.send_signal(signal.SIGINT)
    assert succession.second.wait(30) == 0
    assert store.run(record.run_id).status == "KILLED"
    (again,) = store.runs(status="SCHEDULED")
    assert again.retry_of == record.run_id
    assert again.settings == record.settings
    assert not psutil.pid_exists(record.owner["pid"])


@dataclass(frozen=True)
class Errand:
    """A worker that was to end as soon as it was idle, and what it found in the queue."""

    store: Store
    broken: str
    """A run whose process is gone and whose rows cannot be read."""
    fine: str
    ended: int
    said: str


@pytest.fixture(scope="module")
def errand(new_store: Callable[[Path], Store], tmp_path_factory: pytest.TempPathFactory) -> Errand:
    store = new_store(tmp_path_factory.mktemp("errand") / "store")
    broken, fine = submit(store, GRADIENT_DECAY, GRADIENT_DECAY.configs(["rnn", "gru"], QUICK))
    owner = {"host": os.uname().nodename, "pid": 2**22 + 1, "created": 1.0, "started": 1.0}
    store.take(broken, owner, {})
    (store.spool(broken) / "tables").mkdir(parents=True)
    (store.spool(broken) / "tables" / "gradient.csv").write_text('"never closed\n')
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "worker", "--exit-when-idle", "0"],
        cwd=PROJECT,
        env=environment(store),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Errand(store, broken, fine, done.returncode, done.stderr)


@pytest.mark.slow
def test_a_worker_does_not_end_while_there_is_work(errand: Errand) -> None:
    assert errand.store.run(errand.fine).status == "FINISHED"
    assert len(errand.store.runs()) == 2


@pytest.mark.slow
def test_a_run_whose_rows_cannot_be_read_does_not_hold_up_the_queue(errand: Errand) -> None:
    store, broken = errand.store, errand.broken
    assert store.run(broken).status == "FAILED"
    assert "cannot be read" in store.run(broken).error
    assert (store.folder / "unreadable" / broken / "tables" / "gradient.csv").exists()
    assert store.run(errand.fine).status == "FINISHED"


def test_a_worker_ends_when_there_is_nothing_to_do(errand: Errand) -> None:
    assert errand.ended == 0
    assert "idle" in errand.said


class TestStartInTheBackground:
    """What is started, without starting it."""

    STATUS = WorkerStatus(pid=1, host="h", created=1.0, started=1.0, ready=True)

    @pytest.fixture
    def here(self, tmp_path: Path) -> Store:
        return Store(f"sqlite:///{tmp_path / 'mlflow.db'}")

    @pytest.fixture
    def start(self, here: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
        def ensure(*statuses: WorkerStatus | None, exit_status: int | None = None) -> list[Any]:
            """What was started, of a worker that is looked for so often."""
            left, started = [*statuses], []

            def start_process(*arguments: object) -> SimpleNamespace:
                started.append(arguments)
                return SimpleNamespace(poll=lambda: exit_status)

            monkeypatch.setattr(
                worker, "worker_status", lambda store: left.pop(0) if len(left) > 1 else left[0]
            )
            monkeypatch.setattr(worker, "start_process", start_process)
            ensure_worker(here)
            return started

        return ensure

    def test_it_is_one_that_ends_when_idle_on_the_same_store_with_its_log_beside_it(
        self, here: Store, start: Callable[..., list[Any]]
    ) -> None:
        ((command, env, log),) = start(None, None, self.STATUS)
        assert command[:3] == [sys.executable, "-m", "experiments"]
        chosen = parse(command[3:])
        assert chosen.verb == "worker"
        assert chosen.exit_when_idle > 0
        assert env == environment(here)
        assert log.parent == here.folder
        assert (here.folder / "queue.wake").exists()

    def test_none_is_started_beside_a_live_one(self, start: Callable[..., list[Any]]) -> None:
        assert start(self.STATUS) == []

    def test_one_that_ends_at_once_is_an_error_that_names_its_log(
        self, here: Store, start: Callable[..., list[Any]]
    ) -> None:
        with pytest.raises(StoreError, match=f"{here.folder}/worker.log says why"):
            start(None, exit_status=1)

    def test_one_that_finds_another_one_is_none(self, start: Callable[..., list[Any]]) -> None:
        """Somebody else's was a moment earlier."""
        assert len(start(None, None, self.STATUS, exit_status=1)) == 1

    def test_it_is_not_waited_for_longer_than_it_may_take(
        self, start: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(worker, "START_SECONDS", 0.01)
        with pytest.raises(StoreError, match="the worker did not start within"):
            start(None)

    def test_its_environment_is_this_one_with_the_store_in_it(
        self, here: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////elsewhere/mlflow.db")
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        env = environment(here)
        assert env["MLFLOW_TRACKING_URI"] == here.uri
        assert env["OMP_NUM_THREADS"] == "1"
        assert {*os.environ} <= {*env}
        assert os.environ["MLFLOW_TRACKING_URI"] != here.uri, "this process keeps its own"


def test_a_worker_in_another_container_is_known_by_its_lock(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process id means nothing here, and this dashboard starts none beside it."""
    status = WorkerStatus(pid=1, host="elsewhere", created="then", started=0.0, ready=True)
    (store.folder / "worker.json").write_text(json.dumps(asdict(status)))
    with FileLock(store.folder / "worker.lock"):
        assert worker_status(store) == status
    assert worker_status(store) is None
    monkeypatch.setenv(worker.WORKER_VARIABLE, "elsewhere")
    ensure_worker(store)
    assert worker_status(store) is None


def test_one_person_has_so_many_runs_at_a_time_and_others_go_first(
    store: Store, toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "team.toml").write_text("[limits]\nrunning = 1")
    monkeypatch.setenv("UNROLL_TEAM", str(tmp_path / "team.toml"))
    ana, ben = (store.by(Person(name, "runner")) for name in ("ana", "ben"))
    first, _, _ = submit(ana, TOY, [ToyConfig(seed=seed) for seed in range(3)])
    (other,) = submit(ben, TOY, [ToyConfig(seed=9)])
    started: list[str] = []
    executor = Mock(running={}, has_room=lambda *_: True)
    executor.start = lambda record: started.append(record.run_id)
    worker.Worker(store, SILENT, executor)._round()
    assert started == [first, other]
