"""A measure across the settings in which the runs differ, and two measures against each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import pandas
import streamlit as st

from core.analysis.across import VARIANT, Axis, axes, is_varied, ordered_texts, pivot
from core.analysis.comparison import Comparison
from core.analysis.groups import Group, distinct_machines, labels, variant_of
from core.analysis.sizes import sizes_of
from core.experiment import Column
from core.formatting import counted, exact_number, interval
from core.models.architecture import variant_title
from core.stats.estimates import Estimate
from dashboard.charts import lines, render
from dashboard.charts.curves import of_estimates
from dashboard.charts.parallel import (
    Coordinate,
    listed_coordinate,
    measured_coordinate,
    parallel_coordinates,
)
from dashboard.charts.pivot import is_skewed, pivot_cells, pivot_heatmap
from dashboard.charts.theme import styles
from dashboard.charts.tradeoff import frontier, tradeoff
from dashboard.figures.base import caption_of, chart_files
from dashboard.store import cache
from dashboard.ui import controls, downloads
from dashboard.ui.text import plain
from dashboard.views.compare.curves import Section
from experiments.export import pivot_csv
from experiments.reports.latex import pivot_table

LINE, TABLE, PARALLEL, TRADEOFF = (
    "Against a setting",
    "Table of two settings",
    "Parallel coordinates",
    "Trade-off",
)

ALL = "all"

REST = "everything else"
"""The colour that pools nothing: a line for every combination of the other settings."""

MIN_RATIO = 1.5
"""Between neighbours on a logarithmic axis of settings."""

SIZES: Mapping[str, tuple[str, str, str]] = {
    "parameters": ("Parameters", "", "parameters"),
    "state_bytes": ("State", "bytes", "state_bytes"),
}
"""Name → title, unit and attribute of a size, which can be traded off as a measure can."""


@st.fragment
def draw_across(section: Section, highlighted: str) -> None:
    """Draw the view that the address asks for, of those that these runs allow; a choice draws it
    anew, and not the rest of the page."""
    comparison = section.comparison
    measure = comparison.headline
    if measure is None:
        return
    known = axes(comparison.experiment, comparison.runs)
    views = {
        LINE: any(
            axis.is_number and is_varied(axis, known, comparison.runs) for axis in known.values()
        ),
        TABLE: len(known) > 1,
        PARALLEL: len(known) > 1,
        TRADEOFF: len(comparison.groups) > 1 and len(_tradeable(comparison)) > 1,
    }
    possible = [name for name, allowed in views.items() if allowed]
    if not possible:
        return
    st.subheader("Across settings and measures", anchor=False)
    view = controls.choice("View", possible, section.key("view"))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        if view == LINE:
            draw = partial(_line, section, measure.column, *_line_axes(section, known))
        elif view == TABLE:
            draw = partial(_table, section, *_two_axes(section, known))
        elif view == PARALLEL:
            draw = partial(_parallel, section, known)
        else:
            draw = partial(_tradeoff, section, highlighted, *_two_measures(section))
    draw()


def _axis_choice(section: Section, title: str, name: str, known: Mapping[str, Axis]) -> Axis:
    titles = {axis.name: axis.title for axis in known.values()}
    return known[controls.choice(title, list(titles), section.key(name), most=0, names=titles)]


def _compared(section: Section, by: str, variant: str = ALL) -> Comparison:
    """The same runs, or those of one variant, in other groups."""
    if variant == ALL and by == section.comparison.grouped_by:
        return section.comparison
    runs = [r for r in section.comparison.runs if variant in (ALL, variant_of(r))]
    return cache.comparison(section.comparison.experiment, runs, by)


# --- The measure along a setting


def _line_axes(section: Section, known: Mapping[str, Axis]) -> tuple[Axis, Axis | None]:
    """The setting along x, and what has a colour; None: every combination of all others."""
    x = _axis_choice(section, "X axis", "x", {n: a for n, a in known.items() if a.is_number})
    others = {name: axis for name, axis in known.items() if name != x.name}
    titles = {REST: "Everything else"} | {axis.name: axis.title for axis in others.values()}
    if not others:
        return x, None
    key = section.key("colour")
    chosen = controls.choice("Colour", list(titles), key, most=0, names=titles)
    return x, others.get(chosen)


def setting_column(axis: Axis) -> Column:
    """The column of a chart that holds a setting's numbers."""
    return Column(
        name=axis.name,
        title=axis.title,
        unit="",
        role="axis",
        curve=True,
        latest=False,
        better=None,
        description="" if axis.setting is None else axis.setting.description,
        estimate=False,
    )


def bands_along(
    comparison: Comparison, measure: str, x: Axis, label_of: Mapping[str, str]
) -> pandas.DataFrame:
    """Columns label, x, value, low, high, n: the finite estimates of groups that have a number
    there; `label_of` is by the group's name."""
    result = comparison.result(measure)
    places = {group.name: x.number(group.runs[0]) for group in comparison.groups}
    bands = of_estimates({} if result is None else result.estimates)
    places_of = pandas.Series([places[name] for name in bands["label"]], dtype=float)
    bands = bands.assign(**{x.name: places_of})
    bands["label"] = [label_of[name] for name in bands["label"]]
    finite = bands["value"].map(math.isfinite) & bands[x.name].notna()
    bands = bands[finite].drop(columns="at_least")
    return bands.sort_values(["label", x.name]).reset_index(drop=True)


def _line(section: Section, measure: Column, x: Axis, colour: Axis | None) -> None:
    experiment, runs = section.comparison.experiment, section.comparison.runs
    comparison = _compared(section, "" if colour is None else f"{x.name},{colour.name}")
    if colour is None:
        named = labels(experiment, runs, without=[x.name])
        label_of = {group.name: named[group.runs[0].run_id] for group in comparison.groups}
        order = list(dict.fromkeys(label_of.values()))
    else:
        machines = distinct_machines(comparison.runs) if experiment.timed else {}
        label_of = {
            g.name: " · ".join(
                filter(None, [_named(colour, g), machines.get(g.runs[0].run_id, "")])
            )
            for g in comparison.groups
        }
        texts = ordered_texts(colour, comparison.groups)
        order = sorted(
            dict.fromkeys(label_of.values()),
            key=lambda label: min(
                texts.index(colour.text(g.runs[0]))
                for g in comparison.groups
                if label_of[g.name] == label
            ),
        )
    bands = bands_along(comparison, measure.name, x, label_of)
    left_out = len(comparison.groups) - len(bands)
    if bands.empty:
        st.info(f"None of these runs has a number for {x.title.lower()} and for this measure.")
        return
    variant_of = {label_of[g.name]: g.variant for g in comparison.groups}
    column = setting_column(x)
    chart = lines.line_chart(
        bands,
        column,
        measure,
        styles({label: variant_of[label] for label in order}, dark=cache.dark()),
        sizes=_is_doubling(bands[x.name]),
    )
    words = lines.description(experiment.question, bands, column, measure)
    _put(comparison, chart, words, f"along-{x.name}")
    if left_out:
        st.caption(
            f"{counted(left_out, 'group')} not drawn: no number for {x.title.lower()}, or no "
            "finite value."
        )


def _is_doubling(values: pandas.Series[float]) -> bool:
    """Whether each value is a multiple of the one before, as widths often are."""
    places = sorted(set(values))
    pairs = list(itertools.pairwise(places))
    return bool(pairs) and places[0] > 0 and all(b / a >= MIN_RATIO for a, b in pairs)


def _named(axis: Axis, group: Group) -> str:
    text = axis.text(group.runs[0])
    return text if axis.setting is None or not axis.is_number else f"{axis.title.lower()} {text}"


# --- The measure in a table of two settings


def _two_axes(section: Section, known: Mapping[str, Axis]) -> tuple[Axis, Axis, str]:
    """The rows, the columns, and the variant whose runs are in the table."""
    titles, key = {axis.name: axis.title for axis in known.values()}, section.key("columns")

    def other_columns(rows: str) -> None:
        if st.query_params.get(key) == rows:
            controls.drop(key)

    chosen = controls.choice(
        "Rows",
        list(titles),
        section.key("rows"),
        most=0,
        names=titles,
        then=other_columns,
    )
    rows = known[chosen]
    others = {name: axis for name, axis in known.items() if name != rows.name}
    columns = _axis_choice(section, "Columns", "columns", others)
    if VARIANT not in known or VARIANT in (rows.name, columns.name):
        return rows, columns, ALL
    variants = list(dict.fromkeys(variant_of(run) for run in section.comparison.runs))
    names = {name: variant_title(name) for name in variants} | {ALL: "All together"}
    only = controls.choice("Variant", list(names), section.key("only"), most=0, names=names)
    return rows, columns, only


def _table(section: Section, rows: Axis, columns: Axis, variant: str) -> None:
    measured = section.comparison.headline
    comparison = replace(
        _compared(section, f"{rows.name},{columns.name}", variant),
        measure=measured.column.name if measured else "",
    )
    laid_out = pivot(comparison, rows, columns)
    if laid_out is None:
        st.info("None of these runs has a value for this measure.")
        return
    measure = laid_out.result.column
    draw = partial(
        pivot_heatmap,
        pivot_cells(laid_out),
        measure,
        (rows.title, columns.title),
        (laid_out.row_texts, laid_out.column_texts),
    )
    words = "; ".join(
        f"{row}, {column}: {exact_number(laid_out.result.estimates[name].value)}"
        for (row, column), name in laid_out.names.items()
    )
    st.caption(plain(laid_out.caption()))
    alt = f"{measure.heading} by {rows.title} and {columns.title}. {words}"
    files: dict[str, Callable[[], str | bytes]] = {
        "tex": lambda: pivot_table(laid_out),
        "csv": lambda: pivot_csv(laid_out),
    }
    name = f"{rows.name}-{columns.name}"
    _put(comparison, draw(dark=cache.dark()), alt, name, files=files, printed=draw(dark=False))


# --- Every setting at once


def _parallel(section: Section, known: Mapping[str, Axis]) -> None:
    comparison = _compared(section, "")
    measured = section.comparison.headline
    result = comparison.result(measured.column.name) if measured else None
    if result is None:
        st.info("None of these runs has a value for this measure.")
        return
    groups = comparison.groups
    coordinates: list[Coordinate] = []
    for axis in known.values():
        texts = [axis.text(group.runs[0]) for group in groups]
        coordinates.append(listed_coordinate(axis.title, texts, ordered_texts(axis, groups)))
    estimates = [result.estimates[group.name] for group in groups]
    values = [estimate.value for estimate in estimates]
    finite = pandas.Series([v for v in values if v is not None and math.isfinite(v)], dtype=float)
    if finite.empty:
        st.info("None of these runs has a finite value for this measure.")
        return
    title = result.column.heading
    shown = [_in_words(estimate) for estimate in estimates]
    coordinates.append(measured_coordinate(title, values, shown, log=is_skewed(finite)))
    names = tuple(group.name for group in groups)
    draw = partial(parallel_coordinates, names, tuple(coordinates))
    words = "; ".join(f"{name}: {text}" for name, text in zip(names, shown, strict=True))
    alt = f"{title} by every setting that differs. {words}"
    _put(comparison, draw(dark=cache.dark()), alt, "parallel", printed=draw(dark=False))
    st.caption("A line is a group; the darker or brighter, the higher its measure.")


def _in_words(estimate: Estimate) -> str:
    ends = interval(estimate)
    return f"{exact_number(estimate.value)} [{ends}]" if ends else exact_number(estimate.value)


# --- Two measures


def _tradeable(comparison: Comparison) -> dict[str, Column]:
    """The measures that differ between groups, and the sizes, by name."""
    found = {
        result.column.name: result.column
        for result in comparison.results
        if len({e.value for e in result.estimates.values() if e.value is not None}) > 1
    }
    for name, (title, unit, attribute) in SIZES.items():
        sizes = sizes_of(comparison.experiment, comparison.groups)
        if name in found or len({getattr(s, attribute) for of in sizes.values() for s in of}) < 2:
            continue
        found[name] = Column(
            name=name, title=title, unit=unit, role="measure", curve=False, latest=False,
            better="lower", description="", estimate=False,
        )  # fmt: skip
    return found


def _two_measures(section: Section) -> tuple[Column, Column]:
    """What is across and what is up: at first a size or a cost against the headline."""
    comparison = section.comparison
    known = _tradeable(comparison)
    headline = comparison.headline.column.name if comparison.headline else ""
    first = headline if headline in known else next(iter(known))
    cheap = [name for name, column in known.items() if column.better == "lower" and name != first]
    against = next((n for n in cheap if n == "parameters"), next(iter([*cheap, *known])))
    titles = {name: column.heading for name, column in known.items()}
    up = controls.choice(
        "Y axis", list(titles), section.key("trade_y"), default=first, most=0, names=titles
    )
    across = controls.choice(
        "X axis", list(titles), section.key("trade_x"), default=against, most=0, names=titles
    )
    return known[across], known[up]


def _values(comparison: Comparison, column: Column) -> dict[str, Estimate]:
    """Group → a measure or a size."""
    result = comparison.result(column.name)
    if result is not None:
        return dict(result.estimates)
    attribute = SIZES[column.name][2]
    sizes = sizes_of(comparison.experiment, comparison.groups)
    return {
        name: Estimate(float(getattr(of[0], attribute)), None, None, 1)
        for name, of in sizes.items()
        if len({getattr(size, attribute) for size in of}) == 1
    }


def points_of(comparison: Comparison, x: Column, y: Column) -> pandas.DataFrame:
    """A line per group that has finite values of both: the columns of `tradeoff`."""
    ends = {"x": _values(comparison, x), "y": _values(comparison, y)}
    sizes = sizes_of(comparison.experiment, comparison.groups)
    found: list[dict[str, object]] = []
    for group in comparison.groups:
        line: dict[str, object] = {"label": group.name}
        for end, estimates in ends.items():
            estimate = estimates.get(group.name)
            if estimate is None or estimate.value is None or not math.isfinite(estimate.value):
                break
            parts = {"": estimate.value, "_low": estimate.low, "_high": estimate.high}
            line |= {f"{end}{part}": _finite(value) for part, value in parts.items()}
            line[f"{end}_text"] = _in_words(estimate)
        else:
            own = {size.parameters for size in sizes.get(group.name, ())}
            found.append({**line, "size": own.pop() if len(own) == 1 else None})
    names = ("", "_low", "_high")
    header = ["label", "size", *(f"{e}{n}" for e in "xy" for n in (*names, "_text"))]
    numbers = {name: float for name in header if name != "label" and not name.endswith("_text")}
    return pandas.DataFrame(found, columns=header).astype(numbers)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _tradeoff(section: Section, highlighted: str, x: Column, y: Column) -> None:
    comparison = section.comparison
    points = points_of(comparison, x, y)
    if len(points) < 2:
        st.info("Fewer than two groups have a value of both measures.")
        return
    has_size = bool(points["size"].notna().all()) and "parameters" not in (x.name, y.name)
    has_size = has_size and points["size"].nunique() > 1
    chart = tradeoff(points, x, y, section.styles(highlighted), "Parameters" if has_size else "")
    best = frontier(points, x.better, y.better) if x.better and y.better else []
    words = f"On the frontier: {', '.join(best)}." if best else "These measures have no frontier."
    _put(comparison, chart, f"{y.heading} against {x.heading}. {words}", "tradeoff")
    st.caption(plain(_frontier_in_words(points, best, x, y)))


def _frontier_in_words(points: pandas.DataFrame, best: Sequence[str], x: Column, y: Column) -> str:
    """What the broken line means, or why there is none."""
    if not best:
        without = [column.title for column in (x, y) if column.better is None]
        return f"No frontier: no direction of {' and '.join(without).lower()} is better."
    beaten = len(points) - len(best)
    return (
        f"On the broken line: {counted(len(best), 'group')} that no other one beats in both "
        f"measures; {counted(beaten, 'group')} beaten. Estimates decide this: the verdicts below "
        "say which differences are significant."
    )


def _put(
    comparison: Comparison,
    chart: render.Drawing,
    alt: str,
    name: str,
    *,
    files: Mapping[str, Callable[[], str | bytes]] | None = None,
    printed: render.Drawing | None = None,
) -> None:
    """Show a chart, and above it a menu with its files.

    `files` are further ones by ending, `printed` is the chart on white if a dark page has another.
    """
    name = f"{comparison.experiment.name}-{name}"
    with (
        st.container(horizontal=True, horizontal_alignment="right"),
        downloads.menu(name),
    ):
        caption = caption_of(comparison.experiment, comparison.runs)
        chart_files(printed or chart, name, caption)
        for ending, content in (files or {}).items():
            title = {"tex": "LaTeX", "csv": "CSV"}[ending]
            downloads.offer(title, f"{name}.{ending}", content, f"take-{name}.{ending}")
    render.show(chart, alt)
