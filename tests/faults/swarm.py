"""Very many runs, and very many page loads, at once."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.faults.hostile import HOSTILE, HostileConfig, hostile_scene
from tests.faults.scene import scene, short_plan

SECONDS = 0.1
"""That each run of the swarm takes by itself."""


def swarm(count: int) -> Iterator[str]:
    """So many short runs at once: all finish, and what the engine adds to each is little."""
    with tempfile.TemporaryDirectory() as folder, hostile_scene(Path(folder) / "store") as queue:
        queue.start_worker()
        worker = psutil.Process(queue.worker.pid) if queue.worker else psutil.Process()
        started = time.monotonic()
        config = HostileConfig.from_flat({"seconds": SECONDS})
        runs = queue.submit([(HOSTILE, config)] * count)
        submitted = time.monotonic() - started
        used = [worker.memory_info().rss]
        while queue.store.active():
            used.append(worker.memory_info().rss)
            time.sleep(1)
        wall = time.monotonic() - started
        bad = [r for r in queue.runs(runs) if r.status != "FINISHED"]
        yield from (f"{r.run_id} is {r.status}: {r.error}" for r in bad)
        slots = psutil.cpu_count() or 1
        overhead = (wall * slots - submitted) / count - SECONDS
        yield (
            f"swarm: {count} runs in {wall:.0f} s ({submitted / count * 1000:.0f} ms to submit "
            f"one), {overhead:.2f} s a run and core besides its own {SECONDS} s; the worker's "
            f"memory {used[0] / 2**20:.0f} MB, at most {max(used) / 2**20:.0f} MB"
        )
        queue.stop_worker()


def page_loads(count: int) -> Iterator[str]:
    """So many page loads, one after the other: open files and memory stay as they are."""
    with tempfile.TemporaryDirectory() as folder, scene(Path(folder) / "store") as queue:
        queue.start_worker()
        queue.wait_for(queue.submit(short_plan(12)))
        queue.stop_worker()
        queue.start_dashboard()
        assert queue.dashboard is not None
        process = psutil.Process(queue.dashboard.pid)
        counts: list[tuple[int, float]] = []
        for number in range(count):
            queue.open_page()
            if number % max(1, count // 10) == max(1, count // 10) - 1:
                counts.append((process.num_fds(), process.memory_info().rss / 2**20))
        files = [files for files, _ in counts]
        if max(files) > files[0] + 30:
            yield f"open files grow: {files}"
        memory = [round(megabytes) for _, megabytes in counts]
        yield f"page loads: {count}; open files {files}, MB {memory}"
