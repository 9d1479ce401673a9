"""Figures with one line per label: estimates as dots, a ranking at one size, a stack of parts."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.analysis.groups import labels
from dashboard.charts import curves, dots
from dashboard.charts.curves import Repeats
from dashboard.charts.scales import in_order, logarithm_of
from dashboard.charts.theme import PART_COLOURS
from dashboard.figures import subjects
from dashboard.figures.base import (
    Measure,
    Shown,
    above,
    at_one_place,
    choose_measure,
    known_measures,
    list_problems,
    put,
    sliced,
    where,
)
from dashboard.store import cache
from dashboard.ui import controls

AS_SET = "as set"


@dataclass(frozen=True)
class Dots:
    """Estimates of the summary with their intervals, one line per label."""

    title: str
    measures: tuple[Measure, ...]

    def available(self, shown: Shown) -> bool:
        """Whether there is something to compare."""
        return shown.results["label"].nunique() > 1

    def draw(self, shown: Shown) -> None:
        """Show the choice of measure, then the chart."""
        experiment, table = shown.experiment, shown.experiment.summary.table
        known = known_measures(shown, table, self.measures)
        with above() as files:
            measure, column = choose_measure(shown, table, known)
        comparison = cache.comparison(experiment, shown.runs)
        result = comparison.result(measure.name)
        bands = curves.of_estimates(result.estimates if result else {})
        bands = curves.clip(bands, measure.bounds)
        repeats = Repeats(count="Launches" if experiment.timed else "Seeds")
        if experiment.one_run_per_seed:
            seeds = shown.results.groupby("label")["seed"].nunique()
            repeats = Repeats(count="Seeds" if (seeds > 1).all() else "Seeds or sentences")
        if bands.empty:
            st.info("There are no values to plot.")
            return
        chart = dots.dot_chart(bands, column, shown.styles, repeats)
        alt = f"{column.heading} by variant, with 95% intervals"
        put(shown, chart, alt, table, measure.name, files)


@dataclass(frozen=True)
class Ranking:
    """Every series of a scaling figure at one size, the best first."""

    title: str
    table: str
    measures: tuple[Measure, ...]

    def available(self, shown: Shown) -> bool:
        """Whether there is a number."""
        return shown.has(self.table, [measure.name for measure in self.measures])

    def draw(self, shown: Shown) -> None:
        """Show the controls, the chart, and where there is no value."""
        with above() as files:
            measure, column = choose_measure(shown, self.table, self.measures)
            rows = sliced(shown, self.table, over=(subjects.AXIS,))
            rows = at_one_place(shown, self.table, rows)
            selection = subjects.choose(shown, rows)
        rows, series = subjects.series(shown, rows, selection)
        bands = curves.logarithms(measure.bands(shown, self.table, rows, ["label"]))
        best_first = column.better != "higher"
        bands = bands.sort_values("value", ascending=best_first, kind="stable")
        if bands.empty:
            st.info("There are no values to plot.")
        else:
            repeats = measure.repeats(shown, self.table)
            at = where(shown, self.table, rows, (subjects.AXIS,))
            chart = dots.dot_chart(bands, logarithm_of(column), series, repeats, at)
            alt = f"{column.heading} at one length, best first: {', '.join(bands['label'])}"
            put(shown, chart, alt, self.table, f"{measure.name}-ranking", files)
        list_problems(shown.experiment.row(self.table), rows, shown.curve(self.table))


@dataclass(frozen=True)
class Stack:
    """A measure by part, at one size: that of each run's own settings, or one for all."""

    title: str
    table: str
    part: str
    measure: str

    def available(self, shown: Shown) -> bool:
        """Whether it was recorded."""
        return shown.has(self.table, [self.measure])

    def draw(self, shown: Shown) -> None:
        """Show the choice of size, then the chart."""
        row = shown.experiment.row(self.table)
        size, measure = shown.curve(self.table), shown.column(self.table, self.measure)
        rows = shown.rows(self.table)
        sizes = [str(value) for value in in_order(row, size.name, rows[size.name])]
        with above() as files:
            chosen = controls.choice(size.title, [AS_SET, *sizes], f"at_{size.name}")
        if chosen == AS_SET:
            own = rows["run_id"].map(shown.setting_of_runs(size.name))
            rows = rows[rows[size.name] == own]
        else:  # of one size for all, labels leave the size out
            named = labels(shown.experiment, shown.runs, without=(size.name,))
            rows = rows[rows[size.name] == int(chosen)]
            rows = rows.assign(label=rows["run_id"].map(named))
        parts = rows.rename(columns={self.part: "part", self.measure: "value"})
        parts = parts.drop_duplicates(["label", "part"], keep="last")
        chart = dots.stacked_bars(parts, measure, PART_COLOURS)
        totals = parts.groupby("label", sort=False)["value"].sum()
        words = "; ".join(f"{label}: {total:,}" for label, total in totals.items())
        put(shown, chart, f"{measure.heading} by part. {words}.", self.table, self.measure, files)
