"""The gradient curve of the cells that are explored: the figure that follows the sliders."""

from __future__ import annotations

from collections.abc import Sequence

import pandas
import streamlit as st

from core.architecture import variant_title
from core.experiments.gradient_decay import GRADIENT_DECAY, GradientRow
from core.words import listed
from dashboard import cell_charts, cell_files, charts, controls, curves, exploring, live_curve
from dashboard.declared import column_of, curve_of
from dashboard.exploring import Subject
from dashboard.scales import heading

HEIGHTS = {1: 330, 2: 520}
"""As tall as the boxes of one cell or two beside it."""
MEASURES = {
    "Input gradient": ("log10_input_gradient", "input_zeros"),
    "State gradient": ("log10_state_gradient", "state_zeros"),
}


def answer(subjects: Sequence[Subject]) -> str:
    """`gradient-decay`'s own sentence about these cells."""
    told = []
    for subject in subjects:
        summary = exploring.curve(subject).summary
        names = type(summary).header()
        told.append(
            {
                "label": subject.label,
                "cell": subject.variant,
                **dict(zip(names, summary.flat(), strict=True)),
            }
        )
    return GRADIENT_DECAY.answer(pandas.DataFrame(told))


def gradient(subjects: Sequence[Subject]) -> None:
    """The gradient by distance: a band over seeds for each cell."""
    place = st.container()
    title = controls.choice("Measure", list(MEASURES), "gradient")
    name, zeros = MEASURES[title]
    x, y = curve_of(GradientRow), column_of(GradientRow, name)
    tables = [exploring.curve(s).rows.assign(label=s.label, run_id=s.label) for s in subjects]
    rows = pandas.concat(tables, ignore_index=True)
    spoilt = [column for column in (zeros, "overflows") if rows[column].any()]
    whole = curves.complete(rows, x.name, spoilt)
    bands = curves.bands(whole, ["label", x.name], name)
    lost = pandas.DataFrame(columns=["label", x.name, "share"])
    if zeros in spoilt:
        lost = curves.shares(rows, x.name, zeros, {s.label: 1 for s in subjects})
    drawn = cell_charts.styles_of(subjects)
    # What changes with a slider, a name with its gain for one, would make the browser draw anew.
    cells = [variant_title(subject.variant) for subject in subjects]
    with place:
        if bands.empty:
            st.info("Here every gradient is exactly zero or too large: there is no curve to draw.")
            return
        st.vega_lite_chart(
            live_curve.numbers(bands, lost, x.name, list(drawn)),
            live_curve.specification(x, y, drawn, HEIGHTS[len(subjects)]),
            width="stretch",
            alt=f"{heading(y)} against {heading(x)}, {listed(cells)}; the heading says how fast.",
        )
        cell_files.chart_and_table(
            lambda: charts.curves(bands, x, y, drawn, zeros=lost),
            "gradient",
            rows.drop(columns="run_id"),
        )
