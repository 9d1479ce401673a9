"""A measure on both sides of a place: one curve to the left of it and one to the right."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import streamlit as st

from dashboard.charts import curves, lines
from dashboard.charts.scales import curve_of
from dashboard.figures.base import Measure, Shown, above, choose_measure, put, sliced

AXIS = "side"
"""The axis of the table that says on which side a row is."""
PAST, FUTURE = "past", "future"
AHEAD_DASH = (6, 3)


@dataclass(frozen=True)
class BothSides:
    """A measure against the steps from the loss: the past to the left, the future to the right."""

    title: str
    table: str
    measures: tuple[Measure, ...]
    note: str

    def available(self, shown: Shown) -> bool:
        """Whether any run was measured on both sides."""
        return shown.varies(self.table, AXIS)

    def draw(self, shown: Shown) -> None:
        """Show the choice of measure, then the chart of the runs that have two sides."""
        with above() as files:
            measure, y = choose_measure(shown, self.table, self.measures)
            rows = sliced(shown, self.table, over=(AXIS,))
        distance = curve_of(shown.experiment.row(self.table))
        x = dataclasses.replace(
            distance, name="offset", title="Steps from the loss (before: negative)"
        )
        two_sided = rows.groupby("label")[AXIS].transform("nunique") > 1
        rows = curves.complete(rows[two_sided], distance.name, [measure.zeros, "overflows"])
        ahead = rows[AXIS] == FUTURE
        rows = rows.assign(
            offset=rows[distance.name].where(ahead, -rows[distance.name]),
            label=rows["label"] + ahead.map({True: f" · {FUTURE}", False: f" · {PAST}"}),
        )
        bands = curves.bands(curves.thin(rows, x.name), ["label", x.name], y.name)
        styles = {
            f"{label} · {side}": dataclasses.replace(style, dash=dash)
            for label, style in shown.styles.items()
            for side, dash in ((PAST, style.dash), (FUTURE, AHEAD_DASH))
            if f"{label} · {side}" in set(bands["label"])
        }
        if bands.empty:
            st.info("Here every value is exactly zero or missing: there is no curve to draw.")
            return
        chart = lines.line_chart(bands, x, y, styles)
        alt = lines.description(shown.experiment.question, bands, x, y)
        put(shown, chart, alt, self.table, f"{measure.name}-both-sides", files)
        st.caption(self.note)
