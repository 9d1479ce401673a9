"""Every page as axe-core sees it, on a desk and a phone, light and dark: whole, without errors.

The usual suite looks at some pages in passing: see `test_address`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.store.tracking import Store, open_store
from dashboard.navigation import PAGES
from tests.browser.axe import KNOWN, violations
from tests.browser.conftest import HEIGHTS, Visitor, served

pytestmark = pytest.mark.browser

PLACES = {
    **{page.title: "" if page is PAGES[0] else page.address for page in PAGES},
    "a claim": "chapter?claim=8",
    "a paper": "papers?paper=cho-2014&paper=le-2015",
    "runs to pick": "compare?text=lstm",
    "the scorecard": "choose?limit=parameters<=200k",
}
"""Name → path: every page as it opens, and some of what is folded away there."""

Look = tuple[int, str]

LOOKS: tuple[Look, ...] = ((1440, "light"), (390, "dark"))

OTHER_LOOKS: tuple[Look, ...] = ((1440, "dark"), (390, "light"))

THEMED = """scheme =>
  getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme === scheme"""

CUT_OFF = """() => [document.documentElement, document.querySelector('[data-testid=stMain]')].some(
  element => element.scrollWidth > element.clientWidth)"""
"""Whether something reaches out of the screen."""


def wear(visitor: Visitor, look: Look) -> None:
    """Another screen, and another theme, of the same page."""
    width, scheme = look
    visitor.page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
    visitor.page.emulate_media(color_scheme=scheme)
    visitor.page.wait_for_function(THEMED, arg=scheme)
    visitor.settle()


def found(visitor: Visitor, url: str, looks: tuple[Look, ...], **known: Any) -> list[str]:
    """What axe finds in any of the looks."""
    visitor.open(url)
    visitor.page.get_by_role("heading", level=1).wait_for()
    every = []
    for look in looks:
        wear(visitor, look)
        assert visitor.page.evaluate("document.documentElement.clientWidth") == look[0]
        assert not visitor.page.evaluate(CUT_OFF)
        assert visitor.page.get_by_test_id("stException").count() == 0
        every += [f"{look}: {one}" for one in violations(visitor.page, **known)]
    return every


@pytest.mark.slow
def test_axe_finds_nothing_serious_in_a_run(
    visitor: Visitor,
    scene_address: Callable[[str], str],
    scene_uri: Callable[[str], str],
) -> None:
    failed = open_store(scene_uri("failed")).runs(status="FAILED")[0].run_id
    visitor.open(f"{scene_address('failed')}/runs?run={failed}")
    for tab in ("Result", "Settings", "Log", "Tables", "Reproduce"):
        visitor.page.get_by_role("tab", name=tab).click()
        visitor.settle()
        assert violations(visitor.page) == []


@pytest.mark.slow
@pytest.mark.parametrize("scene", ["full", "empty", "failed", "hostile"])
@pytest.mark.parametrize("place", PLACES)
def test_axe_finds_nothing_serious_elsewhere(
    place: str, scene: str, visitor: Visitor, scene_address: Callable[[str], str]
) -> None:
    looks = (*LOOKS, *OTHER_LOOKS) if scene == "full" else LOOKS
    assert found(visitor, f"{scene_address(scene)}/{PLACES[place]}", looks) == []
    assert visitor.problems == []


@pytest.fixture(scope="module")
def bare(new_store: Callable[[Path], Store], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The address of an app of bare Streamlit."""
    folder = tmp_path_factory.mktemp("bare")
    app = Path(__file__).with_name("bare.py")
    with served(new_store(folder / "store"), folder, app) as url:
        yield url


@pytest.mark.slow
def test_what_is_known_is_streamlits_own(visitor: Visitor, bare: str) -> None:
    said = found(visitor, bare, LOOKS, known=())
    rules = {one.partition(": ")[2].partition(" (")[0] for one in said}
    assert rules == {known.rule for known in KNOWN}, "take what is mended off the list"
    assert found(visitor, bare, LOOKS) == []
