"""The chart of a report: one line per name, with its value, its interval and both as text.

`python -m experiments.reports.charts` reads charts from standard input and writes their SVG, both
as JSON. It is a process of its own because Altair and the JavaScript engine of the renderer take
seconds to load and would double the dashboard's memory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import altair
import numpy
import pandas
import vl_convert

from core.formatting import distinct_names

WIDTH, MAX_NAME_WIDTH = 320, 290
"""Pixels of the plot and of a name on its left."""


def interval_chart(heading: str, rows: Sequence[Mapping[str, Any]]) -> altair.LayerChart:
    """Dots with intervals under one another, in the colours of the page that the SVG stands in.

    Each row has name, value, low and high (None where there is none), and text. Infinite ends are
    drawn where the finite numbers end; above 1.5 powers of ten the axis is logarithmic.
    """
    data = pandas.DataFrame(rows)
    data["name"] = data["name"].map(distinct_names([str(name) for name in data["name"]]))
    numbers = data[["value", "low", "high"]].astype(float)
    finite = numbers.where(numpy.isfinite(numbers))
    lowest, highest = float(finite.min().min()), float(finite.max().max())
    data["value"] = finite["value"]
    data[["low", "high"]] = numbers[["low", "high"]].clip(lowest, highest)
    logarithmic = lowest > 0 and highest > lowest * 10**1.5
    scale = altair.Scale(
        type="log" if logarithmic else "linear", zero=False, nice=False, padding=10
    )
    if lowest == highest:
        scale.domain = [lowest - 1, highest + 1]
    plain = highest < 1e7 and lowest > 1e-4
    axis = altair.Axis(
        title=heading, tickCount=5, format=",.4~r" if plain else ".3~g", labelOverlap=True
    )
    names = altair.Axis(
        title=None, labelLimit=MAX_NAME_WIDTH, ticks=False, domain=False, labelPadding=8
    )
    base = altair.Chart(data).encode(
        y=altair.Y("name", type="nominal", sort=None, axis=names),
    )
    bars = base.mark_rule(strokeWidth=2, color="var(--link)", aria=False).encode(
        x=altair.X("low", type="quantitative", scale=scale, axis=axis), x2="high"
    )
    dots = base.mark_circle(size=80, opacity=1, color="var(--link)", aria=False).encode(
        x=altair.X("value", type="quantitative", scale=scale, axis=axis)
    )
    texts = base.mark_text(align="left", color="currentColor", aria=False).encode(
        x=altair.value(WIDTH + 12), text=altair.Text("text", type="nominal")
    )
    # The renderer measures text in a font of its own; the reader's may be a third wider.
    left, right = (7 * data[column].str.len().max() / 3 for column in ("name", "text"))
    room = {"left": min(left, MAX_NAME_WIDTH / 3), "right": right, "top": 5, "bottom": 5}
    chart = altair.layer(bars, dots, texts).properties(
        width=WIDTH, height=26 * len(data), background="transparent", padding=room
    )
    configured: altair.LayerChart = (
        chart.configure(font="system-ui, sans-serif")
        .configure_view(stroke=None)
        .configure_text(fontSize=13)
        .configure_axis(
            labelColor="currentColor",
            titleColor="currentColor",
            labelFontSize=13,
            titleFontSize=13,
            titleFontWeight="normal",
            titleLimit=WIDTH + 200,
            gridColor="var(--line)",
            domainColor="var(--line)",
            tickColor="var(--line)",
        )
        .configure_axisY(grid=False)
    )
    return configured


def main() -> None:
    charts = [interval_chart(**chart) for chart in json.load(sys.stdin)]
    json.dump([vl_convert.vegalite_to_svg(chart.to_dict()) for chart in charts], sys.stdout)


if __name__ == "__main__":
    main()
