"""What fits beside what on one machine."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from core.experiments import all_experiments
from core.processes import started_at
from core.store.records import TAG_CONFIG
from core.store.tracking import Store
from experiments.executors import local
from experiments.executors.base import ResourceRequest
from experiments.executors.local import Child, LocalExecutor
from tests.toy import TOY, ToyConfig

NARROW, WIDE, TIMED = ResourceRequest(1, False), ResourceRequest(2, False), ResourceRequest(1, True)


@pytest.fixture
def executor(store: Store, monkeypatch: pytest.MonkeyPatch) -> LocalExecutor:
    monkeypatch.setattr("experiments.executors.local.cores", lambda: 2)
    return LocalExecutor(store)


@pytest.mark.parametrize("demand", [NARROW, WIDE, TIMED, ResourceRequest(99, False)])
def test_an_idle_machine_has_room_for_anything(
    executor: LocalExecutor, demand: ResourceRequest
) -> None:
    assert executor.has_room(demand)


def test_ordinary_runs_fit_beside_each_other_while_there_are_cores(executor: LocalExecutor) -> None:
    assert executor.has_room(NARROW, [NARROW])
    assert not executor.has_room(WIDE, [NARROW])
    assert not executor.has_room(NARROW, [NARROW, NARROW])


def test_a_timed_run_fits_beside_nothing_and_nothing_beside_it(executor: LocalExecutor) -> None:
    assert not executor.has_room(TIMED, [NARROW])
    assert not executor.has_room(NARROW, [TIMED])
    assert not executor.has_room(TIMED, [TIMED])


def test_children_count_like_the_runs_of_others(executor: LocalExecutor) -> None:
    executor._children["a"] = Child(object(), TIMED, None)  # type: ignore[arg-type]
    assert not executor.has_room(NARROW)
    executor._children["a"] = Child(object(), NARROW, None)  # type: ignore[arg-type]
    assert executor.has_room(NARROW)
    assert not executor.has_room(TIMED)


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_the_demand_follows_from_experiment_and_config(store: Store, experiment) -> None:
    config, *_ = experiment.configs(["rnn"], {"threads": [3]})
    record = store.run(store.create(experiment, config, sweep="s"))
    request = ResourceRequest.of(record)
    assert (request.threads, request.alone, request.gpus) == (3, experiment.timed, 0)


def test_a_second_run_needs_memory_and_the_first_does_not(
    executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = ResourceRequest(memory=2.0)
    for free, room in ((1.99, False), (2.0, True), (2.01, True)):
        monkeypatch.setattr(local, "free_bytes", lambda free=free: free * 2**30)
        assert executor.has_room(needs, [NARROW]) is room
        assert executor.has_room(needs)


def test_a_child_uses_one_thread_unless_somebody_says_otherwise(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    LocalExecutor(store)
    assert os.environ["OMP_NUM_THREADS"] == "3"
    monkeypatch.delenv("OMP_NUM_THREADS")
    LocalExecutor(store)
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_a_log_that_grows_too_long_keeps_its_beginning_and_says_what_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "MAX_LOG", 100)
    monkeypatch.setattr(local, "LOG_KEPT", 10)
    log = tmp_path / "log.txt"
    with log.open("a") as writer:
        for length, cut in ((100, False), (101, True)):
            writer.write("x" * (length - log.stat().st_size))
            writer.flush()
            local.cut_log(log)
            assert (log.stat().st_size < length) is cut
        assert log.read_text() == "x" * 10 + "\n… 91 bytes were printed here and are dropped\n"
        writer.write("later")
    assert log.read_text().endswith("dropped\nlater")
    local.cut_log(tmp_path / "not there")


def test_a_child_that_was_killed_is_told_apart_from_one_that_ended() -> None:
    assert local._in_words(1) == "its process ended with exit status 1"
    assert local._in_words(-15) == "its process was ended by signal 15 (SIGTERM)"
    assert local._in_words(-9).endswith("(SIGKILL), as the system does when memory runs out")


def test_a_child_is_alive_as_long_as_it_is_though_its_server_died() -> None:
    """Then what waits for it reads an end of file, which means 255."""
    process = psutil.Popen(["sleep", "60"])
    server_died = SimpleNamespace(pid=process.pid, exitcode=local.NO_SERVER, join=lambda: None)
    child = local.Child(server_died, ResourceRequest(), started_at(process.pid))  # type: ignore[arg-type]
    assert local._ending(child) == ""
    assert child.orphan
    process.kill()
    process.wait()
    assert local._ending(child) == "its process ended after the fork server had"


def test_a_run_whose_config_is_refused_asks_for_little_and_starts(store: Store, toy) -> None:
    run_id = store.create(TOY, ToyConfig(threads=3, memory_limit=2), sweep="s")
    request = ResourceRequest.of(store.run(run_id))
    assert (request.threads, request.memory_limit) == (3, 2)
    assert request.memory > ResourceRequest().memory
    store.set_tags(run_id, {TAG_CONFIG: '{"cell": "of a plug-in"}'})
    assert ResourceRequest.of(store.run(run_id)) == ResourceRequest()
