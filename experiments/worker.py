"""The one process per store that takes runs off the queue and sees each to its end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from filelock import FileLock, Timeout

from core import store_folder
from core.experiments import experiment_named
from core.names import among
from core.recorder import salvage
from core.runner import process_identity
from core.store_folder import PROJECT, StoreError
from core.tracking import ACTIVE, TAG_CANCEL, RunRecord, Store
from core.words import counted
from experiments.executors.local import Demand, LocalExecutor
from experiments.queue import is_alive, is_here, process_lives, requeue, wake

ROUND_SECONDS = 2.0
"""Between full looks at the store; a submission on this machine wakes the worker at once."""
TICK_SECONDS = 0.05
GRACE_SECONDS = 10.0
"""After a request to stop, before the process is ended by force."""
LOST_SECONDS = 120.0
"""Without a heartbeat, after which a run of another machine counts as lost."""
TAG_CLAIM = "unroll.claim"
CLAIM_SECONDS = 30.0
"""How long another machine's claim on a waiting run is respected."""
SETTLE_SECONDS = 0.3
"""In which competing claims reach the store."""
START_SECONDS = 60.0
"""How long a worker may take to start (torch and MLflow are loaded first)."""


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
    """Whether the fork server is warm."""


class Worker:
    """Owns the store's queue while its lock is held."""

    def __init__(self, store: Store, say: Callable[[str], None]) -> None:
        self._store, self._say = store, say
        self._executor = LocalExecutor(store)
        self._stopping = False
        self._idle_since: float | None = None
        self._ended_since_analyze = 0

    def serve(
        self, exit_when_idle: float | None = None, watch: Callable[[], bool] | None = None
    ) -> None:
        """Work until SIGTERM or SIGINT, or until nothing was to do for so many seconds.

        `watch` is called between looks, some twenty times a second; it ends the work when true.
        """
        lock = FileLock(self._store.folder / "worker.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise WorkerRunning(_already(self._store)) from None
        for stop in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(stop, self._stop)
        try:
            _announce(self._store, ready=False)
            self._executor.warm_up()
            _announce(self._store, ready=True)
            self._say(f"worker ready on {self._store.uri}")
            self._loop(exit_when_idle, watch)
            self._hand_back()
        finally:
            (self._store.folder / "worker.json").unlink(missing_ok=True)
            lock.release()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _loop(self, exit_when_idle: float | None, watch: Callable[[], bool] | None) -> None:
        looked, woken = -ROUND_SECONDS, 0.0
        while not self._stopping:
            # A store that is away for a moment must not end the worker. What a failed round left
            # undone, the next one finds: an ended child's run is RUNNING without a process.
            try:
                ended = self._collect(TICK_SECONDS)
                stamp = _stamp(self._store)
                if ended or stamp != woken or time.monotonic() - looked >= ROUND_SECONDS:
                    looked, woken = time.monotonic(), stamp
                    self._round()
                if watch is not None and watch():
                    return
            except Exception as error:  # noqa: BLE001
                self._say(f"the store did not answer ({error}); trying again")
                self._idle_since = None
                time.sleep(ROUND_SECONDS)
            if exit_when_idle is not None and self._idle_for() > exit_when_idle:
                self._say(f"idle for {exit_when_idle:g} seconds")
                return

    def _idle_for(self) -> float:
        """Seconds since a look at the store first found nothing to do; 0 while there is work."""
        if self._idle_since is None or self._executor.running:
            return 0.0
        return time.monotonic() - self._idle_since

    def _collect(self, seconds: float) -> bool:
        ended = self._executor.wait(seconds)
        for run_id, how in ended:
            self._bury(self._store.run(run_id), how)
        if not self._executor.running and not ended:
            time.sleep(seconds)
        self._ended_since_analyze += len(ended)
        return bool(ended)

    def _round(self) -> None:
        running, others = self._store.runs(status="RUNNING"), list[Demand]()
        for record in running:
            # One run that cannot be dealt with must not hold up the others.
            try:
                others += self._see_to(record)
            except Exception as error:  # noqa: BLE001
                self._say(f"{among(record.name)}: {type(error).__name__}: {error}")
        waiting = False
        for record in self._store.waiting():
            waiting = True
            try:
                if not self._next(record, others):
                    break  # else narrow runs would overtake a wide or a timed one for ever
            except Exception as error:  # noqa: BLE001
                self._say(f"{among(record.name)}: {type(error).__name__}: {error}")
        if running or waiting:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = time.monotonic()
        if not (running or waiting) and self._ended_since_analyze >= 6:
            self._analyze()

    def _see_to(self, record: RunRecord) -> list[Demand]:
        """A run that may be over or be asked to stop: what it takes of the machine beside ours."""
        if record.status == "RUNNING" and record.run_id not in self._executor.running:
            return [Demand.of(record)] if self._look_after(record) else []
        if record.cancelled:
            self._force(record)
        return []

    def _next(self, record: RunRecord, others: Sequence[Demand]) -> bool:
        """See to a run of the queue; False if it must wait, and so must those behind it."""
        if record.run_id in self._executor.running:  # our child, which has not said so yet
            self._see_to(record)
            return True
        return self._take_up(record, others)

    def _take_up(self, record: RunRecord, others: Sequence[Demand]) -> bool:
        """Start a waiting run, or end it if it was cancelled; False if there is no room for it."""
        if record.cancelled:
            self._store.end(record.run_id, "KILLED", "cancelled before it started")
            return True
        if not self._executor.has_room(Demand.of(record), others):
            return False
        if self._claim(record):
            self._say(f"start {record.experiment} · {among(record.name)}")
            self._executor.start(record)
        return True

    def _claim(self, record: RunRecord) -> bool:
        """Whether this worker may start the run.

        The lock makes a worker the only one of a local store. A store on a server may have one
        worker per machine: each writes its name on the run, and the last name that stands starts.
        """
        if store_folder.database_path(self._store.uri) is not None:
            return True
        mine = json.dumps(process_identity())
        written, _, claimed = record.tags.get(TAG_CLAIM, "0 ").partition(" ")
        if claimed != mine and time.time() - float(written) < CLAIM_SECONDS:
            return False
        self._store.set_tags(record.run_id, {TAG_CLAIM: f"{time.time()} {mine}"})
        time.sleep(SETTLE_SECONDS)
        now = self._store.run(record.run_id)
        return now.status == "SCHEDULED" and now.tags[TAG_CLAIM].partition(" ")[2] == mine

    def _look_after(self, record: RunRecord) -> bool:
        """A RUNNING run that is not our child: whether it goes on here. If it is gone, bury it."""
        if is_here(record):
            if is_alive(record):
                self._force(record)
                return True
            self._bury(record, "its process is gone")
        elif record.owner:
            sign = max(float(record.tags.get("unroll.heartbeat", 0)), record.state.get("beat", 0.0))
            if time.time() - max(sign, record.owner["started"]) > LOST_SECONDS:
                self._bury(record, f"{record.owner['host']} has not been heard of")
        elif time.time() - record.submitted > START_SECONDS:
            self._bury(record, "whoever submitted it did not finish doing so")
        return False

    def _bury(self, record: RunRecord, how: str) -> None:
        """End a run that did not end itself, keeping what it measured."""
        if record.status in ACTIVE:
            self._say(f"lost {among(record.name)}: {how}")
            log = self._store.spool(record.run_id) / "log.txt"
            if log.parent.exists():
                with log.open("a") as file:
                    file.write(f"lost: {how}\n")
            kept = self._salvaged(record)
            if record.cancelled:
                self._store.end(record.run_id, "KILLED", f"cancelled; {how}{kept}")
            else:
                self._store.end(record.run_id, "FAILED", f"lost: {how}{kept}; retry runs it again")
        shutil.rmtree(self._store.spool(record.run_id), ignore_errors=True)

    def _salvaged(self, record: RunRecord) -> str:
        try:
            rows = salvage(self._store, record.run_id, experiment_named(record.experiment))
        except (ValueError, OSError) as error:  # a full disk leaves what no reader understands
            kept = self._store.folder / "unreadable" / record.run_id
            kept.parent.mkdir(exist_ok=True)
            shutil.copytree(self._store.spool(record.run_id), kept, dirs_exist_ok=True)
            return f"; its rows cannot be read ({error}) and are kept in {kept}"
        return f"; {counted(rows, 'row')} measured until then kept" if rows else ""

    def _force(self, record: RunRecord) -> None:
        asked = float(record.tags.get(TAG_CANCEL, "inf"))
        if time.time() - asked > GRACE_SECONDS:
            if record.run_id in self._executor.running:
                self._executor.stop(record.run_id, force=True)
            elif is_here(record) and is_alive(record):
                os.kill(record.owner["pid"], signal.SIGKILL)

    def _hand_back(self) -> None:
        """Stop the children; queue what nobody cancelled again, for the next worker."""
        running = self._executor.running
        for run_id in running:
            self._executor.stop(run_id)
        deadline = time.monotonic() + GRACE_SECONDS
        while self._executor.running and time.monotonic() < deadline:
            self._collect(TICK_SECONDS)
        for run_id in self._executor.running:
            self._executor.stop(run_id, force=True)
        while self._executor.running:
            self._collect(TICK_SECONDS)
        for run_id in running:
            try:
                record = self._store.run(run_id)
                stopped = record.status == "KILLED" or record.error.startswith("lost")
                if stopped and not record.cancelled:
                    requeue(self._store, record)
                    self._say(f"{among(record.name)} was interrupted; it is queued again")
            except Exception as error:  # noqa: BLE001 - the others must still be queued
                self._say(f"{run_id} was interrupted and could not be queued again ({error})")

    def _analyze(self) -> None:
        database = store_folder.database_path(self._store.uri)
        if database is not None:
            store_folder.analyze(database)
        self._ended_since_analyze = 0


def worker_status(store: Store) -> WorkerStatus | None:
    """The live worker of the store on this machine, if there is one."""
    try:
        status = WorkerStatus(**json.loads((store.folder / "worker.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return status if process_lives(status.pid, status.created) else None


def ensure_worker(store: Store) -> None:
    """Start a worker in the background if none is alive. Raises `StoreError` if it cannot start."""
    if worker_status(store) is not None:
        return
    log = store.folder / "worker.log"
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments", "worker", "--exit-when-idle", "600"],
            cwd=PROJECT,
            env=environment(store),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if worker_status(store) is not None:
            wake(store)
            return
        if process.poll() is not None and worker_status(store) is None:
            raise StoreError(f"the worker could not be started; {log} says why")
        time.sleep(0.05)
    raise StoreError(f"the worker did not start within {START_SECONDS:g} seconds; see {log}")


def environment(store: Store) -> dict[str, str]:
    """The environment of a process that is to use the same store."""
    ours = {
        "MLFLOW_TRACKING_URI": store.uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PYTHONUNBUFFERED": "1",
    }
    return {**os.environ, **ours}


def _announce(store: Store, *, ready: bool) -> None:
    status = WorkerStatus(**process_identity(), started=time.time(), ready=ready)
    path = store.folder / "worker.json"
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(asdict(status)))
    temporary.replace(path)


def _already(store: Store) -> str:
    status = worker_status(store)
    who = f" (process {status.pid} on {status.host})" if status else ""
    return f"a worker already serves {store.uri}{who}; one is all that a store needs"


def _stamp(store: Store) -> float:
    with contextlib.suppress(OSError):
        return (store.folder / "queue.wake").stat().st_mtime
    return 0.0
