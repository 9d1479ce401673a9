"""What fits beside what on one machine."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from core.experiments import all_experiments
from core.store.tracking import Store
from experiments.executors.base import ResourceRequest
from experiments.executors.local import LocalExecutor

NARROW, WIDE, TIMED = ResourceRequest(1, False), ResourceRequest(2, False), ResourceRequest(1, True)


@pytest.fixture
def executor(store: Store, monkeypatch: pytest.MonkeyPatch) -> LocalExecutor:
    monkeypatch.setattr("experiments.executors.local.cores", lambda: 2)
    monkeypatch.setattr("experiments.executors.local.MIN_FREE_MEMORY", 0)
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
    executor._children["a"] = (object(), TIMED)  # type: ignore[assignment]
    assert not executor.has_room(NARROW)
    executor._children["a"] = (object(), NARROW)  # type: ignore[assignment]
    assert executor.has_room(NARROW)
    assert not executor.has_room(TIMED)


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_the_demand_follows_from_experiment_and_config(store: Store, experiment) -> None:
    config, *_ = experiment.configs(["rnn"], {"threads": [3]})
    record = store.run(store.create(experiment, config, sweep="s"))
    assert ResourceRequest.of(record) == ResourceRequest(3, experiment.timed)


def test_a_second_run_needs_memory_and_the_first_does_not(
    executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for free, room in ((999, False), (1000, True), (1001, True)):
        memory = SimpleNamespace(available=free)
        monkeypatch.setattr("psutil.virtual_memory", lambda memory=memory: memory)
        monkeypatch.setattr("experiments.executors.local.MIN_FREE_MEMORY", 1000)
        assert executor.has_room(NARROW, [NARROW]) is room
        assert executor.has_room(NARROW)


def test_a_child_uses_one_thread_unless_somebody_says_otherwise(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    LocalExecutor(store)
    assert os.environ["OMP_NUM_THREADS"] == "3"
    monkeypatch.delenv("OMP_NUM_THREADS")
    LocalExecutor(store)
    assert os.environ["OMP_NUM_THREADS"] == "1"
