"""Figures of measures against a table's curve axis: a curve with its interval for each label.

What is measured once per seed has its band over seeds; an Estimate over seeds keeps its own.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas
import streamlit as st

from core.experiment import Column, Row
from dashboard import charts, controls, curves
from dashboard.curves import Repeats
from dashboard.declared import curve_of
from dashboard.drawing import Chart
from dashboard.figures import put, sliced
from dashboard.layers import Shade
from dashboard.measures import Measure
from dashboard.scales import is_logarithm
from dashboard.shown import Shown
from dashboard.wording import plain


def unshaded(shown: Shown, rows: pandas.DataFrame) -> Shade | None:
    """No part of the x axis is special."""
    return None


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
    further: tuple[tuple[str, str], ...] = ()
    """(column, title) of counts that the hover adds up and gives, of Estimates."""
    shading: Callable[[Shown, pandas.DataFrame], Shade | None] = unshaded
    """Which part of the x axis is told apart, if one is."""
    sizes: bool = False
    """The x axis is logarithmic and names what was measured."""
    whiskers: bool = False
    """Intervals are bars, beside one another: bands over few seeds would hide each other."""
    part: Callable[[pandas.DataFrame, type[Row]], pandas.DataFrame] = curves.first_slice
    """Which rows a preview shows."""
    key: str = ""
    """How the address calls the choice of measure; left out: like the table."""

    def available(self, shown: Shown) -> bool:
        """Whether any run has a curve of more than one point."""
        row = shown.experiment.row(self.table)
        axis = curve_of(row).name
        return shown.varies(self.table, axis)

    def draw(self, shown: Shown) -> None:
        """The chart, then its controls, then its files."""
        place = st.container()
        x = curve_of(shown.experiment.row(self.table))
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            measure, y = self._measure(shown)
            rows = sliced(shown, self.table)
            single = (
                not measure.logarithm
                and _several_seeds(rows)
                and controls.switch("Single seeds", "single_seeds", help="Instead of bands.")
            )
            relative = is_logarithm(y) and controls.switch(
                "Relative to the first", "relative", help="Every curve starts at 1."
            )
            fitted = bool(measure.rate) and controls.switch(
                "Fitted lines", "fitted", help="The straight lines whose slopes are in the table."
            )
        across = controls.span(f"{x.title}: range", *curves.ends(rows, x.name), f"{x.name}_range")
        if relative:
            rows = curves.relative(rows, x.name, y.name)
            y = dataclasses.replace(y, title=f"{y.title} relative to the first")
        spoilt = [name for name in (measure.zeros, *self.spoilt) if name in rows]
        whole = curves.complete(rows, x.name, spoilt)
        seen = curves.thin(curves.within(whole, x.name, across), x.name)
        bands = self._bands(shown, seen, measure)
        for remark in measure.left_out(seen, x):
            st.caption(plain(remark))
        y = measure.drawn(y)
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
            baselines=measure.baselines(shown, self.table, seen),
            repeats=self._repeats(y),
            shade=self.shading(shown, seen),
            sizes=self.sizes,
            whiskers=self.whiskers,
        )
        with place:
            alt = charts.description(shown.experiment.question, bands, x, y)
            put(shown, chart, alt, self.table, measure.name)

    def preview(self, shown: Shown, *, intervals: bool, height: int) -> Chart | None:
        """The chart alone, small; None while there is not a row.

        Without `intervals` it suits runs that are still going: those of a few seeds are huge.
        """
        row = shown.experiment.row(self.table)
        measure = self.measures[0]
        x, y = curve_of(row), shown.column(self.table, measure.name)
        rows = shown.rows(self.table)
        if rows.empty:
            return None
        seen = curves.thin(self.part(rows, row), x.name)
        bands = self._bands(shown, seen, measure)
        if bands.empty:
            return None
        if not intervals:
            bands = bands.assign(low=math.nan, high=math.nan)
        return charts.curves(
            bands,
            x,
            measure.drawn(y),
            shown.styles,
            baselines=measure.baselines(shown, self.table, seen),
            height=height,
            repeats=self._repeats(y),
            shade=self.shading(shown, seen),
            sizes=self.sizes,
            whiskers=self.whiskers,
        )

    def _bands(self, shown: Shown, rows: pandas.DataFrame, measure: Measure) -> pandas.DataFrame:
        return measure.bands(shown, self.table, rows, [name for name, _ in self.further])

    def _repeats(self, y: Column) -> Repeats:
        return Repeats(count="Seeds", further=self.further if y.estimate else ())

    def _measure(self, shown: Shown) -> tuple[Measure, Column]:
        known = [m for m in self.measures if shown.has(self.table, [m.name])] or self.measures
        titles = {shown.column(self.table, m.name).title: m for m in known}
        kept = next(iter(titles))
        if len(titles) > 1:
            kept = controls.choice("Measure", list(titles), self.key or self.table)
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
        x = curve_of(shown.experiment.row(self.table)).name
        counted = rows.groupby("label")[x].nunique()
        distances = {str(label): int(number) for label, number in counted.items()}
        rates = sliced(shown, self.rates, ask=False)
        bands = curves.bands(whole, ["label", x], y.name)
        return curves.lines(bands, rates, x, measure.rate, distances, across)


def _several_seeds(rows: pandas.DataFrame) -> bool:
    return "seed" in rows and bool((rows.groupby("label")["seed"].nunique() > 1).any())
