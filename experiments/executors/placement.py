"""Which nodes of a cluster can execute a run, and what it asks of them. It needs no cluster."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from core.machine_memory import GIB
from core.secrets import without_secrets
from core.store.folder import StoreError, database_path
from experiments.executors.base import ResourceRequest

AHEAD = 2
"""Runs in flight for each that can be executed at once: no node waits for the worker."""

NODE_LABEL = "ray.io/node-id"
"""Ray's own label of every node."""


@dataclass(frozen=True)
class Node:
    """A living node of the cluster, with all that it has, free or not."""

    id: str
    host: str
    address: str
    cpus: int
    gpus: int = 0
    memory: int = 0
    """Bytes."""


@dataclass(frozen=True)
class Placement:
    """What a run asks of Ray."""

    cpus: int
    gpus: int
    memory: int
    nodes: tuple[str, ...] = ()
    """Ids of the nodes that it may be on; empty: any."""

    @property
    def options(self) -> dict[str, Any]:
        """As arguments of Ray's `options`."""
        options: dict[str, Any] = {
            "num_cpus": self.cpus,
            "num_gpus": self.gpus,
            "memory": self.memory,
        }
        if self.nodes:
            options["label_selector"] = {NODE_LABEL: f"in({','.join(self.nodes)})"}
        return options


def fitting(request: ResourceRequest, nodes: Iterable[Node]) -> list[Node]:
    """The nodes that have what a run cannot do without."""
    return [node for node in nodes if node.cpus and node.gpus >= request.gpus]


def placement(request: ResourceRequest, nodes: Sequence[Node]) -> Placement:
    """What a run that fits a node asks for: no more than a node has, so that it is executed.

    A timed run gets all CPUs of its node, hence nothing can be placed beside it. It goes to one of
    the largest nodes, and to one with GPUs only if it uses them.
    """
    able = fitting(request, nodes)
    if request.alone:
        able = [node for node in able if bool(node.gpus) == bool(request.gpus)] or able
        cpus = max(node.cpus for node in able)
        return Placement(cpus, request.gpus, 0, tuple(n.id for n in able if n.cpus == cpus))
    return Placement(
        cpus=min(request.threads, max(node.cpus for node in able)),
        gpus=request.gpus,
        memory=min(int(request.memory * GIB), max(node.memory for node in able)),
    )


def has_room(
    request: ResourceRequest, in_flight: Iterable[ResourceRequest], nodes: Sequence[Node]
) -> bool:
    """Whether to hand the cluster one more run: it gets a bounded number of them ahead."""
    if request.gpus:
        asked = sum(other.gpus for other in in_flight) + request.gpus
        return asked <= AHEAD * sum(node.gpus for node in nodes)
    # A run that asks for more than there is gets what there is.
    asked = sum(other.threads for other in in_flight if not other.gpus) + request.threads
    return asked <= max(request.threads, AHEAD * sum(node.cpus for node in nodes))


def require_shared_store(uri: str, here: str, nodes: Iterable[Node]) -> None:
    """Raise `StoreError` if nodes on other machines than `here` could not reach the store."""
    elsewhere = sorted({node.host for node in nodes if node.cpus and node.address != here})
    local = urlsplit(uri).hostname in ("localhost", "127.0.0.1", "::1")
    if not elsewhere or not (local or database_path(uri) is not None):
        return
    what = "an address of this machine alone" if local else "a file of this machine"
    raise StoreError(
        f"MLFLOW_TRACKING_URI is {without_secrets(uri)}, {what}, but the cluster has nodes on "
        f"other machines ({', '.join(elsewhere)}); give the http(s) address of an MLflow server "
        "that they reach"
    )
