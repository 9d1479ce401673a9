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
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psutil

from core.machine_memory import GIB, free_bytes
from core.processes import process_exists, started_at
from core.runner import execute
from core.secrets import without_secrets
from core.store.records import RunRecord
from core.store.tracking import Store
from experiments import liveness
from experiments.durations import cores
from experiments.executors.base import ResourceRequest

SURVEY_SECONDS = 2.0
"""Between looks at what the children use."""

NICE = 10
"""Of runs whose time is not measured: what people look at meanwhile comes before them."""

MAX_LOG = 4 * 2**20
"""Bytes of a run's log. What a child prints beyond is dropped, and the log says so."""

LOG_KEPT = 2**20
"""Bytes from its beginning that stay when a log is cut."""

NO_SERVER = 255
"""The exit status of a child whose fork server is gone: nobody knows how it ended."""


@dataclass
class Child:
    """A process that executes a run."""

    process: ForkServerProcess
    request: ResourceRequest
    created: str | None
    """What tells it from a later process of the same number."""
    killed: str = ""
    """Why it was ended by force, if it was."""
    orphan: bool = False
    """Whether the fork server died: its children go on, but what waits for them was told that they
    have ended."""

    @property
    def pid(self) -> int:
        return self.process.pid or 0

    def exists(self) -> bool:
        return self.created is not None and process_exists(self.pid, self.created)


class LocalExecutor:
    """Starts, watches and stops the children: an `Executor`.

    A child calls `target` with the store's address, the run's id and the file for its log.
    """

    requeues_lost = False

    def __init__(
        self, store: Store, target: Callable[[str, str, Path], None] | None = None
    ) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        self._store = store
        self._target = target or execute_child
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["experiments.executors.preload"])
        self._children: dict[str, Child] = {}
        self._survey_at = 0.0

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
        beside = [*others, *(child.request for child in self._children.values())]
        if not beside:
            return True
        if request.alone or any(other.alone for other in beside):
            return False
        threads = sum(other.threads for other in beside) + request.threads
        return threads <= cores() and free_bytes() >= request.memory * GIB

    def start(self, record: RunRecord) -> None:
        """Fork a child that executes the run, from a new fork server if the last one died."""
        spool = self._store.spool(record.run_id)
        spool.mkdir(parents=True, exist_ok=True)
        process = self._context.Process(
            target=self._target,
            args=(self._store.uri, record.run_id, spool / "log.txt"),
            daemon=False,
        )
        process.start()
        request = ResourceRequest.of(record)
        if not request.alone:  # else its time is measured, and it has the machine to itself
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid or 0, NICE)
        self._children[record.run_id] = Child(process, request, started_at(process.pid or 0))

    def wait(self, seconds: float) -> list[tuple[str, str]]:
        """Wait until a child ends or the time is up: the ended runs, and how each child ended."""
        if not self._children:
            return []
        watched = [c.process.sentinel for c in self._children.values() if not c.orphan]
        if len(watched) == len(self._children):
            connection.wait(watched, seconds)
        else:
            time.sleep(seconds)  # nothing tells when an orphan ends
        self._survey()
        ended = []
        for run_id, child in [*self._children.items()]:
            how = _ending(child)
            if how:
                with contextlib.suppress(OSError):  # what the run has started ends with it
                    os.killpg(child.pid, signal.SIGKILL)
                del self._children[run_id]
                ended.append((run_id, how))
        return ended

    def stop(self, run_id: str, *, force: bool = False) -> None:
        """Ask a child to stop, or with `force` end its whole process group."""
        if run_id in self._children and self._children[run_id].exists():
            pid = self._children[run_id].pid
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

    def _survey(self) -> None:
        """Cut logs that have grown too long, and end runs that take more than they may.

        A run keeps to its limits by itself as far as it can. One that is stuck, or has started
        processes of its own, is ended from here.
        """
        for run_id in self._children:
            cut_log(self._store.spool(run_id) / "log.txt")
        if time.monotonic() < self._survey_at:
            return
        self._survey_at = time.monotonic() + SURVEY_SECONDS
        for run_id, child in self._children.items():
            used = _memory_of_group(child.pid) / GIB
            if used > child.request.memory_limit and not child.killed:
                child.killed = (
                    f"its processes used {used:.3g} GiB of memory together, and its memory_limit "
                    f"is {child.request.memory_limit:.3g}"
                )
                self.stop(run_id, force=True)


def cut_log(path: Path) -> None:
    """Keep the beginning of a log that has grown too long; whoever writes to it appends."""
    with contextlib.suppress(OSError):
        size = path.stat().st_size
        if size > MAX_LOG:
            os.truncate(path, LOG_KEPT)
            with path.open("a") as log:
                log.write(f"\n… {size - LOG_KEPT:,} bytes were printed here and are dropped\n")


def _ending(child: Child) -> str:
    """How a child ended, in words; "" while it runs."""
    if not child.orphan:
        exitcode = child.process.exitcode
        if exitcode is None:
            return ""
        child.process.join()
        if exitcode != NO_SERVER or not child.exists():
            return child.killed or _in_words(exitcode)
        child.orphan = True
    return "" if child.exists() else child.killed or "its process ended after the fork server had"


def _in_words(exitcode: int) -> str:
    if exitcode >= 0:
        return f"its process ended with exit status {exitcode}"
    names = {number.value: number.name for number in signal.Signals}
    words = f"its process was ended by signal {-exitcode} ({names.get(-exitcode, 'unknown')})"
    if exitcode == -signal.SIGKILL:
        words += ", as the system does when memory runs out"
    return words


def _memory_of_group(pid: int) -> int:
    """Bytes of main memory that a process and its descendants use."""
    used = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                used += member.memory_info().rss
    return used


def execute_child(uri: str, run_id: str, log: Path) -> None:
    """In the child: its own process group, its output in the run's log."""
    os.setsid()
    _offer_to_the_kernel()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    try:
        execute(Store(uri), run_id)
    except BaseException:  # noqa: BLE001 - multiprocessing would print it with its secrets
        sys.stderr.write(without_secrets(traceback.format_exc()))
        sys.stderr.flush()
        raise SystemExit(1) from None


def _offer_to_the_kernel() -> None:
    """If memory runs out, let the kernel end this run and not a program of the user's."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800")
