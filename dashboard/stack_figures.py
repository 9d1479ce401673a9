"""A figure of what something consists of: a bar for each label, stacked of parts."""

from __future__ import annotations

from dataclasses import dataclass

import pandas
import streamlit as st

from dashboard import bars, controls
from dashboard.declared import curve_of, in_order
from dashboard.figures import put
from dashboard.palette import PART_COLOURS
from dashboard.shown import Shown
from experiments.labels import labels

AS_SET = "as set"


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
        """The chart, then the choice of size."""
        place = st.container()
        row = shown.experiment.row(self.table)
        size, measure = curve_of(row), shown.column(self.table, self.measure)
        rows = shown.rows(self.table)
        sizes = [str(value) for value in in_order(row, size.name, rows[size.name])]
        chosen = controls.choice(size.title, [AS_SET, *sizes], f"at_{size.name}")
        parts = self._parts(shown, rows, size.name, chosen)
        with place:
            chart = bars.stacked(parts, measure, PART_COLOURS)
            totals = parts.groupby("label", sort=False)["value"].sum()
            said = "; ".join(f"{label}: {total:,}" for label, total in totals.items())
            put(shown, chart, f"{measure.heading} by part. {said}.", self.table, self.measure)

    def _parts(
        self, shown: Shown, rows: pandas.DataFrame, size: str, chosen: str
    ) -> pandas.DataFrame:
        """Of one size for all, labels leave the size out, and the same parts count once."""
        own = rows["run_id"].map(shown.setting_of_runs(size))
        kept = rows[rows[size] == (own if chosen == AS_SET else int(chosen))]
        if chosen != AS_SET:
            named = labels(shown.experiment, shown.runs, without=(size,))
            kept = kept.assign(label=kept["run_id"].map(named))
        parts = kept.rename(columns={self.part: "part", self.measure: "value"})
        return parts.drop_duplicates(["label", "part"], keep="last")
