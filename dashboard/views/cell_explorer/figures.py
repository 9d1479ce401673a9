"""The Cell explorer's figures of one step: equations with values, norms, Jacobian; and all files.

Every number is exact and of one network, without an interval; only the gradient curve is over
seeds. Each figure has its downloads.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy
import pandas
import streamlit as st

from core.analysis import sentences
from core.analysis.comparison import compare_groups
from core.analysis.groups import Group
from core.analysis.runs import finished_run
from core.experiment import Column, Row
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.gradient_decay.declaration import GradientRow
from core.explorer.exploration import KeptRow, LargestRow, NormRow, SpectrumRow
from core.explorer.results import ZEROS, Stepped, as_table
from core.formatting import counted
from core.settings import Value
from core.store.records import RunRecord
from dashboard.charts import curves, lines, render
from dashboard.charts.lines import description, line_chart
from dashboard.charts.render import Chart
from dashboard.charts.scales import column_of, curve_of
from dashboard.charts.theme import Style, styles
from dashboard.store import cache
from dashboard.ui import controls, downloads, jargon
from dashboard.ui.text import number, plain
from dashboard.views.cell_explorer import computed
from dashboard.views.cell_explorer.cells import WIDEST
from dashboard.views.cell_explorer.computed import Subject

HEIGHT = 240
"""Pixels of two charts side by side."""


def styles_of(subjects: Sequence[Subject]) -> dict[str, Style]:
    """Give every subject the colour of its cell."""
    return styles({s.label: s.variant for s in subjects}, dark=cache.dark())


def exact_lines(rows: pandas.DataFrame, x: Column, y: Column) -> pandas.DataFrame:
    """The bands of one network's numbers, which are exact and have no interval."""
    bands = rows[["label", x.name, y.name]].rename(columns={y.name: "value"})
    bands["value"] = bands["value"].astype(float)  # of nothing but None, too
    return bands.assign(low=float("nan"), high=float("nan"), n=1)


def put(chart: Chart, alt: str, name: str, rows: pandas.DataFrame, lines: pandas.DataFrame) -> None:
    """Show a chart of these lines with its files."""
    render.show(chart, alt)
    if not numpy.isfinite(lines["value"]).any():
        st.caption("No curve: none of these numbers is finite.")
    chart_and_table(lambda: chart, name, rows)


def chart_and_table(
    chart: Callable[[], Chart], name: str, rows: pandas.DataFrame, title: str = ""
) -> None:
    """Offer every number that a figure draws as CSV, and the figure itself; with its title where
    the files stand apart from it."""
    with st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"
    ):
        if title:
            st.caption(title, width="content")
        table(lambda: rows.to_csv(index=False), name, "CSV")
        downloads.pictures(_file(name), lambda: lines.for_print(chart()), name)


def table(content: Callable[[], str], name: str, title: str) -> None:
    """Offer numbers as CSV."""
    downloads.offer(title, f"{_file(name)}.csv", content, f"{name}-csv")


def _file(name: str) -> str:
    words = re.sub(r"[^\w.]+", "-", name)
    return f"cell-explorer-{words}"


def answer(subjects: Sequence[Subject]) -> str:
    """The answer of a comparison of these cells."""
    curves_of = {subject.label: computed.curve(subject) for subject in subjects}
    groups = [
        Group(s.label, (finished_run(s.label, GRADIENT_DECAY.name, _settings(s)),))
        for s in subjects
    ]

    def table_of(run: RunRecord, name: str) -> pandas.DataFrame | None:
        curve = curves_of[run.run_id]
        tables = {"gradient": curve.rows, "decay": curve.decays}
        return as_table([curve.summary]) if name == "summary" else tables.get(name)

    return sentences.answer(compare_groups(GRADIENT_DECAY, groups, table_of))


def _settings(subject: Subject) -> Mapping[str, Value]:
    steps = int(computed.curve(subject).rows["steps_back"].max()) + 1
    config = subject.exploration.config.model_copy(update={"sequence_length": steps})
    return config.flat()


def files(subjects: Sequence[Subject], measure: str) -> None:
    """Offer the gradient curve as picture and table, and every value of every step as table."""
    x, y = curve_of(GradientRow), column_of(GradientRow, measure)
    tables = [computed.curve(s).rows.assign(label=s.label, run_id=s.label) for s in subjects]
    rows = pandas.concat(tables, ignore_index=True)
    counts = (ZEROS[measure], "overflows")
    complete = curves.complete(rows, x.name, [count for count in counts if rows[count].any()])
    bands = curves.bands(complete, ["label", x.name], y.name)
    if not bands.empty:
        series = styles_of(subjects)
        chart_and_table(
            lambda: line_chart(bands, x, y, series),
            "gradient",
            rows.drop(columns="run_id"),
            "The gradient by distance:",
        )
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        for subject in subjects:
            table(partial(_values, subject), f"steps-{subject.label}", "Every step as CSV")


def equations(subjects: Sequence[Subject], step: int) -> None:
    """Show each cell's equations with the values of one unit at the step."""
    widest = max(computed.stepped(subject).units for subject in subjects)
    options = [str(unit) for unit in range(1, widest + 1)]
    controls.at_most("unit", widest, WIDEST)
    unit = int(controls.position("Unit", options, "unit", "1")) if widest > 1 else 1
    with st.grid(2, min_column_width=330):
        for subject in subjects:
            with st.container(border=True):
                _calculations(subject, step, unit)


def _calculations(subject: Subject, step: int, unit: int) -> None:
    stepped = computed.stepped(subject)
    which = min(unit, stepped.units)
    read = f", which reads {stepped.tokens[step - 1]}" if stepped.tokens[step - 1] else ""
    st.markdown(plain(f"{subject.label}: unit {which} at step {step}{read}"))
    for line in computed.calculations(subject, step, which):
        st.latex(rf"\small {line}")  # most lines then fit on a phone
    if words := stepped.description:
        st.caption("Its file describes it, and declares no equations that could be filled in.")
        st.code(words, language=None, wrap_lines=True)


class Singular(NamedTuple):
    """The singular values of one cell: the largest at some steps, all of them at one."""

    label: str
    largest: pandas.DataFrame
    spectrum: pandas.DataFrame
    radius: float | None
    """The spectral radius at that step."""
    steps: int


def jacobian(subjects: Sequence[Subject], step: int) -> None:
    """Draw the singular values of each cell's step Jacobian."""
    subjects = _with_reason(subjects, lambda stepped: stepped.why_no_spectrum, "No singular values")
    if not subjects:
        return
    singular = [_singular(subject, step) for subject in subjects]
    st.markdown(plain(" ".join(map(_in_words, singular))), help=jargon.SINGULAR_VALUE)
    count = max(len(one.largest) for one in singular)
    with st.grid(2, min_column_width=330):
        with st.container():
            tables = [one.largest for one in singular]
            where = f"at {counted(count, 'step')}"
            _chart(LargestRow, "largest_singular_value", subjects, tables, where)
        with st.container():
            tables = [one.spectrum for one in singular]
            _chart(SpectrumRow, "singular_value", subjects, tables, f"at step {step}")


def _with_reason(
    subjects: Sequence[Subject], why: Callable[[Stepped], str], what: str
) -> list[Subject]:
    """The cells of which something can be shown; of the others it is said why it is not."""
    shown = []
    for subject in subjects:
        if reason := why(computed.stepped(subject)):
            st.info(plain(f"{what} of {subject.label}: {reason}."))
        else:
            shown.append(subject)
    return shown


def kept(subjects: Sequence[Subject], step: int) -> None:
    """Draw the share of each state that a step keeps where it was."""
    why = "No share kept"
    shown = _with_reason(subjects, lambda stepped: stepped.why_no_jacobian, why)
    if not shown:
        return
    st.markdown(
        "A share of 1 keeps every number of a state as it was, 0 replaces all of them: the mean of "
        "∂sₜ,ᵢ/∂sₜ₋₁,ᵢ over the numbers of a state.",
        help=jargon.JACOBIAN,
    )
    x, y = curve_of(KeptRow), column_of(KeptRow, "kept")
    with st.grid(2, min_column_width=330):
        for subject in shown:
            rows = as_table(computed.kept(subject, step))
            lines = exact_lines(rows.rename(columns={"part": "label"}), x, y)
            series = styles(dict.fromkeys(rows["part"], subject.variant), dark=cache.dark())
            chart = line_chart(
                lines, x, y, series, reference=1.0, height=HEIGHT, where=subject.label
            )
            with st.container():
                put(
                    chart,
                    description(f"{subject.label}:", lines, x, y),
                    f"kept-{subject.label}",
                    rows,
                    lines,
                )


def _singular(subject: Subject, step: int) -> Singular:
    found, label = computed.singular(subject, step), subject.label
    return Singular(
        label,
        as_table(found.largest).assign(label=label),
        as_table(found.spectrum).assign(label=label),
        found.radius,
        computed.stepped(subject).steps,
    )


def _in_words(singular: Singular) -> str:
    largest = singular.largest["largest_singular_value"].astype(float)
    if singular.radius is None or largest.isna().all():
        return f"{singular.label}: the step Jacobian is not finite at this step."
    top = singular.largest.iloc[int(largest.argmax())]
    count, steps = len(singular.largest), singular.steps
    among = f"of all {steps} steps" if count == steps else f"of {count} of the {steps} steps"
    return (
        f"{singular.label}: the largest singular value of the step Jacobian is "
        f"{number(float(singular.spectrum['singular_value'].iloc[0]))} at this step; the largest "
        f"{among} is {number(float(top['largest_singular_value']))}, at step {int(top['step'])}. "
        f"At this step the spectral radius, which has no units, is {number(singular.radius)}."
    )


def _chart(
    row: type[Row],
    name: str,
    subjects: Sequence[Subject],
    tables: Sequence[pandas.DataFrame],
    where: str,
) -> None:
    """Draw every cell in one figure, with a line at 1, below which every step shrinks."""
    x, y = curve_of(row), column_of(row, name)
    rows = pandas.concat(tables, ignore_index=True)
    lines = exact_lines(rows, x, y)
    series = styles_of(subjects)
    chart = line_chart(lines, x, y, series, reference=1.0, height=HEIGHT, where=where)
    put(chart, description("", lines, x, y), row.table, rows, lines)


GATE_DASHES = ((2, 2), (7, 3), (8, 3, 2, 3))


def norms(subjects: Sequence[Subject], step: int) -> None:
    """Draw the norm of each part by step; the parts of a cell in shades of its colour."""
    x, y = curve_of(NormRow), column_of(NormRow, "norm")
    with st.grid(2, min_column_width=330):
        for subject in subjects:
            rows = as_table(computed.stepped(subject).norm_rows())
            lines = exact_lines(rows.rename(columns={"part": "label"}), x, y)
            series = _styles(subject)
            chart = line_chart(lines, x, y, series, height=HEIGHT, where=subject.label)
            with st.container():
                alt = description(f"{subject.label}:", lines, x, y)
                put(chart, alt, f"norms-{subject.label}", rows, lines)


def _styles(subject: Subject) -> dict[str, Style]:
    """Shades of the cell's colour; the gates, which are often equally large, in dashes too."""
    parts = computed.stepped(subject).parts
    shades = styles({part.title: subject.variant for part in parts}, dark=cache.dark())
    dashes = itertools.cycle(GATE_DASHES)
    return {
        p.title: replace(shades[p.title], dash=next(dashes)) if p.gate else shades[p.title]
        for p in parts
    }


def _values(subject: Subject) -> str:
    return as_table(list(computed.stepped(subject).value_rows())).to_csv(index=False)
