"""Execution of a config as a seeded, recorded run. Every run is executed here."""

from __future__ import annotations

import contextlib
import functools
import os
import resource
import signal
import socket
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import metadata
from types import FrameType
from typing import Any, Self

from core.device import describe_device, resolve_device
from core.experiment import Artifact, Config, Event, Progress
from core.experiments import config_of, experiment_named
from core.machine_lock import TIMING_LOCK, acquire_machine_slot
from core.machine_memory import GIB, total_bytes
from core.models import own_cells
from core.models.own_cells import Version
from core.processes import process_identity
from core.secrets import without_secrets
from core.settings import BadSetting
from core.store.folder import PROJECT
from core.store.recorder import Recorder, newest_checkpoint, salvage
from core.store.records import (
    ACTIVE,
    TAG_CELL,
    TAG_HEARTBEAT,
    TAG_TRACEBACK,
    Status,
)
from core.store.tracking import Store, insist

HEARTBEAT_SECONDS = 5.0

SHARE_OF_MEMORY = 0.8
"""Of the machine, for a run without a limit of its own: the rest keeps the machine usable."""

GRACE_SECONDS = 10.0
"""After a request to stop, before a run is ended by force."""

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
    record = insist(lambda: store.run(run_id, unreadable=True))
    owner = {**process_identity(), "started": time.time()}
    if record.status not in ACTIVE or not record.may_be_owned_by(owner):
        return record.status
    if not record.experiment:  # somebody has renamed or deleted it since the run was taken up
        return record.status
    experiment = experiment_named(record.experiment)
    status: Status = "FAILED"
    error = ""
    config: Config | None = None
    cancellation = _Cancellation()
    recorder = Recorder(store, run_id, experiment, cancellation.check)
    watch = watch or (lambda event: None)
    with stop_signals(cancellation.handle), contextlib.ExitStack() as machine_slot:
        try:
            if record.cancelled:
                raise Cancelled
            if not insist(
                lambda: store.take(run_id, owner, provenance()), recorder.say_that_it_waits
            ):
                return insist(lambda: store.run(run_id, unreadable=True)).status
            if insist(lambda: store.run(run_id, unreadable=True)).cancelled:  # in the meantime
                raise Cancelled
            config = config_of(record)
            with _Heartbeat(store, run_id, cancellation) as heartbeat:
                on_wait = partial(_report_waiting, recorder, watch)
                machine_slot.enter_context(
                    acquire_machine_slot(store.folder, exclusive=experiment.timed, on_wait=on_wait)
                )
                # Before it had its slot the run only waited, so its time counts from here.
                owner["started"] = time.time()
                heartbeat.end_after(60 * config.time_limit)
                # Not before: without memory the heartbeat's thread would not start.
                with _memory_limit(config):
                    described = _prepare(config)
                    insist(lambda: store.take(run_id, owner, described), recorder.say_that_it_waits)
                    for file in _files_of_cells(config):
                        recorder.take(file)
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
                sentence = experiment.sentence(config, recorder.summary)
                insist(
                    lambda: store.log_metrics(run_id, [("seconds", seconds, 0)]),
                    recorder.say_that_it_waits,
                )
                insist(lambda: store.set_note(run_id, sentence), recorder.say_that_it_waits)
            status = "FINISHED"
        except (Cancelled, KeyboardInterrupt):
            cancellation.disarm()
            kept = "; rows measured until then are kept" if recorder.rows else ""
            if cancellation.reason:
                error = f"{cancellation.reason}{kept}"
            else:
                status = "KILLED"
                when = "while running" if recorder.rows else "before anything was measured"
                error = f"cancelled {when}{kept}"
            recorder.log(error)
        except Exception as failure:  # noqa: BLE001 - whatever it is, the run records it
            cancellation.disarm()
            error = without_secrets(failure_text(failure, config))
            recorder.log(without_secrets(traceback.format_exc()))
            shown = without_secrets(traceback.format_exc(limit=-20))
            with contextlib.suppress(Exception):  # the log has it too, with the outer calls
                store.set_tags(run_id, {TAG_TRACEBACK: shown})
        cancellation.disarm()
        insist(lambda: recorder.close(finished=status == "FINISHED"), recorder.say_that_it_waits)
        if insist(
            lambda: store.end(run_id, status, error, owner=owner), recorder.say_that_it_waits
        ):
            recorder.discard(finished=status == "FINISHED")
            return status
    return insist(lambda: store.run(run_id, unreadable=True)).status


def _report_waiting(recorder: Recorder, watch: Callable[[Event], None]) -> None:
    event = Progress(0, 1, "waiting for other runs on this machine to end")
    if event != recorder.progress:  # once, however often the lock is tried
        recorder.take(event)
        recorder.report_state()
        watch(event)


class _Cancellation:
    """Turns the first SIGTERM or SIGINT into `Cancelled`, but never in the middle of recording."""

    def __init__(self) -> None:
        self._deferring, self._asked = False, False
        self.reason = ""
        """Why the run has to end, if nobody cancelled it."""

    def handle(self, _signal: int, _frame: FrameType | None) -> None:
        if self._asked:
            return
        self._asked = True
        if not self._deferring:
            raise Cancelled

    def disarm(self) -> None:
        """The run is over: from now on a request to stop changes nothing."""
        self._asked = True

    def check(self) -> None:
        """Stop now if that was asked for: called where something waits in a `deferred` block."""
        if self._asked:
            raise Cancelled

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


class _Heartbeat:
    """Records a heartbeat every few seconds, and checks whether the run has to stop."""

    def __init__(self, store: Store, run_id: str, cancellation: _Cancellation) -> None:
        self._store, self._run_id, self._cancellation = store, run_id, cancellation
        self._stop = threading.Event()
        self._limit, self._deadline = 0.0, float("inf")
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(HEARTBEAT_SECONDS)

    def end_after(self, seconds: float) -> None:
        """End the run if it has not ended by itself in so many seconds."""
        self._limit, self._deadline = seconds, time.monotonic() + seconds

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            # Not while something is timed; but a measurement that takes long must not make the
            # run seem dead.
            paused = TIMING_LOCK.acquire(timeout=HEARTBEAT_PATIENCE)
            try:
                if time.monotonic() > self._deadline:
                    limit = f"{self._limit / 60:g} minutes"
                    self._cancellation.reason = f"it took longer than its time_limit of {limit}"
                    self._end()
                    return
                # A briefly unavailable store must not end the run: the next beat tries again.
                with contextlib.suppress(Exception):
                    self._store.set_tags(self._run_id, {TAG_HEARTBEAT: str(time.time())})
                    if self._store.run(self._run_id, unreadable=True).cancelled:
                        self._end()
                        return
            finally:
                if paused:
                    TIMING_LOCK.release()

    def _end(self) -> None:
        """Ask the run to stop, and end it if it does not."""
        if self._stop.is_set():
            return
        os.kill(os.getpid(), signal.SIGTERM)
        reason = self._cancellation.reason
        if reason and not self._stop.wait(GRACE_SECONDS):
            record = self._store.run(self._run_id, unreadable=True)
            salvage(self._store, self._run_id, experiment_named(record.experiment))
            self._store.end(self._run_id, "FAILED", f"{reason}, and did not stop when asked to")
            os._exit(1)


@contextlib.contextmanager
def _memory_limit(config: Config) -> Iterator[None]:
    """Let this process have no more memory than its config allows; what asks for more is refused.

    Linux counts what a process may write to, also what it has not yet touched. Other systems do
    not refuse.
    """
    before = resource.getrlimit(resource.RLIMIT_DATA)
    limit = int(memory_limit(config) * GIB)
    if before[1] != resource.RLIM_INFINITY:
        limit = min(limit, before[1])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def memory_limit(config: Config) -> float:
    """In GiB: the config's own, or four fifths of this machine's memory."""
    return config.memory_limit or SHARE_OF_MEMORY * total_bytes() / GIB


def failure_text(failure: Exception, config: Config | None) -> str:
    """Why a run failed, in a sentence that names what can be done if memory was short."""
    kind = "" if isinstance(failure, BadSetting) else f"{type(failure).__name__}: "
    text = f"{kind}{failure}"
    from core.measure.memory import is_out_of_memory  # needs torch, as whatever failed did

    if is_out_of_memory(failure):
        limit = "" if config is None else f" of {memory_limit(config):.3g} GiB"
        text = (
            f"it needs more memory than its memory_limit{limit} or the machine allows; make the "
            f"network, the batch or the sequences smaller, or raise memory_limit ({text})"
        )
    return text


def _prepare(config: Config) -> dict[str, str]:
    """Pin the threads and seed torch; return tags that describe the device."""
    import torch  # not at the top: queueing and watching runs do without it

    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    added = _added_cells(config).values()
    files = {TAG_CELL: ", ".join(f"{v.name} of {v.file}: {v.sha256}" for v in added)}
    return describe_device(resolve_device(config.device, config.precision)) | (
        files if added else {}
    )


def _files_of_cells(config: Config) -> Iterator[Artifact]:
    """The file of each cell that somebody added: what was measured is kept with what came out."""
    for name in _added_cells(config):
        yield Artifact(f"cell/{name}.py", own_cells.file_of(name).read_bytes())


def _added_cells(config: Config) -> dict[str, Version]:
    """Full name → version of the cells that the config names and that are no cells of Unroll."""
    named = {config.architecture.cell, str(config.flat().get("decoder", ""))}
    found = ((name, own_cells.version(name)) for name in sorted(named))
    return {name: version for name, version in found if version is not None}


@functools.cache
def provenance() -> Mapping[str, str]:
    """Tags for what a number depends on besides its config: versions and the code's commit.

    A fork server asks once, when it loads the code that its runs then execute.
    """
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
