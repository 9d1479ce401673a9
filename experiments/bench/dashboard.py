"""How quickly a page answers with 500 runs in the store, and how much memory the dashboard takes.

`python -m experiments.bench dashboard`. A real browser flips a switch on the Gradient flow page,
timed as `window.py` says.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from rich.table import Table

from core.architecture import VARIANTS
from core.experiment import Row
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.recorder import Recorder
from core.runner import process_identity
from core.tracking import Store, open_store
from experiments.bench.window import FLAGS, PATIENCE_MS, Window
from experiments.serve import Service, dashboard_service
from experiments.worker import environment

RUNS = 500
REPEATS = 9


def tables() -> list[Table]:
    """One table; without a browser it says so."""
    table = Table("dashboard", "median s", "worst s", "target s")
    browser = shutil.which("chromium")
    if browser is None:
        table.add_row("not measured: no chromium on the PATH")
        return [table]
    with served(_fill) as service:
        times = _reruns(browser, address_of(service))
        memory = psutil.Process(service.process.pid).memory_info().rss if service.process else 0
    name = f"Gradient flow rerun, {RUNS} runs in the store"
    table.add_row(name, f"{statistics.median(times):.3f}", f"{max(times):.3f}", "0.5")
    table.add_row(f"memory: {memory / 2**20:.0f} MiB with one session; target 300")
    return [table]


@contextlib.contextmanager
def served(fill: Callable[[Store], None]) -> Iterator[Service]:
    """A dashboard on a store of its own, which is filled before and gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'mlflow.db'}")
        fill(store)
        service = dashboard_service(store, free_port())
        service.start(environment(store))
        try:
            while not service.answers():
                time.sleep(0.1)
            yield service
        finally:
            service.stop(3.0)


def address_of(service: Service) -> str:
    """Where its pages are."""
    return service.health.removesuffix("/_stcore/health")


def _fill(store: Store) -> None:
    """Runs that were measured once and are recorded many times, six to each comparison but one."""
    (measured,) = GRADIENT_DECAY.configs(["gru"], {"spectrum": [False]})
    rows = [event for event in GRADIENT_DECAY.run(measured) if isinstance(event, Row)]
    variants = list(VARIANTS)
    for number in range(-RUNS % 6, RUNS + -RUNS % 6):
        (config,) = GRADIENT_DECAY.configs([variants[number % 6]], {"seed": [number // 6]})
        run_id = store.create(GRADIENT_DECAY, config, sweep=f"bench {number // 6}")
        store.mark_running(run_id, {**process_identity(), "started": time.time()}, {})
        recorder = Recorder(store, run_id, GRADIENT_DECAY)
        for row in rows:
            recorder.take(row)
        recorder.close()
        store.end(run_id, "FINISHED")


def _reruns(browser: str, address: str) -> list[float]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
        window = Window.of(chromium)
        window.open(f"{address}/gradient-flow")
        switch = window.page.get_by_text("Single seeds")
        switch.wait_for(timeout=PATIENCE_MS)
        times = []
        for _ in range(REPEATS):
            window.settle()
            switch.click()
            times.append(window.took())
        chromium.close()
    return times


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
