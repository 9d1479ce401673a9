"""Runs with names that nobody should give: no page runs them, breaks, or is pushed out of shape."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from core.store.records import RunRecord
from core.store.tracking import open_store
from dashboard.navigation import PAGES, Page
from tests.browser.conftest import Visitor
from tests.dashboard.hostile import RIGHT_TO_LEFT, TEXTS

pytestmark = [pytest.mark.browser, pytest.mark.slow]
"""`tests/dashboard/test_hostile.py` looks at every page without a browser."""

INJECTED = """() => [...document.querySelectorAll(
  "img[src='x'], script, b, a[href^='http://example'], a[href^='mailto:']")]
  .filter(e => e.closest("[data-testid='stMain']"))
  .map(e => e.outerHTML)"""

WIDTHS = """() => [document.documentElement,
  document.querySelector("[data-testid='stMain']")].map(element => element.scrollWidth)"""

TALL = """most => [...document.querySelectorAll(
  "[data-testid='stMain'] :is(p, h1, h2, h3, h4, h5, h6, label, button, td, a)")]
  .filter(e => e.getBoundingClientRect().height > most).map(e => e.innerText.slice(0, 80))"""

SHOWN = ("letters",)

SOME = (
    *SHOWN,
    *(pytest.param(name, marks=pytest.mark.slow) for name in TEXTS if name not in SHOWN),
)

MAX_PIXELS = 700
"""Of one text, at the width of a phone: more is a name that was not cut."""


def look(visitor: Visitor, url: str) -> None:
    """Open a page on which nothing of the hostile may be more than text."""
    dialogs: list[str] = []
    visitor.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    visitor.open(url)
    visitor.page.get_by_role("heading", level=1).wait_for()
    visitor.settle()
    assert_only_text(visitor)
    assert dialogs == []


def assert_only_text(visitor: Visitor) -> None:
    assert visitor.page.get_by_test_id("stException").count() == 0
    assert visitor.page.evaluate(INJECTED) == []
    width = visitor.page.evaluate("window.innerWidth")
    assert visitor.page.evaluate(WIDTHS) == [width, width]
    assert visitor.page.evaluate(TALL, MAX_PIXELS) == []
    assert visitor.problems == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
def test_a_page_shows_it_as_text(
    page: Page, phone: Visitor, scene_address: Callable[[str], str]
) -> None:
    path = "" if page is PAGES[0] else page.address
    look(phone, f"{scene_address('hostile')}/{path}")


def run_called(uri: str, text: str) -> RunRecord:
    return next(run for run in open_store(uri).runs(status="FINISHED") if run.name == text)


@pytest.mark.parametrize("name", SOME)
def test_a_run_leads_to_its_comparison(
    name: str, phone: Visitor, scene_address: Callable[[str], str], scene_uri: Callable[[str], str]
) -> None:
    run = run_called(scene_uri("hostile"), TEXTS[name])
    look(phone, f"{scene_address('hostile')}/runs?run={run.run_id}")
    phone.page.get_by_role("link", name="Compare it").click()
    phone.page.get_by_text("Every measure", exact=True).wait_for()
    phone.settle()
    assert_only_text(phone)
    look(phone, phone.page.url)
    phone.page.get_by_text(re.compile("finished runs? of ")).wait_for()


def test_right_to_left_turns_nothing_else_round(
    visitor: Visitor, scene_address: Callable[[str], str], scene_uri: Callable[[str], str]
) -> None:
    run = run_called(scene_uri("hostile"), RIGHT_TO_LEFT)
    visitor.open(f"{scene_address('hostile')}/runs?run={run.run_id}")
    facts = visitor.page.get_by_text(run.run_id).first
    facts.wait_for()
    before, after = facts.evaluate(PLACES, [run.experiment, "submitted"])
    assert before < after


PLACES = """(element, words) => words.map(word => {
  const range = document.createRange(), walk = document.createTreeWalker(element, 4);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const at = node.data.indexOf(word);
    if (at >= 0) {
      range.setStart(node, at);
      range.setEnd(node, at + word.length);
      return range.getBoundingClientRect().left;
    }
  }
})"""
