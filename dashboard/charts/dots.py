"""Charts with one line per label: dots with intervals, and stacked bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair
import numpy
import pandas

from core.experiment import Column
from core.formatting import distinct_names
from dashboard.charts.curves import Repeats
from dashboard.charts.frame import (
    FIT,
    ISOLATE,
    caption,
    figure_height,
    interval_tooltips,
    label_expression,
    label_tooltip,
    value_text,
)
from dashboard.charts.render import Chart, cached
from dashboard.charts.scales import heading, is_logarithm, tooltip, value_axis
from dashboard.charts.theme import NEUTRAL, Style
from dashboard.ui.text import exact

DOT_PIXELS, BAR_PIXELS = 26, 38
"""Height for each label."""

LEGEND_PIXELS = 30
"""Under a stack."""

MARGIN = 0.05
"""Share of the axis beyond the outermost value or end of an interval."""

WIDTH = 620
"""Pixels that the ticks of a logarithmic axis are chosen for."""

TOTAL_PIXELS = 7.2
"""Width of a character of a total, roughly."""


def names_axis(labels: Sequence[str], **options: Any) -> altair.Axis:
    """The axis of names; flush labels would shift the first one away from its line."""
    expression = label_expression(distinct_names(labels))
    common = {"title": None, "labelLimit": 280, "labelFlush": False, "labelOverlap": False}
    return altair.Axis(labelExpr=expression, **{**common, **options})


@cached
def dot_chart(
    bands: pandas.DataFrame,
    measure: Column,
    styles: Mapping[str, Style],
    repeats: Repeats,
    where: str = "",
    clickable: bool = False,
) -> Chart:
    """Draw a dot with its interval per label, in the order given.

    `bands` has label, value, low, high, n, as logarithms if the measure is one. With `clickable`
    the label of a clicked dot is the selection `highlighted`, as in line charts. An infinite end is
    cut at the largest finite number and marked `∞`, a lower bound (`at_least`) with an arrow.
    """
    bands = value_text(bands, repeats, logarithm=is_logarithm(measure))
    numbers = bands[["value", "low", "high"]].astype(float)
    finite = numbers.where(numpy.isfinite(numbers))
    low, high = float(finite.min().min()), float(finite.max().max())
    if numpy.isnan(low):
        low, high = 0.0, 1.0
    beyond = MARGIN * (high - low) or (0.1 if is_logarithm(measure) else 0.1 * abs(high) or 1.0)
    ends = low - beyond, high + beyond
    intervals = numbers[["low", "high"]].clip(upper=high)
    endless = (numbers == numpy.inf).any(axis=1)
    data = bands.assign(
        value=finite["value"], low=intervals["low"], high=intervals["high"], endless=endless
    )
    order = list(data["label"])
    colours = altair.Scale(domain=order, range=[styles[label].colour for label in order])
    base = altair.Chart(data).encode(
        y=altair.Y("label", type="nominal", sort=order, axis=names_axis(order)),
        color=altair.Color("label", type="nominal", scale=colours, legend=None),
    )
    scale = altair.Scale(domain=list(ends), nice=False, zero=False)
    axis = value_axis(measure, *ends, WIDTH)
    axis.title, axis.labelOverlap = heading(measure), "greedy"
    bars = base.mark_rule(strokeWidth=2, aria=False).encode(
        x=altair.X("low", type="quantitative", scale=scale, axis=axis), x2=altair.X2(field="high")
    )
    points = base.mark_circle(size=90, opacity=1).encode(
        x=altair.X("value", type="quantitative", scale=scale, axis=axis),
        tooltip=[
            label_tooltip(),
            tooltip(measure, "value_text"),
            *interval_tooltips(data, repeats),
        ],
    )
    if clickable:
        points = points.add_params(altair.selection_point(ISOLATE, fields=["label"]))
    layers = [bars, points]
    if endless.any():
        sign = base.transform_filter("datum.endless").mark_text(
            align="left", dx=5, fontSize=15, fontWeight=600, text="∞"
        )
        layers.append(sign.encode(x=altair.XDatum(high, scale=scale)))
    if "at_least" in data and data["at_least"].any():
        arrow = base.transform_filter("datum.at_least").mark_text(
            align="left", dx=6, fontSize=15, fontWeight=600, text="→"
        )
        furthest = "isValid(datum.high) ? datum.high : datum.value"
        arrow = arrow.transform_calculate(furthest=furthest)
        layers.append(arrow.encode(x=altair.X("furthest", type="quantitative", scale=scale)))
    title = caption(where, "") if where else None
    height = figure_height(max(60, DOT_PIXELS * len(order)), title)
    chart = altair.layer(*layers).properties(height=height, autosize=FIT)
    return chart if title is None else chart.properties(title=title)


@cached
def stacked_bars(parts: pandas.DataFrame, measure: Column, colours: Mapping[str, str]) -> Chart:
    """Draw one stacked bar per label, with its total beside it.

    `parts` has label, part and value; empty parts are left out of the legend.
    """
    seen = parts[parts["value"] > 0]
    totals = seen.groupby("label", sort=False)["value"].sum().rename("total").reset_index()
    totals = totals.assign(text=[exact(total, whole=True) for total in totals["total"]])
    bars = seen.merge(totals[["label", "total"]], on="label")
    present = [part for part in colours if part in set(bars["part"])]
    data = bars.assign(
        place=[present.index(part) for part in bars["part"]],
        value_text=[exact(value, whole=True) for value in bars["value"]],
        percent=100 * bars["value"] / bars["total"],
    )
    room = TOTAL_PIXELS * max(map(len, totals["text"])) + 10
    scale = altair.Scale(
        domain=[0, float(totals["total"].max())],
        nice=False,
        rangeMax={"expr": f"width - {room:.0f}"},
    )
    ticks = {"expr": "max(2, width / 110)"}
    axis = altair.Axis(title=heading(measure), tickCount=ticks, format=",d", labelOverlap=True)
    columns = {"expr": "max(2, floor(width / 120))"}
    order = list(totals["label"])
    y = altair.Y("label", type="nominal", sort=order, axis=names_axis(order))
    stacks = (
        altair.Chart(data)
        .mark_bar()
        .encode(
            x=altair.X("value", type="quantitative", stack="zero", scale=scale, axis=axis),
            y=y,
            order=altair.Order("place", type="quantitative"),
            color=altair.Color(
                "part",
                type="nominal",
                scale=altair.Scale(domain=present, range=[colours[part] for part in present]),
                legend=altair.Legend(title=None, orient="bottom", columns=columns),
            ),
            tooltip=[
                label_tooltip(),
                altair.Tooltip("part", type="nominal", title="Part"),
                tooltip(measure, "value_text"),
                altair.Tooltip("percent", type="quantitative", title="Share (%)", format=".3~g"),
            ],
        )
    )
    text = altair.Chart(totals).mark_text(
        align="left", dx=6, fontSize=12, fontWeight=600, color=NEUTRAL
    )
    text = text.encode(
        x=altair.X("total", type="quantitative", scale=scale),
        y=y,
        text=altair.Text("text", type="nominal"),
    )
    height = figure_height(max(80, BAR_PIXELS * len(totals))) + LEGEND_PIXELS
    return altair.layer(stacks, text).properties(height=height, autosize=FIT)
