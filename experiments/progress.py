"""Runs from here to their end: made in this process, or by a worker, under one progress display."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from core.experiment import Config, Event, Experiment
from core.experiment import Progress as Done
from core.names import among
from core.tracking import ACTIVE, RunRecord, Store
from experiments.devices import require_devices
from experiments.report import ERR, say
from experiments.worker import Worker, WorkerRunning

LOOK_SECONDS = 2.0
"""Between looks at the store."""
OVERLAP_SECONDS = 10.0
"""Looks overlap: a run's end reaches the store a moment after the time that is written on it."""


def run_here(store: Store, plan: Sequence[tuple[Experiment, Config, str]]) -> list[RunRecord]:
    """Make the runs in this process, in order; stop at the first one that is cancelled.

    Raises `BadSetting` before anything is recorded for a device that this machine does not have.
    """
    from core.runner import execute

    require_devices(config for _, config, _ in plan)
    records: list[RunRecord] = []
    with _display() as progress:
        whole = progress.add_task("all runs", total=len(plan), message="")
        for experiment, config, sweep in plan:
            run_id = store.create(experiment, config, sweep=sweep, status="RUNNING")
            task = progress.add_task(store.run(run_id).name, total=1.0, message="")

            def watch(event: Event, task: Any = task) -> None:
                if isinstance(event, Done) and event.total:
                    share = event.done / event.total
                    progress.update(task, completed=share, message=event.message)

            status = execute(store, run_id, watch)
            records.append(store.run(run_id))
            progress.remove_task(task)
            progress.advance(whole)
            _tell(records[-1])
            if status == "KILLED":
                break
    return records


def see_through(store: Store, run_ids: Sequence[str]) -> list[RunRecord]:
    """Wait until queued runs have ended, as many at a time as the machine has room for.

    The worker that serves the store makes them; where there is none, one in this process does.
    Ctrl-C stops a worker of this process: what it interrupts is queued again.
    """
    with _display() as progress:
        watch = _Watch(store, run_ids, progress)
        try:
            Worker(store, _silent).serve(watch=watch)
        except WorkerRunning:
            with contextlib.suppress(KeyboardInterrupt):
                while not watch():
                    time.sleep(LOOK_SECONDS)
    return watch.records


class _Watch:
    """Keeps the display up to date; called again and again, it is true when all have ended."""

    def __init__(self, store: Store, run_ids: Sequence[str], progress: Progress) -> None:
        self._store, self._progress = store, progress
        self._waiting = list(run_ids)
        self._tasks: dict[str, TaskID] = {}
        self._whole = progress.add_task("all runs", total=len(run_ids), message="")
        # None of them has ended before the first was submitted.
        self._asked = min((store.run(run_id).submitted for run_id in run_ids[:1]), default=0.0)
        self._looked = 0.0
        self.records: list[RunRecord] = []
        """Those that have ended, in the order in which they were asked for if they end together."""

    def __call__(self) -> bool:
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._look()
            self._looked = time.monotonic()
        return not self._waiting

    def _look(self) -> None:
        now = time.time()
        # Running first: a run that ends between the two questions is then seen as ended.
        going = {record.run_id: record for record in self._store.runs(status="RUNNING")}
        ended = self._store.runs(ended_since=max(0.0, self._asked - OVERLAP_SECONDS))
        over = {record.run_id: record for record in ended if record.status not in ACTIVE}
        self._asked = now
        for run_id in list(self._waiting):
            if run_id in over:
                self._ended(over[run_id])
            elif run_id in going:
                self._going(going[run_id])

    def _going(self, record: RunRecord) -> None:
        if record.run_id not in self._tasks:
            name = f"{record.experiment} · {among(record.name)}"
            self._tasks[record.run_id] = self._progress.add_task(name, total=1.0, message="")
        state = record.state
        self._progress.update(
            self._tasks[record.run_id],
            completed=state.get("fraction", 0.0),
            message=state.get("message", ""),
        )

    def _ended(self, record: RunRecord) -> None:
        self._waiting.remove(record.run_id)
        self.records.append(record)
        task = self._tasks.pop(record.run_id, None)
        if task is not None:
            self._progress.remove_task(task)
        self._progress.advance(self._whole)
        _tell(record)


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


def _tell(record: RunRecord) -> None:
    """A line for each run where there is no screen for a display."""
    if not ERR.is_terminal:
        say(f"{record.status.lower()}: {record.experiment} · {among(record.name)}")


def _silent(_: str) -> None:
    """The display says it all."""
