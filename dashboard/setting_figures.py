"""Figures of a result against a setting: how much it takes to get so far."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas
import streamlit as st

from dashboard import charts, controls, data, seeds
from dashboard.curves import Repeats
from dashboard.figures import put
from dashboard.palette import styles
from dashboard.scaling import setting_axis, varies_within
from dashboard.shown import Shown
from experiments.labels import labels


@dataclass(frozen=True)
class BySetting:
    """Estimates of the summary against a setting that runs of one series differ in."""

    title: str
    setting: str
    measures: tuple[str, ...]
    bounds: tuple[float, float] = (-math.inf, math.inf)
    note: str = ""
    """What to know before reading it."""

    def available(self, shown: Shown) -> bool:
        """Whether the setting varies within a series."""
        return not shown.results.empty and varies_within(shown, self.setting)

    def draw(self, shown: Shown) -> None:
        """The chart, then the choice of measure."""
        place = st.container()
        if self.note:
            st.caption(self.note)
        table = shown.experiment.summary.table
        known = [name for name in self.measures if shown.results[name].notna().any()]
        titles = {shown.column(table, name).title: name for name in known}
        y = shown.column(table, titles[controls.choice("Measure", list(titles), table)])
        x = setting_axis(shown, self.setting)
        named = labels(shown.experiment, shown.runs, without=(self.setting,))
        bands = self._bands(shown.results.assign(label=shown.results["run_id"].map(named)), y.name)
        kinds = {named[run]: kind for run, kind in shown.results[["run_id", "variant"]].to_numpy()}
        chart = charts.curves(
            bands,
            x,
            y,
            styles(kinds, dark=data.dark()),
            repeats=Repeats(count="Seeds"),
            sizes=True,
        )
        with place:
            alt = charts.description(shown.experiment.question, bands, x, y)
            put(shown, chart, alt, table, f"{y.name}-{x.name}")

    def _bands(self, results: pandas.DataFrame, measure: str) -> pandas.DataFrame:
        """Over seeds; the same seed measured twice counts once, the newest time."""
        across = ["label", self.setting]
        once = results.drop_duplicates([*across, "seed"], keep="last")
        return seeds.pooled(once, across, measure, bounds=self.bounds)
