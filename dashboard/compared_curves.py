"""The curves of compared groups, with the choice of table, measure and axis."""

from __future__ import annotations

from collections.abc import Sequence

import pandas
import streamlit as st

from core.experiment import Column, Row
from dashboard import charts, controls, curves, data, overlays
from dashboard.declared import in_order
from dashboard.drawing import Chart
from dashboard.leading import leading
from dashboard.section import Section, put_chart


def draw(section: Section, brought_out: str) -> Chart | None:
    """The chart, then its controls; None where the chosen table has no curve."""
    comparison = section.comparison
    st.subheader("Curves", anchor=False)
    place = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        row = _table(section)
        rows = overlays.rows(comparison, row, data.reader().table)
        ups, acrosses = overlays.measures(row, rows), overlays.axes(row, rows)
        if not ups or not acrosses:
            place.info(f"None of these runs has recorded a curve of “{row.title}”.")
            return None
        up = _column(ups, "Up", section.key("up"))
        across = _column(acrosses, "Across", section.key("across"))
        rows = _sliced(section, row, rows, across)
    seen = curves.thin(rows.dropna(subset=[up.name]), across.name)
    bands = overlays.bands(seen, row, across.name, up)
    if bands.empty:
        place.info("None of these runs has a value there.")
        return None
    sizes = overlays.logarithmic(bands[across.name])
    chart = charts.curves(bands, across, up, section.styles(brought_out), sizes=sizes)
    with place:
        alt = charts.description(comparison.experiment.question, bands, across, up)
        put_chart(section, chart, alt, "curves")
    return chart


def _table(section: Section) -> type[Row]:
    """The table in the address, or that of the figure which answers the question."""
    experiment = section.comparison.experiment
    found = overlays.tables(experiment)
    first = experiment.row(leading(experiment).table).title
    key = section.key("table")
    return found[controls.choice("Table", list(found), key, default=first, most=0)]


def _column(columns: Sequence[Column], title: str, key: str) -> Column:
    """The column that the address names, the first if none."""
    titles = {column.name: column.title for column in columns}
    if len(titles) == 1:
        return columns[0]
    chosen = controls.choice(title, list(titles), key, most=0, names=titles)
    return next(column for column in columns if column.name == chosen)


def _sliced(
    section: Section, row: type[Row], rows: pandas.DataFrame, across: Column
) -> pandas.DataFrame:
    """At one value of every axis but the one drawn against."""
    for column in row.columns():
        name = column.name
        if column.role != "axis" or name in ("seed", across.name) or rows.empty:
            continue
        values = [str(value) for value in in_order(row, name, rows[name])]
        default = values[-1 if column.latest or column.curve else 0]
        kept = default
        if len(values) > 1:
            kept = controls.choice(
                column.title, values, section.key(f"at_{name}"), default=default, most=0
            )
        rows = rows[rows[name].astype(str) == kept]
    return rows
