"""What one task on a node of a cluster does: execute one run in a child. It needs no cluster."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import sys
import threading
import time
from pathlib import Path

from core.store.records import ACTIVE, TAG_NODE
from core.store.tracking import Store, insist, open_store
from experiments.executors.base import ResourceRequest
from experiments.executors.local import LocalExecutor, execute_child
from experiments.liveness import mark_lost

WAIT_SECONDS = 0.5

GRACE_SECONDS = 5.0
"""After a request to stop, before the child is ended by force."""

VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"


def supervise(uri: str, run_id: str, node: str) -> str:
    """Execute a run on this node and wait for its end; return how it ended, in words.

    SIGINT stops the run. If this process ends, whatever ends it, so does the child: the cluster
    may believe the run lost by then. Must be called from the main thread (it handles a signal).
    """
    store = _opened(uri)
    record = insist(lambda: store.run(run_id, unreadable=True))
    if record.status not in ACTIVE:
        return "it had ended before it was placed"
    if record.owner:  # this is the second try, and a run is not executed twice
        return f"the node {record.owner['host']} or its process there is gone"
    insist(lambda: store.set_tags(run_id, {TAG_NODE: node}))
    asked: list[float] = []
    before = signal.signal(signal.SIGINT, lambda *_: asked.append(time.monotonic()))
    try:
        # A GPU that was not asked for belongs to another run.
        gpus = os.environ.get(VISIBLE_GPUS) if ResourceRequest.of(record).gpus else ""
        executor = LocalExecutor(store, functools.partial(_execute_on_leash, gpus))
        executor.start(record)
        ended: list[tuple[str, str]] = []
        while not ended:
            ended = executor.wait(WAIT_SECONDS)
            if asked:
                force = time.monotonic() - asked[0] > GRACE_SECONDS
                executor.stop(run_id, force=force)
        ((_, how),) = ended
        record = insist(lambda: store.run(run_id, unreadable=True))
        insist(lambda: mark_lost(store, record, how))
    finally:
        signal.signal(signal.SIGINT, before)
    return how


@functools.cache
def _opened(uri: str) -> Store:
    # A child imports its parent's main module again, and that of a worker of Ray imports Ray.
    sys.modules["__main__"].__dict__.pop("__file__", None)
    return insist(lambda: open_store(uri))


def _execute_on_leash(gpus: str | None, uri: str, run_id: str, log: Path) -> None:
    """In the child: see the GPUs that it was given, and end when its parent does."""
    if gpus is not None:
        os.environ[VISIBLE_GPUS] = gpus
    threading.Thread(target=_end_with_parent, name="leash", daemon=True).start()
    execute_child(uri, run_id, log)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    try:
        os.killpg(os.getpid(), signal.SIGKILL)
    except ProcessLookupError:  # it has no group of its own yet
        os.kill(os.getpid(), signal.SIGKILL)
