"""What a figure does in the browser: names, zoom and full screen need no answer of the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from tests.browser.conftest import HEIGHTS, Visitor

FIGURE = "[data-testid='stVegaLiteChart'] svg"


@pytest.fixture
def asked(visitor: Visitor, scene_address: Callable[[str], str]) -> list[BackMsg]:
    """A page with a figure is open; every rerun that it asks the server for is kept."""
    kept: list[BackMsg] = []

    def keep(payload: Any) -> None:
        message = BackMsg.FromString(payload if isinstance(payload, bytes) else payload.encode())
        if message.HasField("rerun_script"):
            kept.append(message)

    visitor.page.on("websocket", lambda socket: socket.on("framesent", keep))
    visitor.open(f"{scene_address('full')}/gradient-flow")
    visitor.page.locator(FIGURE).first.wait_for()
    kept.clear()
    return kept


def names(page: Any) -> dict[str, float]:
    """Name beside a curve → its opacity."""
    found = page.locator(f"{FIGURE} text[font-weight='600']")
    return {text.text_content(): float(text.get_attribute("opacity") or 1) for text in found.all()}


def ticks(page: Any) -> list[str]:
    """What both axes say; ticks that come back are last in the document."""
    every = page.locator(f"{FIGURE} .role-axis-label text").all()
    return sorted(text.text_content() for text in every)


@pytest.mark.slow
def test_a_name_isolates_its_curve_and_the_wheel_zooms(
    visitor: Visitor, asked: list[BackMsg]
) -> None:
    page = visitor.page
    assert set(names(page).values()) == {1.0}
    name = page.locator(f"{FIGURE} text[font-weight='600']").get_by_text("LSTM", exact=True).first
    box = name.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(300)
    found = names(page)
    assert {name for name, opacity in found.items() if opacity == 1.0} == {"LSTM"}
    before = ticks(page)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")
    page.wait_for_timeout(300)
    assert ticks(page) != before
    page.locator(FIGURE).first.dblclick(position={"x": 200, "y": 200})
    page.wait_for_timeout(300)
    assert ticks(page) == before
    assert set(names(page).values()) == {1.0}
    assert not asked
    assert visitor.problems == []


@pytest.mark.slow
def test_a_toggle_draws_the_figure_and_not_the_page(visitor: Visitor, asked: list[BackMsg]) -> None:
    page = visitor.page
    page.get_by_text("Fitted lines", exact=True).click()
    page.wait_for_url("**fitted=true**")
    visitor.settle()
    assert asked
    assert all(message.rerun_script.fragment_id for message in asked)
    assert visitor.problems == []


@pytest.mark.slow
def test_a_full_screen_holds_the_whole_figure(visitor: Visitor, asked: list[BackMsg]) -> None:
    page = visitor.page
    page.locator(FIGURE).first.hover(position={"x": 200, "y": 200})
    page.locator("[aria-label^='Fullscreen']").first.click()
    page.wait_for_timeout(1000)
    box = page.locator(FIGURE).first.bounding_box()
    assert box is not None
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= HEIGHTS[1440]
    assert box["height"] > 0.8 * HEIGHTS[1440]


CARDS = "[class*='st-key-card-']:not([class*='figure'])"

SCREENFUL = 8
"""Cards: two rows of four."""


@pytest.mark.slow
def test_eight_answers_are_one_screen_and_no_tick_is_cut(
    visitor: Visitor, scene_address: Callable[[str], str]
) -> None:
    visitor.open(scene_address("full"))
    page = visitor.page
    page.locator(f"{CARDS} svg").last.wait_for()
    page.wait_for_timeout(1000)
    boxes = [card.bounding_box() for card in page.locator(CARDS).all()[:SCREENFUL]]
    assert max(box["y"] + box["height"] for box in boxes) <= HEIGHTS[1440]
    cut = page.evaluate("""() => [...document.querySelectorAll("[class*='st-key-card-figure'] svg")]
        .flatMap((svg) => [...svg.querySelectorAll("text")].filter((text) =>
            text.getBoundingClientRect().right > svg.getBoundingClientRect().right + 1
        ).map((text) => text.textContent))""")
    assert cut == [], "the number of the last tick reaches beyond the axis"
