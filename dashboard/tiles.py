"""A heatmap: pure functions from a tidy DataFrame to an Altair chart."""

from __future__ import annotations

from typing import Any

import altair
import numpy
import pandas

from core.experiment import Column
from dashboard.charts import FIT
from dashboard.drawing import Chart, kept
from dashboard.scales import heading, is_logarithm, power_of_ten, tooltip
from dashboard.wording import exact

MOST_TILES = 100
"""In one direction."""


@kept
def heatmap(
    rows: pandas.DataFrame,
    x: Column,
    y: Column,
    measure: Column,
    limits: tuple[float, float],
    *,
    sizes: bool = False,
) -> Chart:
    """Means of a measure by x (binned to what a screen shows) and y; `limits` of the colours.

    With `sizes`, x is every size that was measured, all equally wide.
    """
    tiles = _tiles(rows, x.name, y.name, measure.name, width=1 if sizes else None)
    label = power_of_ten("datum.value") if is_logarithm(measure) else "datum.label"
    order = sorted(tiles[y.name].unique())
    shown = 10 ** tiles["value"] if is_logarithm(measure) else tiles["value"]
    along = {"x": _sizes(x)} if sizes else _distances(x, tiles)
    return (
        altair.Chart(tiles.assign(shown=[exact(v) for v in shown]))
        .mark_rect(clip=True)
        .encode(
            **along,
            y=altair.Y(
                y.name,
                type="ordinal",
                sort=order,
                title=y.heading,
                scale=altair.Scale(round=True, padding=0),
            ),
            color=altair.Color(
                "value",
                type="quantitative",
                scale=altair.Scale(domain=list(limits)),
                legend=altair.Legend(
                    title=heading(measure),
                    orient="bottom",
                    labelExpr=label,
                    gradientLength=220,
                    titleLimit=320,
                    tickMinStep=1 if is_logarithm(measure) else altair.Undefined,
                ),
            ),
            tooltip=[
                altair.Tooltip("from", type="quantitative", title=x.heading),
                altair.Tooltip(y.name, type="ordinal", title=y.heading),
                tooltip(measure, "shown"),
            ],
        )
        .properties(height=max(110, min(360, 34 * len(order))), autosize=FIT)
    )


def _sizes(x: Column) -> altair.X:
    axis = altair.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=4, ticks=False)
    scale = altair.Scale(round=True, padding=0)
    return altair.X("from", type="ordinal", title=heading(x), scale=scale, axis=axis)


def _distances(x: Column, tiles: pandas.DataFrame) -> dict[str, Any]:
    ends = [float(tiles["from"].min()), float(tiles["to"].max())]
    across = altair.X(
        "from",
        type="quantitative",
        title=heading(x),
        scale=altair.Scale(domain=ends, nice=False),
        axis=altair.Axis(grid=False, tickCount={"expr": "max(3, width / 90)"}),
    )
    return {"x": across, "x2": "over"}  # further than the tile goes, or seams show


def _tiles(
    rows: pandas.DataFrame, x: str, y: str, measure: str, width: int | None
) -> pandas.DataFrame:
    distances = numpy.sort(rows[x].unique())
    most = int(numpy.ceil((distances.max() - distances.min() + 1) / MOST_TILES))
    width = width or max(1, most)
    start = (rows[x] - distances.min()) // width * width + distances.min()
    means = rows.assign(start=start).groupby([y, "start"])[measure].mean().dropna().reset_index()
    tiles = means.rename(columns={"start": "from", measure: "value"})
    return tiles.assign(to=tiles["from"] + width, over=tiles["from"] + 1.6 * width)
