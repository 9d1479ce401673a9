"""Scatter charts of one result against another, on logarithmic axes.

Zero and infinite values have no logarithm: they stand apart at the ends of their axis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import altair
import numpy
import pandas

from core.experiment import Column
from dashboard.charts.frame import (
    FIT,
    INK,
    NAME_GAP,
    WIDTH,
    Series,
    caption,
    constant,
    faded,
    figure_height,
    inked,
    isolation,
    label_tooltip,
    spread,
    zoom,
)
from dashboard.charts.render import Chart, cached
from dashboard.charts.scales import heading, logarithm_of, plain_number, value_axis
from dashboard.charts.theme import NEUTRAL, Style

HEIGHT = 420

NAME_LEFT = 8
"""Pixels from the end of the axis to the names."""

SMALL, LARGE = 50, 150
"""Area of a mark before and now, in square pixels."""

X = ("x", "x_low", "x_high")

BEFORE = ("before", "before_low", "before_high")

Y = ("y", "y_low", "y_high")
"""Columns of marks: a value and its interval."""

MARGIN = 0.06
"""Share of an axis beyond the outermost finite value."""

APART = 0.13
"""Share of an axis between the outermost finite value and where zero or infinity stands."""


@dataclass(frozen=True)
class ExtendedLogAxis:
    """Where the values of a column stand, as log₁₀, with places for zero and infinity."""

    column: Column
    low: float
    high: float
    """The ends of the finite positive values."""
    zero: bool = False
    infinite: bool = False
    """Whether any value stands apart at that end."""

    @property
    def length(self) -> float:
        """Decades of the part that is to scale."""
        return self.high - self.low

    @property
    def ends(self) -> tuple[float, float]:
        """Where the axis begins and ends."""
        before, after = (
            APART + MARGIN if apart else MARGIN for apart in (self.zero, self.infinite)
        )
        return self.low - before * self.length, self.high + after * self.length

    @property
    def breaks(self) -> list[float]:
        """Where the scale ends and the values that stand apart begin."""
        half = APART / 2 * self.length
        return [self.low - half] * self.zero + [self.high + half] * self.infinite

    def placed(self, values: pandas.Series[float]) -> pandas.Series[float]:
        """Place values on the axis; zero and infinity at its ends."""
        apart = APART * self.length
        inside = values.where((values > 0) & (values < math.inf))
        places = inside.map(math.log10, na_action="ignore")
        return places.mask(values == 0, self.low - apart).mask(
            values == math.inf, self.high + apart
        )

    def axis(self, pixels: int, title: str | None = None) -> altair.Axis:
        """Label the axis with plain numbers, and with 0 and ∞ where such values are."""
        scale = value_axis(logarithm_of(self.column), self.low, self.high, pixels)
        ticks = list(scale.to_dict()["values"])
        ticks += [self.low - APART * self.length] * self.zero
        ticks += [self.high + APART * self.length] * self.infinite
        inner = plain_number("pow(10, datum.value)")
        zero, infinite = self.low - self.length / 100, self.high + self.length / 100
        return altair.Axis(
            title=title,
            values=ticks,
            labelExpr=f"datum.value < {zero} ? '0' : datum.value > {infinite} ? '∞' : {inner}",
            labelOverlap="greedy",
        )


def extended_log_axis(column: Column, values: Sequence[pandas.Series[float]]) -> ExtendedLogAxis:
    """Find the axis that holds all of these values; it spans at least half a decade."""
    every = pandas.concat([part.astype(float) for part in values]).dropna()
    finite = numpy.log10(every[(every > 0) & (every < math.inf)])
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    short = max(0.0, 0.5 - (high - low)) / 2
    return ExtendedLogAxis(
        column,
        low - short,
        high + short,
        zero=bool((every == 0).any()),
        infinite=bool((every == math.inf).any()),
    )


@dataclass(frozen=True)
class ScatterFrame:
    """The axes and series that all layers of a scatter chart share."""

    x_axis: ExtendedLogAxis
    y_axis: ExtendedLogAxis
    series: Series

    @property
    def pixel(self) -> float:
        """The height of a pixel, in units of y."""
        low, high = self.y_axis.ends
        return (high - low) / HEIGHT

    def x(self, field: str = "x") -> altair.X:
        """Encode a field as x; on a wide screen the axis leaves room for names on the right."""
        scale = altair.Scale(
            domain=list(self.x_axis.ends),
            nice=False,
            zero=False,
            rangeMax=self.series.x_end,
        )
        axis = self.x_axis.axis(WIDTH, title=heading(logarithm_of(self.x_axis.column)))
        return altair.X(field, type="quantitative", scale=scale, axis=axis)

    def y(self, field: str = "y") -> altair.Y:
        """Encode a field as y."""
        scale = altair.Scale(domain=list(self.y_axis.ends), nice=False, zero=False)
        return altair.Y(field, type="quantitative", scale=scale, axis=self.y_axis.axis(HEIGHT))


@cached
def scatter(
    marks: pandas.DataFrame,
    x: Column,
    y: Column,
    styles: Mapping[str, Style],
    hovered: Mapping[str, str],
    *,
    diagonal: str = "",
    key: str = "",
) -> Chart:
    """Draw a mark per run with its intervals, and a line to it from where it was before.

    `marks` has label, the columns of X, BEFORE and Y, and at_least: whether y may be larger, which
    is a triangle. Missing values are not drawn. `hovered` gives columns of text their titles,
    `diagonal` names the line where y equals x, `key` explains the marks.
    """
    labels = set(marks["label"])
    series = Series({n: style for n, style in styles.items() if n in labels}, HEIGHT)
    x_axis = extended_log_axis(x, [marks[name] for name in X + BEFORE])
    y_axis = extended_log_axis(y, [marks[name] for name in Y])
    frame = ScatterFrame(x_axis, y_axis, series)
    places = {name: x_axis.placed(marks[name]) for name in X + BEFORE}
    places |= {name: y_axis.placed(marks[name]) for name in Y}
    data = marks.assign(**places).dropna(subset=["x", "y"])
    data = data.assign(level=data["y"], y=_untie(data["y"], frame.pixel)).reset_index(drop=True)
    layers = [
        *_axis_breaks(frame),
        *(_diagonal(frame, diagonal) if diagonal else ()),
        *_intervals(frame, data),
    ]
    moved = data.dropna(subset=["before"])
    path = altair.Chart(moved).mark_rule(strokeWidth=2, clip=True, aria=False)
    path = path.encode(
        x=frame.x("before"),
        x2=altair.X2(field="x"),
        y=frame.y(),
        color=series.colour(),
        strokeDash=series.dash(),
        opacity=faded(),
    )
    layers.append(path.add_params(isolation(), zoom(), series.unnamed))
    if not moved.empty:
        layers.append(_points(frame, moved, "before", SMALL, hovered))
    layers += [_points(frame, data, "x", LARGE, hovered), _names(frame, data)]
    title = caption(heading(logarithm_of(y)), key)
    height = figure_height(HEIGHT, title)
    return altair.layer(*layers, height=height, autosize=FIT, title=title)


def _untie(heights: pandas.Series[float], pixel: float) -> pandas.Series[float]:
    """Put marks of equal height one above the other: 9 pixels apart where there is room.

    All marks of one height take at most 0.6 of the room up to the next height.
    """
    levels = numpy.sort(heights.unique())
    room = float(numpy.diff(levels).min()) if len(levels) > 1 else numpy.inf
    together = heights.groupby(heights)
    count, place = together.transform("size"), together.cumcount()
    gap = numpy.minimum(9 * pixel, 0.6 * room / count)
    return heights + (place - (count - 1) / 2) * gap


def _axis_breaks(frame: ScatterFrame) -> list[Chart]:
    """Lines where a scale ends, before the values that stand apart."""
    upright = altair.Chart(pandas.DataFrame({"x": frame.x_axis.breaks})).encode(x=frame.x())
    level = altair.Chart(pandas.DataFrame({"y": frame.y_axis.breaks})).encode(y=frame.y())
    lines = [upright] * bool(frame.x_axis.breaks) + [level] * bool(frame.y_axis.breaks)
    return [line.mark_rule(color=NEUTRAL, strokeWidth=1, opacity=0.5) for line in lines]


def _diagonal(frame: ScatterFrame, text: str) -> list[Chart]:
    """The line where y equals x, as far as both scales go, and its name."""
    axes = (frame.x_axis, frame.y_axis)
    low = max(axis.low - MARGIN * axis.length / 2 for axis in axes)
    high = min(axis.high + MARGIN * axis.length / 2 for axis in axes)
    if low >= high:
        return []
    data = pandas.DataFrame({"x": [low, high], "y": [low, high], "text": ["", text]})
    base = altair.Chart(data).encode(x=frame.x(), y=frame.y())
    line = base.mark_line(color=NEUTRAL, strokeDash=[2, 3], strokeWidth=1.5)
    name = base.mark_text(
        align="right", dx=-10, dy=4, fontSize=12, fontStyle="italic", color=NEUTRAL
    )
    return [line, name.encode(text=altair.Text("text", type="nominal"))]


def _intervals(frame: ScatterFrame, data: pandas.DataFrame) -> list[Chart]:
    """Broad pale bars: the intervals of x before, of x now, and of y."""
    colour = frame.series.colour()

    def bars(low: str, high: str) -> Chart:
        known = altair.Chart(data.dropna(subset=[low, high]))
        return known.mark_rule(strokeWidth=7, clip=True, aria=False)

    level = [
        bars(low, high).encode(
            x=frame.x(low), x2=high, y=frame.y(), color=colour, opacity=faded(0.22)
        )
        for _, low, high in (BEFORE, X)
    ]
    _, low, high = Y
    upright = bars(low, high).encode(x=frame.x(), y=frame.y(low), y2=high, color=colour)
    upright = upright.encode(opacity=faded(0.22))
    return [*level, upright]


def _points(
    frame: ScatterFrame, data: pandas.DataFrame, field: str, size: int, hovered: Mapping[str, str]
) -> Chart:
    shapes = altair.Scale(domain=[False, True], range=["circle", "triangle-up"])
    mark = altair.Chart(data).mark_point(filled=True, size=size, clip=True)
    return mark.encode(
        x=frame.x(field),
        y=frame.y(),
        color=frame.series.colour(),
        opacity=faded(),
        shape=altair.Shape("at_least", type="nominal", scale=shapes, legend=None),
        tooltip=[
            label_tooltip(),
            *(altair.Tooltip(name, type="nominal", title=title) for name, title in hovered.items()),
        ],
    )


def _names(frame: ScatterFrame, data: pandas.DataFrame) -> Chart:
    """Names right of the plot, where no line crosses them, at the height of their marks."""
    heights = spread(list(data["y"]), NAME_GAP * frame.pixel, *frame.y_axis.ends)
    names = data[["label"]].assign(y=heights, name=data["label"].map(frame.series.names))
    mark = altair.Chart(inked(names, frame.series.styles)).mark_text(
        align="left", dx=NAME_LEFT, fontSize=12, fontWeight=600, clip=True, cursor="pointer"
    )
    return mark.encode(
        x=constant("X", frame.series.x_end),
        y=frame.y(),
        text=frame.series.name(),
        color=INK,
        opacity=faded(),
    )
