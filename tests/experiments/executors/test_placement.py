"""What a run asks of a cluster, and when the cluster gets one more."""

from __future__ import annotations

import pytest

from core.machine_memory import GIB
from core.store.folder import StoreError
from experiments.executors.base import ResourceRequest
from experiments.executors.placement import (
    Node,
    Placement,
    fitting,
    has_room,
    placement,
    require_shared_store,
)

HEAD = Node("h", "head", "10.0.0.1", cpus=0)
SMALL = Node("a", "small", "10.0.0.2", cpus=4, memory=8 * GIB)
LARGE = Node("b", "large", "10.0.0.3", cpus=16, memory=64 * GIB)
TWIN = Node("c", "twin", "10.0.0.4", cpus=16, memory=64 * GIB)
GPU = Node("d", "gpu", "10.0.0.5", cpus=32, gpus=2, memory=128 * GIB)
NODES = [HEAD, SMALL, LARGE, TWIN, GPU]

NARROW = ResourceRequest(memory=2)
TIMED = ResourceRequest(alone=True)
CUDA = ResourceRequest(gpus=1, memory=2)


def test_a_run_asks_for_its_threads_and_its_memory_wherever_there_are_some() -> None:
    assert placement(ResourceRequest(3, memory=2), NODES) == Placement(3, 0, 2 * GIB)


def test_a_run_that_wants_more_than_any_node_has_gets_what_there_is() -> None:
    assert placement(ResourceRequest(99, memory=999), [SMALL]) == Placement(4, 0, 8 * GIB)
    assert has_room(ResourceRequest(99), [], [SMALL])
    assert not has_room(ResourceRequest(99), [NARROW], [SMALL])


def test_a_timed_run_takes_all_of_a_largest_node_without_a_gpu() -> None:
    place = placement(TIMED, NODES)
    assert place == Placement(16, 0, 0, ("b", "c"))
    assert place.options == {
        "num_cpus": 16,
        "num_gpus": 0,
        "memory": 0,
        "label_selector": {"ray.io/node-id": "in(b,c)"},
    }


def test_a_timed_run_goes_to_a_node_with_a_gpu_if_it_uses_it_or_there_is_no_other() -> None:
    assert placement(ResourceRequest(alone=True, gpus=1), NODES) == Placement(32, 1, 0, ("d",))
    assert placement(TIMED, [HEAD, GPU]) == Placement(32, 0, 0, ("d",))


def test_a_run_on_a_gpu_fits_no_node_until_one_with_a_gpu_has_joined() -> None:
    assert fitting(CUDA, [HEAD, SMALL]) == []
    assert fitting(CUDA, NODES) == [GPU]
    assert fitting(NARROW, [HEAD]) == []


def test_the_cluster_has_twice_as_many_runs_as_it_can_execute_at_once() -> None:
    assert has_room(NARROW, [NARROW] * 7, [HEAD, SMALL])
    assert not has_room(NARROW, [NARROW] * 8, [HEAD, SMALL])


def test_runs_on_gpus_do_not_take_the_places_of_others() -> None:
    assert has_room(CUDA, [CUDA] * 3, NODES)
    assert not has_room(CUDA, [CUDA] * 4, NODES)
    assert has_room(NARROW, [CUDA] * 4, [Node("e", "e", "", cpus=1, gpus=2)])


@pytest.mark.parametrize(
    ("uri", "what"),
    [
        ("sqlite:////srv/mlflow.db", "a file of this machine"),
        ("http://127.0.0.1:5000", "an address of this machine alone"),
        ("http://localhost:5000", "an address of this machine alone"),
    ],
)
def test_nodes_of_other_machines_need_a_store_that_they_reach(uri: str, what: str) -> None:
    require_shared_store(uri, HEAD.address, [HEAD])
    with pytest.raises(StoreError, match=rf"is {uri}, {what}, .* \(large, small\); give the http"):
        require_shared_store(uri, HEAD.address, [HEAD, SMALL, LARGE])
    require_shared_store("http://head:5000", HEAD.address, NODES)
    require_shared_store("postgresql://head/mlflow", HEAD.address, NODES)


def test_a_head_that_executes_nothing_need_not_reach_the_store() -> None:
    require_shared_store("sqlite:////srv/mlflow.db", SMALL.address, [HEAD, SMALL])
