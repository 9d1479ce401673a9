"""The whole way without a mouse, and always with something to see where the keyboard is."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.browser.conftest import Visitor
from tests.browser.keyboard import Keyboard

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WAIT = 90_000


def test_a_comparison_is_launched_and_read(visitor: Visitor, address: str) -> None:
    page, keyboard = visitor.page, Keyboard(visitor)
    visitor.open(address)
    page.get_by_role("button", name="Measure the first look").wait_for()
    keyboard.reach("link", "Launch")
    keyboard.press("Enter")
    page.get_by_role("heading", name="Launch").wait_for()
    keyboard.reach("radio", "Gradient flow")
    keyboard.press("ArrowRight", "Space")
    page.wait_for_url("**experiment=parameter-count**")
    keyboard.reach("button", "RNN")
    keyboard.reach("button", "LSTM", "ArrowRight")
    keyboard.press("Space")
    keyboard.reach("input", "Layers")
    keyboard.press("ArrowUp", "Enter")
    page.wait_for_url("**layers=2**")
    page.get_by_text("5 runs, time unknown").wait_for()
    keyboard.reach("button", "Start")
    keyboard.press("Enter")
    page.get_by_text("All runs are finished").wait_for(timeout=WAIT)
    visitor.settle()
    keyboard.reach("link", "Open Parameters", "Shift+Tab")
    keyboard.press("Enter")
    page.get_by_role("heading", name=re.compile(" parameters")).first.wait_for()
    keyboard.reach("tab", "")
    keyboard.press("ArrowRight")
    page.wait_for_url("**figure=**")
    assert visitor.problems == []


def test_a_slider_moves(visitor: Visitor, scene_address: Callable[[str], str]) -> None:
    visitor.open(f"{scene_address('full')}/cell-explorer")
    keyboard = Keyboard(visitor)
    visitor.page.get_by_role("slider", name="Forget bias").wait_for(timeout=WAIT)
    keyboard.reach("slider", "Forget bias")
    keyboard.press("ArrowRight")
    visitor.page.wait_for_url("**forget_bias=**")
    assert visitor.problems == []


def test_runs_are_picked(visitor: Visitor, scene_address: Callable[[str], str]) -> None:
    page, keyboard = visitor.page, Keyboard(visitor)
    visitor.open(f"{scene_address('full')}/compare")
    page.get_by_text("Select single runs").wait_for()
    keyboard.reach("summary", "Select single runs")
    keyboard.press("Enter")
    page.get_by_text("Shift+Space selects a row").wait_for()
    keyboard.reach("input", "Search")
    page.keyboard.type("lstm")
    keyboard.press("Enter")
    page.wait_for_url("**text=lstm**")
    keyboard.reach_table()
    keyboard.press("ArrowDown", "Shift+Space")
    page.get_by_text("1 selected").wait_for()
    keyboard.press("ArrowDown", "Shift+Space")
    page.get_by_text("2 selected").wait_for()
    keyboard.reach("button", "Compare 2 runs")
    keyboard.press("Enter")
    page.wait_for_url(re.compile("runs=[0-9a-f]{8}&runs=[0-9a-f]{8}"))
    page.get_by_text("2 finished runs, selected by hand").wait_for()
    assert visitor.problems == []


def test_a_claim_is_guessed_and_a_reload_keeps_the_guess(
    visitor: Visitor, scene_address: Callable[[str], str]
) -> None:
    page, keyboard = visitor.page, Keyboard(visitor)
    visitor.open(f"{scene_address('full')}/chapter?predict=true")
    page.get_by_text("Computing the claims").wait_for(state="hidden", timeout=WAIT)
    keyboard.reach("summary", "8 ·")
    keyboard.press("Enter")
    page.wait_for_url("**claim=8")
    keyboard.reach("radio", "")
    keyboard.press("Space")
    keyboard.reach("button", "Commit to this guess")
    keyboard.press("Enter")
    page.get_by_text("You guessed").wait_for()
    page.reload()
    page.get_by_text("You guessed").wait_for()
    page.get_by_text("1 of 22 predicted").wait_for()
    assert page.url.endswith("/chapter?predict=true&claim=8"), "no guess in a link to share"
    assert visitor.problems == []
