"""Figures with one line per label: dots with intervals, and bars stacked of parts."""

from __future__ import annotations

from collections.abc import Mapping

import altair
import numpy
import pandas

from core.experiment import Column
from dashboard.charts import FIT, caption
from dashboard.curves import Repeats
from dashboard.drawing import Chart, kept
from dashboard.layers import said, uncertainty
from dashboard.palette import NEUTRAL, Style
from dashboard.scales import heading, is_logarithm, tooltip, value_axis
from dashboard.wording import exact

DOT_PIXELS, BAR_PIXELS = 26, 38
"""Of the height, for each label."""
NAMES = altair.Axis(title=None, labelLimit=220, labelFlush=False)
"""Each stands beside its line: flush with the plot, the first one would not."""
CHARACTER = 7.2
"""Pixels of a digit of a total, roughly."""
ACROSS = 620
"""Pixels that the ticks of a logarithmic axis are chosen for."""


@kept
def dots(
    bands: pandas.DataFrame,
    measure: Column,
    styles: Mapping[str, Style],
    repeats: Repeats,
    where: str = "",
    clickable: bool = False,
) -> Chart:
    """A dot with its interval per label, in the order given: who differs from whom at a glance.

    `bands` has label, value, low, high, n; of a logarithm they are logarithms. With `clickable`
    the label of a dot that is clicked is the selection `highlighted`, as in curves.
    """
    data, ends = _with_an_end(said(bands, repeats, logarithm=is_logarithm(measure)))
    order = list(data["label"])
    colours = altair.Scale(domain=order, range=[styles[label].colour for label in order])
    base = altair.Chart(data).encode(
        y=altair.Y(
            "label",
            type="nominal",
            sort=order,
            axis=NAMES,
        ),
        color=altair.Color("label", type="nominal", scale=colours, legend=None),
    )
    axis = value_axis(measure, *ends, ACROSS)
    scale = altair.Scale(zero=False)
    axis.title = heading(measure)
    bars = base.mark_rule(strokeWidth=2, aria=False).encode(
        x=altair.X("low", type="quantitative", scale=scale, axis=axis), x2="high"
    )
    points = base.mark_circle(size=90, opacity=1).encode(
        x=altair.X("value", type="quantitative", scale=scale, axis=axis),
        tooltip=[
            altair.Tooltip("label", type="nominal", title=" "),
            tooltip(measure, "value_said"),
            *uncertainty(data, repeats),
        ],
    )
    if clickable:
        points = points.add_params(altair.selection_point("highlighted", fields=["label"]))
    signs = [_infinite(base, altair.XDatum(ends[1], scale=scale))] * bool(data["endless"].any())
    chart = altair.layer(bars, points, *signs).properties(
        height=max(60, DOT_PIXELS * len(order)), autosize=FIT
    )
    return chart.properties(title=caption(where, "")) if where else chart


def _with_an_end(data: pandas.DataFrame) -> tuple[pandas.DataFrame, tuple[float, float]]:
    """Intervals cut where the finite numbers end, `endless` saying which; and those ends."""
    names = ["value", "low", "high"]
    numbers = data[names].astype(float)
    finite = numbers.where(numpy.isfinite(numbers))
    lowest, highest = finite.min().min(), finite.max().max()
    ends = (0.0, 1.0) if numpy.isnan(lowest) else (float(lowest), float(highest))
    cut = numbers[["low", "high"]].clip(upper=ends[1])
    made = data.assign(value=finite["value"], low=cut["low"], high=cut["high"])
    return made.assign(endless=(numbers == numpy.inf).any(axis=1)), ends


def _infinite(base: Chart, end: altair.XDatum) -> Chart:
    """`∞` behind the largest finite number, for what goes on without an end."""
    sign = base.transform_filter("datum.endless").mark_text(
        align="left", dx=5, fontSize=15, fontWeight=600, text="∞"
    )
    return sign.encode(x=end)


@kept
def stacked(parts: pandas.DataFrame, measure: Column, colours: Mapping[str, str]) -> Chart:
    """One bar per label, stacked of parts, with its total beside it.

    `parts` has label, part and value; parts of nothing are left out of the legend.
    """
    seen = parts[parts["value"] > 0]
    totals = seen.groupby("label", sort=False)["value"].sum().rename("total").reset_index()
    made = seen.merge(totals, on="label")
    order = list(totals["label"])
    present = [part for part in colours if part in set(made["part"])]
    data = made.assign(
        place=[present.index(part) for part in made["part"]],
        value_said=[exact(value, whole=True) for value in made["value"]],
        percent=100 * made["value"] / made["total"],
    )
    room = CHARACTER * max(len(exact(total, whole=True)) for total in totals["total"]) + 10
    along = altair.Scale(
        domain=[0, float(totals["total"].max())],
        nice=False,
        rangeMax={"expr": f"width - {room:.0f}"},
    )
    ticks = {"expr": "max(2, width / 110)"}
    axis = altair.Axis(title=heading(measure), tickCount=ticks, format=",d", labelOverlap=True)
    across = altair.Y("label", type="nominal", sort=order, axis=NAMES)
    bars = (
        altair.Chart(data)
        .mark_bar()
        .encode(
            x=altair.X("value", type="quantitative", stack="zero", scale=along, axis=axis),
            y=across,
            order=altair.Order("place", type="quantitative"),
            color=altair.Color(
                "part",
                type="nominal",
                scale=altair.Scale(domain=present, range=[colours[part] for part in present]),
                legend=altair.Legend(
                    title=None, orient="bottom", columns={"expr": "max(2, floor(width / 120))"}
                ),
            ),
            tooltip=[
                altair.Tooltip("label", type="nominal", title=" "),
                altair.Tooltip("part", type="nominal", title="Part"),
                tooltip(measure, "value_said"),
                altair.Tooltip("percent", type="quantitative", title="Share (%)", format=".3~g"),
            ],
        )
    )
    return altair.layer(bars, _totals(totals, across, along)).properties(
        height=max(80, BAR_PIXELS * len(order)), autosize=FIT
    )


def _totals(totals: pandas.DataFrame, across: altair.Y, along: altair.Scale) -> Chart:
    data = totals.assign(said=[exact(total, whole=True) for total in totals["total"]])
    mark = altair.Chart(data).mark_text(
        align="left", dx=6, fontSize=12, fontWeight=600, color=NEUTRAL
    )
    return mark.encode(
        x=altair.X("total", type="quantitative", scale=along), y=across, text="said:N"
    )
