"""Buttons for files, which are made when somebody presses them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Literal

import streamlit as st

from dashboard import drawing, export
from dashboard.drawing import Chart

FORMS: tuple[export.Form, ...] = ("svg", "png")
MIME = {
    "csv": "text/csv",
    "json": "application/json",
    "tex": "application/x-tex",
    "html": "text/html",
    "svg": "image/svg+xml",
    "png": "image/png",
}


def offer(
    title: str,
    file: str,
    content: Callable[[], bytes | str | BytesIO],
    key: str,
    kind: Literal["secondary", "tertiary"] = "tertiary",
) -> None:
    """A file of that name, whose ending says what it is."""
    st.download_button(
        title,
        data=content,
        file_name=file,
        mime=MIME[file.rpartition(".")[2]],
        type=kind,
        icon=":material/download:",
        on_click="ignore",
        key=key,
    )


def pictures(file: str, chart: Callable[[], Chart], key: str) -> None:
    """A chart that is styled for print, as SVG and PNG."""
    for form in FORMS:
        offer(form.upper(), f"{file}.{form}", partial(picture, chart, form), f"{key}-{form}")


def picture(chart: Callable[[], Chart], form: export.Form) -> BytesIO:
    """The content of such a file."""
    return export.rendered(drawing.written_out(chart()), form)
