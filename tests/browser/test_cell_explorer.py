"""The Cell explorer in a browser: the curve follows the slider, and the steps play, at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CURVE = "svg.curve path[stroke-width='3']"

FOLLOW_MS = 100.0
"""From the key to the curve: as long as people take for at once."""

DRAG = """
(slider) => {
  const curve = slider.getRootNode().querySelector("svg.curve path[stroke-width='3']");
  const times = [];
  for (let at = 1; at <= 12; at++) {
    const before = curve.getAttribute("d");
    const start = performance.now();
    slider.value = at;
    slider.dispatchEvent(new Event("input"));
    if (curve.getAttribute("d") === before) throw new Error(`nothing moved at ${at}`);
    times.push(performance.now() - start);
  }
  return Math.max(...times);
}
"""


RECORD = """
(output) => {
  window.played = [];
  new MutationObserver(() => window.played.push([output.textContent, location.search]))
    .observe(output, {childList: true, characterData: true, subtree: true});
}
"""
"""What the steps say while they play: each is over before Playwright would look again."""


def opened(visitor: Visitor, address: str) -> Any:
    """The slider of a page with a small cell."""
    visitor.open(f"{address}/cell-explorer?hidden_size=8")
    visitor.page.locator(CURVE).wait_for(timeout=60_000)
    visitor.settle()
    return visitor.page.get_by_role("slider", name="Forget bias")


def test_the_curve_follows_the_slider_without_the_server(visitor: Visitor, address: str) -> None:
    slider = opened(visitor, address)
    requests: list[str] = []
    visitor.page.on("websocket", lambda socket: requests.append(socket.url))
    assert slider.evaluate(DRAG) < FOLLOW_MS
    assert "forget_bias" not in visitor.page.url  # nobody has let go yet
    assert requests == []
    assert visitor.problems == []


def test_a_key_moves_the_slider_and_the_address(visitor: Visitor, address: str) -> None:
    page, slider = visitor.page, opened(visitor, address)
    before = page.locator(CURVE).get_attribute("d")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**forget_bias=0.25**")
    page.get_by_text("● LSTM 8 · forget bias 0.25").wait_for()
    visitor.settle()
    assert page.locator(CURVE).get_attribute("d") != before
    page.get_by_role("button", name="PyTorch default").click()
    page.wait_for_url(lambda url: "forget_bias" not in url)
    page.get_by_text("● LSTM 8", exact=True).wait_for()
    assert page.locator(CURVE).get_attribute("d") == before
    assert visitor.problems == []


def test_the_steps_play_to_the_end_and_the_address_keeps_the_last(
    visitor: Visitor, address: str
) -> None:
    page, _ = visitor.page, opened(visitor, address)
    page.locator("output.at").evaluate(RECORD)
    page.get_by_role("button", name="Play the steps").click()
    page.wait_for_url("**step=22**", timeout=20_000)
    played = dict(page.evaluate("window.played.reverse()"))  # of each the first
    said = sorted(text.partition(",")[0] for text in played)
    assert said == [f"{step} of 22" for step in range(11, 23)]
    assert all("step=" not in search for search in played.values())  # it plays in the browser
    page.get_by_text("Step 22 in numbers").wait_for()
    assert visitor.problems == []


def test_controls_and_curve_are_on_one_screen_of_a_phone(phone: Visitor, address: str) -> None:
    slider = opened(phone, address)
    curve = phone.page.locator("svg.curve").bounding_box()
    above = slider.bounding_box()
    assert above["y"] > 0
    assert curve["y"] + curve["height"] <= 844
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.problems == []
