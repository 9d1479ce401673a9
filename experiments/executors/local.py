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
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psutil

from core.experiments import experiment_named
from core.tracking import RunRecord, Store
from experiments.queue import cores

ROOM_FOR_ONE_MORE = 1.5 * 2**30
"""Bytes of free memory without which a second child is not started beside the first."""


@dataclass(frozen=True)
class Demand:
    """What a run needs of the machine."""

    threads: int
    alone: bool
    """Nothing may run beside it: it measures time."""

    @classmethod
    def of(cls, record: RunRecord) -> Demand:
        """As its config and its experiment say. Raises `BadSetting` for an unknown experiment."""
        threads = int(record.settings.get("threads") or 1)
        return cls(threads, experiment_named(record.experiment).timed)


class LocalExecutor:
    """Starts, watches and stops the children."""

    def __init__(self, store: Store) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        self._uri = store.uri
        self._store = store
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["experiments.executors.preload"])
        self._children: dict[str, tuple[ForkServerProcess, Demand]] = {}

    def warm_up(self) -> None:
        """Start the fork server now, so that the first run need not wait for it."""
        process = self._context.Process(target=_nothing)
        process.start()
        process.join()

    @property
    def running(self) -> tuple[str, ...]:
        """Ids of the runs whose child is alive or not yet collected."""
        return tuple(self._children)

    def has_room(self, run: Demand, others: Sequence[Demand] = ()) -> bool:
        """Whether a run fits beside the children and what others have running on this machine."""
        beside = [*others, *(demand for _, demand in self._children.values())]
        if not beside:
            return True
        if run.alone or any(demand.alone for demand in beside):
            return False
        busy = sum(demand.threads for demand in beside)
        free: int = psutil.virtual_memory().available
        return busy + run.threads <= cores() and free >= ROOM_FOR_ONE_MORE

    def start(self, record: RunRecord) -> None:
        """Fork a child that executes the run."""
        spool = self._store.spool(record.run_id)
        spool.mkdir(parents=True, exist_ok=True)
        process = self._context.Process(
            target=_execute, args=(self._uri, record.run_id, spool / "log.txt"), daemon=False
        )
        process.start()
        self._children[record.run_id] = (process, Demand.of(record))

    def wait(self, seconds: float) -> list[tuple[str, str]]:
        """Wait until a child ends or the time is up: the ended runs, and how each child ended."""
        sentinels = [process.sentinel for process, _ in self._children.values()]
        if not sentinels:
            return []
        connection.wait(sentinels, seconds)
        ended = [(i, p) for i, (p, _) in self._children.items() if p.exitcode is not None]
        for run_id, process in ended:
            process.join()
            del self._children[run_id]
        return [(run_id, _how(process.exitcode or 0)) for run_id, process in ended]

    def stop(self, run_id: str, *, force: bool = False) -> None:
        """Ask a child to stop, or with `force` end its whole process group."""
        if run_id in self._children:
            process, _ = self._children[run_id]
            with contextlib.suppress(ProcessLookupError):
                if force:
                    os.killpg(process.pid or 0, signal.SIGKILL)
                else:
                    os.kill(process.pid or 0, signal.SIGTERM)


def _execute(uri: str, run_id: str, log: Path) -> None:
    """In the child: its own process group, its output in the run's log."""
    os.setsid()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    from core.runner import execute

    try:
        execute(Store(uri), run_id)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        raise


def _nothing() -> None:
    pass


def _how(exitcode: int) -> str:
    if exitcode >= 0:
        return f"its process ended with exit status {exitcode}"
    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = "unknown"
    return f"its process was ended by signal {-exitcode} ({name})"
