"""Heatmaps: a measure by two axes, and the attention of a decoder."""

from __future__ import annotations

import json
from typing import Any

import altair
import numpy
import pandas

from core.experiment import Column
from dashboard.charts.frame import FIT, figure_height
from dashboard.charts.render import Chart, cached
from dashboard.charts.scales import heading, is_logarithm, power_of_ten, tooltip
from dashboard.ui.text import exact

LEGEND_PIXELS = 80
"""Under a heatmap, the colour scale and its title."""

TOKEN_PIXELS = 70
"""Under an attention map, what tokens on a slant need more than numbers do."""

MAX_TILES = 100
"""Tiles along x; more values are binned."""

MAX_LABELS = 32
"""Up to this many tokens, every one is labelled; of more, as many as fit."""


@cached
def heatmap(
    rows: pandas.DataFrame,
    x: Column,
    y: Column,
    measure: Column,
    limits: tuple[float, float],
    *,
    sizes: bool = False,
) -> Chart:
    """Draw means of a measure by x and y; `limits` are the ends of the colour scale.

    x is binned to what a screen shows; with `sizes` it is every measured size, all equally wide.
    """
    tiles = _binned(rows, x.name, y.name, measure.name, width=1 if sizes else None)
    logarithm = is_logarithm(measure)
    values = 10 ** tiles["value"] if logarithm else tiles["value"]
    order = sorted(tiles[y.name].unique())
    if sizes:
        axis = altair.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=4, ticks=False)
        scale = altair.Scale(round=True, padding=0)
        across: dict[str, Any] = {
            "x": altair.X("from", type="ordinal", title=heading(x), scale=scale, axis=axis)
        }
    else:
        ends = [float(tiles["from"].min()), float(tiles["to"].max())]
        axis = altair.Axis(grid=False, tickCount={"expr": "max(3, width / 90)"})
        scale = altair.Scale(domain=ends, nice=False)
        start = altair.X("from", type="quantitative", title=heading(x), scale=scale, axis=axis)
        across = {"x": start, "x2": "over"}
    return (
        altair.Chart(tiles.assign(shown=[exact(value) for value in values]))
        .mark_rect(clip=True)
        .encode(
            **across,
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
                    labelExpr=power_of_ten("datum.value") if logarithm else "datum.label",
                    gradientLength=220,
                    titleLimit=320,
                    tickMinStep=1 if logarithm else altair.Undefined,
                ),
            ),
            tooltip=[
                altair.Tooltip("from", type="quantitative", title=x.heading),
                altair.Tooltip(y.name, type="ordinal", title=y.heading),
                tooltip(measure, "shown"),
            ],
        )
        .properties(
            height=figure_height(max(110, min(360, 34 * len(order)))) + LEGEND_PIXELS, autosize=FIT
        )
    )


def _binned(
    rows: pandas.DataFrame, x: str, y: str, measure: str, width: int | None
) -> pandas.DataFrame:
    """Columns y, from, value, to, over: means over bins of x, as wide as MAX_TILES needs."""
    places = numpy.sort(rows[x].unique())
    narrowest = int(numpy.ceil((places.max() - places.min() + 1) / MAX_TILES))
    width = width or max(1, narrowest)
    start = (rows[x] - places.min()) // width * width + places.min()
    means = rows.assign(start=start).groupby([y, "start"])[measure].mean().dropna().reset_index()
    tiles = means.rename(columns={"start": "from", measure: "value"})
    # A tile is drawn a little over the next one, or seams show.
    return tiles.assign(to=tiles["from"] + width, over=tiles["from"] + 1.6 * width)


@cached
def attention_heatmap(weights: pandas.DataFrame) -> Chart:
    """Draw attention by source token (across) and output token (downwards), from 0 to 1.

    `weights` has written, read (positions from 1), weight, written_token and read_token.
    """
    data = weights.assign(percent=[f"{100 * weight:.1f}%" for weight in weights["weight"]])
    legend = altair.Legend(
        title="Attention weight", orient="bottom", gradientLength=180, format=".1f"
    )
    return (
        altair.Chart(data)
        .mark_rect()
        .encode(
            x=altair.X("read", type="ordinal", axis=_token_axis("Source", weights, "read", -45)),
            y=altair.Y(
                "written", type="ordinal", axis=_token_axis("Output", weights, "written", 0)
            ),
            color=altair.Color(
                "weight", type="quantitative", scale=altair.Scale(domain=[0, 1]), legend=legend
            ),
            tooltip=[
                altair.Tooltip("written_token", type="nominal", title="Output"),
                altair.Tooltip("read_token", type="nominal", title="Source"),
                altair.Tooltip("percent", type="nominal", title="Weight"),
            ],
        )
        .properties(
            height=figure_height(min(640, max(80, 20 * weights["written"].nunique())))
            + LEGEND_PIXELS
            + TOKEN_PIXELS,
            autosize=FIT,
        )
    )


def _token_axis(title: str, weights: pandas.DataFrame, side: str, angle: int) -> altair.Axis:
    """Positions labelled with their tokens: the same token may stand at several of them."""
    first = weights.drop_duplicates(side).sort_values(side)
    tokens = [str(token) for token in first[f"{side}_token"]]
    return altair.Axis(
        title=title,
        labelExpr=f"{json.dumps(tokens)}[datum.value - 1]",
        labelAngle=angle,
        labelLimit=110,
        labelOverlap="greedy" if len(tokens) > MAX_LABELS else False,
        labelFlush=False,
        ticks=False,
        domain=False,
    )


def attention_in_words(weights: pandas.DataFrame) -> str:
    """Describe attention for a screen reader: the highest weight of each output token."""
    most = weights.loc[weights.groupby("written")["weight"].idxmax()]
    pairs = zip(most["written_token"], most["read_token"], strict=True)
    return (
        "Highest attention: " + "; ".join(f"{written} on {read}" for written, read in pairs) + "."
    )
