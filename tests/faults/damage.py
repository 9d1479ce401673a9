"""Stores that are locked, full, edited by hand or half deleted while runs go on."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from core.store.folder import PROJECT
from core.store.records import TAG_CONFIG, TAG_OWNER
from tests.faults.hostile import HOSTILE, ended, hostile_scene, submit
from tests.faults.scene import Clock, Scene, short_plan

GARBAGE = ("garbage", "[1, 2]", "null", "{}", '{"cell": "none"}', '{"cell": "rnn", "threads": "x"}')
"""What somebody may have typed into a tag that holds JSON."""

COMMANDS = (
    ["runs"],
    ["runs", "--json"],
    ["export", "gradient-decay", "gradient"],
    ["compare", "gradient-decay"],
    ["scorecard"],
    ["choose", "--span", "5"],
    ["report"],
)


def locked(seconds: float = 60.0) -> Iterator[str]:
    """Another process holds the database while runs start, go on and end."""
    with tempfile.TemporaryDirectory() as folder, hostile_scene(Path(folder) / "store") as queue:
        queue.start_worker()
        ends_meanwhile = submit(queue, seconds=5, count=20)
        queue.until(lambda: queue.store.run(ends_meanwhile).state.get("rows"))
        waits = submit(queue, seconds=0)
        with contextlib.closing(sqlite3.connect(queue.folder / "mlflow.db")) as connection:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            connection.rollback()
        for run_id in (ends_meanwhile, waits):
            record = ended(queue, run_id, 120)
            if record.status != "FINISHED":
                yield f"a run met a store locked for {seconds:g} s: {record.status} {record.error}"
        if queue.worker is None or queue.worker.poll() is not None:
            yield "the worker has ended"
        queue.stop_worker()
    yield f"locked for {seconds:g} s: both runs finished"


def full_disk(seconds: float = 30.0) -> Iterator[str]:
    """The disk has no room while a run writes rows and others wait; then it has some again."""
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder) / "disk"
        disk.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)], capture_output=True
        )
        if mounted.returncode:
            yield "full disk: not tried, a small disk cannot be mounted here"
            return
        try:
            with hostile_scene(disk / "store") as queue:
                yield from _fill(queue, disk, seconds)
        finally:
            # Lazily: this process still has the database open.
            subprocess.run(["umount", "--lazy", str(disk)], check=False)


def _fill(queue: Scene, disk: Path, seconds: float) -> Iterator[str]:
    queue.start_worker()
    writes = submit(queue, seconds=3, count=9000)
    queue.until(lambda: queue.store.run(writes).state.get("rows"))
    waits = submit(queue, seconds=0)
    ballast = disk / "ballast"
    with ballast.open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(2**16))
            file.flush()
    time.sleep(seconds)
    if queue.worker is None or queue.worker.poll() is not None:
        yield "a full disk has ended the worker"
    ballast.unlink()
    for run_id in (writes, waits):
        record = ended(queue, run_id, 180)
        if record.status != "FINISHED":
            yield f"a run met a full disk: {record.status} {record.error}"
    table = queue.store.table(queue.store.run(writes), "squares")
    if table is None or table["number"].tolist() != list(range(9000)):
        yield "rows were lost or doubled on the full disk"
    queue.stop_worker()
    yield f"disk full for {seconds:g} s: both runs finished, every row once"


def edited() -> Iterator[str]:
    """Every tag that holds JSON edited by hand, in ended, waiting and running runs."""
    with tempfile.TemporaryDirectory() as folder, hostile_scene(Path(folder) / "store") as queue:
        ended_runs = queue.submit(short_plan(2 * len(GARBAGE), ("gradient-decay", "memory-span")))
        queue.start_worker()
        queue.wait_for(ended_runs)
        going = submit(queue, act="wait")
        queue.until(lambda: queue.store.run(going).state.get("rows"))
        for number, text in enumerate(GARBAGE):
            queue.store.client.set_tag(ended_runs[2 * number], TAG_CONFIG, text)
            queue.store.client.set_tag(ended_runs[2 * number + 1], TAG_OWNER, text)
        queue.stop_worker()
        waiting = [submit(queue, seconds=0, seed=seed) for seed in range(2 * len(GARBAGE))]
        for number, text in enumerate(GARBAGE):
            queue.store.client.set_tag(waiting[2 * number], TAG_CONFIG, text)
            queue.store.client.set_tag(waiting[2 * number + 1], TAG_OWNER, text)
        fine = submit(queue, seconds=0, seed=99)
        queue.start_worker()
        queue.wait_for([*waiting, fine], 180)
        if queue.store.run(fine).status != "FINISHED":
            yield f"the queue did not go on: {queue.store.run(fine).status}"
        for command in COMMANDS:
            done = subprocess.run(
                [sys.executable, "-m", "experiments", *command],
                cwd=PROJECT,
                env=queue.env,
                capture_output=True,
                text=True,
                check=False,
            )
            if "Traceback" in done.stderr or done.returncode not in (0, 1, 2):
                yield f"{' '.join(command)}: {done.stderr[-400:]}"
            if command == ["runs"] and "cannot be read" not in done.stderr:
                yield "runs does not list what cannot be read"
        queue.stop_worker()
    yield f"edited tags: {len(GARBAGE)} texts in two tags of ended, waiting and running runs"


def deleted() -> Iterator[str]:
    """Artifacts, runs and an experiment deleted, restored and renamed while runs go on."""
    with tempfile.TemporaryDirectory() as folder, hostile_scene(Path(folder) / "store") as queue:
        queue.start_worker()
        first = ended(queue, submit(queue))
        shutil.rmtree(queue.folder / "artifacts" / HOSTILE.name / first.run_id, ignore_errors=True)
        gone, kept, later = (submit(queue, act="nothing", seconds=4, seed=s) for s in (1, 2, 3))
        queue.until(lambda: queue.store.run(gone).state.get("rows"))
        queue.store.client.delete_run(gone)
        time.sleep(5)
        queue.store.client.restore_run(gone)
        number = queue.store.run(kept).experiment_id
        queue.store.client.rename_experiment(number, "renamed")
        time.sleep(2)
        queue.store.client.rename_experiment(number, HOSTILE.name)
        for name, run_id in (("deleted", gone), ("renamed", kept), ("waiting", later)):
            record = ended(queue, run_id, 120)
            if record.status == "FAILED" and name != "deleted":
                yield f"the {name} run is {record.status}: {record.error}"
        queue.stop_worker()
    yield "deleted, restored and renamed: nothing is stuck"


def jumps(hours: float = 1.0) -> Iterator[str]:
    """The clock of everything jumps by seconds and by an hour while runs go on."""
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock(Path(folder))
        if not clock.settable:
            yield "clock: not tried, Debian's faketime is not installed"
            return
        with hostile_scene(Path(folder) / "store", clock.env) as queue:
            queue.start_worker()
            for jump in (f"+{hours:g}h", "-5", f"-{hours:g}h", "+3", "+0"):
                run_id = submit(queue, seconds=6, count=30)
                queue.until(lambda r=run_id: queue.store.run(r).state.get("rows"))
                clock.set(jump)
                record = ended(queue, run_id, 60)
                if record.status != "FINISHED":
                    yield f"after a jump of {jump} a run is {record.status}: {record.error}"
            queue.stop_worker()
    yield f"clock: jumps of 3 and 5 seconds and of {hours:g} h, five runs finished"
