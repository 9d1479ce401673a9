"""Copy link: what somebody else opens is what was copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dashboard.navigation import page_of
from tests.browser.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def clipboard(people: dict[str, Any], visitor: Visitor) -> Callable[[], str]:
    people["desktop"].grant_permissions(["clipboard-read", "clipboard-write"])
    return lambda: str(visitor.page.evaluate("navigator.clipboard.readText()"))


def test_a_link_names_what_was_chosen_for_its_reader_and_leads_to_the_figure(
    scene_address: Callable[[str], str],
    visitor: Visitor,
    phone: Visitor,
    clipboard: Callable[[], str],
) -> None:
    page = page_of("gradient-decay")
    assert page is not None
    visitor.open(f"{scene_address('full')}/{page.address}")
    corner = visitor.page.locator(".st-key-page-link")
    corner.get_by_role("button", name="Copy link").click()
    visitor.page.get_by_role("button", name="Copied").wait_for()
    link = clipboard()
    assert "sweep=" in link, "the best sweep of today may not be that of tomorrow"
    visitor.page.get_by_role("button", name="Download").first.click()
    menu = visitor.page.get_by_test_id("stPopoverBody")
    menu.get_by_role("button", name="Copy link").click()
    menu.get_by_role("button", name="Copied").wait_for()
    figure = clipboard()
    assert figure.startswith(f"{link}#at=")
    phone.open(figure)
    place = phone.page.locator(f".st-key-{figure.partition('#at=')[2]}")
    phone.page.wait_for_timeout(3000)
    box = place.bounding_box()
    assert 0 <= box["y"] < 300, "scrolled to it"
    assert visitor.problems == phone.problems == []
