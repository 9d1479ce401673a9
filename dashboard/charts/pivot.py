"""A measure by two settings: a cell for every combination, with its value and its interval."""

from __future__ import annotations

import json
import math

import altair
import pandas

from core.analysis.across import Pivot
from core.experiment import Column
from core.formatting import exact_number, interval
from dashboard.charts.frame import FIT, constant, figure_height
from dashboard.charts.render import Chart, cached
from dashboard.charts.scales import heading
from dashboard.charts.theme import SEQUENTIAL

ROW_PIXELS = 52

MAX_COLUMN_PIXELS = 190
"""A wider cell says no more."""

ROOM_FOR_INTERVAL = 88
"""Pixels of a cell in which an interval has room under its value."""

MIN_LOG_RATIO = 30.0
"""Positive values that span more than this are coloured by their logarithm."""

TEXT = {False: ("#10161d", "#ffffff"), True: ("#e3e8ec", "#0e1318")}
"""On a dark page or not → the text on cells of low and of high values."""


def pivot_cells(pivot: Pivot) -> pandas.DataFrame:
    """Columns row, column, value, text, interval, n, mark: a line per measured combination."""
    lines = []
    for (row, column), name in pivot.names.items():
        estimate = pivot.result.estimates[name]
        value = estimate.value
        lines.append(
            {
                "row": row,
                "column": column,
                "value": value if value is not None and math.isfinite(value) else None,
                "text": exact_number(value),
                "interval": interval(estimate),
                "n": estimate.n,
                "mark": pivot.result.marks.get(name, ""),
            }
        )
    return pandas.DataFrame(lines).astype({"value": float})


def is_skewed(values: pandas.Series[float]) -> bool:
    """Whether positive values span so much that only their logarithm tells them apart."""
    finite = values.dropna()
    return bool(len(finite) and finite.min() > 0 and finite.max() / finite.min() > MIN_LOG_RATIO)


@cached
def pivot_heatmap(
    cells: pandas.DataFrame,
    measure: Column,
    titles: tuple[str, str],
    orders: tuple[tuple[str, ...], tuple[str, ...]],
    *,
    dark: bool,
) -> Chart:
    """Draw a cell per combination; `titles` and `orders` are those of the rows and the columns."""
    rows, columns = orders
    log = is_skewed(cells["value"])
    levels = cells["value"].map(math.log10) if log else cells["value"]
    span = (levels.max() - levels.min()) or 1.0
    low, high = TEXT[dark]
    data = cells.assign(
        at=[columns.index(column) for column in cells["column"]],
        until=[columns.index(column) + 1 for column in cells["column"]],
        middle=[columns.index(column) + 0.5 for column in cells["column"]],
        ink=[high if level > 0.5 else low for level in (levels - levels.min()) / span],
        weight=["bold" if mark else "normal" for mark in cells["mark"]],
    )
    cell = f"min(width / {len(columns)}, {MAX_COLUMN_PIXELS})"
    scale = altair.Scale(
        domain=[0, len(columns)], nice=False, rangeMax={"expr": f"{cell} * {len(columns)}"}
    )
    names = altair.Axis(
        title=titles[1],
        values=[index + 0.5 for index in range(len(columns))],
        labelExpr=f"{json.dumps(columns, ensure_ascii=False)}[floor(datum.value)]",
        labelLimit=MAX_COLUMN_PIXELS,
        labelOverlap="greedy",
        orient="top",
        grid=False,
        ticks=False,
        domain=False,
        titleAnchor="start",
    )
    base = altair.Chart(data).encode(
        y=altair.Y(
            "row",
            type="ordinal",
            sort=list(rows),
            title=titles[0],
            axis=altair.Axis(ticks=False, domain=False, labelLimit=150),
            scale=altair.Scale(paddingInner=0.04, paddingOuter=0),
        )
    )
    boxes = base.mark_rect(cornerRadius=3, xOffset=1, x2Offset=-1).encode(
        x=altair.X("at", type="quantitative", scale=scale, axis=names),
        x2=altair.X2(field="until"),
        color=altair.Color(
            "value",
            type="quantitative",
            scale=altair.Scale(
                type="log" if log else "linear", zero=False, range=list(SEQUENTIAL[dark])
            ),
            legend=None,
        ),
        tooltip=[
            altair.Tooltip("row", type="nominal", title=titles[0]),
            altair.Tooltip("column", type="nominal", title=titles[1]),
            altair.Tooltip("text", type="nominal", title=heading(measure)),
            altair.Tooltip("interval", type="nominal", title="95% interval"),
            altair.Tooltip("n", type="quantitative", title="n"),
            altair.Tooltip("mark", type="nominal", title="Of all cells"),
        ],
    )
    middle = altair.X("middle", type="quantitative", scale=scale, axis=names)
    ink = altair.Color("ink", type="nominal", scale=None, legend=None)
    has_room = f"{cell} > {ROOM_FOR_INTERVAL}"
    up = {"expr": f"{has_room} && datum.interval ? -7 : 0"}
    texts = [
        base.transform_filter(f"datum.weight == '{weight}'")
        .mark_text(fontSize=14, fontWeight=weight, dy=up, aria=False)
        .encode(x=middle, text=altair.Text("text", type="nominal"), color=ink)
        for weight in ("normal", "bold")
    ]
    intervals = base.mark_text(fontSize=11, dy=10, aria=False).encode(
        x=middle, text=constant("Text", {"expr": f"{has_room} ? datum.interval : ''"}), color=ink
    )
    return altair.layer(boxes, *texts, intervals).properties(
        height=figure_height(ROW_PIXELS * len(rows)), autosize=FIT
    )
