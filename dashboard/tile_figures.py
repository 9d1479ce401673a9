"""A figure of a measure by two axes: a heatmap for each label."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboard import controls, tiles
from dashboard.declared import curve_of
from dashboard.figures import put, sliced
from dashboard.shown import Shown


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
        x = curve_of(row)
        titles = {shown.column(self.table, name).title: name for name in self.measures}
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            title = controls.choice("Measure", list(titles), self.table)
            rows = sliced(shown, self.table, over=(self.axis,))
        y, measure = shown.column(self.table, self.axis), shown.column(self.table, titles[title])
        limits = (float(rows[measure.name].min()), float(rows[measure.name].max()))
        with place, st.grid(2, min_column_width=330):
            for label in shown.styles:
                part = rows[rows["label"] == label]
                if not part.empty:
                    with st.container():
                        st.markdown(f"**{label}**")
                        chart = tiles.heatmap(part, x, y, measure, limits)
                        alt = f"{label}: {measure.title} by {x.title} and {y.title}"
                        put(shown, chart, alt, self.table, f"{measure.name}-{label}", csv=False)
