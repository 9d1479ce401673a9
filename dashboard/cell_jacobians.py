"""What one step does to the state: the singular values of its Jacobian."""

from __future__ import annotations

from collections.abc import Sequence

import pandas
import streamlit as st

from core.experiment import Row
from core.exploring.exploration import LargestRow, SpectrumRow
from dashboard import cell_charts, charts, exploring
from dashboard.declared import column_of, curve_of
from dashboard.exploring import Subject
from dashboard.wording import number, plain


def jacobian(subjects: Sequence[Subject], step: int) -> None:
    """Singular values of the step Jacobian: the largest at every step, all of them at one."""
    largest, spectra = [], []
    for subject in subjects:
        stepped = exploring.stepped(subject)
        largest.append(_labelled(stepped.largest_rows(step), subject))
        spectra.append(_labelled(stepped.spectrum_rows(step), subject))
    st.markdown(plain(_largest_in_words(subjects, largest, spectra)))
    with st.grid(2, min_column_width=330):
        for row, name, tables, where in (
            (LargestRow, "largest_singular_value", largest, ""),
            (SpectrumRow, "singular_value", spectra, f"at step {step}"),
        ):
            x, y = curve_of(row), column_of(row, name)
            rows = pandas.concat(tables, ignore_index=True)
            drawn = cell_charts.lines(rows, x, y)
            chart = charts.curves(
                drawn,
                x,
                y,
                cell_charts.styles_of(subjects),
                reference=1.0,
                height=cell_charts.HEIGHT,
                where=where,
            )
            with st.container():
                cell_charts.put(chart, charts.description("", drawn, x, y), row.table, rows)


def _largest_in_words(
    subjects: Sequence[Subject],
    largest: Sequence[pandas.DataFrame],
    spectra: Sequence[pandas.DataFrame],
) -> str:
    told = []
    for subject, of_steps, spectrum in zip(subjects, largest, spectra, strict=True):
        top = of_steps.iloc[int(of_steps["largest_singular_value"].argmax())]
        told.append(
            f"{subject.label}: the largest singular value of the step Jacobian is "
            f"{number(float(spectrum['singular_value'].iloc[0]))} at this step, and at most "
            f"{number(float(top['largest_singular_value']))}, at step {int(top['step'])}."
        )
    return " ".join(told)


def _labelled(rows: Sequence[Row], subject: Subject) -> pandas.DataFrame:
    return exploring.table(rows).assign(label=subject.label)
