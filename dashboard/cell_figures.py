"""The figures of the Cell explorer: the gradient curve, and what happens at the steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from io import BytesIO

import pandas
import streamlit as st

from core.architecture import variant_title
from core.experiment import Column, Row
from core.experiments.gradient_decay import GRADIENT_DECAY, GradientRow
from core.exploring.exploration import LargestRow, NormRow, SpectrumRow
from core.words import listed
from dashboard import cell_maps, charts, controls, curves, data, exploring, export, live_curve
from dashboard.declared import curve_of
from dashboard.exploring import Subject
from dashboard.figures import MIME, file
from dashboard.palette import Style, styles
from dashboard.scales import heading
from dashboard.wording import number, plain

CURVE_HEIGHTS, SMALL_HEIGHT = {1: 330, 2: 520}, 240
"""Of the curve, as tall as the boxes of one cell or two beside it."""
MEASURES = {
    "Input gradient": ("log10_input_gradient", "input_zeros"),
    "State gradient": ("log10_state_gradient", "state_zeros"),
}


def styles_of(subjects: Sequence[Subject]) -> dict[str, Style]:
    """As everywhere: one colour per cell."""
    return styles({s.label: s.variant for s in subjects}, dark=data.dark())


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
    x, y = curve_of(GradientRow), _column(GradientRow, name)
    tables = [exploring.curve(s).rows.assign(label=s.label, run_id=s.label) for s in subjects]
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
            live_curve.numbers(bands, lost, x.name, list(drawn)),
            live_curve.specification(x, y, drawn, CURVE_HEIGHTS[len(subjects)]),
            width="stretch",
            alt=f"{heading(y)} against {heading(x)}, {listed(cells)}; the heading says how fast.",
        )
        _files(
            lambda: charts.curves(bands, x, y, drawn, zeros=lost),
            "gradient",
            rows.drop(columns="run_id"),
        )


def maps(subjects: Sequence[Subject], step: int) -> None:
    """Gates, candidate and states of each cell, one map each."""
    for subject in subjects:
        stepped = exploring.stepped(subject)
        if len(subjects) > 1:
            st.markdown(f"**{plain(subject.label)}**")
        with st.grid(3, min_column_width=300):
            for equation in stepped.equations:
                values_TH = stepped.made(equation).numpy()
                specification, found = cell_maps.cell_map(
                    values_TH,
                    stepped.tokens,
                    min(step, stepped.steps),
                    gate=equation.gate,
                    dark=data.dark(),
                )
                with st.container():
                    st.markdown(f"{equation.title} ${symbol(equation.makes)}$")
                    alt = cell_maps.in_words(equation.title, values_TH, min(step, stepped.steps))
                    st.vega_lite_chart(
                        found, specification, width="stretch", alt=f"{subject.label}: {alt}"
                    )
        _csv(partial(_values, subject), f"steps-{subject.label}", "Every value as CSV")


def norms(subjects: Sequence[Subject], step: int) -> None:
    """How large each part is, step by step; the parts of a cell in shades of its colour."""
    x, y = curve_of(NormRow), _column(NormRow, "norm")
    with st.grid(2, min_column_width=330):
        for subject in subjects:
            rows = exploring.table(exploring.stepped(subject).norm_rows())
            lines = _lines(rows.rename(columns={"part": "label"}), x, y)
            parts = dict.fromkeys(lines["label"].unique(), subject.variant)
            chart = charts.curves(
                lines,
                x,
                y,
                styles(parts, dark=data.dark()),
                height=SMALL_HEIGHT,
                where=subject.label,
            )
            with st.container():
                alt = charts.description(f"{subject.label}:", lines, x, y)
                _put(chart, alt, f"norms-{subject.label}", rows)


def jacobian(subjects: Sequence[Subject], step: int) -> None:
    """Singular values of the step Jacobian: the largest at every step, all of them at one."""
    largest, spectra = [], []
    for subject in subjects:
        stepped = exploring.stepped(subject)
        at = min(step, stepped.steps)
        largest.append(_labelled(stepped.largest_rows(at), subject))
        spectra.append(_labelled(stepped.spectrum_rows(at), subject))
    st.markdown(plain(_largest_in_words(subjects, largest, spectra, step)))
    with st.grid(2, min_column_width=330):
        for row, name, tables, where in (
            (LargestRow, "largest_singular_value", largest, ""),
            (SpectrumRow, "singular_value", spectra, f"at step {step}"),
        ):
            x, y = curve_of(row), _column(row, name)
            rows = pandas.concat(tables, ignore_index=True)
            chart = charts.curves(
                _lines(rows, x, y),
                x,
                y,
                styles_of(subjects),
                reference=1.0,
                height=SMALL_HEIGHT,
                where=where,
            )
            with st.container():
                _put(chart, charts.description("", _lines(rows, x, y), x, y), row.table, rows)


def equations(subjects: Sequence[Subject], step: int) -> None:
    """Each cell's equations with the values of one unit at the step."""
    widest = max(exploring.stepped(subject).units for subject in subjects)
    options = [str(unit) for unit in range(1, widest + 1)]
    unit = int(controls.position("Unit", options, "unit", "1")) if widest > 1 else 1
    with st.grid(2, min_column_width=330):
        for subject in subjects:
            with st.container(border=True):
                _calculations(subject, step, unit)


def _calculations(subject: Subject, step: int, unit: int) -> None:
    from core.exploring.latex import calculations

    stepped = exploring.stepped(subject)
    at, which = min(step, stepped.steps), min(unit, stepped.units)
    read = f", which reads {stepped.tokens[at - 1]}" if stepped.tokens[at - 1] else ""
    st.markdown(plain(f"{subject.label}: unit {which} at step {at}{read}"))
    for line in calculations(stepped, at, which):
        st.latex(line)


def symbol(makes: str) -> str:
    """`c'` → c_t."""
    return f"{makes.rstrip(chr(39))}_t"


def _largest_in_words(
    subjects: Sequence[Subject],
    largest: Sequence[pandas.DataFrame],
    spectra: Sequence[pandas.DataFrame],
    step: int,
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


def _lines(rows: pandas.DataFrame, x: Column, y: Column) -> pandas.DataFrame:
    """One network's numbers: exact, without an interval."""
    kept = rows[["label", x.name, y.name]].rename(columns={y.name: "value"})
    return kept.assign(low=float("nan"), high=float("nan"), n=1)


def _column(row: type[Row], name: str) -> Column:
    return next(column for column in row.columns() if column.name == name)


def _values(subject: Subject) -> str:
    return exploring.table(list(exploring.stepped(subject).value_rows())).to_csv(index=False)


def _put(chart: charts.Chart, alt: str, name: str, rows: pandas.DataFrame) -> None:
    """A chart with its files."""
    st.altair_chart(chart, width="stretch", alt=alt)
    _files(lambda: chart, name, rows)


def _files(chart: Callable[[], charts.Chart], name: str, rows: pandas.DataFrame) -> None:
    """The numbers and the figure, made when they are asked for."""
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        _csv(lambda: rows.to_csv(index=False), name, "CSV")
        for form, mime in MIME.items():
            st.download_button(
                form.upper(),
                data=partial(_rendered, chart, form),
                file_name=f"cell-explorer-{name}.{form}".replace(" ", "-").replace("·", ""),
                mime=mime,
                type="tertiary",
                icon=":material/download:",
                on_click="ignore",
                key=f"{name}-{form}",
            )


def _rendered(chart: Callable[[], charts.Chart], form: export.Form) -> BytesIO:
    return file(chart(), form)


def _csv(content: object, name: str, title: str) -> None:
    st.download_button(
        title,
        data=content,  # type: ignore[arg-type]
        file_name=f"cell-explorer-{name}.csv".replace(" ", "-").replace("·", ""),
        mime="text/csv",
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
        key=f"{name}-csv",
    )


FIGURES: Mapping[str, Callable[[Sequence[Subject], int], None]] = {
    "Gates and states": maps,
    "Norms": norms,
    "Jacobian": jacobian,
    "Equations": equations,
}
