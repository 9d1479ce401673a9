"""The one process per store that takes runs off the queue and executes them."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from core.formatting import inline_text, one_line
from core.processes import process_exists, process_identity
from core.runner import GRACE_SECONDS, stop_signals
from core.secrets import without_secrets
from core.settings import BadSetting
from core.store.folder import PROJECT, StoreError, database_path
from core.store.people import PERSON_VARIABLE
from core.store.records import ACTIVE, TAG_ERROR, RunRecord
from core.store.sqlite import analyze
from core.store.tracking import Store, is_temporary
from experiments.executors import executor_for
from experiments.executors.base import Executor, ResourceRequest
from experiments.liveness import (
    RETRY_HINT,
    Cancellations,
    LostRuns,
    mark_lost,
    signal_owner,
    times_lost,
)
from experiments.logs import RUN, log_failure
from experiments.queue import requeue, wake
from experiments.team import confine_files, running_limit

ROUND_SECONDS = 2.0
"""Between full looks at the store; a submission on this machine wakes the worker at once."""

TICK_SECONDS = 0.05

START_SECONDS = 60.0
"""How long a worker may take to start (torch and MLflow are loaded first)."""

LATE_SECONDS = 120.0
"""A worker that has given no sign of life for this long is not healthy: a look at a store that
does not answer takes less."""

MAX_REQUEUES = 3
"""How often in a row a run is queued again by itself: it may be what its machines die of."""

ANALYZE_AFTER_RUNS = 6
"""SQLite's statistics are refreshed when the worker is idle after this many runs."""

WORKER_VARIABLE = "UNROLL_WORKER"
"""`elsewhere` where the worker is a service of its own: a dashboard starts none then."""


class WorkerRunning(RuntimeError):
    """Another worker serves this store."""


@dataclass(frozen=True)
class WorkerStatus:
    """The live worker of a store."""

    pid: int
    host: str
    created: float
    started: float
    ready: bool
    """Whether the executor is warm."""


class Worker:
    """Owns the store's queue while its lock is held.

    There is one worker per store. A lock prevents a second one on this machine. For a store on a
    server nothing prevents one on another machine, which would take the same runs: start only one.
    """

    def __init__(self, store: Store, log: logging.Logger, executor: Executor | None = None) -> None:
        if store.person.role != "admin":
            raise StoreError(f"a worker changes everybody's runs; {store.person.name} may not")
        self._store = store
        self._log = log
        self._executor = executor or executor_for(store)
        self._lost_runs = LostRuns()
        self._cancellations = Cancellations()
        self._stopping = False
        self._idle_since: float | None = None
        confine_files()
        self._ended_since_analyze = 0
        self._beat_at = 0.0

    def serve(
        self, exit_when_idle: float | None = None, watch: Callable[[], bool] | None = None
    ) -> None:
        """Work until SIGTERM or SIGINT, or until there was nothing to do for `exit_when_idle`
        seconds.

        `watch` is called between looks, some twenty times a second; it ends the work when true.
        Raises `WorkerRunning` if there is another worker on this machine.
        """
        # A moment's patience: `worker_status` may just be trying the lock.
        lock = FileLock(self._store.folder / "worker.lock", timeout=0.5)
        try:
            lock.acquire()
        except Timeout:
            status = worker_status(self._store)
            process = f" (process {status.pid} on {status.host})" if status else ""
            raise WorkerRunning(
                f"a worker already serves {without_secrets(self._store.uri)}{process}; a store "
                "needs only one"
            ) from None

        def stop(*_: object) -> None:
            self._stopping = True

        try:
            with stop_signals(stop):
                _announce(self._store, ready=False)
                self._executor.warm_up()
                _announce(self._store, ready=True)
                self._clear_spools()
                self._say(f"worker ready on {without_secrets(self._store.uri)}")
                if database_path(self._store.uri) is None:
                    self._say("start no worker for this store on another machine")
                self._work(exit_when_idle, watch)
                self._requeue_on_shutdown()
        finally:
            status_path(self._store).unlink(missing_ok=True)
            lock.release()

    def _work(self, exit_when_idle: float | None, watch: Callable[[], bool] | None) -> None:
        last_round, last_wake = -ROUND_SECONDS, 0.0
        while not self._stopping:
            self._beat()
            # A store that is away for a moment must not end the worker. What a failed round left
            # undone, the next one finds: an ended child's run is RUNNING without a process.
            try:
                ended = self._collect(TICK_SECONDS)
                wake_time = 0.0
                with contextlib.suppress(OSError):
                    wake_time = (self._store.folder / "queue.wake").stat().st_mtime
                due = time.monotonic() - last_round >= ROUND_SECONDS
                if ended or due or wake_time != last_wake:
                    last_round, last_wake = time.monotonic(), wake_time
                    self._round()
                if watch is not None and watch():
                    return
            except Exception as error:  # noqa: BLE001
                reason = one_line(str(error))
                self._log.warning(f"the store did not answer ({reason}); trying again")
                self._idle_since = None
                time.sleep(ROUND_SECONDS)
            if exit_when_idle is None or self._idle_since is None or self._executor.running:
                continue
            if time.monotonic() - self._idle_since > exit_when_idle:
                self._say(f"idle for {exit_when_idle:g} seconds")
                return

    def _beat(self) -> None:
        """Leave a sign of life: who cannot see this process sees how old `worker.json` is."""
        if time.monotonic() - self._beat_at >= ROUND_SECONDS:
            self._beat_at = time.monotonic()
            with contextlib.suppress(OSError):
                os.utime(status_path(self._store))

    def _collect(self, seconds: float) -> bool:
        """Wait for runs of the executor to end, and mark as lost those that did not record it."""
        ended = self._executor.wait(seconds)
        for run_id, how in ended:
            with self._reporting(run_id):
                record = self._store.run(run_id, unreadable=True)
                if record.status == "SCHEDULED":
                    self._store.forget_experiments()
                    if not self._store.run(run_id, unreadable=True).experiment:
                        continue  # it waits until its experiment has its name again
                # A run that a living process or another machine owns is not lost with this child.
                if not record.owner or self._executor.is_alive(record) is False:
                    self._mark_lost(record, how)
        if not self._executor.running and not ended:
            time.sleep(seconds)
        self._ended_since_analyze += len(ended)
        return bool(ended)

    def _round(self) -> None:
        """Look at every active run: end what is lost, enforce cancellations, start what fits."""
        running = self._store.runs(status="RUNNING", unreadable=True)
        others: list[ResourceRequest] = []
        for record in running:
            with self._reporting(inline_text(record.name)):
                if record.run_id not in self._executor.running:
                    alive = self._executor.is_alive(record)
                    reason = self._lost_runs.reason(record, alive)
                    if reason:
                        self._mark_lost(record, reason)
                        continue
                    if alive:
                        others.append(ResourceRequest.of(record))
                self._enforce_cancellation(record)
        waiting = False
        busy = Counter(record.user for record in running)
        for record in self._store.waiting():
            waiting = True
            with self._reporting(inline_text(record.name)):
                starting = not record.owner and record.run_id not in self._executor.running
                if starting and not record.cancelled:
                    most = running_limit(record.user)
                    if most is not None and busy[record.user] >= most:
                        continue  # others go first
                    busy[record.user] += 1
                if not self._take_up(record, others):
                    break  # else narrow runs would overtake a wide or a timed one for ever
        if running or waiting:
            self._idle_since = None
            return
        if self._idle_since is None:
            self._idle_since = time.monotonic()
        database = database_path(self._store.uri)
        if database is not None and self._ended_since_analyze >= ANALYZE_AFTER_RUNS:
            analyze(database)
            self._ended_since_analyze = 0

    def _take_up(self, record: RunRecord, others: Sequence[ResourceRequest]) -> bool:
        """Handle a waiting run; False if it must wait for room, and so must those behind it."""
        if record.run_id in self._executor.running:  # our child, which has not recorded it yet
            self._enforce_cancellation(record)
        elif record.unreadable:
            reason = f"it cannot be read: {record.unreadable}"
            self._store.end(record.run_id, "FAILED", reason, owner=record.owner)
            self._say(f"{inline_text(record.name)} was not started: {reason}", record.run_id)
        elif record.cancelled:
            if self._executor.is_alive(record) is not True:
                self._store.end(
                    record.run_id, "KILLED", "cancelled before it started", owner=record.owner
                )
        elif record.owner:  # being started elsewhere, or interrupted while it was
            if self._executor.is_alive(record) is False:
                self._store.release(record.run_id, record.owner)
                name = inline_text(record.name)
                self._say(f"{name} was interrupted before it began; it waits", record.run_id)
        elif self._executor.has_room(ResourceRequest.of(record), others):
            name = f"{record.experiment} · {inline_text(record.name)}"
            self._say(f"start {name}", record.run_id)
            self._executor.start(record)
        else:
            return False
        return True

    def _mark_lost(self, record: RunRecord, how: str) -> None:
        """End a run that did not end itself; queue it again if its machine may be to blame."""
        name = inline_text(record.name)
        if record.status in ACTIVE:
            self._log.warning(f"lost {name}: {how}", extra={RUN: record.run_id})
        reason = mark_lost(self._store, record, how)
        began = bool(record.owner) and not record.unreadable and not record.cancelled
        if reason and began and self._executor.requeues_lost:
            if times_lost(self._store, record) >= MAX_REQUEUES:
                often = f"{name} was lost {MAX_REQUEUES + 1} times; it is not queued again"
                self._log.error(often, extra={RUN: record.run_id})
                return
            again = requeue(self._store, record)
            reason = f"{reason.removesuffix(RETRY_HINT)}; queued again as run {again[:8]}"
            self._store.set_tags(record.run_id, {TAG_ERROR: reason})
            self._say(f"{name} is queued again", again)

    def _clear_spools(self) -> None:
        """Remove what is left of runs that ended just before their process was killed."""
        for spool in (self._store.folder / "spool").iterdir():
            with self._reporting(f"the spool {spool.name}"), contextlib.suppress(BadSetting):
                record = self._store.run(spool.name, unreadable=True)
                if record.status not in ACTIVE and self._executor.is_alive(record) is not True:
                    shutil.rmtree(spool, ignore_errors=True)

    def _enforce_cancellation(self, record: RunRecord) -> None:
        """Kill a run that was asked to stop and has not done so within the grace period."""
        if self._cancellations.seconds_since(record) > GRACE_SECONDS:
            if record.run_id in self._executor.running:
                self._executor.stop(record.run_id, force=True)
            else:
                signal_owner(record, signal.SIGKILL)

    def _requeue_on_shutdown(self) -> None:
        """Stop the children, and queue those again that nobody cancelled."""
        interrupted = self._executor.running
        for run_id in interrupted:
            self._executor.stop(run_id)
        deadline = time.monotonic() + GRACE_SECONDS
        while self._executor.running and time.monotonic() < deadline:
            self._collect(TICK_SECONDS)
        for run_id in self._executor.running:
            self._executor.stop(run_id, force=True)
        while self._executor.running:
            self._collect(TICK_SECONDS)
        for run_id in interrupted:
            with self._reporting(f"{run_id} was interrupted and could not be queued again"):
                record = self._store.run(run_id)
                stopped = record.status == "KILLED" or record.error.startswith("lost")
                if stopped and not record.cancelled:
                    again = requeue(self._store, record)
                    reason = f"interrupted when its worker stopped; queued again as run {again[:8]}"
                    self._store.set_tags(run_id, {TAG_ERROR: reason})
                    name = inline_text(record.name)
                    self._say(f"{name} was interrupted; it is queued again", again)

    @contextlib.contextmanager
    def _reporting(self, what: str) -> Iterator[None]:
        """Report an error and go on: one run that cannot be dealt with must not hold up others."""
        try:
            yield
        except Exception as error:  # noqa: BLE001
            text = f"{what}: {type(error).__name__}: {one_line(str(error))}"
            if is_temporary(error):
                self._log.warning(text)
            else:
                log_failure(text, error, log=self._log)

    def _say(self, text: str, run: str = "") -> None:
        self._log.info(text, extra={RUN: run})


def status_path(store: Store) -> Path:
    """Where the worker says who it is; it is written again every few seconds."""
    return store.folder / "worker.json"


def worker_status(store: Store) -> WorkerStatus | None:
    """The live worker of the store on this machine, if there is one, maybe in another container."""
    try:
        status = WorkerStatus(**json.loads(status_path(store).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    if status.host != socket.gethostname():  # whose processes cannot be seen from here
        return status if _holds_lock(store) else None
    return status if process_exists(status.pid, status.created) else None


def _holds_lock(store: Store) -> bool:
    try:
        with FileLock(store.folder / "worker.lock", timeout=0):
            return False
    except Timeout:
        return True


def is_elsewhere() -> bool:
    """Whether somebody else starts the worker, and starts it again."""
    return os.environ.get(WORKER_VARIABLE) == "elsewhere"


def ensure_worker(store: Store) -> None:
    """Start a worker in the background if none is alive, unless others see to it. Raises
    `StoreError` if it cannot start."""
    if worker_status(store) is not None or is_elsewhere():
        return
    log = store.folder / "worker.log"
    command = [sys.executable, "-m", "experiments", "worker", "--exit-when-idle", "600"]
    process = start_process(command, environment(store), log)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if worker_status(store) is not None:
            wake(store)
            return
        if process.poll() is not None and worker_status(store) is None:
            raise StoreError(f"the worker could not be started; {log} says why")
        time.sleep(0.05)
    raise StoreError(f"the worker did not start within {START_SECONDS:g} seconds; see {log}")


def start_process(
    command: list[str], env: dict[str, str], log: Path, *, detached: bool = True
) -> subprocess.Popen[bytes]:
    """Start a command and log what it prints.

    A detached one is in a session of its own, which Ctrl-C does not reach; another one ends with
    the process that started it.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=detached,
        )


def environment(store: Store) -> dict[str, str]:
    """The environment of a process that is to use the same store."""
    settings = {
        "MLFLOW_TRACKING_URI": store.uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PYTHONUNBUFFERED": "1",
    }
    inherited = {n: value for n, value in os.environ.items() if n != PERSON_VARIABLE}
    return {**inherited, **settings}


def _announce(store: Store, *, ready: bool) -> None:
    status = WorkerStatus(**process_identity(), started=time.time(), ready=ready)
    path = status_path(store)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(asdict(status)))
    temporary.replace(path)
