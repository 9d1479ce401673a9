"""One experiment's part of the Compare page: what its controls are called, how its groups look."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboard import data, drawing
from dashboard.address import put
from dashboard.drawing import Chart
from dashboard.figures import chart_files
from dashboard.palette import Style, shade, styles
from experiments.comparing import Comparison

NOBODY = "Nobody"
FADED = 0.65
"""How far what is not brought out goes towards the background."""


@dataclass(frozen=True)
class Section:
    """One experiment's part of the page: what is compared, and how it is drawn."""

    comparison: Comparison
    prefix: str = ""
    """Of what the address calls its controls, where there are several sections."""

    def key(self, name: str) -> str:
        """How the address calls a control."""
        return f"{self.prefix}{name}"

    @property
    def name(self) -> str:
        """Of the experiment."""
        return self.comparison.experiment.name

    def styles(self, brought_out: str) -> dict[str, Style]:
        """By group; of all but the one that is brought out paler."""
        dark = data.dark()
        found = styles({g.name: g.variant for g in self.comparison.groups}, dark=dark)
        if brought_out == NOBODY:
            return found
        pale = -FADED if dark else FADED
        return {
            name: style if name == brought_out else Style(shade(style.colour, pale), style.dash)
            for name, style in found.items()
        }


def put_chart(section: Section, chart: Chart, alt: str, name: str) -> None:
    """A chart in which a click on a mark or on the legend brings a group out in all of them."""
    key = f"{section.name} {name}"

    def chosen() -> None:
        found = st.session_state[key]["selection"].get("highlighted") or []
        labels = (
            [str(one["label"]) for one in found if "label" in one]
            if isinstance(found, list)
            else []
        )
        if labels:
            place = section.key("highlight")
            same = st.query_params.get(place) == labels[-1]
            put(place, NOBODY if same else labels[-1], NOBODY)

    drawing.show(chart, alt, key=key, on_select=chosen, selection_mode="highlighted")
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        chart_files(chart, f"{section.name}-{name}")
