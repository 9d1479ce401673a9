"""The Cell explorer's downloads: figures and numbers, made when they are asked for."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas
import streamlit as st

from dashboard import charts, downloads
from dashboard.drawing import Chart


def chart_and_table(chart: Callable[[], Chart], name: str, rows: pandas.DataFrame) -> None:
    """A figure's numbers, every one that is drawn, and the figure itself."""
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        table(lambda: rows.to_csv(index=False), name, "CSV")
        downloads.pictures(_file(name), lambda: charts.for_print(chart()), name)


def table(content: Callable[[], str], name: str, title: str) -> None:
    """Numbers alone."""
    downloads.offer(title, f"{_file(name)}.csv", content, f"{name}-csv")


def _file(name: str) -> str:
    words = re.sub(r"[^\w.]+", "-", name)
    return f"cell-explorer-{words}"
