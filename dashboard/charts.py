"""Curve figures: pure functions from a tidy DataFrame to an Altair chart.

Titles and units come from the Row's columns, colours from the palette. Charts fit any width.
"""

from __future__ import annotations

from collections.abc import Mapping

import altair
import pandas

from core.experiment import Column
from dashboard import layers
from dashboard.curves import SEEDS, Repeats
from dashboard.drawing import Chart, kept
from dashboard.palette import NEUTRAL, Style
from dashboard.plane import plane
from dashboard.scales import heading, is_logarithm, of_a_logarithm
from dashboard.wording import exact

HEIGHT = 440
FIT = altair.AutoSizeParams(type="fit-x", contains="padding")
"""The plot keeps its height, whatever the legend takes under it."""
TEXT_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
SYMBOL_FONT = f"DejaVu Sans, {TEXT_FONT}"
"""Of text with ∂, ‖ or superscripts, which few fonts have."""


@kept
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
    baselines: pandas.DataFrame | None = None,
    height: int = HEIGHT,
    repeats: Repeats = SEEDS,
    sizes: bool = False,
    whiskers: bool = False,
    where: str = "",
    shade: layers.Shade | None = None,
) -> Chart:
    """One curve per label with its interval as a band.

    `bands` has label, x, value, low, high, n. Optional: `seeds` (label, seed, x, value) draws
    single seeds instead of bands; `lines` (label, x, value) adds straight lines; `zeros` (label, x,
    share) marks where what was measured is exactly zero; `reference` is a level to compare with,
    `baselines` (series, x, value, text) are curves to compare with;
    `repeats` says what bands are over; `sizes` makes the x axis logarithmic, for doubling sizes;
    `whiskers` draws intervals as bars, beside one another, on such an axis;
    `where` says at what all of it was measured; `shade` tells a part of the x axis apart.
    """
    zeros = pandas.DataFrame(columns=["label", x.name, "share"]) if zeros is None else zeros
    tables = [bands] if seeds is None else [bands, seeds]
    tables += [] if baselines is None else [baselines.assign(label="")]
    on = plane(x, y, styles, tables, zeros, reference, height, sizes, whiskers)
    bands = bands.assign(place=bands[x.name])
    bands = on.side_by_side(bands) if whiskers else bands
    drawn = [] if shade is None else [layers.shading(on, shade)]
    drawn += [] if reference is None else [layers.level(on, reference)]
    drawn += [] if baselines is None else [layers.baseline(on, baselines)]
    intervals = layers.whiskers if whiskers else layers.band
    drawn.append(intervals(on, bands) if seeds is None else layers.single(on, seeds))
    drawn.append(layers.line(on, bands))
    if lines is not None and not lines.empty:
        drawn.append(layers.straight(on, lines))
    if not zeros.empty:
        drawn += [layers.zero_strips(on, zeros), layers.zero_caption(on)]
    drawn += [layers.names(on, bands), layers.hover(on, bands, repeats)]
    title = caption(heading(y), where)
    return altair.layer(*drawn).properties(height=height, autosize=FIT, title=title)


def caption(text: str, where: str) -> altair.TitleParams:
    """What is drawn, above the left end; under it at what it was measured."""
    title = altair.TitleParams(
        text, anchor="start", frame="group", fontSize=13, fontWeight="normal", offset=10
    )
    if where:
        title.subtitle, title.subtitleColor, title.subtitlePadding = where, NEUTRAL, 4
    return title


def description(chart_of: str, bands: pandas.DataFrame, x: Column, y: Column) -> str:
    """A figure in words, for those who cannot see it: first and last value of each curve."""
    parts = []
    for label, curve in bands.sort_values(x.name).groupby("label", sort=False):
        first, last = curve.iloc[0], curve.iloc[-1]
        parts.append(
            f"{label}: {_number(first['value'], y)} at {exact(first[x.name])}, "
            f"{_number(last['value'], y)} at {exact(last[x.name])}"
        )
    return f"{chart_of} {heading(y)} against {heading(x)}. " + "; ".join(parts) + "."


def _number(value: float, column: Column) -> str:
    if is_logarithm(column):
        return f"{10**value:.2g}" if of_a_logarithm(column) else exact(10**value)
    return f"{value:.3g}"


def for_print(chart: Chart, width: int = 900) -> Chart:
    """The chart as a file shows it: on white, in black type."""
    return styled_for_print(chart.properties(width=width))


def styled_for_print(chart: Chart) -> Chart:
    """The same of one whose panels have their own width."""
    return chart.properties(background="white").configure(
        font=TEXT_FONT,
        padding=16,
        axis=altair.AxisConfig(
            gridColor="#e4e7e8",
            labelFont=SYMBOL_FONT,
            titleFont=TEXT_FONT,
            titleFontWeight="normal",
        ),
        title=altair.TitleConfig(font=SYMBOL_FONT, subtitleFont=TEXT_FONT),
        legend=altair.LegendConfig(titleFont=SYMBOL_FONT, titleFontWeight="normal"),
        view=altair.ViewConfig(stroke=None),
    )
