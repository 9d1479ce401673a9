"""Widgets whose value is part of the page's address, so that a link reopens the exact view.

The address is what counts: a widget is set from it and writes back to it. (Streamlit's own binding
of the two gets lost when a widget of the same key moves to another tab.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import streamlit as st
from streamlit.elements.lib.mutable_tab_container import TabContainer

from core.names import among
from dashboard.address import check, put, requested, say_bad_link, whole_number
from dashboard.wording import plain

MOST_SIDE_BY_SIDE = 6
"""Buttons in one row; more become a menu."""
NONE = "none"
"""How the address says that nothing is chosen where something usually is."""


def choice(
    title: str,
    options: Sequence[str],
    key: str,
    *,
    default: str = "",
    then: Callable[[str], None] | None = None,
    most: int = MOST_SIDE_BY_SIDE,
    names: Mapping[str, str] | None = None,
) -> str:
    """One of several: the default (if none is given, the first) unless the address says else.

    `then` is called with another that somebody chooses. `most` short ones stand side by side.
    People read the `names` of options, where there are such.
    """
    default = default or options[0]
    widget = _widget(key)
    st.session_state[widget] = requested(key, options) or default

    def changed() -> None:
        put(key, st.session_state[widget], default)
        if then is not None:
            then(st.session_state[widget])

    def shown(option: str) -> str:
        return (names or {}).get(option, option)

    chosen: str | None
    if len(options) > most:
        chosen = st.selectbox(title, options, key=widget, on_change=changed, format_func=shown)
    else:
        chosen = st.segmented_control(
            title,
            options,
            required=True,
            key=widget,
            on_change=changed,
            format_func=shown,
            wrap=True,
        )
    return str(chosen or default)


def value(key: str, options: Sequence[str], default: str) -> str:
    """What a `choice` of that key has, without showing it."""
    asked = st.query_params.get(key, default)
    return asked if asked in options else default


def tabs(titles: Sequence[str], key: str) -> Sequence[TabContainer]:
    """Tabs, of which the open one is in the address."""
    check(key, titles)
    return st.tabs(titles, key=key, bind="query-params")


def pick(
    title: str, options: Sequence[str], key: str, default: str, *, resets: Sequence[str] = ()
) -> str:
    """One of many that people named. The default is put into the address too: it may move on.

    Choosing another drops the keys in `resets` from the address.
    """
    widget = _widget(key)
    st.query_params[key] = requested(key, options) or default
    st.session_state[widget] = st.query_params[key]

    def changed() -> None:
        st.query_params[key] = st.session_state[widget]
        for other in resets:
            st.query_params.pop(other, None)

    return str(st.selectbox(title, options, key=widget, on_change=changed, format_func=among))


def switch(title: str, key: str, *, help: str | None = None) -> bool:
    """Off unless the address says otherwise."""
    widget = _widget(key)
    st.session_state[widget] = requested(key, ("true", "false")) == "true"

    def changed() -> None:
        put(key, "true" if st.session_state[widget] else "false", "false")

    return st.toggle(title, key=widget, on_change=changed, help=help)


def any_of(title: str, options: Sequence[str], key: str) -> list[str]:
    """Any number of a few; none means that it does not matter."""
    widget = _widget(key)
    requested(key, options)
    st.session_state[widget] = [o for o in st.query_params.get_all(key) if o in options]

    def changed() -> None:
        put(key, st.session_state[widget], [])

    return _pills(title, options, widget, changed)


def some_of(title: str, options: Sequence[str], key: str, default: Sequence[str]) -> list[str]:
    """Any number of a few, also none: the default unless the address says otherwise."""
    widget = _widget(key)
    asked = st.query_params.get_all(key)
    known = [option for option in options if option in asked]
    if not known and asked != [NONE]:
        requested(key, options)
        known = list(default)
    st.session_state[widget] = known

    def changed() -> None:
        chosen = [option for option in options if option in st.session_state[widget]]
        put(key, chosen or [NONE], list(default) or [NONE])

    return _pills(title, options, widget, changed)


def _pills(
    title: str, options: Sequence[str], widget: str, changed: Callable[[], None]
) -> list[str]:
    st.pills(
        title,
        options,
        selection_mode="multi",
        key=widget,
        on_change=changed,
        format_func=plain,
        wrap=True,
    )
    return list(st.session_state[widget])


def words(title: str, key: str, *, default: str = "", placeholder: str = "") -> str:
    """Some words."""
    widget = _widget(key)
    st.session_state[widget] = st.query_params.get(key, default)

    def changed() -> None:
        put(key, st.session_state[widget], default)

    return st.text_input(title, key=widget, on_change=changed, placeholder=placeholder)


def day(title: str, key: str) -> date | None:
    """A day, none unless the address names one."""
    widget = _widget(key)
    asked = st.query_params.get(key, "")
    try:
        st.session_state[widget] = date.fromisoformat(asked) if asked else None
    except ValueError:
        say_bad_link(key, asked, "give a day as 2026-11-23")
        st.session_state[widget] = None
        del st.query_params[key]

    def changed() -> None:
        chosen: date | None = st.session_state[widget]
        put(key, chosen.isoformat() if chosen else "", "")

    return st.date_input(title, key=widget, on_change=changed, format="YYYY-MM-DD")


def number(title: str, low: int, high: int, key: str, default: int) -> int:
    """A whole number: the default unless the address says otherwise."""
    widget = _widget(key)
    asked = st.query_params.get(key, str(default))
    if not (whole_number(asked) and low <= int(asked) <= high):
        say_bad_link(key, asked, f"{low:,} to {high:,} is possible")
        asked = str(default)
        del st.query_params[key]
    st.session_state[widget] = int(asked)

    def changed() -> None:
        put(key, str(st.session_state[widget]), str(default))

    return int(st.number_input(title, low, high, step=1, key=widget, on_change=changed))


def position(
    title: str,
    options: Sequence[str],
    key: str,
    default: str,
    *,
    help: str | None = None,
    disabled: bool = False,
) -> str:
    """A slider over some values in order: the default unless the address says otherwise."""
    widget = _widget(key)
    st.session_state[widget] = requested(key, options) or default

    def changed() -> None:
        put(key, st.session_state[widget], default)

    chosen = st.select_slider(
        title, options, key=widget, on_change=changed, help=help, disabled=disabled
    )
    return str(chosen)


def span(title: str, low: int, high: int, key: str) -> tuple[int, int]:
    """A range of whole numbers, all of it unless the address says otherwise."""
    if low == high:
        return low, high
    widget = f"{_widget(key)} from {low} to {high}"
    asked = st.query_params.get_all(key)
    ends = sorted(min(max(int(end), low), high) for end in asked if end.isdigit())
    if asked and (len(ends) != 2 or ends[0] == ends[1]):
        say_bad_link(key, " to ".join(asked), f"{low} to {high} is possible")
        del st.query_params[key]
        ends = []
    st.session_state[widget] = tuple(ends) if ends else (low, high)

    def changed() -> None:
        put(key, [str(end) for end in st.session_state[widget]], [str(low), str(high)])

    chosen: Any = st.slider(title, low, high, key=widget, on_change=changed)
    return int(chosen[0]), int(chosen[1])


def several(title: str, options: Mapping[str, str], key: str, default: Sequence[str]) -> list[str]:
    """Some of many, by id: the address keeps ids, people read the names.

    Without anything in the address it is the default, which then may move on.
    """
    widget = _widget(key)
    asked = st.query_params.get_all(key)
    known = [identifier for identifier in asked if identifier in options]
    if len(known) < len(asked):
        unknown = next(identifier for identifier in asked if identifier not in options)
        say_bad_link(key, unknown, "it may have been deleted")
        put(key, known, [])
    st.session_state[widget] = known or list(default)

    def changed() -> None:
        put(key, st.session_state[widget], list(default))

    chosen = st.multiselect(
        title, list(options), format_func=lambda i: options[i], key=widget, on_change=changed
    )
    return list(chosen) or list(default)


def pinned(title: str, options: Sequence[str], key: str, default: Sequence[str]) -> list[str]:
    """At least one of several by name, in the order offered.

    The default is put into the address too, because it may move on.
    """
    widget = _widget(key)
    asked = st.query_params.get_all(key)
    unknown = [name for name in asked if name not in options]
    if unknown:
        say_bad_link(key, unknown[0], f"{len(options)} others are")
    known = [option for option in options if option in asked] or list(default)
    st.query_params[key] = known
    st.session_state[widget] = known

    def changed() -> None:
        chosen = [option for option in options if option in st.session_state[widget]]
        st.query_params[key] = chosen or list(default)

    st.multiselect(title, list(options), key=widget, on_change=changed)
    return known


def _widget(key: str) -> str:
    return f"control {key}"
