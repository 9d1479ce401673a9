"""Bare Streamlit, with nothing of Unroll: what axe finds here cannot be mended from a page."""

from __future__ import annotations

import streamlit as st


def first() -> None:
    st.title("First")
    st.code("line\n" * 50, None, height=100)
    st.table({f"A column {number}": ["a value"] for number in range(20)})


def second() -> None:
    st.title("Second")


sections = {
    "One": [st.Page(first, title="First", default=True), st.Page(second, title="Second")],
    "Two": [st.Page(second, title="Third", url_path="third")],
}

st.navigation(sections).run()
