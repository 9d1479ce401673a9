"""What `python -m dashboard` does before and after it answers."""

from __future__ import annotations

import time

import pytest
from streamlit.runtime.state.common import WidgetMetadata
from streamlit.runtime.state.session_state import WStates

from dashboard import __main__ as program
from dashboard.server import FIRST_VISIT, Visit


def test_a_store_that_is_away_keeps_nobody_waiting_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def away() -> None:
        asked.append("store")
        time.sleep(60)

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr(program, "_read_store", away)
    monkeypatch.setattr(program, "STORE_SECONDS", 0.05)
    monkeypatch.setattr(program, "exempt_from_collection", lambda: asked.append("collection"))
    started = time.monotonic()
    program.prepare()
    assert asked == ["store", "collection"]
    assert time.monotonic() - started < 30
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "ftp://nowhere")  # every page says what is wrong
    program.prepare()
    assert asked == ["store", "collection", "store"]


def test_a_session_keeps_nothing_of_widgets_that_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def known(name: str, fragment: str | None = None) -> WidgetMetadata[bool]:
        return WidgetMetadata(
            name, bool, bool, "bool_value", fragment_id=fragment, callback=lambda: None
        )

    monkeypatch.setattr(WStates, "remove_stale_widgets", WStates.remove_stale_widgets)
    program.forget_widgets_that_are_gone()
    session = WStates()
    for one in (known("there"), known("gone", "details"), known("in another fragment", "list")):
        session.set_widget_metadata(one)
        session.set_from_value(one.id, True)
    session.remove_stale_widgets(frozenset({"there"}), ["details"])
    assert [*session.widget_metadata] == [*session.states] == ["there", "in another fragment"]
    session.remove_stale_widgets(frozenset({"there"}), None)
    assert [*session.widget_metadata] == [*session.states] == ["there"]


def test_the_page_that_somebody_asked_for_is_opened_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(program, "VISIT_SECONDS", 0.05)
    FIRST_VISIT.clear()
    assert program._first_visit() == Visit()
    FIRST_VISIT.append(Visit("/choose", "mode=width"))
    try:
        assert program._first_visit() == Visit("/choose", "mode=width")
    finally:
        FIRST_VISIT.clear()
