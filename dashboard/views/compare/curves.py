"""The curves of compared groups over one another: any measure of any table, against any axis.

A `Section` is one experiment's part of the page: the keys of its controls in the address, and the
styles of its groups in every chart.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas
import streamlit as st
from pandas.api.types import is_numeric_dtype

from core.analysis.comparison import Comparison
from core.experiment import Column, Experiment, Row
from dashboard.charts import curves, lines, render
from dashboard.charts.frame import ISOLATE
from dashboard.charts.render import Chart
from dashboard.charts.scales import has_seeds, in_order
from dashboard.charts.theme import Style, shade, styles
from dashboard.figures.base import caption_of, chart_files
from dashboard.figures.leading import leading
from dashboard.store import cache
from dashboard.store.sweeps import Table
from dashboard.ui import controls, downloads
from dashboard.ui.controls import put

NO_HIGHLIGHT = "None"

FADED = 0.65
"""How far groups that are not highlighted fade into the background."""


@dataclass(frozen=True)
class Section:
    """One experiment's part of the page: what is compared, and how it is drawn."""

    comparison: Comparison
    prefix: str = ""
    """The prefix of its controls' keys in the address, where there are several sections."""

    def key(self, name: str) -> str:
        """The key of a control in the address."""
        return f"{self.prefix}{name}"

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.comparison.experiment.name

    def styles(self, highlighted: str) -> dict[str, Style]:
        """Group → style; all but the highlighted one are paler."""
        dark = cache.dark()
        style_of = styles({g.name: g.variant for g in self.comparison.groups}, dark=dark)
        if highlighted == NO_HIGHLIGHT:
            return style_of
        pale = -FADED if dark else FADED
        return {
            name: style
            if name == highlighted
            else Style(shade(style.colour, pale), style.dash, style.ink)
            for name, style in style_of.items()
        }


def put_chart(section: Section, chart: Chart, alt: str, name: str) -> None:
    """Show a chart in which a click on a mark or the legend highlights a group in all charts."""
    key = f"{section.name} {name}"

    def highlight() -> None:
        points = st.session_state[key]["selection"].get(ISOLATE) or []
        labels = (
            [str(point["label"]) for point in points if "label" in point]
            if isinstance(points, list)
            else []
        )
        if labels:
            place = section.key("highlight")
            same = st.query_params.get(place) == labels[-1]
            put(place, NO_HIGHLIGHT if same else labels[-1], NO_HIGHLIGHT)

    experiment, runs = section.comparison.experiment, section.comparison.runs
    with (
        st.container(horizontal=True, horizontal_alignment="right"),
        downloads.menu(f"{section.name}-{name}"),
    ):
        chart_files(chart, f"{section.name}-{name}", caption_of(experiment, runs))
    render.show(chart, alt, key=key, on_select=highlight, selection_mode=ISOLATE)


MIN_SIZES, MAX_SIZES = 2, 12

MIN_RANGE = 8.0
"""An axis of few places is logarithmic if the last is more than this many times the first …"""

MIN_STEP = 1.2
"""… and each is more than this many times the one before."""


def tables_with_curves(experiment: Experiment) -> dict[str, type[Row]]:
    """Title → every table that is declared to have a curve; no table is read."""
    return {r.title: r for r in experiment.rows if any(c.curve for c in r.columns())}


def drawable_axes(row: type[Row], seen: pandas.DataFrame) -> list[Column]:
    """The numeric axes with several values, the curve's first; the seed is not one of them."""
    axes = [c for c in row.columns() if c.role == "axis"]
    numbers = [c for c in axes if is_numeric_dtype(seen[c.name]) and seen[c.name].nunique() > 1]
    return sorted(numbers, key=lambda column: not column.curve)


def drawable_measures(row: type[Row], seen: pandas.DataFrame) -> list[Column]:
    """The measures that have a value."""
    return [c for c in row.columns() if c.role == "measure" and seen[c.name].notna().any()]


def curve_rows(comparison: Comparison, row: type[Row], table: Table) -> pandas.DataFrame:
    """The table of all runs, labelled with their groups; of repeated measurements the newest."""
    frames = []
    for group in comparison.groups:
        for run in group.runs:
            frame = table(run, row.table)
            if frame is not None and not frame.empty:
                kind = "" if comparison.experiment.timed else _kind(run.settings)
                frames.append(frame.assign(run_id=run.run_id, label=group.name, kind=kind))
    if not frames:
        return pandas.DataFrame(columns=["label", "run_id", *row.header()])
    together = pandas.concat(frames, ignore_index=True)
    if comparison.experiment.timed:
        return together
    axes = [column.name for column in row.columns() if column.is_axis]
    return together.drop_duplicates(["label", "kind", *axes], keep="last")


def _kind(settings: Mapping[str, object]) -> str:
    return str(
        sorted((n, str(v)) for n, v in settings.items() if n not in ("device", "threads", "seeds"))
    )


def curve_bands(
    seen: pandas.DataFrame, row: type[Row], x: str, measure: Column
) -> pandas.DataFrame:
    """Columns label, x, value, low, high, n: over seeds, or a single run's own estimates."""
    across = ["label", x]
    if not measure.estimate:
        return curves.bands(seen, across, measure.name, measure.aggregation)
    if has_seeds(row):
        return curves.estimate_bands(seen, across, measure.name, aggregation=measure.aggregation)
    if seen.groupby("label")["run_id"].nunique().max() == 1:
        return curves.recorded_bands(seen, across, measure.name).sort_values(across)
    return curves.bands(seen, across, measure.name, measure.aggregation)


def logarithmic(values: pandas.Series[Any]) -> bool:
    """Whether an axis of a few growing sizes is better drawn on a logarithmic scale."""
    places = sorted({float(value) for value in values if math.isfinite(value)})
    if not MIN_SIZES < len(places) <= MAX_SIZES or places[0] <= 0:
        return False
    steps = [later / before for before, later in itertools.pairwise(places)]
    return places[-1] / places[0] > MIN_RANGE and min(steps) > MIN_STEP


def draw_curves(section: Section, highlighted: str) -> Chart | None:
    """Draw the chart, then its controls; return None if the chosen table has no curve."""
    comparison = section.comparison
    st.subheader("Curves", anchor=False)
    place = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        row = _table(section)
        rows = curve_rows(comparison, row, cache.reader().table)
        settings = [run.settings for run in comparison.runs]
        measures = [column.of(settings) for column in drawable_measures(row, rows)]
        axes = [column.of(settings) for column in drawable_axes(row, rows)]
        if not measures or not axes:
            place.info(f"None of these runs has recorded a curve of “{row.title}”.")
            return None
        y = _column(measures, "Y axis", section.key("up"))
        x = _column(axes, "X axis", section.key("across"))
        rows = _sliced(section, row, rows, x)
    seen = curves.thin(rows.dropna(subset=[y.name]), x.name)
    bands = curve_bands(seen, row, x.name, y)
    if bands.empty:
        place.info("None of these runs has a value here.")
        return None
    sizes = logarithmic(bands[x.name])
    chart = lines.line_chart(bands, x, y, section.styles(highlighted), sizes=sizes)
    with place:
        alt = lines.description(comparison.experiment.question, bands, x, y)
        put_chart(section, chart, alt, "curves")
    return chart


def _table(section: Section) -> type[Row]:
    """The table in the address, or that of the figure which answers the question."""
    experiment = section.comparison.experiment
    tables = tables_with_curves(experiment)
    first = experiment.row(leading(experiment).table).title
    key = section.key("table")
    return tables[controls.choice("Table", list(tables), key, default=first, most=0)]


def _column(columns: Sequence[Column], title: str, key: str) -> Column:
    """The column that the address names, the first if none."""
    titles = {column.name: column.title for column in columns}
    if len(titles) == 1:
        return columns[0]
    chosen = controls.choice(title, list(titles), key, most=0, names=titles)
    return next(column for column in columns if column.name == chosen)


def _sliced(
    section: Section, row: type[Row], rows: pandas.DataFrame, x: Column
) -> pandas.DataFrame:
    """The rows at one value of every axis but x."""
    for column in row.columns():
        name = column.name
        if column.role != "axis" or name == x.name or rows.empty:
            continue
        values = [str(v) for v in in_order(row, name, rows[name])]
        default = values[-1 if column.latest or column.curve else 0]
        value = default
        if len(values) > 1:
            value = controls.choice(
                column.of(run.settings for run in section.comparison.runs).title,
                values,
                section.key(f"at_{name}"),
                default=default,
                most=0,
            )
        rows = rows[rows[name].astype(str) == value]
    return rows
