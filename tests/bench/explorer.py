"""Does the gradient curve of the Cell explorer follow a slider? 64 units, 100 steps, eight seeds.

`python -m tests.bench explorer`. A real browser moves the slider by one position with the keyboard,
which releases it at once; the time is that until the curve has moved. Beside it what measuring
alone takes: one curve, and all of the slider's. What else the machine does is said too.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

import torch
from rich.table import Table

from core.explorer.exploration import Exploration, ExplorerConfig, Shift
from core.explorer.networks import fresh_networks, gradient_curve, gradient_curves
from core.models.registry import cell_kinds, gated_cells
from dashboard.views.cell_explorer.cells import SHIFTS, biases
from tests.bench.window import READY, chromium, served, temporary_store

REPEATS, WARM_UP = 25, 3

TARGET = "0.1"

WATCH = """
() => {
  window.follows = [];
  let since = null;
  document.addEventListener("keydown", () => { since = performance.now(); }, true);
  new MutationObserver(() => {
    if (since === null) return;
    window.follows.push(performance.now() - since);
    since = null;
  }).observe(document.querySelector("[data-testid='stBidiComponentIsolated']").shadowRoot
               .querySelector("svg.curve"),
             {subtree: true, childList: true, attributes: true});
}
"""

VIEWS = {
    "LSTM, 22 letters": "",
    "LSTM, 100 random steps": "sequence=random",
    "LSTM beside GRU": "second_cell=GRU",
}


def tables() -> list[Table]:
    """One table; without a browser only the computing."""
    torch.set_num_threads(1)
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    table = Table("explorer", "median s", "worst s", "target s", title=load, title_justify="left")
    for cell, kind in cell_kinds().items():
        _add(table, f"one curve: {kind.title}", _computing(cell), "")
        if cell in gated_cells():
            _add(table, f"33 positions, 22 letters: {kind.title}", _family(cell, 33), "1.0")
        elif biases(cell):
            positions = len(SHIFTS)
            name = f"{positions} positions, 22 letters: {kind.title}"
            _add(table, name, _family(cell, positions), "1.0")
    with chromium() as browser, temporary_store() as store:
        if browser is None:
            table.add_row("slider to curve: not measured, no chromium on the PATH")
            return [table]
        with served(store) as (address, _):
            for name, query in VIEWS.items():
                times = _slides(browser, f"{address}/cell-explorer?{query}")
                _add(table, f"slider to curve: {name}", times, TARGET)
    return [table]


def _add(table: Table, name: str, times: list[float], target: str) -> None:
    table.add_row(name, f"{statistics.median(times):.3f}", f"{max(times):.3f}", target)


def _computing(cell: str) -> list[float]:
    """Drawing eight networks, their pass forward and back, and the rows."""
    times = []
    for position in range(REPEATS + WARM_UP):
        config = ExplorerConfig.from_flat({"cell": cell, "seed": position})
        start = time.perf_counter()
        gradient_curve(fresh_networks(Exploration(config)))
        times.append(time.perf_counter() - start)
    return times[WARM_UP:]


def _family(cell: str, positions: int) -> list[float]:
    """All positions of a slider, as the page measures them before it opens."""
    times = []
    for _ in range(4):
        start = time.perf_counter()
        values = [0.1 * position for position in range(positions)]
        gradient_curves([fresh_networks(_explored(cell, value)) for value in values])
        times.append(time.perf_counter() - start)
    return times[1:]


def _explored(cell: str, value: float) -> Exploration:
    """A cell where its slider stands: the recurrent gain, or what is added to its first bias."""
    text = "the cat sat on the mat"
    if cell in gated_cells():
        config = ExplorerConfig.from_flat({"cell": cell, "recurrent_gain": value})
        return Exploration(config, text)
    return Exploration(
        ExplorerConfig.from_flat({"cell": cell}), text, shift=Shift(biases(cell)[0], value)
    )


def _slides(browser: Any, address: str) -> list[float]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(address)
    page.locator("svg.curve path").first.wait_for(timeout=60_000)
    _settle(page)
    page.evaluate(WATCH)
    slider = page.get_by_role("slider", name="Forget bias").first
    for count in range(1, REPEATS + WARM_UP + 1):
        slider.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"() => window.follows.length >= {count}", timeout=60_000)
        _settle(page)
    times: list[float] = page.evaluate("() => window.follows")
    page.close()
    return [milliseconds / 1000 for milliseconds in times[WARM_UP : REPEATS + WARM_UP]]


def _settle(page: Any) -> None:
    page.wait_for_timeout(300)
    page.wait_for_selector(READY, state="attached", timeout=60_000)
    page.wait_for_timeout(500)
