"""Figures of single sentences: what each model made of one, and where it looked."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas
import streamlit as st

from core.words import counted
from dashboard import controls, looks
from dashboard.figures import put, table_file
from dashboard.shown import Shown
from dashboard.wording import number, plain

MOST_NUMBERS = 12
"""Side by side."""
WITHOUT = "nothing to look at, because its decoder reads the encoder's last state at every step"


@dataclass(frozen=True)
class Samples:
    """A sentence, its reference, and each model's output side by side."""

    title: str
    table: str

    def available(self, shown: Shown) -> bool:
        """Whether any run has kept samples."""
        return shown.has(self.table, ["sample"])

    def draw(self, shown: Shown) -> None:
        """The choice of sample, then each different sentence of that number with its outputs."""
        rows = asked(shown, self.table)
        for _, outputs in rows.groupby(["source", "reference"], sort=False):
            first = outputs.iloc[0]
            with st.container(border=True, gap="xxsmall"):
                st.caption(f"Source · {counted(int(first['length']), 'word')}")
                st.text(str(first["source"]), width="stretch")
                st.caption("Reference")
                st.text(str(first["reference"]), width="stretch")
            with st.grid(2, min_column_width=300):
                for output in outputs.to_dict("records"):
                    _output(output)
        with st.container(horizontal=True, horizontal_alignment="right"):
            table_file(shown, self.table, "CSV", key="samples-csv")


@dataclass(frozen=True)
class Looks:
    """Where each decoder with attention looked while it wrote a sample."""

    title: str
    table: str
    samples: str
    """The table of the samples themselves: models without attention are in that one only."""

    def available(self, shown: Shown) -> bool:
        """Whether any run has kept samples."""
        return shown.has(self.samples, ["sample"])

    def draw(self, shown: Shown) -> None:
        """A map per model with attention; of the others, that they have none."""
        samples = asked(shown, self.samples)
        weights = shown.rows(self.table)
        without = []
        with st.grid(2, min_column_width=330):
            for sample in samples.to_dict("records"):
                mine = {name: sample[name] for name in ("run_id", "seed", "sample")}
                part = weights if weights.empty else weights[_equal(weights, mine)]
                if part.empty:
                    without.append(str(sample["label"]))
                    continue
                with st.container():
                    st.markdown(f"**{plain(str(sample['label']))}**")
                    name = f"attention-{sample['label']}"
                    put(shown, looks.looks(part), looks.in_words(part), self.table, name, csv=False)
        for label in without:
            st.info(plain(f"{label}: {WITHOUT}."), icon=":material/visibility_off:")
        if not weights.empty:
            with st.container(horizontal=True, horizontal_alignment="right"):
                table_file(shown, self.table, "CSV", key="attention-csv")


def asked(shown: Shown, table: str) -> pandas.DataFrame:
    """The samples of the number asked for, and of one seed: other seeds have other sentences."""
    rows = shown.rows(table)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        for title, name in (("Sample", "sample"), ("Seed", "seed")):
            offered = [str(value) for value in sorted(set(rows[name]))]
            kept = offered[0]
            if len(offered) > 1:
                kept = controls.choice(title, offered, name, most=MOST_NUMBERS)
            rows = rows[rows[name].astype(str) == kept]
    return rows


def _output(row: Mapping[Hashable, Any]) -> None:
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(str(row['label']))}**", width="content")
            if row["exact"]:
                st.badge("exact", icon=":material/check:", color="green")
            else:
                st.badge("not exact", icon=":material/close:", color="orange")
        st.text(str(row["output"]) or "(nothing)", width="stretch")
        st.caption(f"Score {number(float(row['score']))} nats per token")


def _equal(rows: pandas.DataFrame, wanted: dict[str, object]) -> pandas.Series[bool]:
    """Which rows have all of these values."""
    return (rows[list(wanted)] == list(wanted.values())).all(axis=1)
