"""Line charts: a curve with its interval for each label, exact zeros, names and tooltips.

Titles and units come from the Row's columns, colours from the theme. Charts fit any width.
"""

from __future__ import annotations

import dataclasses
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair
import pandas

from core.experiment import Column
from dashboard.charts.curves import SEEDS, Repeats, thin
from dashboard.charts.frame import (
    CHARACTER_PIXELS,
    FIT,
    INK,
    NAME_GAP,
    WIDTH,
    ChartFrame,
    caption,
    chart_frame,
    constant,
    faded,
    figure_height,
    inked,
    interval_tooltips,
    isolation,
    label_tooltip,
    separated,
    value_text,
    zoom,
)
from dashboard.charts.render import Chart, cached
from dashboard.charts.scales import heading, is_logarithm, of_a_logarithm, tooltip
from dashboard.charts.theme import NEUTRAL, Style
from dashboard.ui.text import exact

HEIGHT = 420
"""Pixels of a plot."""

MIN_NAMED_RANGE = 200
"""In a lower plot, the name of a shaded range would lie on the curves."""

EARLY = 0.75
"""The share of the width before which a curve that ends there has ended early."""

NAME_PIXELS = 8
"""Between the end of a curve and its name."""

HOVERED_AREA = 70
"""Of the point under the pointer, in square pixels."""

HOVERED = "hovered"
"""The selection of the point that is nearest to the pointer."""

MAX_HOVERED = 100
"""Points of one curve that have a tooltip."""

TEXT_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

TITLE_SIZE, PRINT_LINE = 16, 17
"""Of a picture that stands alone: the size of its title, and the height of a line under it."""

SYMBOL_FONT = f"DejaVu Sans, {TEXT_FONT}"
"""For text with ∂, ‖ or superscripts, which few fonts have."""


@dataclass(frozen=True)
class ShadedRange:
    """A part of the plot that is shaded and named: from its left end up to a value of x."""

    end: float
    text: str


@cached
def line_chart(
    bands: pandas.DataFrame,
    x: Column,
    y: Column,
    styles: Mapping[str, Style],
    *,
    seeds: pandas.DataFrame | None = None,
    fits: pandas.DataFrame | None = None,
    zeros: pandas.DataFrame | None = None,
    reference: float | None = None,
    baselines: pandas.DataFrame | None = None,
    height: int = HEIGHT,
    repeats: Repeats = SEEDS,
    sizes: bool = False,
    from_zero: bool = False,
    whiskers: bool = False,
    where: str = "",
    shaded: ShadedRange | None = None,
    within: tuple[float, float] | None = None,
    relative: bool = False,
) -> Chart:
    """Draw one curve per label with its interval as a band.

    `bands` has label, x, value, low, high, n. The optional arguments:

    - `seeds` (label, seed, x, value): single seeds, drawn instead of bands.
    - `fits` (label, x, value): fitted straight lines.
    - `zeros` (label, x, share): where the measure is exactly zero.
    - `reference`: a level to compare with; `baselines` (series, x, value, text): such curves.
    - `repeats`: what the intervals are over; `where`: the subtitle.
    - `sizes`: a logarithmic x axis for sizes, `from_zero` one of 1 + x.
    - `whiskers`: intervals as bars, beside one another.
    - `within`: both ends of the y axis, where they do not follow from the numbers.
    - `relative`: every value is a share of the curve's first.
    """
    zeros = pandas.DataFrame(columns=["label", x.name, "share"]) if zeros is None else zeros
    tables = [bands] if seeds is None else [bands, seeds]
    tables += [] if baselines is None else [baselines.assign(label="")]
    frame = chart_frame(
        x,
        y,
        styles,
        tables,
        zeros,
        height=height,
        reference=reference,
        within=within,
        sizes=sizes,
        from_zero=from_zero,
        dodge=whiskers,
    )
    bands = bands.assign(place=bands[x.name])
    bands = frame.dodged(bands) if whiskers else bands
    layers = []
    if shaded is not None:
        layers += _shaded_range(frame, shaded)
    if reference is not None:
        level = altair.Chart(pandas.DataFrame({"value": [reference]}))
        rule = level.mark_rule(strokeDash=[2, 3], color=NEUTRAL, clip=True)
        ends = {"x": constant("X", 0), "x2": constant("X2", frame.series.x_end)}
        layers.append(rule.encode(y=frame.y(), **ends))
    if baselines is not None:
        layers += _baseline_curves(frame, baselines)
    # A layer without rows keeps its place: to switch it on is new data, and not a new chart.
    none = bands.head(0)
    layers.append(_intervals(frame, none if seeds is not None else bands, whiskers=whiskers))
    layers.append(_single_seeds(frame, none.assign(seed=0) if seeds is None else seeds))
    layers.append(_means(frame, bands))
    layers.append(_fitted_lines(frame, none if fits is None else fits))
    if not zeros.empty:
        layers += _exact_zeros(frame, zeros)
    named = _named_ends(frame, bands)
    unit = " of the first" if relative else ""
    layers += [*_hover(frame, bands, named, repeats, unit), _names(frame, named)]
    title = caption(heading(relative_to_first(y) if relative else y), where)
    height = figure_height(height, title)
    return altair.layer(*layers, height=height, autosize=FIT, title=title)


def _shaded_range(frame: ChartFrame, shaded: ShadedRange) -> list[Chart]:
    x = frame.x_column.name
    row = {x: frame.across[0], "to": min(shaded.end, frame.across[1]), "text": shaded.text}
    base = altair.Chart(pandas.DataFrame([row]))
    area = base.mark_rect(opacity=0.1, color=NEUTRAL, clip=True, aria=False)
    area = area.encode(x=frame.x(), x2=altair.X2(field="to"))
    if frame.height < MIN_NAMED_RANGE:
        return [area]
    text = base.mark_text(align="left", dx=7, fontSize=12, fontStyle="italic", color=NEUTRAL)
    text = text.encode(
        x=frame.x(), y=constant("Y", frame.height - 12), text=altair.Text("text", type="nominal")
    )
    return [area, text]


def _baseline_curves(frame: ChartFrame, baselines: pandas.DataFrame) -> list[Chart]:
    """Curves to compare with, named near their left ends, since the first point may lie apart; what
    ends early is named at its end, where little crosses it."""
    base = altair.Chart(baselines).encode(
        x=frame.x(), y=frame.y(), detail=altair.Detail("series", type="nominal")
    )
    curve = base.mark_line(strokeDash=[2, 3], strokeWidth=1.5, color=NEUTRAL, clip=True)
    ends = baselines.groupby("series").tail(1)
    early = [place < EARLY * WIDTH for place in frame.pixels(ends[frame.x_column.name])]
    starts = baselines.groupby("series").head(2).groupby("series").tail(1)
    full = starts[~starts["series"].isin(ends[early]["series"])]
    named = pandas.concat([full, ends[early]])
    text = altair.Chart(named).mark_text(
        align="left", baseline="bottom", dx=2, dy=-4, fontSize=12, fontStyle="italic", color=NEUTRAL
    )
    return [curve, text.encode(x=frame.x(), y=frame.y(), text=altair.Text("text", type="nominal"))]


def _intervals(frame: ChartFrame, bands: pandas.DataFrame, *, whiskers: bool) -> Chart:
    """Bands or whiskers; an infinite end is drawn as far as the figure goes."""
    data = bands.dropna(subset=["low", "high"])[["label", frame.x_column.name, "low", "high"]]
    chart = altair.Chart(data.assign(high=data["high"].clip(upper=frame.high)))
    if whiskers:
        mark, opacity = chart.mark_rule(strokeWidth=2, clip=True, aria=False), 0.5
    else:
        mark, opacity = chart.mark_area(clip=True, aria=False), 0.16
    return mark.encode(
        x=frame.x(),
        y=frame.y("low"),
        y2=altair.Y2(field="high"),
        color=frame.series.colour(),
        opacity=faded(opacity),
    )


def _single_seeds(frame: ChartFrame, seeds: pandas.DataFrame) -> Chart:
    data = seeds[["label", "seed", frame.x_column.name, "value"]].reset_index(drop=True)
    mark = altair.Chart(data).mark_line(strokeWidth=0.8, clip=True, aria=False)
    return mark.encode(
        **frame.curve(), detail=altair.Detail("seed", type="nominal"), opacity=faded(0.35)
    )


def _fitted_lines(frame: ChartFrame, fits: pandas.DataFrame) -> Chart:
    """Grey lines over the curves, so that a bad fit shows."""
    base = altair.Chart(fits).encode(
        x=frame.x(), y=frame.y(), detail=altair.Detail("label", type="nominal")
    )
    return base.mark_line(strokeWidth=1.5, strokeDash=[7, 3], color=NEUTRAL, clip=True)


def _means(frame: ChartFrame, bands: pandas.DataFrame) -> Chart:
    """The curves, which can be isolated, zoomed and moved."""
    point = {"size": 26, "filled": True} if frame.sizes else False
    mark = altair.Chart(bands[["label", frame.x_column.name, "value"]]).mark_line(
        strokeWidth=2.2, clip=True, point=point
    )
    return mark.encode(**frame.curve(), opacity=faded()).add_params(
        isolation(), zoom(), frame.series.unnamed
    )


def _exact_zeros(frame: ChartFrame, zeros: pandas.DataFrame) -> list[Chart]:
    """A strip per label under the curves, stronger where more samples are zero; and its caption."""
    row = {label: index for index, label in enumerate(frame.zeros)}
    height = frame.low - frame.strip * (0.5 + zeros["label"].map(row))
    scale = altair.Scale(domain=[0, 1], range=[0.25, 1])
    strips = (
        altair.Chart(zeros.assign(value=height, percent=100 * zeros["share"]))
        .mark_tick(thickness=3, height=7, clip=True, orient="vertical", aria=False)
        .encode(
            x=frame.x(),
            y=frame.y(),
            opacity=altair.Opacity("share", type="quantitative", scale=scale, legend=None),
            color=frame.series.colour(),
            tooltip=[
                label_tooltip(),
                altair.Tooltip(
                    frame.x_column.name, type="quantitative", title=heading(frame.x_column)
                ),
                altair.Tooltip(
                    "percent", type="quantitative", title="Exactly zero (%)", format=".3~g"
                ),
            ],
        )
    )
    text = pandas.DataFrame({"text": ["exactly zero:"], "value": [frame.low - 0.5 * frame.strip]})
    mark = altair.Chart(text).mark_text(
        align="left", dx=4, fontSize=11, fontStyle="italic", color=NEUTRAL
    )
    return [
        strips,
        mark.encode(x=constant("X", 0), y=frame.y(), text=altair.Text("text", type="nominal")),
    ]


def _named_ends(frame: ChartFrame, bands: pandas.DataFrame) -> pandas.DataFrame:
    """The last point of each curve with its `name`, and the `height` at which that has room."""
    x = frame.x_column.name
    ends = bands.sort_values(x).groupby("label", sort=False).tail(1)
    gap = NAME_GAP * (frame.high - frame.bottom) / frame.height
    heights = separated(
        frame.pixels(ends[x]),
        [frame.series.name_width(label) for label in ends["label"]],
        list(ends["value"]),
        gap,
        (frame.bottom + gap / 2, frame.high - gap / 2),  # else the plot's edge would cut it
    )
    return ends.assign(height=heights, name=ends["label"].map(frame.series.names))


def _names(frame: ChartFrame, named: pandas.DataFrame) -> Chart:
    """Names beside the ends of the curves, moved apart; left out on a narrow screen."""
    data = named.assign(value=named["height"])[["label", "name", frame.x_column.name, "value"]]
    mark = altair.Chart(inked(data, frame.series.styles)).mark_text(
        align="left", dx=NAME_PIXELS, fontSize=12, fontWeight=600, clip=True
    )
    return mark.encode(
        x=frame.x(),
        y=frame.y(),
        text=frame.series.name(),
        color=INK,
        opacity=faded(),
    )


def _hover(
    frame: ChartFrame, bands: pandas.DataFrame, named: pandas.DataFrame, repeats: Repeats, unit: str
) -> list[Chart]:
    """A line at the nearest point of a curve, and the point with its numbers, each with `unit`
    after it; `place` is its x before dodging.

    A name counts as a point, which is not drawn: the pointer finds the end of its own curve there,
    and not of the one that happens to end nearest.
    """
    nearest = altair.selection_point(
        name=HOVERED, nearest=True, on="pointerover", clear="pointerout", empty=False
    )
    x = frame.x_column.name
    middles = [
        frame.beyond(end, NAME_PIXELS + frame.series.name_width(label) / 2)
        for end, label in zip(named[x], named["label"], strict=True)
    ]
    points = thin(bands, "place", MAX_HOVERED)
    points = points.assign(height=points["value"], area=HOVERED_AREA)
    both = pandas.concat([points, named.assign(**{x: middles}, area=0)], ignore_index=True)
    logarithm = is_logarithm(frame.y_column)
    numbers = value_text(both.drop(columns="name"), repeats, logarithm=logarithm)
    numbers["value_text"] += unit
    base = altair.Chart(numbers.drop(columns=["value", "low", "high"]))  # as text they are there
    area = altair.Size("area", type="quantitative", scale=None)
    colour = frame.series.colour()
    targets = base.mark_circle(clip=True, aria=False, opacity=0).encode(
        x=frame.x(),
        y=frame.y("height"),
        size=area,
        tooltip=[
            label_tooltip(),
            altair.Tooltip("place", type="quantitative", title=heading(frame.x_column), format=","),
            tooltip(frame.y_column, "value_text"),
            *interval_tooltips(numbers, repeats),
        ],
    )
    # Filtered, and not only transparent: a browser draws one line and one point, not hundreds.
    hovered = base.transform_filter({"param": HOVERED, "empty": False})
    line = hovered.mark_rule(color=NEUTRAL, strokeWidth=1, opacity=0.6, clip=True, aria=False)
    point = hovered.mark_circle(clip=True, aria=False, opacity=1)
    return [
        line.encode(x=frame.x("place")),
        point.encode(x=frame.x(), y=frame.y("height"), size=area, color=colour),
        targets.add_params(nearest),
    ]


def relative_to_first(y: Column) -> Column:
    """The column with a title that says what its values are divided by."""
    return dataclasses.replace(y, title=f"{y.title} relative to the first")


def description(chart_of: str, bands: pandas.DataFrame, x: Column, y: Column) -> str:
    """Describe a line chart for a screen reader: both ends of each curve."""

    def number(value: float) -> str:
        if not math.isfinite(value):
            return "not finite"
        if not is_logarithm(y):
            return f"{value:.3g}"
        return f"{10**value:.2g}" if of_a_logarithm(y) else exact(10**value)

    parts = []
    for label, curve in bands.sort_values(x.name).groupby("label", sort=False):
        first, last = curve.iloc[0], curve.iloc[-1]
        parts.append(
            f"{label}: {number(first['value'])} at {exact(first[x.name])}, "
            f"{number(last['value'])} at {exact(last[x.name])}"
        )
    return f"{chart_of} {heading(y)} against {heading(x)}. " + "; ".join(parts) + "."


@dataclass(frozen=True)
class Caption:
    """What a picture says when it stands alone: what is asked, of what, and where it is from."""

    title: str
    conditions: Sequence[str] = ()
    source: str = ""


def for_print(chart: Chart, caption: Caption | None = None, width: int = 900) -> Chart:
    """Style a chart for a file: on white, in black type, under its caption."""
    chart = chart.properties(width=width)
    if caption is not None:
        title = _title_for_print(chart, caption, int(width / CHARACTER_PIXELS))
        more = TITLE_SIZE * len(title.text) + PRINT_LINE * (len(title.subtitle) - 1)
        height = chart.height + more if isinstance(chart.height, int) else chart.height
        chart = chart.properties(title=title, height=height)
    return styled_for_print(chart)


def _title_for_print(chart: Chart, caption: Caption, letters: int) -> altair.TitleParams:
    """The caption above the chart's own title, which names the y axis."""
    own = {} if chart.title is altair.Undefined else chart.title.to_dict()
    conditions = textwrap.wrap(", ".join(caption.conditions), letters)
    under = [own.get("subtitle", ""), own.get("text", "")]
    return altair.TitleParams(
        textwrap.wrap(caption.title, int(letters * 12 / TITLE_SIZE)),
        subtitle=[line for line in (*conditions, caption.source, *under) if line],
        anchor="start",
        frame="group",
        fontSize=TITLE_SIZE,
        fontWeight="bold",
        subtitleFontSize=12,
        subtitleColor="#4a525b",
        subtitlePadding=6,
        subtitleLineHeight=PRINT_LINE,
        offset=14,
    )


def styled_for_print(chart: Any) -> Chart:
    """Style a chart whose panels have their own width for a file."""
    return chart.properties(background="white").configure(
        font=TEXT_FONT,
        padding=16,
        axis=altair.AxisConfig(
            gridColor="#e4e7e8",
            labelFont=SYMBOL_FONT,
            titleFont=TEXT_FONT,
            titleFontWeight="normal",
        ),
        title=altair.TitleConfig(font=SYMBOL_FONT, subtitleFont=SYMBOL_FONT),
        legend=altair.LegendConfig(titleFont=SYMBOL_FONT, titleFontWeight="normal"),
        view=altair.ViewConfig(stroke=None),
    )
