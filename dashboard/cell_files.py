"""The Cell explorer's downloads: figures and numbers, made when they are asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from io import BytesIO

import pandas
import streamlit as st

from dashboard import export
from dashboard.drawing import Chart
from dashboard.figures import MIME, file


def chart_and_table(chart: Callable[[], Chart], name: str, rows: pandas.DataFrame) -> None:
    """A figure's numbers, every one that is drawn, and the figure itself."""
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        table(lambda: rows.to_csv(index=False), name, "CSV")
        for form, mime in MIME.items():
            _offer(form.upper(), partial(_rendered, chart, form), name, form, mime)


def table(content: Callable[[], str], name: str, title: str) -> None:
    """Numbers alone."""
    _offer(title, content, name, "csv", "text/csv")


def _rendered(chart: Callable[[], Chart], form: export.Form) -> BytesIO:
    return file(chart(), form)


def _offer(
    title: str, content: Callable[[], str | BytesIO], name: str, form: str, mime: str
) -> None:
    words = re.sub(r"[^\w.]+", "-", name)
    st.download_button(
        title,
        data=content,
        file_name=f"cell-explorer-{words}.{form}",
        mime=mime,
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
        key=f"{name}-{form}",
    )
