"""Four jobs that people come for, done in a browser: clicks, fields filled in, and seconds.

    MLFLOW_TRACKING_URI=sqlite:///… python -m tests.bench jobs

Three need a store of the chapter, of which a copy of the database is used; the sweep has an empty
store of its own. The hands are quick, so the seconds are what the dashboard takes, and the sweep's
are mostly its runs'. To press Enter belongs to the field.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from tests.bench.pages import copy_of_chapter, stop_worker
from tests.bench.window import PATIENCE_MS, Window, chromium, served, temporary_store

SEEDS, FORGET_BIASES, WIDTHS = "5", "0, 1, 2", "16, 32"


@dataclass
class Hand:
    """Clicks and types in a window, and counts."""

    window: Window
    clicks: int = 0
    fields: int = 0

    @property
    def page(self) -> Any:
        """The page as Playwright has it."""
        return self.window.page

    def click(self, place: Any) -> None:
        """Press something, and wait for the page to follow."""
        place.click(timeout=PATIENCE_MS)
        self.clicks += 1
        self.window.settle()

    def fill(self, field: Any, text: str) -> None:
        """Type into a field or a list, which takes a click to reach."""
        field.click(timeout=PATIENCE_MS)
        field.fill(text)
        field.press("Enter")
        self.clicks += 1
        self.fields += 1
        self.window.settle()

    def sees(self, place: Any) -> None:
        """Wait until something is on the page."""
        place.first.wait_for(timeout=PATIENCE_MS)


def check_claim_8(hand: Hand) -> None:
    """From the chapter: its verdict, both numbers and the figure, with nothing left to open."""
    page = hand.page
    hand.click(page.get_by_role("button", name=re.compile(r"\b8$")).first)
    claim = page.locator("[class*='st-key-claim-8']")
    hand.sees(claim.get_by_test_id("stVegaLiteChart").locator("svg"))


def find_a_cell(hand: Hand) -> None:
    """From Choose: which variants have at most 200,000 parameters and 1 ms a token."""
    page = hand.page
    hand.fill(page.get_by_label(re.compile("^Recurrent parameters ≤")), "200000")
    hand.fill(page.get_by_label(re.compile("^p99 latency ≤")), "1 ms")
    hand.sees(page.locator(".st-key-fits"))


def find_a_comparison(hand: Hand) -> None:
    """From the Overview: a comparison by words, and which of its variants was better."""
    page = hand.page
    navigation = page.get_by_test_id("stSidebarNav")
    hand.click(navigation.get_by_text("Compare", exact=True))
    hand.click(page.get_by_text("Comparisons", exact=True).first)
    hand.fill(page.get_by_role("textbox", name="Search").first, "forget bias")
    card = page.locator("[class*='st-key-comparison-']").first
    hand.sees(card.get_by_text(re.compile("forget", re.IGNORECASE)))


def sweep(hand: Hand) -> None:
    """From Launch: forget bias × width × 5 seeds, watched to the end, compared and exported."""
    page = hand.page
    hand.fill(page.get_by_role("spinbutton", name="Seeds"), SEEDS)
    for title in ("Forget bias", "Hidden size"):
        hand.fill(page.get_by_role("combobox", name="Vary"), title)
    page.keyboard.press("Escape")
    hand.fill(page.get_by_role("textbox", name="Forget bias"), FORGET_BIASES)
    hand.fill(page.get_by_role("textbox", name="Hidden size"), WIDTHS)
    hand.click(page.get_by_role("button", name="Start", exact=True))
    hand.sees(page.get_by_text("All runs are finished"))
    hand.window.settle()
    hand.click(page.get_by_role("link", name="Open Gradient flow"))
    hand.click(page.get_by_role("link", name="Compare these runs"))
    with page.expect_download():
        hand.click(page.get_by_role("button", name="CSV", exact=True))


def tables() -> Iterator[Table]:
    """The jobs in one table."""
    with chromium() as browser, ExitStack() as stack:
        store = copy_of_chapter(stack)
        if browser is None or store is None:
            yield Table("jobs: needs chromium, and a local store of the chapter, nothing queued")
            return
        table = Table("job", "clicks", "fields", "s", "wrong")
        address, _ = stack.enter_context(served(store))
        empty = stack.enter_context(temporary_store())
        fresh, _ = stack.enter_context(served(empty))
        stack.callback(stop_worker, empty)
        for title, url, job in (
            ("check claim 8", f"{address}/chapter", check_claim_8),
            ("a cell for 200 k parameters and 1 ms", f"{address}/choose", find_a_cell),
            ("a comparison and who was better", address, find_a_comparison),
            ("forget bias × width × 5 seeds", f"{fresh}/launch", sweep),
        ):
            _do(table, title, browser, url, job)
        yield table


def _do(table: Table, title: str, browser: Any, url: str, job: Callable[[Hand], None]) -> None:
    window = Window.of(browser)
    window.page.set_viewport_size({"width": 1440, "height": 900})
    window.open(url)
    window.settle()
    hand, started = Hand(window), time.perf_counter()
    job(hand)
    seconds = f"{time.perf_counter() - started:.1f}"
    table.add_row(title, f"{hand.clicks}", f"{hand.fields}", seconds, *window.errors())
    window.close()
