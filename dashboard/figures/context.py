"""Figures of bidirectional runs beside a unidirectional control, and of what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas
import streamlit as st

from core.experiments.two_sided_context.declaration import Network
from core.formatting import listed
from dashboard.charts.render import Chart
from dashboard.figures.base import Shown
from dashboard.figures.lines import Curves
from dashboard.ui.text import plain


@dataclass(frozen=True)
class ControlShown(Shown):
    """The same runs, each with one of its networks: a control where it has one direction."""

    network: Network
    networks: Mapping[str, str]
    """Run id → its network: bidirectional runs have only their own."""
    network_labels: Mapping[str, str]
    """Run id → label: `bi-LSTM`, `LSTM, hidden size 92`, `LSTM, answering later`."""

    def rows(self, table: str) -> pandas.DataFrame:
        """The rows of a table that belong to those networks, labelled with them."""
        rows = super().rows(table)
        if rows.empty:
            return rows
        rows = rows[rows["network"] == rows["run_id"].map(self.networks)]
        label = rows["run_id"].map(self.network_labels)
        return rows.assign(network=self.network, label=label)


def with_control(shown: Shown, network: Network) -> ControlShown:
    """The same runs, those of one direction with the network of that control."""
    sizes = dict(zip(shown.results["run_id"], shown.results["wider_hidden_size"], strict=True))
    networks, names = {}, {}
    for run in shown.runs:
        label = shown.labels[run.run_id]
        own = network == "itself" or bool(run.settings.get("bidirectional"))
        networks[run.run_id] = "itself" if own else network
        if own:
            names[run.run_id] = label
        elif network == "delayed":
            names[run.run_id] = f"{label}, answering later"
        else:
            size = sizes.get(run.run_id)
            known = size is not None and not pandas.isna(size)
            names[run.run_id] = f"{label}, hidden size {size:,.0f}" if known else f"{label}, wider"
    return ControlShown(
        experiment=shown.experiment,
        runs=shown.runs,
        results=shown.results,
        labels=shown.labels,
        styles={names[run_id]: shown.styles[label] for run_id, label in shown.labels.items()},
        network=network,
        networks=networks,
        network_labels=names,
    )


@dataclass(frozen=True)
class Control:
    """Bidirectional runs against one network of the unidirectional runs."""

    title: str
    network: Network
    curves: Curves
    note: str = ""
    """A sentence that explains the figure."""

    @property
    def table(self) -> str:
        """The table of its curves."""
        return self.curves.table

    def available(self, shown: Shown) -> bool:
        """Whether any run of the network has a curve."""
        control = with_control(shown, self.network)
        rows = control.rows(self.curves.table)
        measured = set() if rows.empty else {control.networks[run] for run in rows["run_id"]}
        return self.network in measured and self.curves.available(shown)

    def draw(self, shown: Shown) -> None:
        """Show the controls and the chart, then the sentence, if there is one."""
        self.curves.draw(with_control(shown, self.network))
        if self.note:
            st.caption(self.note)

    def preview(self, shown: Shown, *, intervals: bool, height: int) -> Chart | None:
        """The chart alone, small; None while there is no row."""
        control = with_control(shown, self.network)
        return self.curves.preview(control, intervals=intervals, height=height)


@dataclass(frozen=True)
class Generating:
    """How reading on revises earlier tags, and what a decoder answers if asked to generate."""

    title: str
    curves: Curves
    note: str
    """A sentence that explains the figure."""

    def available(self, shown: Shown) -> bool:
        """Whether any run has read on."""
        return self.curves.available(shown)

    def draw(self, shown: Shown) -> None:
        """Show the chart, the sentence, then the answers word for word."""
        self.curves.draw(shown)
        st.caption(self.note)
        answers = shown.results.dropna(subset=["generates"])
        answers = answers[answers["generates"] != ""]
        if answers.empty:
            return
        with st.container(border=True, key="asked-to-generate"):
            st.markdown("**Asked to write token by token**")
            for answer, labels in answers.groupby("generates", sort=False)["label"]:
                writes = str(answer).startswith("Yes")
                icon, colour = ("check", "green") if writes else ("block", "red")
                names = plain(listed(list(dict.fromkeys(labels))))
                st.markdown(f":{colour}[:material/{icon}:] **{names}**: {plain(str(answer))}")
