"""How the dashboard bears 10,000 finished runs, and twenty people at once.

    python -m tests.bench scale --runs 10000 --sessions 20 --store FOLDER
    python -m tests.bench postgresql --runs 10000 --sessions 20

The second is over a team's installation: PostgreSQL and an artifact server behind MLflow's. The
browser asks the dashboard itself, without the proxy and without signing in. There every page is
opened twice: before and after this machine has copies of the runs' tables.

The store is made of copies (`copies.py`). First load: from a fresh dashboard process, in a new
window, until Streamlit says that the page is done. Reruns: the key R, timed as `window.py` says.
For the people at once one browser has a window for each, on all pages in turns; it competes with
the dashboard for the processor, so the figures are above what the dashboard alone would take.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy
import psutil
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from rich.table import Table

from core.store.postgres import BACKEND_VARIABLE
from core.store.tracking import Store, open_store
from experiments.parts import DATABASE_USER
from tests.bench import copies
from tests.bench.window import PATIENCE_MS, Window, chromium, served
from tests.deploy.test_team import Team

RERUNS = 5
"""Of each page alone, and of each person among many."""

NAVIGATION = "[data-testid='stSidebarNavLink']"

TARGETS = {"first load": 4.0, "rerun": 1.0, "p95 of many": 2.0, "MiB": 600.0}


def tables(folder: Path, runs: int, sessions: int) -> Iterator[Table]:
    """The store, one page at a time, and everybody at once; each as soon as it is measured."""
    with chromium() as browser:
        if browser is None:
            yield Table("scale: not measured, there is no chromium on the PATH")
            return
        yield from copies.tables(folder, runs)
        yield from _pages(copies.store_of(folder, runs), browser, sessions)


def _pages(store: Store, browser: Any, sessions: int) -> Iterator[Table]:
    with served(store) as (address, _):
        window = Window.of(browser)
        window.open(address)
        paths = "links => links.map(link => new URL(link.href).pathname)"
        pages = window.page.locator(NAVIGATION).evaluate_all(paths)
    if store.is_remote:
        yield _alone(store, browser, pages, "nothing read from the server before", reruns=1)
    yield _alone(store, browser, pages)
    if sessions:
        yield _together(store, browser, pages, sessions)


def postgresql(runs: int, sessions: int) -> Iterator[Table]:
    """The same over PostgreSQL, where the programs for it are at hand."""
    with chromium() as browser, tempfile.TemporaryDirectory(prefix="unroll-bench-") as folder:
        Path(folder).chmod(0o755)
        team, environment = Team(Path(folder) / "team"), {**os.environ}
        try:
            store = open_store(team.uri)
            password = quote((team.at.secrets / "database_password").read_text().strip())
            user = f"{DATABASE_USER}:{password}"
            address = f"{user}@{team.at.address('database')}/{DATABASE_USER}"
            copies.fill(store, runs, f"postgresql+psycopg://{address}")
            os.environ[BACKEND_VARIABLE] = f"postgresql://{address}"  # as the team's dashboard
            yield from _pages(open_store(team.uri), browser, sessions)
        finally:
            os.environ.clear()
            os.environ.update(environment)
            team.end()


def _alone(
    store: Store,
    browser: Any,
    pages: Sequence[str],
    when: str = "",
    reruns: int = RERUNS,
) -> Table:
    goals = f"targets: first load {TARGETS['first load']:g}, rerun {TARGETS['rerun']:g} s"
    goals = f"{when}; {goals}" if when else goals
    table = Table("page", "first load s", "rerun, median s", "worst s", "MiB", title=goals)
    for name in pages:
        with served(store) as (address, process):
            one = Window.of(browser)
            try:
                first = one.open(f"{address}{name}")
            except PlaywrightTimeout:
                table.add_row(name, f"not within {PATIENCE_MS / 1000:.0f}")
                continue
            times = []
            for _ in range(reruns):
                one.settle()
                one.ask_again()
                times.append(one.took())
            numbers = (first, statistics.median(times), max(times))
            cells = [f"{number:.2f}" for number in numbers]
            table.add_row(name, *cells, f"{_mebibytes(process):.0f}", *one.errors())
            one.close()
    return table


def _together(store: Store, browser: Any, pages: Sequence[str], sessions: int) -> Table:
    table = Table(
        f"{sessions} people at once, {RERUNS} reruns each, all pages in turns",
        "value",
        "target",
    )
    with served(store) as (address, process):
        windows = [Window.of(browser) for _ in range(sessions)]
        for number, window in enumerate(windows):
            window.open(f"{address}{pages[number % len(pages)]}")
        times: list[float] = []
        for _ in range(RERUNS):
            for window in windows:
                window.settle()
            for window in windows:
                window.ask_again()
            times += [window.took() for window in windows]
        errors = [error for window in windows for error in window.errors()]
        p50, p95 = (float(numpy.quantile(times, share)) for share in (0.5, 0.95))
        table.add_row("rerun, p50 s", f"{p50:.2f}", "")
        table.add_row("rerun, p95 s", f"{p95:.2f}", f"{TARGETS['p95 of many']:g}")
        table.add_row("errors", f"{len(errors)} {errors[:1]}", "0")
        table.add_row("dashboard, MiB", f"{_mebibytes(process):.0f}", f"{TARGETS['MiB']:g}")
    return table


def _mebibytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20
