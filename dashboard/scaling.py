"""Figures of how a measure grows with a size, both on logarithmic axes.

Their rows are no samples of seeds: each is exact, or has an interval of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas
import streamlit as st

from core.experiment import Column
from core.settings import settings_of
from dashboard import charts, controls, curves, problems, subjects
from dashboard.curves import Repeats
from dashboard.declared import curve_of, in_order, whole_numbers
from dashboard.drawing import Chart
from dashboard.figures import put, sliced, where
from dashboard.scales import logarithm_of
from dashboard.shown import Shown
from experiments.labels import labels


@dataclass(frozen=True)
class Quantity:
    """A column that can be drawn, and where its interval is if it is no estimate."""

    name: str
    quartiles: tuple[str, str] | tuple[()] = ()
    """The columns of the first and the third quartile."""
    count: str = ""
    """The column that says over how many repetitions."""
    inverse_of: str = ""
    """The column of a time that this is the inverse of: the quartiles are that time's."""
    reference: float | None = None
    """A level to compare with."""

    def bands(
        self, shown: Shown, table: str, rows: pandas.DataFrame, across: list[str]
    ) -> pandas.DataFrame:
        """Columns `across`, then value, low, high and n, as logarithms."""
        ends, count = self.quartiles, self.count
        if self.inverse_of:
            rows, ends = self._turned(rows)
        if shown.column(table, self.name).estimate:
            ends, count = (f"{self.name}_low", f"{self.name}_high"), f"{self.name}_n"
        return curves.logarithms(curves.pooled(rows, across, self.name, ends, count))

    def _turned(self, rows: pandas.DataFrame) -> tuple[pandas.DataFrame, tuple[str, str]]:
        """The quartiles of an inverse: what took longest is lowest."""
        one = rows[self.name] * rows[self.inverse_of]
        first, third = (rows[name] for name in self.quartiles)
        return rows.assign(low=one / third, high=one / first), ("low", "high")

    def repeats(self, shown: Shown, table: str) -> Repeats:
        """What its band is over, in words."""
        if shown.column(table, self.name).estimate:
            return Repeats("95% interval", "Repetitions")
        whole = self.name in whole_numbers(shown.experiment.row(table))
        count = shown.column(table, self.count).title if self.count else ""
        return Repeats("Middle half", count, whole)


@dataclass(frozen=True)
class Scaling:
    """Quantities of a table against its curve axis, or against a setting that the runs vary."""

    title: str
    table: str
    quantities: tuple[Quantity, ...]
    setting: str = ""
    """The setting along x; the table's own curve axis is then looked at in one place."""

    def available(self, shown: Shown) -> bool:
        """Whether there is a number; of a setting, whether it varies within a series."""
        if not shown.has(self.table, [quantity.name for quantity in self.quantities]):
            return False
        if not self.setting:
            return True
        return varies_within(shown, self.setting)

    def draw(self, shown: Shown) -> None:
        """The chart, then its controls, its files, and where there is no value."""
        place = st.container()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            quantity = chosen_quantity(shown, self.table, self.quantities)
            rows = sliced(shown, self.table, over=(subjects.AXIS,))
            if self.setting:
                rows = at_one_place(shown, self.table, rows)
            x = self._across(shown)
            series = subjects.ask(shown, rows, without=(x.name,))
        rows, styles = subjects.series(shown, rows, series, without=(x.name,))
        if self.setting:
            rows = rows.assign(**{x.name: rows["run_id"].map(shown.setting_of_runs(x.name))})
        bands = quantity.bands(shown, self.table, rows, ["label", x.name])
        y = logarithm_of(shown.column(self.table, quantity.name))
        with place:
            if bands.empty:
                st.info("There is no value to draw here.")
            else:
                at = where(shown, self.table, rows, (subjects.AXIS, x.name))
                chart = self._chart(shown, quantity, bands, styles, charts.HEIGHT, at)
                alt = charts.description(shown.experiment.question, bands, x, y)
                put(shown, chart, alt, self.table, f"{quantity.name}-{x.name}")
            problems.listed_below(shown.experiment.row(self.table), rows, x)

    def preview(self, shown: Shown, *, intervals: bool, height: int) -> Chart | None:
        """The chart alone, small, at the first value of each further axis."""
        row = shown.experiment.row(self.table)
        rows = shown.rows(self.table)
        if rows.empty:
            return None
        rows = curves.first_slice(rows, row, over=(subjects.AXIS,))
        x = self._across(shown)
        series = subjects.default(shown, rows, without=(x.name,))
        rows, styles = subjects.series(shown, rows, series, without=(x.name,))
        quantity = self.quantities[0]
        bands = quantity.bands(shown, self.table, rows, ["label", x.name])
        if bands.empty:
            return None
        if not intervals:
            bands = bands.assign(low=math.nan, high=math.nan)
        at = where(shown, self.table, rows, (subjects.AXIS, x.name))
        return self._chart(shown, quantity, bands, styles, height, at)

    def _chart(
        self,
        shown: Shown,
        quantity: Quantity,
        bands: pandas.DataFrame,
        styles: subjects.Styles,
        height: int,
        at: str = "",
    ) -> Chart:
        return charts.curves(
            bands,
            self._across(shown),
            logarithm_of(shown.column(self.table, quantity.name)),
            styles,
            reference=None if quantity.reference is None else math.log10(quantity.reference),
            height=height,
            repeats=quantity.repeats(shown, self.table),
            sizes=True,
            where=at,
        )

    def _across(self, shown: Shown) -> Column:
        """The x axis."""
        if self.setting:
            return setting_axis(shown, self.setting)
        return curve_of(shown.experiment.row(self.table))


def varies_within(shown: Shown, setting: str) -> bool:
    """Whether some runs differ in a setting, and in nothing else that tells runs apart."""
    named = labels(shown.experiment, shown.runs, without=(setting,))
    values = shown.setting_of_runs(setting)
    places = {(named[run_id], value) for run_id, value in values.items()}
    return len(places) > len(set(named.values()))


def setting_axis(shown: Shown, name: str) -> Column:
    """A setting as an x axis."""
    settings = settings_of(shown.experiment.config)
    title = next(setting.title for setting in settings if setting.name == name)
    return Column(name, title, "", "axis", True, False, None, "", estimate=False)


def chosen_quantity(shown: Shown, table: str, quantities: tuple[Quantity, ...]) -> Quantity:
    """Ask which of several to draw."""
    titles = {shown.column(table, quantity.name).title: quantity for quantity in quantities}
    if len(titles) == 1:
        return quantities[0]
    return titles[controls.choice("Measure", list(titles), table)]


def at_one_place(shown: Shown, table: str, rows: pandas.DataFrame) -> pandas.DataFrame:
    """The rows at one value of the table's curve axis: the largest unless the address says else."""
    row = shown.experiment.row(table)
    x = curve_of(row)
    places = [str(value) for value in in_order(row, x.name, rows[x.name])]
    kept = places[-1]
    if len(places) > 1:
        kept = controls.choice(x.title, places, f"at_{x.name}", default=kept)
    return rows[rows[x.name].astype(str) == kept]
