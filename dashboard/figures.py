"""Figures of a results page: a view declares them, each draws its chart, controls and files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import pandas
import streamlit as st

from dashboard import charts, controls, data, downloads, drawing
from dashboard.declared import in_order
from dashboard.drawing import Chart
from dashboard.shown import Shown
from dashboard.wording import in_words


class Figure(Protocol):
    """One tab of a results page."""

    @property
    def title(self) -> str:
        """The tab's name."""

    def available(self, shown: Shown) -> bool:
        """Whether the runs have recorded what it shows."""

    def draw(self, shown: Shown) -> None:
        """Put it on the page."""


def tabs(shown: Shown, figures: Sequence[Figure]) -> None:
    """Those figures that the runs can fill. Only the open one is drawn; the address says which."""
    available = [figure for figure in figures if figure.available(shown)]
    if not available:
        st.info("These runs have recorded nothing that a figure could show.")
        return
    places = controls.tabs([figure.title for figure in available], "figure")
    for place, figure in zip(places, available, strict=True):
        if place.open:
            with place:
                figure.draw(shown)


def sliced(
    shown: Shown, table: str, *, over: Collection[str] = (), ask: bool = True
) -> pandas.DataFrame:
    """A table at one value of each further axis but `over`: layer 1, the last training step.

    Asks for each axis that has several values, unless `ask` is off: then it takes what was asked.
    """
    rows = shown.rows(table)
    row = shown.experiment.row(table)
    for column in row.columns():
        name = column.name
        if column.role != "axis" or column.curve or name in ("seed", *over) or rows.empty:
            continue
        names = [str(value) for value in in_order(row, name, rows[name])]
        default = names[-1] if column.latest else names[0]
        kept = controls.value(name, names, default)
        if ask and len(names) > 1:
            kept = controls.choice(column.title, names, name, default=default)
        rows = rows[rows[name].astype(str) == kept]
    return rows


def where(shown: Shown, table: str, rows: pandas.DataFrame, over: Collection[str]) -> str:
    """`Pass: training · Baseline: linear`: at what a slice was taken, of axes with a choice."""
    row = shown.experiment.row(table)
    told = []
    for column in row.columns():
        values = set(rows[column.name]) if column.role == "axis" else set()
        if len(values) == 1 and column.name not in over and shown.varies(table, column.name):
            told.append(f"{column.title}: {in_words(values.pop())}")
    return " · ".join(told)


def put(shown: Shown, chart: Chart, alt: str, table: str, name: str, *, csv: bool = True) -> None:
    """A chart, and underneath it the same as SVG and PNG, and its table as CSV."""
    drawing.show(chart, alt)
    name = f"{shown.experiment.name}-{name}".replace(" ", "-").replace("·", "")
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if csv:
            table_file(shown, table, "CSV", key=f"{name}-csv")
        chart_files(chart, name)


def chart_files(chart: Chart, name: str) -> None:
    """A chart as SVG and PNG."""
    downloads.pictures(name, lambda: charts.for_print(chart), name)


def table_file(shown: Shown, table: str, title: str, key: str) -> None:
    """A table of the runs shown as CSV, every number as it was recorded."""
    downloads.offer(
        title,
        f"{shown.experiment.name}-{table}.csv",
        lambda: data.exact_rows(shown.runs, shown.labels, table),
        key,
    )
