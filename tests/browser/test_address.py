"""Back, reload and shared links, through every page: the address is what one sees, and its history
holds only what somebody did.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dashboard.navigation import PAGES
from tests.browser.conftest import Visitor

pytestmark = pytest.mark.browser


def heading(visitor: Visitor) -> str:
    return str(visitor.page.locator("h1").first.inner_text())


@pytest.mark.slow
def test_opening_a_page_is_one_step_of_the_history_and_back_leads_where_one_came_from(
    visitor: Visitor, scene_address: Callable[[str], str]
) -> None:
    """Sidebar through the pages, then Back through them, each at once."""
    page = visitor.page
    visitor.open(scene_address("full"))
    seen = [page.url]
    before = page.evaluate("history.length")
    for other in PAGES[1:]:
        page.get_by_test_id("stSidebarNav").get_by_text(other.title, exact=True).click()
        page.wait_for_url(f"**/{other.address}*")
        visitor.settle()
        assert page.url.endswith(f"/{other.address}"), "a page completed its own address"
        seen.append(page.url)
    assert page.evaluate("history.length") - before == len(PAGES[1:])
    for url in reversed(seen[:-1]):
        page.go_back()
        page.wait_for_url(url)
        visitor.settle()
    assert heading(visitor)


def test_a_change_is_one_step_and_a_reload_and_a_shared_link_show_the_same(
    visitor: Visitor, scene_address: Callable[[str], str]
) -> None:
    page = visitor.page
    visitor.open(f"{scene_address('full')}/gradient-flow")
    first = page.url
    page.get_by_role("tab", name="By variant").click()
    visitor.settle()
    assert "figure=By" in page.url
    shared, before = page.url, heading(visitor)
    page.reload()
    visitor.settle()
    assert page.url == shared
    selected = page.locator("[role=tab][aria-selected=true]").first
    assert (heading(visitor), selected.inner_text()) == (before, "By variant")
    page.go_back()
    visitor.settle()
    assert page.url == first
    visitor.open(shared)
    assert page.locator("[role=tab][aria-selected=true]").first.inner_text() == "By variant"


@pytest.mark.slow
def test_a_link_that_is_wrong_does_not_catch_the_back_button(
    visitor: Visitor, scene_address: Callable[[str], str]
) -> None:
    page = visitor.page
    url = scene_address("full")
    visitor.open(f"{url}/runs")
    visitor.open(f"{url}/memory-span?sweep=gone&runs=12345678&figure=none")
    page.get_by_text("which is not available").first.wait_for()
    page.go_back()
    visitor.settle()
    assert page.url == f"{url}/runs"
