"""Runs as child processes of a worker, forked from a server that has torch already loaded.

A fresh Python with torch and MLflow takes seconds to start; a fork of one that is loaded takes
10 to 20 ms.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psutil

from core.runner import execute
from core.store.records import RunRecord
from core.store.tracking import Store
from experiments import liveness
from experiments.durations import cores
from experiments.executors.base import ResourceRequest

MIN_FREE_MEMORY = 1.5 * 2**30
"""Bytes without which a second child is not started beside the first."""


class LocalExecutor:
    """Starts, watches and stops the children: an `Executor`."""

    def __init__(self, store: Store) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        self._store = store
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["experiments.executors.preload"])
        self._children: dict[str, tuple[ForkServerProcess, ResourceRequest]] = {}

    def warm_up(self) -> None:
        """Start the fork server now, so that the first run need not wait for it."""
        process = self._context.Process()  # without a target it ends at once
        process.start()
        process.join()

    @property
    def running(self) -> tuple[str, ...]:
        """Ids of the runs whose child is alive or not yet collected."""
        return tuple(self._children)

    def has_room(self, request: ResourceRequest, others: Sequence[ResourceRequest] = ()) -> bool:
        """Whether a run fits beside the children and what others have running on this machine."""
        beside = [*others, *(request for _, request in self._children.values())]
        if not beside:
            return True
        if request.alone or any(other.alone for other in beside):
            return False
        threads = sum(other.threads for other in beside) + request.threads
        free: int = psutil.virtual_memory().available
        return threads <= cores() and free >= MIN_FREE_MEMORY

    def start(self, record: RunRecord) -> None:
        """Fork a child that executes the run."""
        spool = self._store.spool(record.run_id)
        spool.mkdir(parents=True, exist_ok=True)
        process = self._context.Process(
            target=_execute, args=(self._store.uri, record.run_id, spool / "log.txt"), daemon=False
        )
        process.start()
        self._children[record.run_id] = (process, ResourceRequest.of(record))

    def wait(self, seconds: float) -> list[tuple[str, str]]:
        """Wait until a child ends or the time is up: the ended runs, and how each child ended."""
        sentinels = [process.sentinel for process, _ in self._children.values()]
        if not sentinels:
            return []
        connection.wait(sentinels, seconds)
        ended = []
        for run_id, (process, _) in [*self._children.items()]:
            exitcode = process.exitcode
            if exitcode is None:
                continue
            process.join()
            del self._children[run_id]
            if exitcode >= 0:
                ended.append((run_id, f"its process ended with exit status {exitcode}"))
            else:
                names = {number.value: number.name for number in signal.Signals}
                name = names.get(-exitcode, "unknown")
                ended.append((run_id, f"its process was ended by signal {-exitcode} ({name})"))
        return ended

    def stop(self, run_id: str, *, force: bool = False) -> None:
        """Ask a child to stop, or with `force` end its whole process group."""
        if run_id in self._children:
            pid = self._children[run_id][0].pid or 0
            with contextlib.suppress(ProcessLookupError):
                if force:
                    os.killpg(pid, signal.SIGKILL)
                else:
                    os.kill(pid, signal.SIGTERM)

    def is_alive(self, record: RunRecord) -> bool | None:
        """Whether the run's process exists; None unless its owner is on this machine.

        The owner's process is asked for, not the child's end: when the fork server alone dies, its
        children go on although they seem to have ended.
        """
        return liveness.is_alive(record)


def _execute(uri: str, run_id: str, log: Path) -> None:
    """In the child: its own process group, its output in the run's log."""
    os.setsid()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    try:
        execute(Store(uri), run_id)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        raise
