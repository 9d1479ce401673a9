"""Config → seeded, recorded run. The one way in which anything is ever executed."""

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
from importlib import metadata
from types import FrameType
from typing import Any

import psutil

from core.alone import UNDISTURBED, place_on_machine
from core.experiment import Config, Event, Experiment, Progress
from core.experiments import experiment_named
from core.recorder import Recorder, newest_checkpoint
from core.settings import BadSetting
from core.store_folder import PROJECT
from core.tracking import ACTIVE, NOTE, TAG_CANCEL, RunRecord, Status, Store

HEARTBEAT_SECONDS = 5.0
HEARTBEAT_PATIENCE = 30.0
"""Seconds that a heartbeat waits for a measurement of time to pause."""


class Cancelled(BaseException):
    """Raised inside a run that is asked to stop. Not an error, hence not an Exception."""


def execute(store: Store, run_id: str, watch: Callable[[Event], None] | None = None) -> Status:
    """Run what a run's config says, record it, end it; return how it ended.

    A failure of the experiment ends the run as FAILED with its traceback and is not raised;
    SIGTERM, SIGINT and a cancel request end it as KILLED. Rows measured until then are kept.
    Must be called from the main thread (it handles signals).
    """
    record = store.run(run_id)
    if record.status not in ACTIVE or record.owner:
        return record.status
    experiment = experiment_named(record.experiment)
    recorder = Recorder(store, run_id, experiment)
    status: Status = "FAILED"
    error = ""
    with _cancellable() as cancellation, contextlib.ExitStack() as place:
        try:
            if record.cancelled:
                raise Cancelled
            owner, provenance = process_identity(), _provenance()
            store.mark_running(run_id, {**owner, "started": time.time()}, provenance)
            if store.run(run_id).cancelled:  # while it was being taken up
                raise Cancelled
            with _heartbeat(store, run_id):
                waits = _Waiting(recorder, watch)
                place.enter_context(
                    place_on_machine(store.folder, alone=experiment.timed, waiting=waits)
                )
                # Until it had its place it only waited, if for as little as the call above takes.
                owner["started"] = time.time()
                config = record.config
                store.mark_running(run_id, owner, _prepare(config))
                recorder.log(f"{record.name} in process {owner['pid']} on {owner['host']}")
                started = time.perf_counter()
                for event in _events(store, record, experiment, recorder):
                    with cancellation.deferred():
                        recorder.take(event)
                        if watch is not None:
                            watch(event)
                seconds = time.perf_counter() - started
            with cancellation.deferred():
                store.log_metrics(run_id, [("seconds", seconds, 0)])
                store.set_tags(run_id, {NOTE: experiment.sentence(config, recorder.summary)})
            status = "FINISHED"
        except (Cancelled, KeyboardInterrupt):
            cancellation.disarm()
            kept = "while running; rows measured until then are kept"
            status = "KILLED"
            error = f"cancelled {kept if recorder.rows else 'before anything was measured'}"
            recorder.log(error)
        except Exception as failure:  # noqa: BLE001 - whatever it is, the run records it
            cancellation.disarm()
            kind = "" if isinstance(failure, BadSetting) else f"{type(failure).__name__}: "
            error = f"{kind}{failure}"
            recorder.log(traceback.format_exc())
            with contextlib.suppress(Exception):  # the log has it too
                store.set_tags(run_id, {"unroll.traceback": traceback.format_exc()})
        cancellation.disarm()
        _insist(lambda: recorder.close(finished=status == "FINISHED"))
        _insist(lambda: store.end(run_id, status, error))
    return status


def _events(
    store: Store, record: RunRecord, experiment: Experiment, recorder: Recorder
) -> Iterator[Event]:
    """What the run yields; one that repeats another goes on from its checkpoint."""
    if experiment.resume is not None:
        checkpoint = newest_checkpoint(store, record)
        if checkpoint is not None:
            recorder.log(f"goes on from the checkpoint of {record.retry_of}")
            return experiment.resume(record.config, checkpoint)
    return experiment.run(record.config)


class _Waiting:
    """Says once that the run waits for its place on the machine."""

    def __init__(self, recorder: Recorder, watch: Callable[[Event], None] | None) -> None:
        self._recorder, self._watch = recorder, watch
        self.told = False

    def __call__(self) -> None:
        if not self.told:
            self.told = True
            event = Progress(0, 1, "waits until other runs on this machine have ended")
            self._recorder.take(event)
            self._recorder.beat()
            if self._watch is not None:
                self._watch(event)


def _insist(action: Callable[[], None]) -> None:
    """Do it, again after a while if the store is away for a moment."""
    for wait in (0.5, 2.0, 8.0):
        try:
            return action()
        except Exception:  # noqa: BLE001 - the last try below raises it
            time.sleep(wait)
    return action()


def process_identity(pid: int | None = None) -> dict[str, Any]:
    """Host, process id and creation time: together they name one process for good."""
    process = psutil.Process(pid)
    return {"host": socket.gethostname(), "pid": process.pid, "created": process.create_time()}


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
        """Hold a request to stop back until the block is done."""
        already, self._deferring = self._asked, True
        try:
            yield
        finally:
            self._deferring = False
        if self._asked and not already:
            raise Cancelled


@contextlib.contextmanager
def _cancellable() -> Iterator[_Cancellation]:
    cancellation = _Cancellation()
    stops = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {stop: signal.signal(stop, cancellation.handle) for stop in stops}
    try:
        yield cancellation
    finally:
        for stop, handler in before.items():
            signal.signal(stop, handler)


@contextlib.contextmanager
def _heartbeat(store: Store, run_id: str) -> Iterator[None]:
    """Look every few seconds whether somebody asked this run to stop, from whatever machine."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            # A store that is away for a moment must not end the run: the next beat tries again.
            with _between_turns(), contextlib.suppress(Exception):
                store.set_tags(run_id, {"unroll.heartbeat": str(time.time())})
                if TAG_CANCEL in store.run(run_id).tags and not stop.is_set():
                    os.kill(os.getpid(), signal.SIGTERM)
                    return

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(HEARTBEAT_SECONDS)


@contextlib.contextmanager
def _between_turns() -> Iterator[None]:
    """Not while something is timed; but a turn that takes long must not make the run seem dead."""
    paused = UNDISTURBED.acquire(timeout=HEARTBEAT_PATIENCE)
    try:
        yield
    finally:
        if paused:
            UNDISTURBED.release()


def _prepare(config: Config) -> dict[str, str]:
    """Pin the threads, seed torch; the device that will compute, as tags."""
    import torch

    from core.device import describe_device, resolve_device

    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    return describe_device(resolve_device(config.device, config.precision))


def _provenance() -> dict[str, str]:
    """What a number depends on besides its config: versions and the code's commit."""
    tags = {package: metadata.version(package) for package in ("torch", "mlflow", "numpy")}
    tags["host"] = socket.gethostname()
    commit = _git("rev-parse", "HEAD")
    if commit:
        dirty = "-dirty" if _git("status", "--porcelain", "--untracked-files=no") else ""
        tags["mlflow.source.git.commit"] = commit + dirty
    return tags


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
