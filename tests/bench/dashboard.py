"""How quickly a page answers with 500 runs in the store, and how much memory the dashboard takes.

`python -m tests.bench dashboard`. A real browser flips a switch on the Gradient flow page,
timed as `window.py` says.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

from rich.table import Table

from core.experiment import Row
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.models.registry import variants
from core.processes import process_identity
from core.store.recorder import Recorder
from core.store.tracking import Store
from tests.bench.window import PATIENCE_MS, Window, chromium, served, temporary_store

RUNS = 500

REPEATS = 9


def tables() -> list[Table]:
    """One table; without a browser it says so."""
    table = Table("dashboard", "median s", "worst s", "target s")
    with chromium() as browser, temporary_store() as store:
        if browser is None:
            table.add_row("not measured: no chromium on the PATH")
            return [table]
        _fill(store)
        with served(store) as (address, process):
            times = _reruns(browser, address)
            memory = process.memory_info().rss
    name = f"Gradient flow rerun, {RUNS} runs in the store"
    table.add_row(name, f"{statistics.median(times):.3f}", f"{max(times):.3f}", "0.5")
    table.add_row(f"memory: {memory / 2**20:.0f} MiB with one session; target 300")
    return [table]


def _fill(store: Store) -> None:
    """Runs that were measured once and are recorded many times, six to each comparison but one."""
    (measured,) = GRADIENT_DECAY.configs(["gru"], {"spectrum": [False]})
    rows = [event for event in GRADIENT_DECAY.measure(measured) if isinstance(event, Row)]
    names = list(variants())
    for number in range(-RUNS % 6, RUNS + -RUNS % 6):
        (config,) = GRADIENT_DECAY.configs([names[number % 6]], {"seed": [number // 6]})
        run_id = store.create(GRADIENT_DECAY, config, sweep=f"bench {number // 6}")
        store.take(run_id, {**process_identity(), "started": time.time()}, {})
        recorder = Recorder(store, run_id, GRADIENT_DECAY)
        for row in rows:
            recorder.take(row)
        recorder.close()
        store.end(run_id, "FINISHED")


def _reruns(browser: Any, address: str) -> list[float]:
    window = Window.of(browser)
    window.open(f"{address}/gradient-flow")
    switch = window.page.get_by_text("Single seeds")
    switch.wait_for(timeout=PATIENCE_MS)
    times = []
    for _ in range(REPEATS):
        window.settle()
        switch.click()
        times.append(window.took())
    return times
