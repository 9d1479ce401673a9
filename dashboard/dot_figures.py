"""Figures with one dot per label: an estimate of the summary, or every series at one size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas
import streamlit as st

from core.experiment import Column
from dashboard import bars, controls, problems, seeds, subjects
from dashboard.declared import curve_of
from dashboard.figures import put, sliced, where
from dashboard.scales import logarithm_of
from dashboard.scaling import Quantity, at_one_place, chosen_quantity
from dashboard.shown import Shown


@dataclass(frozen=True)
class Dots:
    """Estimates of the summary with their intervals, one line per label."""

    title: str
    measures: tuple[str, ...]
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """What is possible: intervals end there."""

    def available(self, shown: Shown) -> bool:
        """Whether there is something to compare."""
        return len(seeds.pooled_results(shown.experiment, shown.results)) > 1

    def draw(self, shown: Shown) -> None:
        """The chart, then the choice of measure."""
        place = st.container()
        table = shown.experiment.summary.table
        results = seeds.pooled_results(shown.experiment, shown.results)
        known = [name for name in self.measures if results[name].notna().any()]
        titles = {shown.column(table, name).title: name for name in known}
        measure = shown.column(table, titles[controls.choice("Measure", list(titles), table)])
        with place:
            bands = _bands(results, measure, self.bounds)
            chart = bars.dots(bands, measure, shown.styles, seeds.repeats(shown))
            alt = f"{measure.heading} by variant, with 95% intervals"
            put(shown, chart, alt, table, measure.name)


def _bands(
    results: pandas.DataFrame, measure: Column, bounds: tuple[float, float]
) -> pandas.DataFrame:
    names = zip(seeds.ENDS, ("value", "low", "high", "n"), strict=True)
    columns = {f"{measure.name}{end}": name for end, name in names}
    bands = results[["label", *columns]].rename(columns=columns)
    ends = bands[["low", "high"]].astype(float).clip(*bounds)
    return bands.assign(low=ends["low"], high=ends["high"]).dropna(subset=["value"])


@dataclass(frozen=True)
class Ranking:
    """Every series of a scaling figure at one size, the best first."""

    title: str
    table: str
    quantities: tuple[Quantity, ...]

    def available(self, shown: Shown) -> bool:
        """Whether there is a number."""
        return shown.has(self.table, [quantity.name for quantity in self.quantities])

    def draw(self, shown: Shown) -> None:
        """The chart, its controls, and what has no value there."""
        place = st.container()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            quantity = chosen_quantity(shown, self.table, self.quantities)
            rows = sliced(shown, self.table, over=(subjects.AXIS,))
            rows = at_one_place(shown, self.table, rows)
            rows, styles = subjects.series(shown, rows, subjects.ask(shown, rows))
        measure = shown.column(self.table, quantity.name)
        best_first = measure.better != "higher"
        bands = quantity.bands(shown, self.table, rows, ["label"])
        bands = bands.sort_values("value", ascending=best_first, kind="stable")
        with place:
            if bands.empty:
                st.info("There is no value to draw here.")
            else:
                repeats = quantity.repeats(shown, self.table)
                at = where(shown, self.table, rows, (subjects.AXIS,))
                chart = bars.dots(bands, logarithm_of(measure), styles, repeats, at)
                alt = f"{measure.heading} at one length, best first: {', '.join(bands['label'])}"
                put(shown, chart, alt, self.table, f"{quantity.name}-ranking")
            x = curve_of(shown.experiment.row(self.table))
            problems.listed_below(shown.experiment.row(self.table), rows, x)
