"""An experiment that misbehaves as it is told to, and what must come of each misbehaviour."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

import core.experiments
from core.experiment import Event, Progress
from core.stats.estimates import Estimate
from core.store.records import RunRecord
from experiments.executors.local import MAX_LOG
from experiments.queue import cancel
from tests.faults.scene import PLUGGED, Scene, scene
from tests.toy import TOY, SquareRow, ToyConfig, ToySummary

Act = Literal["nothing", "fork", "deaf", "print", "eat", "wait"]


class HostileConfig(ToyConfig):
    act: Act = Field("nothing", title="Act", description="What it does after its first row.")
    seconds: float = Field(0.0, ge=0, le=3600, title="Seconds", description="It takes at least.")


def measure(config: HostileConfig) -> Iterator[Event]:
    """One row, then the misbehaviour, then the other rows."""
    yield SquareRow(0, "whole", config.seed, 0, 0.0)
    yield Progress(1, config.count, "the first row is there")
    time.sleep(config.seconds)
    if config.act == "fork":
        for _ in range(3):
            subprocess.Popen(["sleep", "600"])
    if config.act == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while config.act in ("deaf", "wait"):
        time.sleep(0.2)
    while config.act == "print":
        print("nobody reads this " * 500)
    eaten = []
    while config.act == "eat":
        eaten.append(bytearray(64 * 2**20))
        time.sleep(0.01)
    for number in range(1, config.count):
        yield SquareRow(0, "whole", config.seed, number, number**2.0)
    yield ToySummary(Estimate(2.5, 1.0, 4.0, 3), config.count, "all of them")


HOSTILE = dataclasses.replace(
    TOY, name="hostile", title="Hostile", config=HostileConfig, module="tests.faults.hostile"
)


@contextlib.contextmanager
def hostile_scene(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Scene]:
    """A scene in which every process, this one too, knows the experiment that misbehaves."""
    registered = core.experiments._registered
    core.experiments._registered = {**registered, HOSTILE.name: HOSTILE}
    try:
        with scene(folder, {**PLUGGED, **(env or {})}) as queue:
            yield queue
    finally:
        core.experiments._registered = registered


def misbehaviours() -> Iterator[str]:
    """Runs that fork, are deaf to signals, print without end or eat memory, beside a good one."""
    with tempfile.TemporaryDirectory() as folder, hostile_scene(Path(folder) / "store") as queue:
        queue.start_worker()
        yield from _fork(queue)
        yield from _deaf(queue)
        yield from _print(queue)
        yield from _eat(queue)
        queue.stop_worker()
    yield "misbehaviours: fork, deaf to SIGTERM (cancelled; out of time), print, eat"


def submit(queue: Scene, **settings: Any) -> str:
    return queue.submit([(HOSTILE, HostileConfig.from_flat(settings))])[0]


def ended(queue: Scene, run_id: str, seconds: float = 60) -> RunRecord:
    return queue.wait_for([run_id], seconds)[0]


def _rows(queue: Scene, record: RunRecord) -> int:
    table = queue.store.table(record, "squares")
    return 0 if table is None else len(table)


def _fork(queue: Scene) -> Iterator[str]:
    record = ended(queue, submit(queue, act="fork"))
    if record.status != "FINISHED":
        yield f"the run that forks is {record.status}: {record.error}"
    queue.until(lambda: not [p for p in queue.processes() if p.name() == "sleep"], 10)


def _deaf(queue: Scene) -> Iterator[str]:
    run_id = submit(queue, act="deaf")
    queue.until(lambda: queue.store.run(run_id).state.get("rows"))
    cancel(queue.store, run_id)
    record = ended(queue, run_id)
    if record.status != "KILLED" or _rows(queue, record) != 1:
        yield f"the deaf run that was cancelled is {record.status}, rows {_rows(queue, record)}"
    record = ended(queue, submit(queue, act="deaf", time_limit=0.05), 90)
    if record.status != "FAILED" or "time_limit" not in record.error or not _rows(queue, record):
        yield f"the deaf run out of time is {record.status}: {record.error}"
    record = ended(queue, submit(queue, act="wait", time_limit=0.05), 90)
    if record.status != "FAILED" or "time_limit" not in record.error or not _rows(queue, record):
        yield f"the run out of time is {record.status}: {record.error}"


def _print(queue: Scene) -> Iterator[str]:
    record = ended(queue, submit(queue, act="print", time_limit=0.2), 120)
    length = len(queue.store.log_text(record.run_id))
    if record.status != "FAILED" or "time_limit" not in record.error:
        yield f"the run that prints is {record.status}: {record.error}"
    if length > 8 * MAX_LOG or not length:
        yield f"its log has {length:,} characters"


def _eat(queue: Scene) -> Iterator[str]:
    good = submit(queue, act="nothing", seconds=5)
    record = ended(queue, submit(queue, act="eat", memory_limit=1), 90)
    if record.status != "FAILED" or "memory" not in record.error or _rows(queue, record) != 1:
        yield f"the run that eats memory is {record.status}: {record.error}"
    beside = ended(queue, good)
    if beside.status != "FINISHED":
        yield f"the run beside it is {beside.status}: {beside.error}"
