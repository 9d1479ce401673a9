"""Execution of a config as a seeded, recorded run. Every run is executed here."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata
from types import FrameType
from typing import Any

from core.device import describe_device, resolve_device
from core.experiment import Config, Event, Progress
from core.experiments import config_of, experiment_named
from core.machine_lock import TIMING_LOCK, acquire_machine_slot
from core.settings import BadSetting
from core.store.folder import PROJECT
from core.store.recorder import Recorder, newest_checkpoint
from core.store.records import (
    ACTIVE,
    TAG_CANCEL,
    TAG_HEARTBEAT,
    TAG_OWNER,
    TAG_TRACEBACK,
    Status,
    process_identity,
)
from core.store.tracking import Store

HEARTBEAT_SECONDS = 5.0

HEARTBEAT_PATIENCE = 30.0
"""Seconds that a heartbeat waits for a timed section to end."""


class Cancelled(BaseException):
    """Raised inside a run that is asked to stop. It is not an error, hence not an Exception."""


def execute(store: Store, run_id: str, watch: Callable[[Event], None] | None = None) -> Status:
    """Execute a submitted run, record its events and its end; return its final status.

    A failure of the experiment ends the run as FAILED with its traceback and is not raised;
    SIGTERM, SIGINT and a cancel request end it as KILLED. Rows measured until then are kept.
    Must be called from the main thread (it handles signals).
    """
    record = store.run(run_id)
    if record.status not in ACTIVE or TAG_OWNER in record.tags:
        return record.status
    experiment = experiment_named(record.experiment)
    try:
        recorder = Recorder(store, run_id, experiment)
    except OSError as failure:  # a full disk, for instance
        reason = f"its rows cannot be written: {type(failure).__name__}: {failure}"
        _retry(lambda: store.end(run_id, "FAILED", reason))
        return "FAILED"
    status: Status = "FAILED"
    error = ""
    cancellation = _Cancellation()
    watch = watch or (lambda event: None)
    with stop_signals(cancellation.handle), contextlib.ExitStack() as machine_slot:
        try:
            if record.cancelled:
                raise Cancelled
            owner = {**process_identity(), "started": time.time()}
            store.mark_running(run_id, owner, _provenance())
            if store.run(run_id).cancelled:  # in the meantime
                raise Cancelled
            with _heartbeat(store, run_id):
                on_wait = partial(_report_waiting, recorder, watch)
                machine_slot.enter_context(
                    acquire_machine_slot(store.folder, exclusive=experiment.timed, on_wait=on_wait)
                )
                # Before it had its slot the run only waited, so its time counts from here.
                owner["started"] = time.time()
                config = config_of(record)
                store.mark_running(run_id, owner, _prepare(config))
                recorder.log(f"{record.name} in process {owner['pid']} on {owner['host']}")
                started = time.perf_counter()
                checkpoint = newest_checkpoint(store, record) if experiment.resumable else None
                if checkpoint is not None:
                    recorder.log(f"resuming from the checkpoint of {record.retry_of}")
                for event in experiment.measure(config, checkpoint):
                    with cancellation.deferred():
                        recorder.take(event)
                        watch(event)
                seconds = time.perf_counter() - started
            with cancellation.deferred():
                store.log_metrics(run_id, [("seconds", seconds, 0)])
                store.set_note(run_id, experiment.sentence(config, recorder.summary))
            status = "FINISHED"
        except (Cancelled, KeyboardInterrupt):
            cancellation.disarm()
            status = "KILLED"
            error = "cancelled before anything was measured"
            if recorder.rows:
                error = "cancelled while running; rows measured until then are kept"
            recorder.log(error)
        except Exception as failure:  # noqa: BLE001 - whatever it is, the run records it
            cancellation.disarm()
            kind = "" if isinstance(failure, BadSetting) else f"{type(failure).__name__}: "
            error = f"{kind}{failure}"
            recorder.log(traceback.format_exc())
            with contextlib.suppress(Exception):  # the log has it too, with the outer calls
                store.set_tags(run_id, {TAG_TRACEBACK: traceback.format_exc(limit=-20)})
        cancellation.disarm()
        try:
            _retry(lambda: recorder.close(finished=status == "FINISHED"))
        except OSError:
            if recorder.rows:
                raise  # a worker finds the run without its process, and salvages what is on disk
        _retry(lambda: store.end(run_id, status, error))
    return status


def _report_waiting(recorder: Recorder, watch: Callable[[Event], None]) -> None:
    event = Progress(0, 1, "waiting for other runs on this machine to end")
    if event != recorder.progress:  # once, however often the lock is tried
        recorder.take(event)
        recorder.report_state()
        watch(event)


def _retry(action: Callable[[], None]) -> None:
    """Retry with back-off while the store is unavailable."""
    for wait in (0.5, 2.0, 8.0):
        try:
            return action()
        except Exception:  # noqa: BLE001 - the last try below raises it
            time.sleep(wait)
    return action()


class _Cancellation:
    """Turns the first SIGTERM or SIGINT into `Cancelled`, but never in the middle of recording."""

    def __init__(self) -> None:
        self._deferring, self._asked = False, False

    def handle(self, _signal: int, _frame: FrameType | None) -> None:
        if self._asked:
            return
        self._asked = True
        if not self._deferring:
            raise Cancelled

    def disarm(self) -> None:
        """The run is over: from now on a request to stop changes nothing."""
        self._asked = True

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Delay a request to stop until the block is done."""
        already, self._deferring = self._asked, True
        try:
            yield
        finally:
            self._deferring = False
        if self._asked and not already:
            raise Cancelled


@contextlib.contextmanager
def stop_signals(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Handle SIGTERM, SIGINT and SIGHUP for a while, and restore what handled them before."""
    before = {
        number: signal.signal(number, handler)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


@contextlib.contextmanager
def _heartbeat(store: Store, run_id: str) -> Iterator[None]:
    """Record a heartbeat every few seconds, and check whether the run was asked to stop."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            # Not while something is timed; but a measurement that takes long must not make the
            # run seem dead.
            paused = TIMING_LOCK.acquire(timeout=HEARTBEAT_PATIENCE)
            try:
                # A briefly unavailable store must not end the run: the next beat tries again.
                with contextlib.suppress(Exception):
                    store.set_tags(run_id, {TAG_HEARTBEAT: str(time.time())})
                    if TAG_CANCEL in store.run(run_id).tags and not stop.is_set():
                        os.kill(os.getpid(), signal.SIGTERM)
                        return
            finally:
                if paused:
                    TIMING_LOCK.release()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(HEARTBEAT_SECONDS)


def _prepare(config: Config) -> dict[str, str]:
    """Pin the threads and seed torch; return tags that describe the device."""
    import torch  # not at the top: queueing and watching runs do without it

    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    return describe_device(resolve_device(config.device, config.precision))


def _provenance() -> dict[str, str]:
    """Tags for what a number depends on besides its config: versions and the code's commit."""
    tags = {package: metadata.version(package) for package in ("torch", "mlflow", "numpy")}
    tags["host"] = socket.gethostname()
    commit = _git("rev-parse", "HEAD")
    if commit:
        dirty = "-dirty" if _git("status", "--porcelain", "--untracked-files=no") else ""
        tags["mlflow.source.git.commit"] = commit + dirty
    return tags


def _git(*arguments: str) -> str:
    try:
        result = subprocess.run(
            ["git", *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
