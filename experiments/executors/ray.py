"""Runs on a Ray cluster: one Ray task per run, with the worker as the driver.

Placing and the failure of nodes are Ray's concern, the queue is the store's. A task supervises a
child that executes the run (`supervisor.py`), so a run is the same there as on this machine. If a
task is lost before its run has begun, Ray tries again elsewhere; a run that has begun is not
executed twice: the worker marks it as lost, and queues a new one that goes on from its checkpoint.
If the cluster dies, the driver dies with it, and if the driver dies, so do its tasks and their
children: the next worker finds what they left.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray

from core.formatting import one_line
from core.processes import process_exists
from core.settings import BadSetting
from core.store.records import ACTIVE, TAG_NODE, TAG_STATE, RunRecord
from core.store.tracking import Store
from experiments import liveness
from experiments.executors.base import ResourceRequest
from experiments.executors.placement import (
    NODE_LABEL,
    Node,
    Placement,
    fitting,
    has_room,
    placement,
    require_shared_store,
)
from experiments.executors.supervisor import supervise

ADDRESS_VARIABLE = "RAY_ADDRESS"

MAX_RETRIES = 2
"""How often Ray places a run again whose node was lost before the run began."""

ANSWER_SECONDS = 10.0
"""How long a node may take to say whether a process is there."""

FORCE_SECONDS = 8.0
"""After a request to stop, before the supervisor, which should have obeyed, is ended too."""

PARK_SECONDS = 60.0
"""After this long a run that no node can execute is looked at again."""

SURVEY_SECONDS = 2.0
"""Between looks at which nodes there are."""


@dataclass
class Task:
    """A Ray task that executes a run."""

    reference: Any
    request: ResourceRequest
    placement: Placement
    began: bool = False
    stopping_since: float | None = None


class RayExecutor:
    """Hands runs to a Ray cluster and watches them: an `Executor`."""

    requeues_lost = True

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tasks: dict[str, Task] = {}
        self._over: set[str] = set()
        """Runs whose task has ended, and with it their process."""
        self._parked: set[str] = set()
        """Runs that none of the present nodes can execute."""
        self._parked_at = 0.0
        self._nodes: list[Node] = []
        self._survey_at = 0.0
        _connect()
        self._supervise = ray.remote(_supervise_here)
        self._ask = ray.remote(process_exists)
        self._require_shared_store()

    def warm_up(self) -> None:
        """Each node loads what it needs when it gets its first run."""

    @property
    def running(self) -> tuple[str, ...]:
        """Ids of the runs that the cluster has, or that wait for a node to join it."""
        return (*self._tasks, *self._parked)

    def has_room(self, request: ResourceRequest, others: Sequence[ResourceRequest] = ()) -> bool:
        """Whether to hand the cluster one more run; what others execute is not on its nodes.

        A timed run waits for its node to become empty, and nothing is handed over until it is.
        """
        self._require_shared_store()
        if not fitting(request, self._nodes):
            return True  # `start` parks it, and those behind it need not wait
        if any(task.request.alone and not self._has_begun(i) for i, task in self._tasks.items()):
            return False
        return has_room(request, [task.request for task in self._tasks.values()], self._nodes)

    def start(self, record: RunRecord) -> None:
        """Hand a run to the cluster, which executes it as soon as a node has room."""
        request = ResourceRequest.of(record)
        if not fitting(request, self._nodes):
            kind = "node with a GPU" if request.gpus else "node"
            state = {"message": f"waiting for a {kind} to join the cluster"}
            self._store.set_tags(record.run_id, {TAG_STATE: json.dumps(state)})
            self._parked.add(record.run_id)
            return
        if record.state:  # it waited for a node
            self._store.set_tags(record.run_id, {TAG_STATE: "{}"})
        place = placement(request, self._nodes)
        options = {**place.options, "max_retries": MAX_RETRIES, "name": record.run_id}
        reference = self._supervise.options(**options).remote(self._store.uri, record.run_id)
        self._tasks[record.run_id] = Task(reference, request, place)

    def wait(self, seconds: float) -> list[tuple[str, str]]:
        """Wait until a task ends or the time is up: the ended runs, and how each ended."""
        self._survey()
        ids = {task.reference: run_id for run_id, task in self._tasks.items()}
        if not ids:
            time.sleep(seconds if self._parked else 0)
            return []
        ready, _ = ray.wait([*ids], num_returns=len(ids), timeout=seconds, fetch_local=False)
        ended = []
        for reference in ready:
            run_id = ids[reference]
            del self._tasks[run_id]
            self._over.add(run_id)
            try:
                ended.append((run_id, ray.get(reference)))
            except ray.exceptions.TaskCancelledError:
                continue  # its supervisor has recorded its end, or it had none and still waits
            except ray.exceptions.RayError as error:
                ended.append((run_id, _in_words(error)))
        return ended

    def stop(self, run_id: str, *, force: bool = False) -> None:
        """Ask a run's supervisor to stop it, or end a supervisor that was asked long ago."""
        self._parked.discard(run_id)
        task = self._tasks.get(run_id)
        if task is None:
            return
        if task.stopping_since is None:
            task.stopping_since = time.monotonic()
            ray.cancel(task.reference)
        elif force and time.monotonic() - task.stopping_since > FORCE_SECONDS:
            ray.cancel(task.reference, force=True)

    def is_alive(self, record: RunRecord) -> bool | None:
        """Whether the run's process exists, as the node says that executes it.

        A node that the cluster does not have (any more) has no processes of ours.
        """
        node = record.tags.get(TAG_NODE)
        if record.run_id in self._tasks or record.run_id in self._over:
            return record.run_id in self._tasks
        if node is None or not record.owner:
            return liveness.is_alive(record)
        self._survey()
        if node not in {known.id for known in self._nodes}:
            return False
        ask = self._ask.options(num_cpus=0, label_selector={NODE_LABEL: node})
        owner = record.owner
        with contextlib.suppress(ray.exceptions.RayError):
            answer = ask.remote(owner["pid"], owner["created"])
            return bool(ray.get(answer, timeout=ANSWER_SECONDS))
        return None

    def _has_begun(self, run_id: str) -> bool:
        task = self._tasks[run_id]
        if not task.began:
            record = self._store.run(run_id, unreadable=True)
            task.began = TAG_NODE in record.tags or record.status not in ACTIVE
        return task.began

    def _survey(self) -> None:
        """Look now and then which nodes there are."""
        now = time.monotonic()
        if now < self._survey_at:
            return
        self._survey_at = now + SURVEY_SECONDS
        nodes = living_nodes()
        if nodes != self._nodes or now > self._parked_at + PARK_SECONDS:
            self._parked.clear()  # the worker finds them in the queue
            self._parked_at = now
        self._nodes = nodes
        ids = {node.id for node in nodes}
        for run_id, task in self._tasks.items():
            # Ray would wait for ever for nodes that are gone; the run stays in the queue.
            if task.placement.nodes and not ids.intersection(task.placement.nodes):
                self.stop(run_id)

    def _require_shared_store(self) -> None:
        """Raise `StoreError` if there is a node that cannot reach the store."""
        self._survey()
        here = ray.get_runtime_context().get_node_id()
        address = next((node.address for node in self._nodes if node.id == here), "")
        require_shared_store(self._store.uri, address, self._nodes)


def living_nodes() -> list[Node]:
    """The nodes of the cluster that are alive."""
    return [
        Node(
            id=node["NodeID"],
            host=node["NodeManagerHostname"],
            address=node["NodeManagerAddress"],
            cpus=int(node["Resources"].get("CPU", 0)),
            gpus=int(node["Resources"].get("GPU", 0)),
            memory=int(node["Resources"].get("memory", 0)),
        )
        for node in ray.nodes()
        if node["Alive"]
    ]


def _connect() -> None:
    """Make this process the driver. `BadSetting` if no cluster is there."""
    if ray.is_initialized():
        return
    address = os.environ.get(ADDRESS_VARIABLE, "").strip()
    if address.startswith("ray://"):
        raise BadSetting(
            f"{ADDRESS_VARIABLE} is {address!r}; give HOST:PORT of the head, and start the worker "
            "on a machine of the cluster"
        )
    try:
        host, _, port = address.rpartition(":")
        if port.isdigit():  # Ray would try for minutes
            socket.create_connection((host, int(port)), timeout=5).close()
        ray.init(address or "auto", log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        raise BadSetting(
            f"{ADDRESS_VARIABLE} is {address!r}, but no Ray cluster can be used there "
            f"({one_line(str(error))}); docs/operating.md says how to start one"
        ) from error


def _supervise_here(uri: str, run_id: str) -> str:
    return supervise(uri, run_id, ray.get_runtime_context().get_node_id())


def _in_words(error: ray.exceptions.RayError) -> str:
    """Why a task ended without an answer."""
    if isinstance(error, ray.exceptions.NodeDiedError):
        return "its node is gone"
    if isinstance(error, ray.exceptions.OutOfMemoryError):
        return "Ray ended it because its node ran out of memory"
    if isinstance(error, ray.exceptions.WorkerCrashedError):
        return "its node or its process there is gone"
    cause = getattr(error, "cause", None) or error
    return f"its task failed ({type(cause).__name__}: {one_line(str(cause))})"
