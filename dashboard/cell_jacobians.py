"""What one step does to the state: the singular values of its Jacobian."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas
import streamlit as st

from core.experiment import Row
from core.exploring.exploration import LargestRow, SpectrumRow
from core.words import counted
from dashboard import cell_charts, charts, exploring
from dashboard.declared import column_of, curve_of
from dashboard.exploring import Subject
from dashboard.wording import number, plain


class Singular(NamedTuple):
    """The singular values of one cell: the largest at some steps, all of them at one."""

    label: str
    largest: pandas.DataFrame
    spectrum: pandas.DataFrame
    steps: int


def jacobian(subjects: Sequence[Subject], step: int) -> None:
    """Singular values of the step Jacobian, of each cell."""
    found = [_singular(subject, step) for subject in subjects]
    st.markdown(plain(" ".join(map(_in_words, found))))
    taken = max(len(one.largest) for one in found)
    with st.grid(2, min_column_width=330):
        with st.container():
            tables = [one.largest for one in found]
            where = f"at {counted(taken, 'step')}"
            _chart(LargestRow, "largest_singular_value", subjects, tables, where)
        with st.container():
            tables = [one.spectrum for one in found]
            _chart(SpectrumRow, "singular_value", subjects, tables, f"at step {step}")


def _singular(subject: Subject, step: int) -> Singular:
    stepped, label = exploring.stepped(subject), subject.label
    return Singular(
        label,
        exploring.table(stepped.largest_rows(step)).assign(label=label),
        exploring.table(stepped.spectrum_rows(step)).assign(label=label),
        stepped.steps,
    )


def _in_words(found: Singular) -> str:
    top = found.largest.iloc[int(found.largest["largest_singular_value"].argmax())]
    taken, steps = len(found.largest), found.steps
    among = f"of all {steps} steps" if taken == steps else f"of {taken} of the {steps} steps"
    return (
        f"{found.label}: the largest singular value of the step Jacobian is "
        f"{number(float(found.spectrum['singular_value'].iloc[0]))} at this step; the largest "
        f"{among} is {number(float(top['largest_singular_value']))}, at step {int(top['step'])}."
    )


def _chart(
    row: type[Row],
    name: str,
    subjects: Sequence[Subject],
    tables: Sequence[pandas.DataFrame],
    where: str,
) -> None:
    """Every cell in one figure, with the level of 1, below which a step only shrinks."""
    x, y = curve_of(row), column_of(row, name)
    rows = pandas.concat(tables, ignore_index=True)
    lines = cell_charts.lines(rows, x, y)
    drawn = cell_charts.styles_of(subjects)
    chart = charts.curves(lines, x, y, drawn, reference=1.0, height=cell_charts.HEIGHT, where=where)
    cell_charts.put(chart, charts.description("", lines, x, y), row.table, rows)
