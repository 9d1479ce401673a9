"""A figure of everything that was tried: which share of the seeds learned, at every setting."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboard import tiles
from dashboard.declared import curve_of
from dashboard.figures import put, table_file
from dashboard.shown import Shown
from dashboard.wording import exact, plain


@dataclass(frozen=True)
class Attempts:
    """A map per label of the share of seeds that learned, by the table's curve axis and another."""

    title: str
    table: str
    axis: str
    learned: str
    """The column that is 1 where a seed learned, else 0."""
    share: tuple[str, str]
    """The table and column that are called as the share of seeds is."""
    reported: str
    """The summary's column with the value of the axis that was chosen."""
    tried: str
    """Its note on what each value came to."""
    note: str = ""
    """How one was chosen."""

    def available(self, shown: Shown) -> bool:
        """Whether any run tried several."""
        return shown.varies(self.table, self.axis)

    def draw(self, shown: Shown) -> None:
        """How one was chosen, then a map per label with what was reported."""
        if self.note:
            st.caption(plain(self.note))
        rows = shown.rows(self.table)
        rows = rows.assign(**{self.share[1]: 100.0 * rows[self.learned]})
        x, y = curve_of(shown.experiment.row(self.table)), shown.column(self.table, self.axis)
        measure = shown.column(*self.share)
        note = shown.column(shown.experiment.summary.table, self.tried)
        said = note.description.rstrip(".")
        tried = f"{note.title}, {said[:1].lower()}{said[1:]}"
        with st.grid(2, min_column_width=330):
            for result in shown.results.drop_duplicates("label", keep="last").to_dict("records"):
                label = str(result["label"])
                part = rows[rows["label"] == label]
                if part.empty:
                    continue
                with st.container():
                    chosen = plain(f"{exact(result[self.reported])} reported")
                    st.markdown(f"**{plain(label)}** · {chosen}")
                    st.caption(plain(f"{tried}: {result[self.tried]}"))
                    chart = tiles.heatmap(part, x, y, measure, (0.0, 100.0), sizes=True)
                    alt = f"{label}: {measure.heading} by {x.title} and {y.title}"
                    put(shown, chart, alt, self.table, f"{self.learned}-{label}", csv=False)
        with st.container(horizontal=True, horizontal_alignment="right"):
            table_file(shown, self.table, "CSV", key=f"{self.table}-csv")
