"""Random kills over queues of short runs, and power cuts in the middle of writes."""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from websockets.exceptions import ConnectionClosed

from core.experiments import experiment_named
from core.processes import process_exists
from core.runner import execute
from core.store.records import ACTIVE, ENDED, RunRecord
from core.store.tracking import open_store
from experiments.liveness import is_alive
from experiments.queue import requeue
from tests.faults.scene import Clock, Plan, Scene, pause, scene, short_plan, tables_of

VICTIMS = (
    *("child", "child", "worker", "fork server", "fork server", "worker and server"),
    *("dashboard", "all"),
)
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)
JUMPS = ("+3", "-5", "+1h", "-1h", "+0")
"""Where the clock is set between kills: so far from the true time."""
RUNS = 20
"""In each queue."""
PATIENCE = 600.0
"""Seconds in which a queue must have ended, kills and sleeping processes included."""


def kills(
    count: int,
    seed: int,
    stopped: float = 60.0,
    runs: int = RUNS,
    victims: Sequence[str] = VICTIMS,
) -> Iterator[str]:
    """So many kills over as many queues as that takes; yields what went wrong, then the sum.

    The clock is set after every third kill or so. Every submitted config must end once as
    FINISHED, or plainly as FAILED or KILLED with a retry that works; no run may be called lost
    while it lives, finished tables are those of an undisturbed run, and the dashboard draws its
    first page whatever was killed.
    """
    chance = random.Random(seed)
    plan = short_plan(runs)
    done: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        reference = _reference(Path(folder) / "reference", plan)
        number = 0
        clock = Clock(Path(folder))
        while _kills(done) < count:
            number += 1
            clock.set("+0")
            with scene(Path(folder) / f"queue-{number}", clock.env) as queue:
                attack = Attack(queue, clock, chance, done, victims, stopped)
                yield from attack.on(plan, reference, count)
    yield f"kills: {dict(done)} in {number} queues of {runs} runs"


def _reference(folder: Path, plan: Plan) -> list[dict[str, str]]:
    """The tables of these runs, made one after the other in this process."""
    folder.mkdir()
    store = open_store(f"sqlite:///{folder / 'mlflow.db'}")
    runs = [store.create(e, config, sweep="undisturbed") for e, config in plan]
    assert {execute(store, run_id) for run_id in runs} == {"FINISHED"}
    return [tables_of(store, store.run(run_id)) for run_id in runs]


def _kills(done: Counter[str]) -> int:
    return sum(done[victim] for victim in set(VICTIMS))


@dataclass
class Attack:
    """One queue of runs under fire."""

    queue: Scene
    clock: Clock
    chance: random.Random
    done: Counter[str]
    victims: Sequence[str]
    stopped: float
    asleep: list[tuple[float, psutil.Process]] = field(default_factory=list)
    """Stopped processes, and when each goes on."""

    def on(self, plan: Plan, reference: list[dict[str, str]], count: int) -> Iterator[str]:
        """Shoot until all runs have ended or enough was done; then see what came of it."""
        queue, chance = self.queue, self.chance
        self._restart()
        first = queue.submit(plan)
        watched: dict[str, RunRecord] = {}
        deadline = time.monotonic() + PATIENCE
        while any(record.status in ACTIVE for record in _all(queue)):
            if time.monotonic() > deadline:
                stuck = [f"{r.run_id} {r.status}" for r in _all(queue) if r.status in ACTIVE]
                yield f"stuck after {PATIENCE:g} s: {stuck}"
                return
            pause(chance, 0.2, 2.5)
            if _kills(self.done) < count:
                self._strike()
                if self.clock.settable and chance.random() < 1 / 3:
                    self.clock.set(chance.choice(JUMPS))
                    self.done["clock set"] += 1
            self._wake(time.monotonic())
            self._restart()
            for record in _all(queue):
                lost = record.status == "FAILED" and record.error.startswith("lost")
                if lost and record.run_id not in watched and is_alive(record):
                    yield f"{record.run_id} is called lost and lives: {record.error}"
                watched[record.run_id] = record
        self._wake(math.inf)
        if "dashboard" in self.victims:
            yield from self._dashboard_draws()
        yield from _judge(queue, first, reference, self.done)

    def _dashboard_draws(self) -> Iterator[str]:
        """Open its first page; what was told to end just now is started again first."""
        for last in (False, True):
            pause(self.chance, 1, 2)
            self._restart()
            try:
                self.queue.open_page()
                break
            except (OSError, RuntimeError, ConnectionClosed) as error:
                if last:
                    yield f"the dashboard does not draw its first page: {error!r}"
        self.queue.stop_dashboard()

    def _wake(self, now: float) -> None:
        for until, process in [*self.asleep]:
            if now > until:
                self.asleep.remove((until, process))
                with contextlib.suppress(psutil.Error):
                    process.resume()

    def _restart(self) -> None:
        """What a person, `serve` or systemd starts again when it is gone."""
        queue = self.queue
        if queue.worker is None or queue.worker.poll() is not None:
            queue.start_worker()
        gone = queue.dashboard is None or queue.dashboard.poll() is not None
        if gone and "dashboard" in self.victims:
            queue.start_dashboard()

    def _strike(self) -> None:
        """Send one signal to one victim."""
        queue, chance = self.queue, self.chance
        victim, number = chance.choice(self.victims), chance.choice(SIGNALS)
        running = [r for r in queue.store.runs(status="RUNNING") if is_alive(r)]
        server = queue.fork_server()
        pids: list[int] = []
        if victim == "child" and running:
            pids = [chance.choice(running).owner["pid"]]
        if victim in ("worker", "worker and server") and queue.worker is not None:
            pids.append(queue.worker.pid)
        if victim in ("fork server", "worker and server") and server is not None:
            pids.append(server.pid)
        if victim == "dashboard" and queue.dashboard is not None:
            pids.append(queue.dashboard.pid)
        if victim == "all":
            pids = [process.pid for process in queue.processes()]
            number = signal.SIGKILL
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                if number == signal.SIGSTOP:
                    with contextlib.suppress(psutil.Error):
                        until = time.monotonic() + self.stopped
                        self.asleep.append((until, psutil.Process(pid)))
                os.kill(pid, number)
        self.done[victim] += 1
        self.done[number.name] += 1


def _all(queue: Scene) -> list[RunRecord]:
    return queue.store.runs(metrics=())


def _judge(
    queue: Scene, first: list[str], reference: list[dict[str, str]], done: Counter[str]
) -> Iterator[str]:
    """Retry what did not finish, on an undisturbed machine, and compare everything."""
    records = {record.run_id: record for record in _all(queue)}
    after = {record.retry_of: record.run_id for record in records.values() if record.retry_of}
    newest = []
    for run_id in first:
        while run_id in after:
            run_id = after[run_id]
        newest.append(run_id)
    retried = {}
    for run_id in newest:
        record = records[run_id]
        done[record.status] += 1
        if record.status != "FINISHED":
            if not record.error:
                yield f"{run_id} is {record.status} without a reason"
            # As `retry`, but a worker that stops may have wanted it just now, too.
            retried[run_id] = requeue(queue.store, record)

    def ended() -> bool:
        if queue.worker is None or queue.worker.poll() is not None:
            queue.start_worker()  # the last blow may have been a SIGTERM, which takes a while
        return all(record.status in ENDED for record in queue.runs([*retried.values()]))

    queue.until(ended, PATIENCE)
    again = dict(zip(retried, queue.runs([*retried.values()]), strict=True))
    for place, run_id in enumerate(newest):
        last = again.get(run_id, records[run_id])
        if last.status != "FINISHED":
            yield f"the retry of {run_id} is {last.status}: {last.error}"
            continue
        if not experiment_named(last.experiment).timed:
            tables = tables_of(queue.store, last)
            if tables != reference[place]:
                yield f"{last.run_id} has other rows than an undisturbed run"
    finished: Counter[str] = Counter()
    for record in _all(queue):
        if record.status == "FINISHED":
            finished[_origin(records, record)] += 1
        owner = record.owner
        if record.status in ENDED and owner and process_exists(owner["pid"], owner["created"]):
            queue.until(lambda o=owner: not process_exists(o["pid"], o["created"]), 15)
    yield from (f"{run_id} finished {n} times" for run_id, n in finished.items() if n > 1)
    queue.stop_worker()
    queue.until(lambda: not queue.processes(), 20)
    left = [path.name for path in (queue.folder / "spool").iterdir()]
    if left:
        yield f"spools left behind: {left}"


def _origin(records: dict[str, RunRecord], record: RunRecord) -> str:
    while record.retry_of and record.retry_of in records:
        record = records[record.retry_of]
    return record.run_id


def power_cuts(count: int, seed: int) -> Iterator[str]:
    """Everything killed in the middle of writes, and the store copied at that moment: the copy
    opens, and nothing that was shown as finished is gone from it."""
    chance = random.Random(seed)
    cuts = shown = 0
    with tempfile.TemporaryDirectory() as folder, scene(Path(folder) / "store") as queue:
        while cuts < count:
            queue.start_worker()
            queue.submit(short_plan(6, ("gradient-decay", "parameter-count", "memory-span")))
            pause(chance, 0.5, 4.0)
            finished = {r.run_id for r in _all(queue) if r.status == "FINISHED"}
            queue.kill_everything()
            cuts += 1
            copy = Path(folder) / f"copy-{cuts}"
            queue.copy_to(copy)
            store = open_store(f"sqlite:///{copy / 'mlflow.db'}")
            there = {r.run_id: r for r in store.runs()}
            for run_id in finished:
                record = there.get(run_id)
                if record is None or record.status != "FINISHED":
                    yield f"{run_id} was shown as finished and is {record and record.status}"
                elif not tables_of(store, record):
                    yield f"{run_id} was shown as finished and has no table"
            shown += len(finished)
        queue.start_worker()
        queue.until(lambda: not queue.store.active(), 600)
        stuck = [r for r in _all(queue) if r.status in ACTIVE]
        yield from (f"{r.run_id} is stuck as {r.status}" for r in stuck)
        queue.stop_worker()
    yield f"power cuts: {cuts}; {shown} looks at a finished run in the copies"
