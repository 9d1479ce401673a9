"""Figures of a results page: a view declares them, each draws its chart, controls and files."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Protocol

import pandas
import streamlit as st

from core.experiment import Column
from dashboard import charts, controls, curves, data, export
from dashboard.frame import Shown
from dashboard.scales import is_logarithm

MIME: dict[export.Form, str] = {"svg": "image/svg+xml", "png": "image/png"}


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
    places = controls.tabs([figure.title for figure in available], "figure")
    for place, figure in zip(places, available, strict=True):
        if place.open:
            with place:
                figure.draw(shown)


@dataclass(frozen=True)
class Measure:
    """A column that can be drawn."""

    name: str
    zeros: str = ""
    """The column that counts samples in which it is exactly zero and so has no logarithm."""
    rate: str = ""
    """The column of `Curves.rates` with the slope of its straight line."""
    reference: float | None = None
    """A level to compare with."""


@dataclass(frozen=True)
class Curves:
    """A measure of a table against the table's curve axis, one band per label."""

    title: str
    table: str
    measures: tuple[Measure, ...]
    spoilt: tuple[str, ...] = ()
    """Columns that count samples missing from every mean."""
    samples: str = ""
    """The setting that says how many samples a seed has."""
    rates: str = ""
    """The table of decay rates, if straight lines can be shown."""

    def available(self, shown: Shown) -> bool:
        """Whether any run has a curve of more than one point."""
        row = shown.experiment.row(self.table)
        axis = next(column.name for column in row.columns() if column.curve)
        return shown.varies(self.table, axis)

    def draw(self, shown: Shown) -> None:
        """The chart, then its controls, then its files."""
        place = st.container()
        x = next(c for c in shown.experiment.row(self.table).columns() if c.curve)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            measure, y = self._measure(shown)
            rows = sliced(shown, self.table)
            single = controls.switch("Single seeds", "single_seeds", help="Instead of bands.")
            relative = is_logarithm(y) and controls.switch(
                "Relative to the first", "relative", help="Every curve starts at 1."
            )
            fitted = bool(measure.rate) and controls.switch(
                "Fitted lines", "fitted", help="The straight lines whose slopes are in the table."
            )
        across = controls.span(f"{x.title}: range", *curves.ends(rows, x.name), x.name)
        if relative:
            rows = curves.relative(rows, x.name, y.name)
            y = dataclasses.replace(y, title=f"{y.title} relative to the first")
        spoilt = [name for name in (measure.zeros, *self.spoilt) if name in rows]
        whole = curves.complete(rows, x.name, spoilt)
        seen = curves.thin(curves.within(whole, x.name, across), x.name)
        bands = curves.bands(seen, ["label", x.name], y.name)
        if bands.empty:
            place.info("Here every value is exactly zero or missing: there is no curve to draw.")
            return
        chart = charts.curves(
            bands,
            x,
            y,
            shown.styles,
            seeds=seen.rename(columns={y.name: "value"}) if single else None,
            lines=self._lines(shown, rows, whole, y, measure, across) if fitted else None,
            zeros=self._zeros(shown, curves.within(rows, x.name, across), x, measure),
            reference=measure.reference,
        )
        with place:
            alt = charts.description(shown.experiment.question, bands, x, y)
            put(shown, chart, alt, self.table, measure.name)

    def _measure(self, shown: Shown) -> tuple[Measure, Column]:
        titles = {shown.column(self.table, m.name).title: m for m in self.measures}
        kept = next(iter(titles))
        if len(titles) > 1:
            kept = controls.choice("Measure", list(titles), self.table)
        return titles[kept], shown.column(self.table, titles[kept].name)

    def _zeros(
        self, shown: Shown, rows: pandas.DataFrame, x: Column, measure: Measure
    ) -> pandas.DataFrame | None:
        if not measure.zeros:
            return None
        samples = {run.run_id: int(str(run.settings[self.samples])) for run in shown.runs}
        return curves.shares(rows, x.name, measure.zeros, samples)

    def _lines(
        self,
        shown: Shown,
        rows: pandas.DataFrame,
        whole: pandas.DataFrame,
        y: Column,
        measure: Measure,
        across: tuple[int, int],
    ) -> pandas.DataFrame:
        x = next(c.name for c in shown.experiment.row(self.table).columns() if c.curve)
        counted = rows.groupby("label")[x].nunique()
        distances = {str(label): int(number) for label, number in counted.items()}
        rates = sliced(shown, self.rates, ask=False)
        bands = curves.bands(whole, ["label", x], y.name)
        return curves.lines(bands, rates, x, measure.rate, distances, across)


@dataclass(frozen=True)
class Heatmap:
    """A measure by the table's curve axis and one more axis, one map per label."""

    title: str
    table: str
    axis: str
    measures: tuple[str, ...]

    def available(self, shown: Shown) -> bool:
        """Whether the further axis has more than one value in any run."""
        return shown.varies(self.table, self.axis)

    def draw(self, shown: Shown) -> None:
        """A map per label, all on one colour scale, then the controls."""
        place = st.container()
        row = shown.experiment.row(self.table)
        x = next(column for column in row.columns() if column.curve)
        titles = {shown.column(self.table, name).title: name for name in self.measures}
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            title = controls.choice("Measure", list(titles), self.table)
            rows = sliced(shown, self.table, over=self.axis)
        y, measure = shown.column(self.table, self.axis), shown.column(self.table, titles[title])
        limits = (float(rows[measure.name].min()), float(rows[measure.name].max()))
        with place, st.grid(2, min_column_width=330):
            for label in shown.styles:
                part = rows[rows["label"] == label]
                if not part.empty:
                    with st.container():
                        st.markdown(f"**{label}**")
                        chart = charts.heatmap(part, x, y, measure, limits)
                        alt = f"{label}: {measure.title} by {x.title} and {y.title}"
                        put(shown, chart, alt, self.table, f"{measure.name}-{label}", csv=False)


@dataclass(frozen=True)
class Dots:
    """Estimates of the summary with their intervals, one line per label."""

    title: str
    measures: tuple[str, ...]

    def available(self, shown: Shown) -> bool:
        """Whether there is something to compare."""
        return len(shown.results) > 1

    def draw(self, shown: Shown) -> None:
        """The chart, then the choice of measure."""
        place = st.container()
        table = shown.experiment.summary.table
        titles = {shown.column(table, name).title: name for name in self.measures}
        measure = shown.column(table, titles[controls.choice("Measure", list(titles), table)])
        with place:
            chart = charts.intervals(shown.results, measure, shown.styles)
            alt = f"{measure.heading} by variant, with 95% intervals"
            put(shown, chart, alt, table, measure.name)


def sliced(shown: Shown, table: str, *, over: str = "", ask: bool = True) -> pandas.DataFrame:
    """A table at one value of each further axis but `over`: layer 1, the last training step.

    Asks for each axis that has several values, unless `ask` is off: then it takes what was asked.
    """
    rows = shown.rows(table)
    for column in shown.experiment.row(table).columns():
        name = column.name
        if column.role != "axis" or column.curve or name in ("seed", over) or rows.empty:
            continue
        values = list(rows[name].unique())
        names = [str(v) for v in (values if isinstance(values[0], str) else sorted(values))]
        default = names[-1] if column.latest else names[0]
        kept = controls.value(name, names, default)
        if ask and len(names) > 1:
            kept = controls.choice(column.title, names, name, default=default)
        rows = rows[rows[name].astype(str) == kept]
    return rows


def put(
    shown: Shown, chart: charts.Chart, alt: str, table: str, name: str, *, csv: bool = True
) -> None:
    """A chart, and underneath it the same as SVG and PNG, and its table as CSV."""
    st.altair_chart(chart, width="stretch", alt=alt)
    name = f"{shown.experiment.name}-{name}".replace(" ", "-").replace("·", "")
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if csv:
            table_file(shown, table, "CSV", key=f"{name}-csv")
        for form, mime in MIME.items():
            st.download_button(
                form.upper(),
                data=partial(_file, chart, form),
                file_name=f"{name}.{form}",
                mime=mime,
                type="tertiary",
                icon=":material/download:",
                on_click="ignore",
                key=f"{name}-{form}",
            )


def _file(chart: charts.Chart, form: export.Form) -> BytesIO:
    return export.rendered(charts.for_print(chart).to_dict(), form)


def table_file(shown: Shown, table: str, title: str, key: str) -> None:
    """A table of the runs shown as CSV, every number as it was recorded."""
    st.download_button(
        title,
        data=lambda: data.exact_rows(shown.runs, shown.labels, table),
        file_name=f"{shown.experiment.name}-{table}.csv",
        mime="text/csv",
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
        key=key,
    )
