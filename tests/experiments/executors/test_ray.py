"""Runs on a Ray cluster: a head and two nodes, all of them processes of this machine."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from core.experiments import experiment_named
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.store.folder import PROJECT
from core.store.records import TAG_NODE, RunRecord
from core.store.tracking import Store
from experiments.queue import Missing, cancel, submit, submit_missing
from tests.experiments.executors.cluster import Cluster
from tests.experiments.processes import ENDLESS, QUICK, until
from tests.faults.scene import SMALL, Plan, scene, short_plan, tables_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None,
        reason="Ray is not installed; pip install -r requirements-cluster.txt installs it",
    ),
]

RUNS = 200

COMPARED = 45
"""So many are executed again without a cluster: all experiments, each with several cells."""

UNTIMED = [name for name in SMALL if name != "throughput"]


@pytest.fixture
def cluster(new_store: Callable[[Path], Store], tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(new_store(tmp_path / "backend"), tmp_path)
    try:
        cluster.start_head()
        cluster.start_node("first")
        cluster.start_node("second")
        yield cluster
    finally:
        cluster.close()


def submit_all(store: Store, plan: Plan) -> list[str]:
    everything = tuple((experiment, config, "s") for experiment, config in plan)
    return submit_missing(store, Missing(everything, waiting=(), done=0))


def ended(cluster: Cluster) -> int:
    return sum(record.status == "FINISHED" for record in cluster.store.runs())


def attempts(records: list[RunRecord]) -> Mapping[str, list[RunRecord]]:
    """Id of what was submitted → the runs that executed it, the first one first."""
    chains: dict[str, list[RunRecord]] = {}
    first: dict[str, str] = {}
    for record in records:
        first[record.run_id] = first.get(record.retry_of, record.run_id)
        chains.setdefault(first[record.run_id], []).append(record)
    return chains


def assert_each_finished_once(chains: Mapping[str, list[RunRecord]]) -> None:
    """Each run has finished, or was lost and queued again as one that has."""
    for *earlier, last in chains.values():
        assert last.status == "FINISHED", (last.name, last.error)
        for before in earlier:
            assert before.status == "FAILED"
            assert before.error.startswith("lost: ")
            assert "queued again as run" in before.error


def test_nothing_is_lost_or_made_twice_when_a_node_dies(cluster: Cluster, tmp_path: Path) -> None:
    store = cluster.store
    plan = [*short_plan(RUNS // 2, UNTIMED), *short_plan(1, ["throughput"])]
    plan += short_plan(RUNS, UNTIMED)[RUNS // 2 :]
    (endless,) = submit(store, GRADIENT_DECAY, GRADIENT_DECAY.configs(["gru"], ENDLESS))
    submitted = submit_all(store, plan)
    started = time.monotonic()
    cluster.start_worker()
    until(lambda: store.run(endless).state.get("rows"))
    cancel(store, endless)
    until(lambda: ended(cluster) >= RUNS // 4, 300)
    cluster.kill("first")
    chains = dict(attempts(cluster.wait_until_all_ended(900)))
    print(f"{RUNS + 2} runs took {time.monotonic() - started:.0f} s")

    (cancelled,) = chains.pop(endless)
    assert cancelled.status == "KILLED"
    assert cancelled.error.startswith("cancelled while running")
    assert set(chains) == set(submitted)
    assert_each_finished_once(chains)
    executed = [record for chain in chains.values() for record in chain]
    nodes = Counter(record.tags[TAG_NODE] for record in executed)
    print(f"{len(executed) - len(chains)} were lost; runs per node: {[*nodes.values()]}")
    assert len(nodes) == 2

    with scene(tmp_path / "local") as local:
        local_ids = local.submit(plan[:COMPARED])
        local.start_worker()
        for here, run_id in zip(local.wait_for(local_ids, 600), submitted, strict=False):
            there = chains[run_id][-1]
            assert there.settings == here.settings
            assert tables_of(store, there) == tables_of(local.store, here), here.name


def test_a_timed_run_has_its_node_for_itself(cluster: Cluster) -> None:
    """The lock of the machine keeps the others waiting, but they would be on its node."""
    store = cluster.store
    settings = {**SMALL["throughput"], "cell": "gru", "repetitions": 20}
    timed = (
        experiment_named("throughput"),
        experiment_named("throughput").config.from_flat(settings),
    )
    untimed = short_plan(12, UNTIMED)
    run_ids = submit_all(store, [*untimed[:4], timed, *untimed[4:]])
    cluster.start_worker()
    looks: list[list[str]] = []

    def look() -> None:
        running = {record.run_id: record for record in store.runs(status="RUNNING")}
        if run_ids[4] in running:
            node = running.pop(run_ids[4]).tags[TAG_NODE]
            looks.append([r.name for r in running.values() if r.tags[TAG_NODE] == node])

    assert_each_finished_once(attempts(cluster.wait_until_all_ended(600, look)))
    assert len(looks) > 3
    assert not any(looks)


def test_who_has_no_token_is_refused(cluster: Cluster) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "experiments", "worker"],
        cwd=PROJECT,
        env={**os.environ, **cluster.env, "RAY_AUTH_TOKEN": "0" * 64},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 2
    assert "no Ray cluster can be used there" in result.stderr.splitlines()[-1]


def test_what_a_dead_driver_or_a_dead_cluster_took_along_is_queued_again(
    cluster: Cluster,
) -> None:
    store = cluster.store
    plan = short_plan(24, UNTIMED)
    submit_all(store, plan)
    cluster.start_worker()
    until(lambda: ended(cluster) >= 4, 300)
    cluster.kill("worker")
    cluster.start_worker()
    until(lambda: ended(cluster) >= 10, 300)
    for name in ("first", "second", "head"):
        cluster.kill(name)
    worker = cluster.processes["worker"]
    until(lambda: worker.poll() is not None, 90)
    cluster.start_head()
    cluster.start_node("third")
    cluster.start_worker()
    assert_each_finished_once(attempts(cluster.wait_until_all_ended(600)))


def test_a_worker_that_is_stopped_queues_its_runs_again(cluster: Cluster) -> None:
    store = cluster.store
    configs = GRADIENT_DECAY.configs(["gru"], {**ENDLESS, "seed": [*range(10)]})
    run_ids = submit(store, GRADIENT_DECAY, configs)
    cluster.start_worker()
    until(lambda: all(store.run(run_id).state.get("rows") for run_id in run_ids[:4]), 120)
    worker = cluster.processes["worker"]
    worker.terminate()
    assert worker.wait(60) == 0
    assert [store.run(run_id).status for run_id in run_ids] == ["KILLED"] * 4 + ["SCHEDULED"] * 6
    for run_id in run_ids[:4]:
        assert "interrupted when its worker stopped" in store.run(run_id).error
    waiting = store.runs(status="SCHEDULED")
    assert {record.retry_of for record in waiting} == {*run_ids[:4], ""}
    assert not any(record.owner for record in waiting)


def test_a_run_waits_for_a_node_with_a_gpu_and_the_others_do_not_wait_for_it(
    cluster: Cluster,
) -> None:
    store = cluster.store
    on_gpu = GRADIENT_DECAY.configs(["gru"], {**QUICK, "device": ["cuda"]})
    (waiting,) = submit(store, GRADIENT_DECAY, on_gpu)
    (other,) = submit(store, GRADIENT_DECAY, GRADIENT_DECAY.configs(["gru"], QUICK))
    cluster.start_worker()
    until(lambda: store.run(other).status == "FINISHED")
    record = store.run(waiting)
    assert record.status == "SCHEDULED"
    assert record.state["message"] == "waiting for a node with a GPU to join the cluster"
    cluster.start_node("gpu", gpus=1)
    until(lambda: store.run(waiting).status == "FAILED")
    assert "cuda" in store.run(waiting).error, "the node says that it has one, but there is none"
