"""What happens at every step: gates, candidate and states, and how large they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from core.exploring.exploration import NormRow
from dashboard import cell_charts, cell_files, cell_maps, charts, data, exploring
from dashboard.declared import column_of, curve_of
from dashboard.exploring import Subject
from dashboard.palette import Style, styles
from dashboard.wording import plain

if TYPE_CHECKING:
    from core.models.cell import Equation

GATE_DASHES = ((2, 2), (7, 3), (8, 3, 2, 3))


def maps(subjects: Sequence[Subject], step: int) -> None:
    """Gates, candidate and states of each cell, one map each."""
    for subject in subjects:
        if len(subjects) > 1:
            st.markdown(f"**{plain(subject.label)}**")
        with st.grid(3, min_column_width=300):
            for equation in exploring.stepped(subject).equations:
                with st.container():
                    _map(subject, equation, step)
        cell_files.table(partial(_values, subject), f"steps-{subject.label}", "Every value as CSV")


def _map(subject: Subject, equation: Equation, step: int) -> None:
    stepped = exploring.stepped(subject)
    values_TH = stepped.made(equation).numpy()
    specification, found = cell_maps.cell_map(
        values_TH, stepped.tokens, step, gate=equation.gate, dark=data.dark()
    )
    alt = cell_maps.in_words(equation.title, values_TH, step)
    st.markdown(f"{equation.title} ${_symbol(equation.makes)}$")
    st.vega_lite_chart(found, specification, width="stretch", alt=f"{subject.label}: {alt}")


def norms(subjects: Sequence[Subject], step: int) -> None:
    """How large each part is, step by step; the parts of a cell in shades of its colour."""
    x, y = curve_of(NormRow), column_of(NormRow, "norm")
    with st.grid(2, min_column_width=330):
        for subject in subjects:
            rows = exploring.table(exploring.stepped(subject).norm_rows())
            lines = cell_charts.lines(rows.rename(columns={"part": "label"}), x, y)
            drawn = _styles(subject)
            chart = charts.curves(
                lines, x, y, drawn, height=cell_charts.HEIGHT, where=subject.label
            )
            with st.container():
                alt = charts.description(f"{subject.label}:", lines, x, y)
                cell_charts.put(chart, alt, f"norms-{subject.label}", rows)


def _styles(subject: Subject) -> dict[str, Style]:
    """Shades of the cell's colour; the gates, which are often equally large, in dashes too."""
    found = exploring.stepped(subject).equations
    shades = styles({e.title: subject.variant for e in found}, dark=data.dark())
    dashes = iter(GATE_DASHES)
    return {
        e.title: replace(shades[e.title], dash=next(dashes)) if e.gate else shades[e.title]
        for e in found
    }


def _symbol(makes: str) -> str:
    """`c'` → c_t."""
    return f"{makes.rstrip(chr(39))}_t"


def _values(subject: Subject) -> str:
    return exploring.table(list(exploring.stepped(subject).value_rows())).to_csv(index=False)
