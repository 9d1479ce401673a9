"""Every figure: pure functions from a tidy DataFrame to an Altair chart.

Titles and units come from the Row's columns, colours from the palette. Charts fit any width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair
import numpy
import pandas

from core.experiment import Column
from dashboard import layers
from dashboard.palette import Style
from dashboard.scales import heading, is_logarithm, power_of_ten, tooltip

Chart = Any
"""An Altair chart: layered or not, they have no type of their own in common."""

HEIGHT = 440
FIT = altair.AutoSizeParams(type="fit-x", contains="padding")
"""The plot keeps its height, whatever the legend takes under it."""
MOST_TILES = 100
"""Of a heatmap in one direction."""
TEXT_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
SYMBOL_FONT = f"DejaVu Sans, {TEXT_FONT}"
"""Of text with ∂, ‖ or superscripts, which few fonts have."""


def curves(
    bands: pandas.DataFrame,
    x: Column,
    y: Column,
    styles: Mapping[str, Style],
    *,
    seeds: pandas.DataFrame | None = None,
    lines: pandas.DataFrame | None = None,
    zeros: pandas.DataFrame | None = None,
    reference: float | None = None,
    height: int = HEIGHT,
) -> Chart:
    """One curve per label with its interval as a band.

    `bands` has label, x, value, low, high, n. Optional: `seeds` (label, seed, x, value) draws
    single seeds instead of bands; `lines` (label, x, value) adds straight lines; `zeros` (label, x,
    share) marks where what was measured is exactly zero; `reference` is a level to compare with.
    """
    zeros = pandas.DataFrame(columns=["label", x.name, "share"]) if zeros is None else zeros
    tables = [bands] if seeds is None else [bands, seeds]
    on = layers.plane(x, y, styles, tables, zeros, reference, height)
    drawn = [] if reference is None else [layers.level(on, reference)]
    drawn.append(layers.band(on, bands) if seeds is None else layers.single(on, seeds))
    drawn.append(layers.line(on, bands))
    if lines is not None and not lines.empty:
        drawn.append(layers.straight(on, lines))
    if not zeros.empty:
        drawn += [layers.zero_strips(on, zeros), layers.zero_caption(on)]
    drawn += [layers.names(on, bands), layers.hover(on, bands)]
    title = altair.TitleParams(
        heading(y), anchor="start", frame="group", fontSize=13, fontWeight="normal", offset=10
    )
    return altair.layer(*drawn).properties(height=height, autosize=FIT, title=title)


def heatmap(
    rows: pandas.DataFrame, x: Column, y: Column, measure: Column, limits: tuple[float, float]
) -> Chart:
    """Means of a measure by x (binned to what a screen shows) and y; `limits` of the colours."""
    tiles = _tiles(rows, x.name, y.name, measure.name)
    label = power_of_ten("datum.value") if is_logarithm(measure) else "datum.label"
    order = sorted(tiles[y.name].unique())
    shown = 10 ** tiles["value"] if is_logarithm(measure) else tiles["value"]
    end = float(tiles["to"].max())
    return (
        altair.Chart(tiles.assign(shown=shown))
        .mark_rect(clip=True)
        .encode(
            x=altair.X(
                "from",
                type="quantitative",
                title=heading(x),
                scale=altair.Scale(domain=[float(tiles["from"].min()), end], nice=False),
                axis=altair.Axis(grid=False, tickCount={"expr": "max(3, width / 90)"}),
            ),
            x2="over",  # further than the tile goes, or seams show
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


def _tiles(rows: pandas.DataFrame, x: str, y: str, measure: str) -> pandas.DataFrame:
    distances = numpy.sort(rows[x].unique())
    width = max(1, int(numpy.ceil((distances.max() - distances.min() + 1) / MOST_TILES)))
    start = (rows[x] - distances.min()) // width * width + distances.min()
    means = rows.assign(start=start).groupby([y, "start"])[measure].mean().dropna().reset_index()
    tiles = means.rename(columns={"start": "from", measure: "value"})
    return tiles.assign(to=tiles["from"] + width, over=tiles["from"] + 1.6 * width)


def intervals(results: pandas.DataFrame, measure: Column, styles: Mapping[str, Style]) -> Chart:
    """A dot with its interval per label: who differs from whom at a glance."""
    order = [label for label in styles if label in set(results["label"])]
    columns = {
        "label": results["label"],
        "value": results[measure.name],
        "low": results[f"{measure.name}_low"],
        "high": results[f"{measure.name}_high"],
    }
    data = pandas.DataFrame(columns).dropna(subset=["value"])
    colours = altair.Scale(domain=order, range=[styles[label].colour for label in order])
    base = altair.Chart(data).encode(
        y=altair.Y(
            "label", type="nominal", sort=order, axis=altair.Axis(title=None, labelLimit=220)
        ),
        color=altair.Color("label", type="nominal", scale=colours, legend=None),
    )
    scale = altair.Scale(zero=False)
    across = altair.X("value", type="quantitative", scale=scale, title=measure.heading)
    bars = base.mark_rule(strokeWidth=2).encode(
        x=altair.X("low", type="quantitative", scale=scale, title=measure.heading), x2="high"
    )
    dots = base.mark_circle(size=90, opacity=1).encode(
        x=across,
        tooltip=[
            altair.Tooltip("label", type="nominal", title=" "),
            tooltip(measure, "value"),
            tooltip(measure, "low", "95% interval from"),
            tooltip(measure, "high", "to"),
        ],
    )
    return altair.layer(bars, dots).properties(height=max(60, 26 * len(order)), autosize=FIT)


def description(chart_of: str, bands: pandas.DataFrame, x: Column, y: Column) -> str:
    """A figure in words, for those who cannot see it: first and last value of each curve."""
    parts = []
    for label, curve in bands.sort_values(x.name).groupby("label", sort=False):
        first, last = curve.iloc[0], curve.iloc[-1]
        parts.append(
            f"{label}: {_number(first['value'], y)} at {first[x.name]:g}, "
            f"{_number(last['value'], y)} at {last[x.name]:g}"
        )
    return f"{chart_of} {heading(y)} against {heading(x)}. " + "; ".join(parts) + "."


def _number(value: float, column: Column) -> str:
    return f"{10**value:.2g}" if is_logarithm(column) else f"{value:.3g}"


def for_print(chart: Chart, width: int = 900) -> Chart:
    """The chart as a file shows it: on white, in black type."""
    return chart.properties(width=width, background="white").configure(
        font=TEXT_FONT,
        padding=16,
        axis=altair.AxisConfig(
            gridColor="#e4e7e8",
            labelFont=SYMBOL_FONT,
            titleFont=TEXT_FONT,
            titleFontWeight="normal",
        ),
        title=altair.TitleConfig(font=SYMBOL_FONT),
        legend=altair.LegendConfig(titleFont=SYMBOL_FONT, titleFontWeight="normal"),
        view=altair.ViewConfig(stroke=None),
    )
