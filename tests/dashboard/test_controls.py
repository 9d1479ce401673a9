"""Controls and the address: a value arrives, a change is written back, a bad link is explained."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts import export, render
from dashboard.ui import downloads
from tests.dashboard.conftest import put


def every_control() -> None:
    import streamlit as st

    from dashboard.ui import controls

    letters = ["a", "b", "c"]
    with controls.notices():
        st.title("Controls")
        got = {
            "choice": controls.choice("Choice", letters, "choice"),
            "menu": controls.choice("Menu", letters, "menu", most=0, names={"b": "Bee"}),
            "switch": controls.switch("Switch", "switch"),
            "on": controls.switch("On", "on", default=True),
            "any": controls.any_of("Any", letters, "any"),
            "some": controls.some_of("Some", letters, "some", ["a", "b"]),
            "words": controls.words("Words", "words", default="hello"),
            "day": str(controls.day("Day", "day")),
            "number": controls.number("Number", 1, 9, "number", 4),
            "amount": controls.amount(
                "Amount", "amount", None, kind=float, low=-1.0, high=None, allowed="-1 or more"
            ),
            "position": controls.position("Position", letters, "position", "b"),
            "span": list(controls.span("Span", 0, 9, "span")),
            "several": controls.several("Several", {"1": "One", "2": "Two"}, "several", ["1"]),
        }
        for place, title in zip(controls.tabs(letters, "tab"), letters, strict=True):
            if place.open:
                got["tab"] = title
    st.json(got)


DEFAULTS: dict[str, Any] = {
    "choice": "a",
    "menu": "a",
    "switch": False,
    "on": True,
    "any": [],
    "some": ["a", "b"],
    "words": "hello",
    "day": "None",
    "number": 4,
    "amount": None,
    "position": "b",
    "span": [0, 9],
    "several": ["1"],
    "tab": "a",
}

LINKED: dict[str, tuple[str | list[str], Any]] = {
    "choice": ("b", "b"),
    "menu": ("b", "b"),
    "switch": ("true", True),
    "on": ("false", False),
    "any": (["c", "a"], ["c", "a"]),
    "some": ("none", []),
    "words": ("", ""),
    "day": ("2026-11-23", "2026-11-23"),
    "number": ("9", 9),
    "amount": ("0.001", 0.001),
    "position": ("c", "c"),
    "span": (["2", "5"], [2, 5]),
    "several": (["2", "1"], ["2", "1"]),
    "tab": ("c", "c"),
}
"""Key → what the address says, and the value that it means."""


def opened(**address: str | list[str]) -> AppTest:
    app = AppTest.from_function(every_control)
    put(app, address)
    app.run()
    assert not app.exception
    return app


def values(app: AppTest) -> dict[str, Any]:
    import json

    return dict(json.loads(app.json[0].value))


def test_without_an_address_every_control_has_its_default_and_the_address_stays_empty() -> None:
    app = opened()
    assert values(app) == DEFAULTS
    assert not app.query_params
    assert not app.warning


def test_a_link_opens_every_control_as_it_was_and_says_nothing() -> None:
    app = opened(**{key: asked for key, (asked, _) in LINKED.items()})
    assert values(app) == {key: value for key, (_, value) in LINKED.items()}
    assert not app.warning


def test_a_change_is_in_the_address_and_a_default_is_not() -> None:
    app = opened(words="other", number="9")
    app.number_input(key="control number").set_value(4)
    app.number_input(key="control amount").set_value(2.5)
    app.toggle(key="control on").set_value(False)
    app.text_input(key="control words").set_value("hello")
    app.selectbox(key="control menu").select("c").run()
    assert dict(app.query_params) == {
        "amount": "2.5",
        "menu": "c",
        "on": "false",
    }
    assert values(app) == {**DEFAULTS, "amount": 2.5, "menu": "c", "on": False}


@pytest.mark.parametrize(
    ("key", "asked"),
    [(key, "<b>") for key in LINKED if key != "words"]
    + [("number", "10"), ("number", "1" * 5000), ("amount", "-2"), ("amount", "nan")],
)
def test_a_bad_value_is_explained_at_the_top_and_the_default_is_shown(key: str, asked: str) -> None:
    app = opened(**{key: asked})
    assert values(app) == DEFAULTS
    (notice,) = app.warning
    assert f"asks for {key} " in notice.value
    assert "is shown instead" in notice.value
    (first, *_) = app.main.children[0].children.values()
    assert first.type == "warning"
    assert app.query_params[key] in (asked, [asked])  # what is rewritten catches the Back button
    app.toggle(key="control switch" if key != "switch" else "control on").set_value(
        key != "switch"
    ).run()
    assert asked not in app.query_params.get(key, "")
    assert not app.warning


def test_of_several_values_the_good_ones_are_shown() -> None:
    app = opened(any=["a", "x"])
    assert values(app)["any"] == ["a"]
    assert "The others are shown" in app.warning[0].value


def test_nothing_of_a_run_is_written_to_in_a_later_one() -> None:
    def page() -> None:
        import streamlit as st

        from dashboard.ui import controls

        if "second" not in st.session_state:
            st.session_state["second"] = True
            with controls.notices():
                st.title("With notices")
        else:
            st.title("Without")
            controls.number("Number", 1, 9, "number", 4)

    app = AppTest.from_function(page).run()
    put(app, {"number": "many"})
    app.run()
    assert not app.exception
    drawn = [element.type for element in app.main.children.values()]
    assert drawn == ["title", "warning", "number_input"]
    assert set(app.session_state._state.filtered_state) == {"second", "control number"}


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (subprocess.TimeoutExpired("python", 60), "PNG: it took longer than 60 s"),
        (subprocess.CalledProcessError(3, "python"), "PNG: the renderer ended with exit status 3"),
    ],
)
def test_a_picture_that_fails_is_a_sentence(
    failure: Exception, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(render, "to_vega_lite", lambda chart: chart)
    monkeypatch.setattr(export, "render", fail)
    with pytest.raises(RuntimeError, match=sentence):
        downloads.picture(dict, "png")
