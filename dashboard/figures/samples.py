"""A figure without a chart: single sentences, with the output of each model."""

from __future__ import annotations

from dataclasses import dataclass

import pandas
import streamlit as st

from core.formatting import counted
from dashboard.figures.base import Shown, table_file
from dashboard.ui import controls
from dashboard.ui.text import number, plain

MAX_BUTTONS = 12
"""Sample numbers side by side; more become a menu."""


@dataclass(frozen=True)
class Samples:
    """A sentence, its reference, and each model's output side by side."""

    title: str
    table: str

    def available(self, shown: Shown) -> bool:
        """Whether any run has recorded samples."""
        return shown.has(self.table, ["sample"])

    def draw(self, shown: Shown) -> None:
        """Show the choice of sample, then each different sentence with its outputs."""
        samples = choose_sample(shown, self.table)
        for _, outputs in samples.groupby(["source", "reference"], sort=False):
            first = outputs.iloc[0]
            with st.container(border=True, gap="xxsmall"):
                st.caption(f"Source · {counted(int(first['length']), 'word')}")
                st.text(str(first["source"]), width="stretch")
                st.caption("Reference")
                st.text(str(first["reference"]), width="stretch")
            with st.grid(2, min_column_width=300):
                for output in outputs.to_dict("records"):
                    with st.container(border=True, gap="xsmall"):
                        with st.container(horizontal=True, vertical_alignment="center"):
                            st.markdown(f"**{plain(str(output['label']))}**", width="content")
                            if output["exact"]:
                                st.badge("exact", icon=":material/check:", color="green")
                            else:
                                st.badge("not exact", icon=":material/close:", color="orange")
                        st.text(str(output["output"]) or "(nothing)", width="stretch")
                        st.caption(f"Score {number(float(output['score']))} nats per token")
        with st.container(horizontal=True, horizontal_alignment="right"):
            table_file(shown, self.table, "CSV", key="samples-csv")


def choose_sample(shown: Shown, table: str) -> pandas.DataFrame:
    """Ask for a sample's number and a seed, because other seeds have other sentences."""
    rows = shown.rows(table)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        for title, name in (("Sample", "sample"), ("Seed", "seed")):
            values = [str(value) for value in sorted(set(rows[name]))]
            value = values[0]
            if len(values) > 1:
                value = controls.choice(title, values, name, most=MAX_BUTTONS)
            rows = rows[rows[name].astype(str) == value]
    return rows
