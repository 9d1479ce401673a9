"""Widgets whose value is part of the page's address, so that a link reopens the exact view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.elements.lib.mutable_tab_container import TabContainer

from dashboard.wording import plain

NOTICES = "notices"
MOST_SIDE_BY_SIDE = 6
"""Buttons in one row; more become a menu."""


def choice(
    title: str, options: Sequence[str], key: str, *, default: str = "", help: str | None = None
) -> str:
    """One of several: the default (if none is given, the first) unless the address says else."""
    _bad_link(key, options)
    default = default or options[0]
    if len(options) > MOST_SIDE_BY_SIDE:
        chosen = st.selectbox(
            title, options, options.index(default), key=key, bind="query-params", help=help
        )
    else:
        chosen = st.segmented_control(
            title,
            options,
            default=default,
            required=True,
            key=key,
            bind="query-params",
            help=help,
            wrap=True,
        )
    return str(chosen or default)


def tabs(titles: Sequence[str], key: str) -> Sequence[TabContainer]:
    """Tabs, of which the open one is in the address."""
    _bad_link(key, titles)
    return st.tabs(titles, key=key, bind="query-params")


def pick(
    title: str, options: Sequence[str], key: str, default: str, *, resets: Sequence[str] = ()
) -> str:
    """One of many. The default is put into the address too, because it may move on.

    Choosing another drops the keys in `resets` from the address.
    """
    widget = f"picked_{key}"
    _bad_link(key, options)
    if st.query_params.get(key) not in options:
        st.query_params[key] = default
    st.session_state[widget] = st.query_params[key]

    def changed() -> None:
        st.query_params[key] = st.session_state[widget]
        for other in resets:
            st.query_params.pop(other, None)

    chosen = st.selectbox(title, options, required=True, key=widget, on_change=changed)
    return str(chosen or default)


def switch(title: str, key: str, *, value: bool = False, help: str | None = None) -> bool:
    """On or off."""
    _bad_link(key, ("true", "false"))
    return st.toggle(title, value=value, key=key, bind="query-params", help=help)


def any_of(title: str, options: Sequence[str], key: str) -> list[str]:
    """Any number of a few; none means that it does not matter."""
    _bad_link(key, options)
    return list(
        st.pills(title, options, selection_mode="multi", key=key, bind="query-params", wrap=True)
        or []
    )


def span(title: str, low: int, high: int, key: str) -> tuple[int, int]:
    """A range of whole numbers, all of it unless the address says otherwise."""
    if low == high:
        return low, high
    widget = f"{key} from {low} to {high}"
    asked = st.query_params.get_all(key)
    ends = sorted(min(max(int(end), low), high) for end in asked if end.isdigit())
    if asked and (len(ends) != 2 or ends[0] == ends[1]):
        _say_bad_link(key, " to ".join(asked), f"{low} to {high} is possible")
        del st.query_params[key]
        ends = []
    st.session_state[widget] = tuple(ends) if ends else (low, high)

    def changed() -> None:
        first, last = st.session_state[widget]
        st.query_params.pop(key, None)
        if (first, last) != (low, high):
            st.query_params[key] = [str(first), str(last)]

    chosen: Any = st.slider(title, low, high, key=widget, on_change=changed)
    return int(chosen[0]), int(chosen[1])


def several(title: str, options: Mapping[str, str], key: str, default: Sequence[str]) -> list[str]:
    """Some of many, by id: the address keeps ids, people read the names.

    Without anything in the address it is the default, which then may move on.
    """
    widget = f"picked_{key}"
    asked = st.query_params.get_all(key)
    unknown = [identifier for identifier in asked if identifier not in options]
    if unknown:
        _say_bad_link(key, unknown[0], "it may have been deleted")
        st.query_params[key] = [identifier for identifier in asked if identifier in options]
    known = [identifier for identifier in asked if identifier in options]
    if widget in st.session_state:
        kept = [i for i in st.session_state[widget] if i in options]
        st.session_state[widget] = kept if asked else list(default)

    def changed() -> None:
        st.query_params[key] = st.session_state[widget]

    chosen = st.multiselect(
        title,
        list(options),
        default=None if widget in st.session_state else known or list(default),
        format_func=lambda identifier: options[identifier],
        key=widget,
        on_change=changed,
    )
    return list(chosen) or list(default)


def _bad_link(key: str, options: Sequence[str]) -> None:
    asked = st.query_params.get(key)
    if asked and asked not in options and asked.lower() not in options:
        known = ", ".join(options)
        _say_bad_link(key, asked, known if len(known) < 100 else f"{len(options)} others are")


def notices_here() -> None:
    """Where to say that a link asks for something that is not here: at the top of the page."""
    st.session_state[NOTICES] = st.container()


def _say_bad_link(key: str, asked: str, instead: str) -> None:
    st.session_state.get(NOTICES, st).warning(
        plain(f"The link asks for {key} “{asked[:80]}”, which is not here ({instead}). ")
        + "The default is shown instead.",
        icon=":material/link_off:",
    )
