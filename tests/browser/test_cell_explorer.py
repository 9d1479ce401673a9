"""The Cell explorer in a browser: the curve follows a slider that is moved with the keyboard."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LINE = ".mark-line path"


def test_a_key_moves_the_slider_the_curve_and_the_address(visitor: Visitor, address: str) -> None:
    page = visitor.page
    visitor.open(f"{address}/cell-explorer?hidden_size=8&length=20")
    figure = page.get_by_test_id("stVegaLiteChart").first
    figure.locator(LINE).wait_for(timeout=60_000)
    visitor.settle()
    before = shape(figure)
    page.get_by_text("LSTM 8", exact=True).first.wait_for()
    page.get_by_role("slider", name="Recurrent gain").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**recurrent_gain=1.05**")
    page.get_by_text("LSTM 8 · gain 1.05", exact=True).first.wait_for()
    visitor.settle()
    moved = shape(figure)
    assert moved != before

    page.keyboard.press("ArrowLeft")
    page.wait_for_url(lambda url: "recurrent_gain" not in url)
    page.get_by_text("LSTM 8 · gain 1.05", exact=True).wait_for(state="detached")
    assert shape(figure) == before
    assert visitor.problems == []


def shape(figure: Any) -> str:
    """The path of the curve."""
    path: str = figure.locator(LINE).get_attribute("d")
    return path
