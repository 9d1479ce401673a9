"""The box in which people search runs, with what can be searched for."""

from __future__ import annotations

import streamlit as st

from core.analysis import search
from core.analysis.search import Query
from core.settings import BadSetting
from dashboard.ui import controls
from dashboard.ui.text import local, plain

KEY = "text"
"""Of the search in the address."""

HELP = "\n".join(
    [
        "A run must meet every term. For example:\n",
        *(f"- `{example}` {plain(found)}" for example, found in search.EXAMPLES.items()),
    ]
)


def box(key: str = KEY, placeholder: str = "lstm hidden_size=16 status:finished") -> Query:
    """Ask for a search, kept in the address; one that cannot be read is explained and ignored."""
    text = controls.words("Search", key, placeholder=placeholder, help=HELP)
    try:
        return search.parse(text, local)
    except BadSetting as error:
        st.warning(plain(f"{error}. All runs are shown."), icon=":material/search_off:")
        return Query()
