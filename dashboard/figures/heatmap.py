"""Figures with heatmaps: a measure by two axes, everything that was tried, attention."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.formatting import listed
from dashboard.charts import heatmap
from dashboard.figures.base import Measure, Shown, above, choose_measure, put, sliced
from dashboard.figures.samples import choose_sample
from dashboard.ui.text import exact, plain

NO_ATTENTION = (
    "Without attention there is no map, because the decoder reads the encoder's last state at "
    "every step"
)


@dataclass(frozen=True)
class Heatmap:
    """A measure by the table's curve axis and one more axis, one map per label."""

    title: str
    table: str
    axis: str
    measures: tuple[Measure, ...]

    def available(self, shown: Shown) -> bool:
        """Whether the further axis has more than one value in any run."""
        return shown.varies(self.table, self.axis)

    def draw(self, shown: Shown) -> None:
        """Show the controls, then a map per label, all on one colour scale."""
        x, y = shown.curve(self.table), shown.column(self.table, self.axis)
        with above():
            _, measure = choose_measure(shown, self.table, self.measures)
            rows = sliced(shown, self.table, over=(self.axis,))
        limits = (float(rows[measure.name].min()), float(rows[measure.name].max()))
        with st.grid(2, min_column_width=330):
            for label in shown.styles:
                part = rows[rows["label"] == label]
                if not part.empty:
                    with st.container():
                        with above() as files:
                            st.markdown(f"**{plain(label)}**")
                        chart = heatmap.heatmap(part, x, y, measure, limits)
                        alt = f"{label}: {measure.title} by {x.title} and {y.title}"
                        put(shown, chart, alt, self.table, f"{measure.name}-{label}", files)


@dataclass(frozen=True)
class Attempts:
    """A map per label of the share of seeds that learned, by the table's curve axis and another."""

    title: str
    table: str
    axis: str
    learned: str
    """The column that is 1 where a seed learned, else 0."""
    share: tuple[str, str]
    """The table and column that give the share of seeds its title."""
    reported: str
    """The summary's column with the value of the axis that was chosen."""
    tried: str
    """The summary's note on the result of each value."""
    note: str = ""
    """How one was chosen."""

    def available(self, shown: Shown) -> bool:
        """Whether any run tried several."""
        return shown.varies(self.table, self.axis)

    def draw(self, shown: Shown) -> None:
        """Show how one was chosen, then a map per label with what was chosen."""
        if self.note:
            st.caption(plain(self.note))
        rows = shown.rows(self.table)
        rows = rows.assign(**{self.share[1]: 100.0 * rows[self.learned]})
        x, y = shown.curve(self.table), shown.column(self.table, self.axis)
        measure = shown.column(*self.share)
        note = shown.column(shown.experiment.summary.table, self.tried)
        words = note.description.rstrip(".")
        tried = f"{note.title}, {words[:1].lower()}{words[1:]}"
        with st.grid(2, min_column_width=330):
            for result in shown.results.drop_duplicates("label", keep="last").to_dict("records"):
                label = str(result["label"])
                part = rows[rows["label"] == label]
                if part.empty:
                    continue
                with st.container():
                    chosen = plain(f"{exact(result[self.reported])} chosen")
                    with above() as files:
                        st.markdown(f"**{plain(label)}** · {chosen}")
                    st.caption(plain(f"{tried}: {result[self.tried]}"))
                    chart = heatmap.heatmap(part, x, y, measure, (0.0, 100.0), sizes=True)
                    alt = f"{label}: {measure.heading} by {x.title} and {y.title}"
                    put(shown, chart, alt, self.table, f"{self.learned}-{label}", files)


@dataclass(frozen=True)
class AttentionMaps:
    """Where each decoder with attention looked while it wrote a sample."""

    title: str
    table: str
    samples: str
    """The table of the samples themselves: models without attention are in that one only."""

    def available(self, shown: Shown) -> bool:
        """Whether any run has recorded samples."""
        return shown.has(self.samples, ["sample"])

    def draw(self, shown: Shown) -> None:
        """Show a map per model with attention, and name those without in one sentence."""
        samples = choose_sample(shown, self.samples)
        weights = shown.rows(self.table)
        without = []
        with st.grid(2, min_column_width=330):
            for sample in samples.to_dict("records"):
                label, part = str(sample["label"]), weights
                for name in ("run_id", "seed", "sample") if len(weights) else ():
                    part = part[part[name] == sample[name]]
                if part.empty:
                    without.append(label)
                    continue
                with st.container():
                    with above() as files:
                        st.markdown(f"**{plain(label)}**")
                    chart, alt = heatmap.attention_heatmap(part), heatmap.attention_in_words(part)
                    put(shown, chart, alt, self.table, f"attention-{label}", files)
        if without:
            names = listed([plain(name) for name in dict.fromkeys(without)])
            st.info(f"{NO_ATTENTION}: {names}.", icon=":material/visibility_off:")
