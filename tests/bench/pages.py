"""What a person waits for over a store of the chapter: a first page, a press, a cancelled run.

    MLFLOW_TRACKING_URI=sqlite:///… python -m tests.bench pages

It works on a copy of that store's database, which refers to the same artifacts.

First page: the dashboard has answered for `AGE` seconds, as long as somebody takes who reads the
Overview before they open another page; then a browser that has never been there opens this one.
"The next person" opens it after that. Each of `ROUNDS` dashboards is a new process. A press, as
long after the start: from the pointer until the last change that can be seen, after which the page
has been still for `STILL_MS`. What is inside a canvas is not seen: a table writes its rows there
for screen readers, 0.2 s after it has drawn them.

Streamlit alone, a title and a toggle, is opened after each page and pressed before the others: most
of what a browser takes is to load and start Streamlit's scripts, and how long that takes depends on
the machine, and on the minute.
"""

from __future__ import annotations

import contextlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

from core.experiments.gradient_decay import GRADIENT_DECAY
from core.store.folder import database_path
from core.store.tracking import Store, open_store
from dashboard.navigation import PAGES
from experiments.queue import submit
from experiments.worker import ensure_worker, worker_status
from tests.bench.window import PATIENCE_MS, Window, chromium, free_port, served

AGE = 12.0

REPEATS = 6

ROUNDS = 3

STILL_MS = 400

WATCH = """
window.pressed = window.changed = performance.now();
document.addEventListener("pointerdown", () => { window.pressed = performance.now(); }, true);
const seen = ({target}) => !(target.closest ? target : target.parentElement)?.closest("canvas");
new MutationObserver(changes => { if (changes.some(seen)) window.changed = performance.now(); })
  .observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
"""


@dataclass(frozen=True)
class Press:
    """What is pressed, again and again, on an open page."""

    title: str
    page: str
    places: tuple[Callable[[Any], Any], ...]
    """Locators that are pressed in turns."""
    target: float = 0.3


def _words(text: str) -> Callable[[Any], Any]:
    return lambda page: page.get_by_text(text, exact=True).first


def _tab(place: int) -> Callable[[Any], Any]:
    return lambda page: page.get_by_role("tab").nth(place)


ALONE = """
import streamlit
streamlit.title("Streamlit alone")
streamlit.write(streamlit.toggle("A toggle"))
"""

TICK_X, HEADER_Y, ROW_Y = 12, 36, 35
"""Where the boxes of a table's rows are, in pixels."""

TABS = ("gradient-flow", "throughput", "length-quality", "memory-span", "two-sided-context")

PRESSES = (
    Press("Relative to the first", "gradient-flow", (_words("Relative to the first"),)),
    Press("Fitted lines", "gradient-flow", (_words("Fitted lines"),)),
    Press("Single seeds", "gradient-flow", (_words("Single seeds"),)),
    Press("Single seeds", "state-tracking", (_words("Single seeds"),)),
    *(Press("a tab", page, (_tab(1), _tab(0))) for page in TABS),
)


def tables() -> Iterator[Table]:
    """First pages, presses, picks and cancels, each as soon as it is measured."""
    with chromium() as browser, contextlib.ExitStack() as stack:
        store = copy_of_chapter(stack)
        if browser is None or store is None:
            yield Table("pages: needs chromium, and a local store of the chapter, nothing queued")
            return
        yield _first_pages(store, browser)
        yield _presses(store, browser)
        yield _on_runs(store, browser)


def copy_of_chapter(stack: contextlib.ExitStack) -> Store | None:
    """A copy of the configured store's database, until the stack is closed; None if it is no local
    one of the chapter, or something is still queued in it."""
    store = open_store()
    path = database_path(store.uri)
    if path is None or len(store.runs(status="FINISHED")) < 100 or store.active():
        return None
    copy = Path(stack.enter_context(tempfile.TemporaryDirectory())) / path.name
    with contextlib.closing(sqlite3.connect(path)) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    return open_store(f"sqlite:///{copy}")


def _first_pages(store: Store, browser: Any) -> Table:
    times = ("median s", "worst s", "the next person, median s", "Streamlit alone, median s")
    table = Table("first page", *times, "MiB", title="target: first page 2 s")
    with _streamlit_alone() as alone:
        for page in PAGES:
            path = "" if page is PAGES[0] else page.address
            opened: list[list[float]] = []
            problems: list[str] = []
            for _ in range(ROUNDS):
                with served(store) as (address, process):
                    time.sleep(AGE)
                    took = [_opened(browser, f"{address}/{path}", problems) for _ in range(2)]
                    memory = f"{_mebibytes(process):.0f}"
                opened.append([*took, _opened(browser, alone, problems)])
            first, following, nothing = zip(*opened, strict=True)
            medians = (statistics.median(first), max(first))
            medians += (statistics.median(following), statistics.median(nothing))
            table.add_row(page.title, *(f"{n:.2f}" for n in medians), memory, *problems)
    return table


def _opened(browser: Any, url: str, problems: list[str]) -> float:
    """Seconds until a page is done, in a new browser; what goes wrong is added to `problems`."""
    window = Window.of(browser)
    took = window.open(url)
    problems += window.errors()
    window.close()
    return took


def _presses(store: Store, browser: Any) -> Table:
    table = Table("press", "page", "median s", "worst s", "target s")
    with _streamlit_alone() as address:
        window = _watched(browser, address)
        toggle = _words("A toggle")(window.page)
        times = [_took(window, toggle.click) for _ in range(REPEATS)]
        _add(table, "a toggle", "Streamlit alone", times, 0.3)
        window.close()
    with served(store) as (address, _):
        time.sleep(AGE)
        for press in PRESSES:
            window = _watched(browser, f"{address}/{press.page}")
            times = []
            for number in range(REPEATS):
                place = press.places[number % len(press.places)](window.page)
                times.append(_took(window, place.click))
            _add(table, press.title, press.page, times, press.target)
            window.close()
    return table


def _on_runs(store: Store, browser: Any) -> Table:
    """A row picked in two tables; runs cancelled while they wait and while they are measured."""
    table = Table("on runs", "page", "median s", "worst s", "target s")
    with served(store) as (address, _):
        time.sleep(AGE)
        window = _watched(browser, f"{address}/runs")
        times = [_took(window, lambda n=n: _tick(window, n)) for n in range(REPEATS)]
        _add(table, "a run picked", "runs", times, 0.3)
        window.close()
        window = _watched(browser, f"{address}/compare")
        window.page.get_by_text("Select single runs").first.click()
        window.settle()
        times = [_took(window, lambda n=n: _tick(window, n)) for n in range(REPEATS)]
        _add(table, "a run picked", "compare", times, 0.3)
        window.close()
        times = [_cancel(store, browser, address) for _ in range(REPEATS)]
        _add(table, "cancel", "runs, a queued one", times, 1.0)
        ensure_worker(store)
        try:
            times = [_cancel(store, browser, address, running=True) for _ in range(REPEATS)]
            _add(table, "cancel", "runs, a running one", times, 1.0)
        finally:
            stop_worker(store)
    return table


def stop_worker(store: Store) -> None:
    """End the worker of a store, if it has one."""
    if (worker := worker_status(store)) is not None:
        psutil.Process(worker.pid).terminate()


@contextlib.contextmanager
def _streamlit_alone() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        app, port = Path(folder) / "app.py", free_port()
        app.write_text(ALONE)
        options = ("--server.headless=true", "--server.address=127.0.0.1")
        command = [sys.executable, "-m", "streamlit", "run", str(app), f"--server.port={port}"]
        with subprocess.Popen([*command, *options], cwd=folder, stdout=subprocess.DEVNULL) as alone:
            try:
                time.sleep(AGE)
                yield f"http://127.0.0.1:{port}"
            finally:
                alone.terminate()


def _cancel(store: Store, browser: Any, address: str, *, running: bool = False) -> float:
    """From the press until the page offers no cancelling any more."""
    long = {"seeds": 50, "sequence_length": 4000, "seed": time.time_ns() % 10**6}
    (run,) = submit(store, GRADIENT_DECAY, [GRADIENT_DECAY.config.from_flat(long)])
    if running:
        _wait(lambda: store.run(run).status == "RUNNING")
    window = _watched(browser, f"{address}/runs?run={run}")
    button = window.page.get_by_role("button", name="Cancel", exact=True)
    started = time.perf_counter()
    button.click()
    button.and_(window.page.locator(":enabled")).wait_for(state="hidden", timeout=PATIENCE_MS)
    took = time.perf_counter() - started
    window.close()
    _wait(lambda: not store.active())
    return took


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not until():
        if time.monotonic() > deadline:
            raise TimeoutError("a run is neither measured nor cancelled")
        time.sleep(0.1)


def _tick(window: Window, row: int) -> None:
    """Press the box of a row in the page's table."""
    table = window.page.get_by_test_id("stDataFrame").first
    table.click(position={"x": TICK_X, "y": HEADER_Y + ROW_Y // 2 + ROW_Y * row})


def _watched(browser: Any, url: str) -> Window:
    window = Window.of(browser)
    window.page.set_viewport_size({"width": 1440, "height": 900})
    window.open(url)
    window.settle()
    window.page.evaluate(WATCH)
    window.page.wait_for_timeout(1000)
    return window


def _took(window: Window, press: Callable[[], object]) -> float:
    press()
    still = f"""() => performance.now() - window.changed > {STILL_MS}
        && performance.now() - window.pressed > {2 * STILL_MS}"""
    window.page.wait_for_function(still, timeout=PATIENCE_MS)
    milliseconds: float = window.page.evaluate("() => window.changed - window.pressed")
    assert milliseconds > 0, "the press changed nothing"
    return milliseconds / 1000


def _add(table: Table, title: str, page: str, times: list[float], target: float) -> None:
    table.add_row(
        title, page, f"{statistics.median(times):.2f}", f"{max(times):.2f}", f"{target:g}"
    )


def _mebibytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20
