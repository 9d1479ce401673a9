"""Figures of what a second direction buys, beside a control of one direction, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas
import streamlit as st

from core.experiments.two_sided_context import Network
from core.words import listed
from dashboard.curve_figures import Curves
from dashboard.drawing import Chart
from dashboard.shown import Shown
from dashboard.wording import plain


@dataclass(frozen=True)
class Beside(Shown):
    """The same runs, but of one direction only the networks of a control."""

    network: Network

    def rows(self, table: str) -> pandas.DataFrame:
        """A table that has a network, at one network of each run, its label saying which."""
        rows = super().rows(table)
        if rows.empty:
            return rows
        kept = rows["run_id"].map(self.networks)
        rows = rows[rows["network"] == kept]
        return rows.assign(network=self.network, label=rows["run_id"].map(self.named))

    @property
    def networks(self) -> dict[str, str]:
        """Run id → which of its networks is shown: both directions have only their own."""
        return {
            run.run_id: "itself" if run.settings.get("bidirectional") else self.network
            for run in self.runs
        }

    @property
    def named(self) -> dict[str, str]:
        """Run id → label: `bi-LSTM`, `LSTM, hidden size 92`, `LSTM, answering later`."""
        sizes: Mapping[str, float] = dict(
            zip(self.results["run_id"], self.results["wider_hidden_size"], strict=True)
        )
        own = {run for run, network in self.networks.items() if network == "itself"}
        return {
            run: label if run in own else f"{label}, {self._told(sizes.get(run))}"
            for run, label in self.labels.items()
        }

    def _told(self, size: float | None) -> str:
        if self.network == "delayed":
            return "answering later"
        return "wider" if size is None or pandas.isna(size) else f"hidden size {size:,.0f}"


def beside(shown: Shown, network: Network) -> Beside:
    """The runs shown, of one direction the networks of that control."""
    made = Beside(shown.experiment, shown.runs, shown.results, shown.labels, shown.styles, network)
    styles = {made.named[run]: shown.styles[label] for run, label in shown.labels.items()}
    return Beside(shown.experiment, shown.runs, shown.results, shown.labels, styles, network)


@dataclass(frozen=True)
class Control:
    """Both directions as they are against one network of those of one direction."""

    title: str
    network: Network
    curves: Curves
    note: str = ""
    """What it shows, in a sentence."""

    @property
    def table(self) -> str:
        """Of its curves."""
        return self.curves.table

    def available(self, shown: Shown) -> bool:
        """Whether there is a curve; of a control, whether any run of one direction has one."""
        chosen = beside(shown, self.network)
        rows = chosen.rows(self.curves.table)
        measured = set() if rows.empty else {chosen.networks[run] for run in rows["run_id"]}
        return self.network in measured and self.curves.available(shown)

    def draw(self, shown: Shown) -> None:
        """The sentence, if there is one, the chart and its controls."""
        if self.note:
            st.caption(self.note)
        self.curves.draw(beside(shown, self.network))

    def preview(self, shown: Shown, *, intervals: bool, height: int) -> Chart | None:
        """The chart alone, small; None while there is not a row."""
        return self.curves.preview(beside(shown, self.network), intervals=intervals, height=height)


@dataclass(frozen=True)
class Generating:
    """What reading on does to tags already given, and what a decoder says when asked to write."""

    title: str
    curves: Curves
    note: str
    """What it shows, in a sentence."""

    def available(self, shown: Shown) -> bool:
        """Whether any run has read on."""
        return self.curves.available(shown)

    def draw(self, shown: Shown) -> None:
        """The sentence, the chart, then the answers word for word."""
        st.caption(self.note)
        self.curves.draw(shown)
        told = shown.results.dropna(subset=["generates"]).groupby("generates", sort=False)["label"]
        answers = {str(said): listed(list(dict.fromkeys(labels))) for said, labels in told if said}
        if not answers:
            return
        with st.container(border=True, key="asked-to-generate"):
            st.markdown("**Asked to write token by token**")
            for said, labels in answers.items():
                refused = not said.startswith("Yes")
                icon, colour = ("block", "red") if refused else ("check", "green")
                st.markdown(f":{colour}[:material/{icon}:] **{plain(labels)}**: {plain(said)}")
