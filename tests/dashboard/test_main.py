"""What `python -m dashboard` does before and after it answers."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
import streamlit as st
import uvicorn
import uvloop
from streamlit.runtime.scriptrunner import script_runner
from streamlit.runtime.state.common import WidgetMetadata
from streamlit.runtime.state.session_state import WStates
from streamlit.web import bootstrap

from core.store.tracking import Store
from dashboard import __main__ as program
from dashboard.navigation import CHAPTER, CHOOSE, OVERVIEW
from dashboard.server import FIRST_VISIT, LAST_ASKED, Visit
from dashboard.store import cache
from dashboard.views import ahead
from experiments import scorecards
from experiments.evidence import Evidence
from tests.dashboard.conftest import Show


def test_a_store_that_is_away_keeps_nobody_waiting_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def away() -> None:
        asked.append("store")
        time.sleep(60)

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr(program, "compute_ahead", away)
    monkeypatch.setattr(program, "AHEAD_SECONDS", 0.05)
    monkeypatch.setattr(program, "exempt_from_collection", lambda: asked.append("collection"))
    monkeypatch.setattr(program.calculator, "start", lambda: asked.append("torch"))
    started = time.monotonic()
    program.prepare()
    assert asked == ["torch", "store", "collection"]
    assert time.monotonic() - started < 30
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "ftp://nowhere")  # every page says what is wrong
    program.prepare()
    assert asked == ["torch", "store", "collection"]


def test_a_team_s_server_answers_when_all_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def load() -> None:
        time.sleep(0.2)
        done.append("torch")

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr(program, "compute_ahead", lambda: done.append("pages"))
    monkeypatch.setattr(program, "exempt_from_collection", lambda: done.append("answers"))
    monkeypatch.setattr(program, "load_mlflow_once", lambda **_: done.append("mlflow"))
    monkeypatch.setattr(program.calculator, "start", lambda: None)
    monkeypatch.setattr(program.calculator, "wait", load)
    program.prepare()
    assert done == ["pages", "mlflow", "torch", "answers"]


def test_the_first_pages_find_computed_what_they_show(
    scene: Callable[[str], Store], show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene("full")
    for kept in (st.cache_resource, st.cache_data, cache._derived):
        kept.clear()
    ahead.compute()

    def again(*given: Any, **named: Any) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(cache, "_compared", again)
    monkeypatch.setattr(scorecards, "scorecard", again)
    monkeypatch.setattr(Evidence, "_judge", again)
    monkeypatch.setattr("dashboard.views.chapter.claims._computing", lambda: Future())
    for page in (OVERVIEW, CHOOSE, CHAPTER):
        assert not show(page.path).exception
    st.cache_resource.clear()
    assert show(CHOOSE.path).exception, "the page computes it itself, unless it is there"


def test_nothing_ahead_of_a_store_that_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "ftp://user:geheim@nowhere")
    program.compute_ahead()
    printed = capsys.readouterr().out
    assert printed.startswith("Nothing is computed ahead: MLFLOW_TRACKING_URI is")
    assert "geheim" not in printed


def test_what_goes_wrong_ahead_is_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("of a page")

    monkeypatch.setattr(ahead, "compute", fail)
    program.compute_ahead()
    (record,) = caplog.records
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError


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


def test_streamlit_and_uvicorn_take_the_loop_that_sends_at_once() -> None:
    assert bootstrap._get_uvloop_loop_factory() is uvloop.new_event_loop
    assert uvicorn.Config("an app").get_loop_factory() is uvloop.new_event_loop


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


def test_pages_are_opened_ahead_only_while_nobody_waits_for_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert f'name="{program.DRAWING}"' in inspect.getsource(script_runner)
    monkeypatch.setattr(program, "LOADING_SECONDS", 0.2)
    drawn = threading.Event()
    drawing = threading.Thread(target=drawn.wait, args=(10,), name=program.DRAWING)
    drawing.start()
    opened = threading.Thread(
        target=list, args=(program._when_nobody_waits([Visit("/compare"), Visit("/choose")]),)
    )
    opened.start()
    try:
        opened.join(0.3)
        assert opened.is_alive()  # a page is being drawn
        LAST_ASKED.append(time.monotonic())
        drawn.set()
        opened.join(0.1)
        assert opened.is_alive()  # a browser loads its scripts
        opened.join(10)
        assert not opened.is_alive()
    finally:
        drawn.set()
        LAST_ASKED.clear()


def test_pages_that_cannot_be_opened_ahead_leave_the_rest_to_be_prepared(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []

    def away() -> None:
        done.append("open")
        raise TimeoutError("the server did not answer")

    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    monkeypatch.setattr(program, "VISIT_SECONDS", 0.0)
    monkeypatch.setattr(program, "_connected", away)
    monkeypatch.setattr(program.calculator, "start", lambda: done.append("torch"))
    monkeypatch.setattr(program, "compute_ahead", lambda: done.append("compute"))
    monkeypatch.setattr(program, "load_mlflow_once", lambda **_: done.append("mlflow"))
    program.warm_up()
    assert done == ["open", "torch", "compute", "open", "mlflow"]
    assert "First page: the server did not answer" in capsys.readouterr().out
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    program.warm_up()  # a team's server has done it before it answered
    assert done[5:] == ["open"]
