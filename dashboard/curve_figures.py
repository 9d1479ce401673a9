"""Figures of what is measured once per seed: a curve with its band over seeds for each label."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas
import streamlit as st

from core.experiment import Column
from dashboard import charts, controls, curves, seeds
from dashboard.curves import Repeats
from dashboard.declared import curve_of
from dashboard.figures import put, sliced
from dashboard.layers import Shade
from dashboard.scales import is_logarithm
from dashboard.shown import Shown


def unshaded(shown: Shown, rows: pandas.DataFrame) -> Shade | None:
    """No part of the x axis is special."""
    return None


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
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """What is possible, if what is measured is an Estimate: intervals end there."""


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
            single = _several_seeds(rows) and controls.switch(
                "Single seeds", "single_seeds", help="Instead of bands."
            )
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
        bands = self._bands(shown, seen, measure, y)
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
            repeats=self._repeats(y),
            shade=self.shading(shown, seen),
        )
        with place:
            alt = charts.description(shown.experiment.question, bands, x, y)
            put(shown, chart, alt, self.table, measure.name)

    def preview(self, shown: Shown, *, intervals: bool, height: int) -> charts.Chart | None:
        """The chart alone, small; None while there is not a row.

        Without `intervals` it suits runs that are still going: those of a few seeds are huge.
        """
        row = shown.experiment.row(self.table)
        x, y = curve_of(row), shown.column(self.table, self.measures[0].name)
        rows = shown.rows(self.table)
        if rows.empty:
            return None
        seen = curves.thin(curves.first_slice(rows, row), x.name)
        bands = self._bands(shown, seen, self.measures[0], y)
        if bands.empty:
            return None
        if not intervals:
            bands = bands.assign(low=math.nan, high=math.nan)
        shade, repeats = self.shading(shown, seen), self._repeats(y)
        return charts.curves(bands, x, y, shown.styles, height=height, repeats=repeats, shade=shade)

    def _bands(
        self, shown: Shown, rows: pandas.DataFrame, measure: Measure, y: Column
    ) -> pandas.DataFrame:
        """Over seeds; of a single seed what is measured with an interval keeps it."""
        across = ["label", curve_of(shown.experiment.row(self.table)).name]
        if not y.estimate:
            return curves.bands(rows, across, y.name)
        counts = [name for name, _ in self.further]
        return seeds.pooled(rows, across, y.name, counts, measure.bounds)

    def _repeats(self, y: Column) -> Repeats:
        return Repeats(count="Seeds", further=self.further if y.estimate else ())

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
        x = curve_of(shown.experiment.row(self.table)).name
        counted = rows.groupby("label")[x].nunique()
        distances = {str(label): int(number) for label, number in counted.items()}
        rates = sliced(shown, self.rates, ask=False)
        bands = curves.bands(whole, ["label", x], y.name)
        return curves.lines(bands, rates, x, measure.rate, distances, across)


def _several_seeds(rows: pandas.DataFrame) -> bool:
    return bool((rows.groupby("label")["seed"].nunique() > 1).any())
