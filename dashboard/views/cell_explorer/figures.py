"""The Cell explorer's figures: gradient curve, equations with values, gates and states, Jacobian.

Every number is exact, of one network, without an interval, but for the gradient curve over seeds;
each figure has its downloads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pandas
import streamlit as st

from core.analysis import sentences
from core.analysis.comparison import compare_groups
from core.analysis.groups import Group
from core.analysis.runs import finished_run
from core.experiment import Column, Row
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.gradient_decay.declaration import GradientRow
from core.explorer.exploration import LargestRow, NormRow, SpectrumRow
from core.formatting import counted, listed
from core.models.architecture import variant_title
from core.settings import Value
from core.store.records import RunRecord
from dashboard.charts import curves, lines, live, render
from dashboard.charts.lines import description, line_chart
from dashboard.charts.render import Chart
from dashboard.charts.scales import column_of, curve_of, heading
from dashboard.charts.theme import Style, styles
from dashboard.store import cache
from dashboard.ui import controls, downloads
from dashboard.ui.text import number, plain
from dashboard.views.cell_explorer import computed
from dashboard.views.cell_explorer.cells import WIDEST
from dashboard.views.cell_explorer.computed import Subject

if TYPE_CHECKING:
    from core.models.cells import Equation


HEIGHT = 240
"""Of two charts side by side."""


def styles_of(subjects: Sequence[Subject]) -> dict[str, Style]:
    """As everywhere: one colour per cell."""
    return styles({s.label: s.variant for s in subjects}, dark=cache.dark())


def exact_lines(rows: pandas.DataFrame, x: Column, y: Column) -> pandas.DataFrame:
    """One network's numbers: exact, without an interval."""
    kept = rows[["label", x.name, y.name]].rename(columns={y.name: "value"})
    return kept.assign(low=float("nan"), high=float("nan"), n=1)


def put(chart: Chart, alt: str, name: str, rows: pandas.DataFrame) -> None:
    """A chart with its files."""
    render.show(chart, alt)
    chart_and_table(lambda: chart, name, rows)


def chart_and_table(chart: Callable[[], Chart], name: str, rows: pandas.DataFrame) -> None:
    """A figure's numbers, every one that is drawn, and the figure itself."""
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        table(lambda: rows.to_csv(index=False), name, "CSV")
        downloads.pictures(_file(name), lambda: lines.for_print(chart()), name)


def table(content: Callable[[], str], name: str, title: str) -> None:
    """Numbers alone."""
    downloads.offer(title, f"{_file(name)}.csv", content, f"{name}-csv")


def _file(name: str) -> str:
    words = re.sub(r"[^\w.]+", "-", name)
    return f"cell-explorer-{words}"


HEIGHTS = {1: 330, 2: 520}
"""As tall as the boxes of one cell or two beside it."""

MEASURES = {
    "Input gradient": ("log10_input_gradient", "input_zeros"),
    "State gradient": ("log10_state_gradient", "state_zeros"),
}


def answer(subjects: Sequence[Subject]) -> str:
    """The sentence that any comparison of these cells gets."""
    curves_of = {subject.label: computed.curve(subject) for subject in subjects}
    groups = [
        Group(s.label, (finished_run(s.label, GRADIENT_DECAY.name, _settings(s)),))
        for s in subjects
    ]

    def table_of(run: RunRecord, name: str) -> pandas.DataFrame | None:
        curve = curves_of[run.run_id]
        tables = {"gradient": curve.rows, "decay": curve.decays}
        return computed.table([curve.summary]) if name == "summary" else tables.get(name)

    return sentences.answer(compare_groups(GRADIENT_DECAY, groups, table_of))


def _settings(subject: Subject) -> Mapping[str, Value]:
    both, _, cell = subject.variant.rpartition("-")
    sequences = 1  # each seed reads one
    return {"cell": cell, "bidirectional": bool(both), "batch_size": sequences}


def gradient(subjects: Sequence[Subject]) -> None:
    """The gradient by distance: a band over seeds for each cell."""
    place = st.container()
    title = controls.choice("Measure", list(MEASURES), "gradient")
    name, zeros = MEASURES[title]
    x, y = curve_of(GradientRow), column_of(GradientRow, name)
    tables = [computed.curve(s).rows.assign(label=s.label, run_id=s.label) for s in subjects]
    rows = pandas.concat(tables, ignore_index=True)
    spoilt = [column for column in (zeros, "overflows") if rows[column].any()]
    whole = curves.complete(rows, x.name, spoilt)
    bands = curves.bands(whole, ["label", x.name], name)
    lost = pandas.DataFrame(columns=["label", x.name, "share"])
    if zeros in spoilt:
        lost = curves.shares(rows, x.name, zeros, {s.label: 1 for s in subjects})
    drawn = styles_of(subjects)
    # What changes with a slider, a name with its gain for one, would make the browser draw anew.
    cells = [variant_title(subject.variant) for subject in subjects]
    with place:
        if bands.empty:
            st.info("Here every gradient is exactly zero or too large: there is no curve to draw.")
            return
        st.vega_lite_chart(
            live.numbers(bands, lost, x.name, list(drawn)),
            live.specification(x, y, drawn, HEIGHTS[len(subjects)]),
            width="stretch",
            alt=f"{heading(y)} against {heading(x)}, {listed(cells)}; the heading says how fast.",
        )
        chart_and_table(
            lambda: lines.line_chart(bands, x, y, drawn, zeros=lost),
            "gradient",
            rows.drop(columns="run_id"),
        )


def equations(subjects: Sequence[Subject], step: int) -> None:
    """Each cell's equations with the values of one unit at the step."""
    widest = max(computed.stepped(subject).units for subject in subjects)
    options = [str(unit) for unit in range(1, widest + 1)]
    controls.at_most("unit", widest, WIDEST)
    unit = int(controls.position("Unit", options, "unit", "1")) if widest > 1 else 1
    with st.grid(2, min_column_width=330):
        for subject in subjects:
            with st.container(border=True):
                _calculations(subject, step, unit)


def _calculations(subject: Subject, step: int, unit: int) -> None:
    from core.explorer.stepping import calculations

    stepped = computed.stepped(subject)
    which = min(unit, stepped.units)
    read = f", which reads {stepped.tokens[step - 1]}" if stepped.tokens[step - 1] else ""
    st.markdown(plain(f"{subject.label}: unit {which} at step {step}{read}"))
    for line in calculations(stepped, step, which):
        st.latex(rf"\small {line}")  # most lines then fit on a phone


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
    stepped, label = computed.stepped(subject), subject.label
    return Singular(
        label,
        computed.table(stepped.largest_rows(step)).assign(label=label),
        computed.table(stepped.spectrum_rows(step)).assign(label=label),
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
    lines = exact_lines(rows, x, y)
    drawn = styles_of(subjects)
    chart = line_chart(lines, x, y, drawn, reference=1.0, height=HEIGHT, where=where)
    put(chart, description("", lines, x, y), row.table, rows)


GATE_DASHES = ((2, 2), (7, 3), (8, 3, 2, 3))


def maps(subjects: Sequence[Subject], step: int) -> None:
    """Gates, candidate and states of each cell, one map each."""
    for subject in subjects:
        if len(subjects) > 1:
            st.markdown(f"**{plain(subject.label)}**")
        with st.grid(3, min_column_width=300):
            for equation in computed.stepped(subject).equations:
                with st.container():
                    _map(subject, equation, step)
        table(partial(_values, subject), f"steps-{subject.label}", "Every value as CSV")


def _map(subject: Subject, equation: Equation, step: int) -> None:
    stepped = computed.stepped(subject)
    values_TH = stepped.result(equation).numpy()
    specification, found = live.cell_map(
        values_TH, stepped.tokens, step, gate=equation.gate, dark=cache.dark()
    )
    alt = live.in_words(equation.title, values_TH, step)
    st.markdown(f"{equation.title} ${_symbol(equation.makes)}$")
    st.vega_lite_chart(found, specification, width="stretch", alt=f"{subject.label}: {alt}")


def norms(subjects: Sequence[Subject], step: int) -> None:
    """How large each part is, step by step; the parts of a cell in shades of its colour."""
    x, y = curve_of(NormRow), column_of(NormRow, "norm")
    with st.grid(2, min_column_width=330):
        for subject in subjects:
            rows = computed.table(computed.stepped(subject).norm_rows())
            lines = exact_lines(rows.rename(columns={"part": "label"}), x, y)
            drawn = _styles(subject)
            chart = line_chart(lines, x, y, drawn, height=HEIGHT, where=subject.label)
            with st.container():
                alt = description(f"{subject.label}:", lines, x, y)
                put(chart, alt, f"norms-{subject.label}", rows)


def _styles(subject: Subject) -> dict[str, Style]:
    """Shades of the cell's colour; the gates, which are often equally large, in dashes too."""
    found = computed.stepped(subject).equations
    shades = styles({e.title: subject.variant for e in found}, dark=cache.dark())
    dashes = iter(GATE_DASHES)
    return {
        e.title: replace(shades[e.title], dash=next(dashes)) if e.gate else shades[e.title]
        for e in found
    }


def _symbol(makes: str) -> str:
    """`c'` → c_t."""
    return f"{makes.rstrip(chr(39))}_t"


def _values(subject: Subject) -> str:
    return computed.table(list(computed.stepped(subject).value_rows())).to_csv(index=False)
