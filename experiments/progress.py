"""Make runs in this process, or wait for those of a worker, under one progress display."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from core import experiment as events
from core.experiment import Config, Event, Experiment
from core.formatting import counted, inline_text
from core.settings import BadSetting
from core.store.records import ENDED, RunRecord
from core.store.tracking import Store
from experiments.logs import SILENT
from experiments.queue import require_devices
from experiments.terminal import ERR, say
from experiments.worker import Worker, WorkerRunning, ensure_worker, is_elsewhere

LOOK_SECONDS = 2.0
"""Between looks at the store."""

OVERLAP_SECONDS = 10.0
"""Looks overlap: a run's end reaches the store a moment after the time that is written on it."""

CHECK_SECONDS = 10.0
"""Between checks for runs that somebody has deleted, which read the whole queue."""


def run_here(
    store: Store,
    plan: Sequence[tuple[Experiment, Config, str]],
    tags: Mapping[str, str] | None = None,
) -> list[RunRecord]:
    """Make the runs in this process, in order; stop at the first one that is cancelled.

    Raises `BadSetting` before anything is recorded for a device that this machine does not have.
    """
    from core.runner import execute  # loads torch

    require_devices(config for _, config, _ in plan)
    records: list[RunRecord] = []
    with _display() as progress:
        whole = progress.add_task("all runs", total=len(plan), message="")
        for experiment, config, sweep in plan:
            run_id = store.create(experiment, config, sweep=sweep, status="RUNNING", tags=tags)
            task = progress.add_task(store.run(run_id).name, total=1.0, message="")

            def watch(event: Event, task: TaskID = task) -> None:
                if isinstance(event, events.Progress) and event.total:
                    share = event.done / event.total
                    progress.update(task, completed=share, message=event.message)

            status = execute(store, run_id, watch)
            records.append(store.run(run_id))
            progress.remove_task(task)
            progress.advance(whole)
            _say_ended(records[-1])
            if status == "KILLED":
                break
    return records


def wait_for_runs(store: Store, run_ids: Sequence[str]) -> tuple[list[RunRecord], list[str]]:
    """Wait until queued runs have ended; return these, and the ids of those that were deleted.

    The worker that serves the store makes them, as many at a time as the machine has room for;
    where there is none, one in this process does. Ctrl-C stops a worker of this process: what it
    interrupts is queued again.
    """
    with _display() as progress:
        watch = _Watch(store, run_ids, progress)
        # Who may not change everybody's runs is no worker.
        worked = store.person.role == "admin" and not is_elsewhere()
        try:
            if worked:
                Worker(store, SILENT).serve(watch=watch)  # the display says it all
        except WorkerRunning:
            worked = False
        if not worked:
            with contextlib.suppress(KeyboardInterrupt):
                while not watch():
                    if store.person.role != "admin":  # whose worker may just have been idle
                        ensure_worker(store)
                    time.sleep(LOOK_SECONDS)
    if watch.deleted:
        ids = ", ".join(run_id[:8] for run_id in watch.deleted)
        say(f"{counted(len(watch.deleted), 'run')} deleted from the store while waiting: {ids}")
    return watch.ended, watch.deleted


class _Watch:
    """Keeps the display up to date; called again and again, it is true when no run is left."""

    def __init__(self, store: Store, run_ids: Sequence[str], progress: Progress) -> None:
        self._store, self._progress = store, progress
        self._waiting = list(run_ids)
        self._tasks: dict[str, TaskID] = {}
        self._whole = progress.add_task("all runs", total=len(run_ids), message="")
        self._read_until = time.time()
        self._looked = self._checked = float("-inf")
        self._absent: set[str] = set()
        self.ended: list[RunRecord] = []
        """Those that have ended, in the order in which they were asked for if they end together."""
        self.deleted: list[str] = []

    def __call__(self) -> bool:
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._look()
            self._looked = time.monotonic()
        return not self._waiting

    def _look(self) -> None:
        # In the order of a run's life: one that goes on between two questions is seen in its later
        # state. The queue may be long, and is read now and then only.
        check = time.monotonic() - self._checked >= CHECK_SECONDS
        queued = self._store.runs(status="SCHEDULED", metrics=()) if check else []
        now = time.time()
        running = {record.run_id: record for record in self._store.runs(status="RUNNING")}
        recent = self._store.runs(ended_since=max(0.0, self._read_until - OVERLAP_SECONDS))
        ended = {record.run_id: record for record in recent if record.status in ENDED}
        self._read_until = now
        for run_id in list(self._waiting):
            if run_id in ended:
                self._end(run_id, ended[run_id])
            elif run_id in running:
                self._show(running[run_id])
        if check:
            present = {record.run_id for record in queued} | running.keys()
            self._check([run_id for run_id in self._waiting if run_id not in present])
            self._checked = time.monotonic()

    def _check(self, absent: Sequence[str]) -> None:
        """Handle runs that are neither queued nor running nor known to have ended.

        One that is absent twice in a row was deleted: once may be a run that an interrupted worker
        puts back into the queue at this moment. MLflow still has a deleted run by its id, so that
        asking for it only finds those that ended by another machine's clock.
        """
        for run_id in absent:
            record = None
            with contextlib.suppress(BadSetting):
                record = self._store.run(run_id)
            if record is not None and record.status in ENDED:
                self._end(run_id, record)
            elif run_id in self._absent:
                self._end(run_id, None)
        self._absent = set(absent)

    def _show(self, record: RunRecord) -> None:
        if record.run_id not in self._tasks:
            name = f"{record.experiment} · {inline_text(record.name)}"
            self._tasks[record.run_id] = self._progress.add_task(name, total=1.0, message="")
        self._progress.update(
            self._tasks[record.run_id],
            completed=record.state.get("fraction", 0.0),
            message=record.state.get("message", ""),
        )

    def _end(self, run_id: str, record: RunRecord | None) -> None:
        self._waiting.remove(run_id)
        if (task := self._tasks.pop(run_id, None)) is not None:
            self._progress.remove_task(task)
        self._progress.advance(self._whole)
        if record is None:
            self.deleted.append(run_id)
        else:
            self.ended.append(record)
            _say_ended(record)


@contextlib.contextmanager
def progress_bar(title: str) -> Iterator[Callable[[float, str], None]]:
    """A function that shows how far a computation is (share, message), on standard error.

    Without a terminal every new message is a line.
    """
    with _display() as progress:
        task = progress.add_task(title, total=1.0, message="")
        said = ""

        def report(share: float, message: str) -> None:
            nonlocal said
            progress.update(task, completed=share, message=message)
            if not ERR.is_terminal and message != said:
                say(f"{title}: {100 * share:.0f}%, {message}")
            said = message

        yield report


def _display() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[message]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=ERR,
        disable=not ERR.is_terminal,
    )


def _say_ended(record: RunRecord) -> None:
    """Print a line for each run if there is no terminal for a display."""
    if not ERR.is_terminal:
        say(f"{record.status.lower()}: {record.experiment} · {inline_text(record.name)}")
