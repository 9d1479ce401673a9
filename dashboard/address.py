"""A page's address: its values are checked and written back, and a bad one is explained."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.names import among
from dashboard.wording import plain

NOTICES = "notices"
MOST_DIGITS = 18
LONGEST_LIST = 100
"""Letters of a list of what is possible; a longer one is only counted."""


def notices_here() -> None:
    """Where to say that a link asks for something that is not here: at the top of the page."""
    st.session_state[NOTICES] = st.container()


def put(key: str, value: str | Sequence[str], default: str | Sequence[str]) -> None:
    """Put a value into the address, which leaves out what is a default."""
    if value == default:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = value


def whole_number(asked: str) -> bool:
    """Whether it is one, and none that takes long to read."""
    return asked.isdecimal() and len(asked) <= MOST_DIGITS


def at_most(key: str, last: int, possible: int) -> None:
    """Move a position back to the last one where what it counts has become shorter.

    Beyond what is `possible` at all it stays, to be explained.
    """
    asked = st.query_params.get(key, "")
    if whole_number(asked) and last < int(asked) <= possible:
        st.query_params[key] = str(last)


def requested(key: str, options: Sequence[str]) -> str:
    """What the address asks for, if it is an option; a notice if it is none."""
    if check(key, options):
        return str(st.query_params.get(key, ""))
    del st.query_params[key]
    return ""


def check(key: str, options: Sequence[str]) -> bool:
    """Whether what the address asks for, if anything, is an option; a notice if it is none."""
    wanted = st.query_params.get(key)
    if not wanted or wanted in options:
        return True
    known = ", ".join(options)
    say_bad_link(key, wanted, known if len(known) <= LONGEST_LIST else f"{len(options)} others are")
    return False


def say_bad_link(key: str, wanted: str, instead: str) -> None:
    """Explain that a link asks for something that is not here."""
    st.session_state.get(NOTICES, st).warning(
        plain(f"The address asks for {key} “{among(wanted)}”, which is not here ({instead}). ")
        + "The default is shown instead.",
        icon=":material/link_off:",
    )
