"""What charts share: axes, series with colours and a legend, names, captions and tooltips."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import altair
import pandas

from core.experiment import Column
from core.formatting import distinct_names
from dashboard.charts.curves import Repeats
from dashboard.charts.scales import heading, value_axis
from dashboard.charts.theme import NEUTRAL, Style
from dashboard.ui.text import exact

NARROW = 560
"""Below this width in pixels, names beside single marks are left out."""

UNNAMED = "unnamed"
"""The parameter of a chart that says whether its curves have no names beside them."""

MAX_NAME_SHARE = 1 / 3
"""Where names beside the curves would take more of the width, a legend replaces them."""

CHARACTER_PIXELS = 6.4
"""Width of a character of a name, roughly."""

NAME_GAP = 15
"""Pixels between names, across and upwards."""

WIDTH = 820
"""Pixels of a figure for which names are moved apart; a wider one only has more room."""

FADED = 0.15
"""The share of its opacity that a label keeps while another one is isolated."""

DODGE_PIXELS = 4
"""Between points at one place, which would hide each other's intervals."""

FIT = altair.AutoSizeParams(type="fit", contains="padding")
"""The whole figure has its width and height, so that it also fits a full screen."""

TITLE_PIXELS, SUBTITLE_PIXELS, AXIS_PIXELS = 27, 17, 42
"""Of a figure's height, what is above the plot and under it."""


@dataclass(frozen=True)
class Series:
    """The labels of a chart in the legend's order, with their styles."""

    styles: Mapping[str, Style]
    height: float
    """Pixels of the plot: names one above the other must fit in."""

    @cached_property
    def names(self) -> dict[str, str]:
        """Label → its name in the chart."""
        return distinct_names(list(self.styles))

    @property
    def room(self) -> float:
        """Pixels on the right of the plot that the names beside the curves take."""
        longest = max(map(len, self.names.values()), default=0)
        return CHARACTER_PIXELS * longest + 14

    def name_width(self, label: str) -> float:
        """Pixels that a name takes, with the gap around it."""
        return CHARACTER_PIXELS * len(self.names[label]) + NAME_GAP

    @property
    def unnamed(self) -> altair.Parameter:
        """Whether the names are in a legend, for want of room beside the curves."""
        crowded = NAME_GAP * len(self.styles) > self.height
        room = f"width < {self.room / MAX_NAME_SHARE:.0f}"
        return altair.param(name=UNNAMED, expr="true" if crowded else room)

    @property
    def x_end(self) -> dict[str, str]:
        """A Vega expression: where the x axis ends, so that the names have room."""
        return {"expr": f"{UNNAMED} ? width : width - {self.room:.0f}"}

    def name(self) -> Any:
        """Encode the name beside a curve, where there is room; data has it in `name`."""
        return constant("Text", {"expr": f"{UNNAMED} ? '' : datum.name"})

    def colour(self) -> altair.Color:
        """Encode the label as a colour."""
        colours = [style.colour for style in self.styles.values()]
        scale = altair.Scale(domain=list(self.styles), range=colours)
        return altair.Color(field="label", type="nominal", scale=scale, legend=self._legend())

    def dash(self) -> altair.StrokeDash:
        """Encode the label as a dash, in the same legend."""
        dashes = [list(style.dash) for style in self.styles.values()]
        scale = altair.Scale(domain=list(self.styles), range=dashes)
        return altair.StrokeDash(field="label", type="nominal", scale=scale, legend=self._legend())

    def _legend(self) -> altair.Legend:
        return narrow_legend(self.names, UNNAMED)


def inked(named: pandas.DataFrame, styles: Mapping[str, Style]) -> pandas.DataFrame:
    """Rows with labels, and the colour of each one's name as `ink`."""
    return named.assign(ink=[styles[label].ink or styles[label].colour for label in named["label"]])


def narrow_legend(names: Mapping[str, str], where: str, symbol: str = "stroke") -> altair.Legend:
    """The names of labels where a Vega expression says so, on a narrow screen; elsewhere, where
    they are beside the curves or marks, nothing."""

    def only_there(size: float) -> dict[str, str]:
        return {"expr": f"{where} ? {size} : 0"}

    # Pixels of the longest name, the symbol and its padding.
    entry = f"{CHARACTER_PIXELS * max(map(len, names.values()), default=0) + 45:.0f}"
    return altair.Legend(
        title=None,
        orient="bottom",
        columns={"expr": f"max(1, min(6, floor(width / {entry})))"},
        labelExpr=f"{where} ? ({label_expression(names)}) : ''",
        labelFontSize=only_there(12),
        labelLimit=400,
        offset=only_there(8),
        rowPadding=only_there(2),
        symbolType=symbol,
        symbolSize=only_there(300 if symbol == "stroke" else 100),
        symbolStrokeWidth=only_there(2.5),
        symbolOpacity=1,
    )


@dataclass(frozen=True)
class ChartFrame:
    """The axes and series that all layers of a line chart share."""

    x_column: Column
    y_column: Column
    series: Series
    across: tuple[float, float]
    """Both ends of the x axis."""
    low: float
    high: float
    """Both ends of the curves on the y axis."""
    height: int
    zeros: tuple[str, ...] = ()
    """The labels with exact zeros: each has a strip under the curves."""
    sizes: tuple[float, ...] = ()
    """The measured places of a logarithmic x axis; empty if the axis is linear."""
    from_zero: bool = False
    """Whether that axis is of log(1 + x), on which zero has a place."""

    @property
    def scaled(self) -> Callable[[float], float]:
        """A place on the x axis, on the scale on which the axis is even."""
        return scaled(sizes=bool(self.sizes), from_zero=self.from_zero)[0]

    @property
    def unscaled(self) -> Callable[[float], float]:
        """The inverse of `scaled`."""
        return scaled(sizes=bool(self.sizes), from_zero=self.from_zero)[1]

    @property
    def strip(self) -> float:
        """Height of one strip, in units of y."""
        return 0.028 * (self.high - self.low)

    @property
    def bottom(self) -> float:
        """Where the y axis begins, below the strips."""
        return self.low - self.strip * (len(self.zeros) + bool(self.zeros))

    def x(self, field: str = "") -> altair.X:
        """Encode x, or another field on its axis, which leaves room for names on its right."""
        if self.sizes:
            axis = altair.Axis(
                values=list(self.sizes), format=",d", labelOverlap="greedy", labelSeparation=6
            )
        else:
            whole = all(float(end).is_integer() for end in self.across)
            step = 1 if whole else altair.Undefined
            axis = altair.Axis(tickCount={"expr": "max(4, width / 90)"}, tickMinStep=step)
        axis.title, axis.grid = heading(self.x_column), False
        scale = altair.Scale(
            type=("symlog" if self.from_zero else "log") if self.sizes else "linear",
            domain=list(self.across),
            nice=False,
            rangeMax=self.series.x_end,
        )
        name = field or self.x_column.name
        return altair.X(field=name, type="quantitative", scale=scale, axis=axis)

    def y(self, field: str = "value") -> altair.Y:
        """Encode a field as y."""
        scale = altair.Scale(domain=[self.bottom, self.high], nice=False, zero=False)
        axis = value_axis(self.y_column, self.low, self.high, self.height)
        return altair.Y(field=field, type="quantitative", scale=scale, axis=axis)

    def curve(self) -> dict[str, Any]:
        """Encode x, y and the label, as the curve of each label does."""
        series = self.series
        return {"x": self.x(), "y": self.y(), "color": series.colour(), "strokeDash": series.dash()}

    def pixels(self, places: Iterable[float]) -> list[float]:
        """Convert places on the x axis to pixels from the left, on a figure of the usual width."""
        low, high = map(self.scaled, self.across)
        return [WIDTH * (self.scaled(place) - low) / ((high - low) or 1.0) for place in places]

    def beyond(self, place: float, pixels: float) -> float:
        """The place so many pixels to the right of one, on a figure of the usual width."""
        low, high = map(self.scaled, self.across)
        return self.unscaled(self.scaled(place) + (high - low) * pixels / WIDTH)

    def dodged(self, bands: pandas.DataFrame) -> pandas.DataFrame:
        """Move the labels' points at one place of a logarithmic axis beside one another."""
        order = list(self.series.styles)
        low, high = self.across
        right = bands["label"].map(order.index) - (len(order) - 1) / 2
        moved = bands[self.x_column.name] * (high / low) ** (right * DODGE_PIXELS / WIDTH)
        return bands.assign(**{self.x_column.name: moved})


def scaled(
    *, sizes: bool, from_zero: bool
) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """The scale of an x axis and its inverse: logarithmic for sizes, of 1 + x from zero."""
    if not sizes:
        return float, float
    return (math.log1p, math.expm1) if from_zero else (math.log, math.exp)


def label_expression(names: Mapping[str, str]) -> str:
    """A Vega expression that writes each label of an axis or a legend as its name."""
    return f"{json.dumps(names)}[datum.label] || datum.label"


def chart_frame(
    x: Column,
    y: Column,
    styles: Mapping[str, Style],
    tables: Sequence[pandas.DataFrame],
    zeros: pandas.DataFrame,
    *,
    height: int,
    reference: float | None = None,
    within: tuple[float, float] | None = None,
    sizes: bool = False,
    from_zero: bool = False,
    dodge: bool = False,
) -> ChartFrame:
    """Find the frame that holds all values of the tables, the reference and the strips of zeros.

    With `within` the y axis has these ends instead. With `sizes` the x axis is logarithmic and
    leaves room at both ends for whole points, with `dodge` also for those beside one another;
    `from_zero` gives zero a place on it.
    """
    heights = [t[c].dropna() for t in tables for c in ("value", "low", "high") if c in t]
    levels = [*pandas.concat(heights), *([] if reference is None else [reference]), *(within or ())]
    finite = [level for level in levels if math.isfinite(level)] or [0.0, 1.0]
    margin = 0.04 * ((max(finite) - min(finite)) or 1.0)
    places = pandas.concat([*(t[x.name] for t in tables), zeros[x.name]])
    labels = set(pandas.concat([*(t["label"] for t in tables), zeros["label"]]))
    series = Series({n: style for n, style in styles.items() if n in labels}, height)
    low, high = float(places.min()), float(places.max())
    from_zero = sizes and from_zero and low == 0
    sizes = sizes and (low > 0 or from_zero)  # elsewhere zero has no place on a logarithmic axis
    if sizes and low == high:
        low, high = low / 1.5, high * 1.5
    if sizes:
        pixels = DODGE_PIXELS * (len(series.styles) + 1) / 2 if dodge else DODGE_PIXELS
        to, back = scaled(sizes=True, from_zero=from_zero)
        room = (to(high) - to(low)) * pixels / WIDTH
        low, high = back(to(low) - room), back(to(high) + room)
    return ChartFrame(
        x_column=x,
        y_column=y,
        series=series,
        across=(low, high),
        low=min(finite) - margin,
        high=max(finite) + margin,
        height=height,
        zeros=tuple(label for label in series.styles if label in set(zeros["label"])),
        sizes=tuple(sorted({float(place) for place in places})) if sizes else (),
        from_zero=from_zero,
    )


def caption(title: str, subtitle: str) -> altair.TitleParams:
    """A title above the left end of the plot, with a subtitle where there is one."""
    params = altair.TitleParams(
        title, anchor="start", frame="group", fontSize=13, fontWeight="normal", offset=10
    )
    if subtitle:
        params.subtitle, params.subtitleColor, params.subtitlePadding = subtitle, NEUTRAL, 4
    return params


def figure_height(plot: int, title: altair.TitleParams | None = None) -> int:
    """The height of a figure whose plot is about this high."""
    if title is None:
        return plot + AXIS_PIXELS
    subtitle = title.to_dict().get("subtitle")
    return plot + AXIS_PIXELS + TITLE_PIXELS + (SUBTITLE_PIXELS if subtitle else 0)


ISOLATE = "highlighted"
"""The selection of one label, which is the same in all charts."""


def isolation() -> altair.Parameter:
    """A click on a curve, a name or the legend: the others fade, until a double click."""
    return altair.selection_point(
        name=ISOLATE, fields=["label"], bind="legend", on="click", clear="dblclick"
    )


def faded(opacity: float = 1.0) -> altair.OpacityValue:
    """Encode an opacity that is lower for all labels but the isolated ones."""
    chosen = {"param": ISOLATE, "value": opacity}
    return altair.OpacityValue(opacity * FADED, condition=chosen)


def zoom() -> altair.Parameter:
    """Ctrl or ⌘ and the wheel (on a trackpad, a pinch) zooms, dragging moves, a double click
    resets. The wheel alone scrolls the page.
    """
    return altair.selection_interval(
        name="zoom",
        bind="scales",
        zoom="wheel![event.ctrlKey || event.metaKey]",
        translate=(
            "[pointerdown[event.pointerType === 'mouse'], window:pointerup] > window:pointermove!"
        ),
    )


def constant(channel: Literal["X", "X2", "Y", "Text", "Color"], value: object) -> Any:
    """What a channel has at every point; `altair.value` takes 4 ms to find the channel's class."""
    return getattr(altair, f"{channel}Value")(value)


INK = constant("Color", {"expr": "datum.ink"})
"""The colour of a name, which `inked` adds to the data. A field would be a legend of its own."""


def label_tooltip() -> altair.Tooltip:
    """The first line of a tooltip: the label, without a title."""
    return altair.Tooltip("label", type="nominal", title=" ")


def value_text(
    bands: pandas.DataFrame, repeats: Repeats, *, logarithm: bool = False
) -> pandas.DataFrame:
    """Add `value_text` to the bands, and `interval_text` where any value has an interval."""
    ends = ("value", "low", "high")
    numbers = {end: 10 ** bands[end] if logarithm else bands[end] for end in ends}
    texts = {end: [exact(n, whole=repeats.whole) for n in numbers[end]] for end in ends}
    bounds = bands["at_least"] if "at_least" in bands else [False] * len(bands)
    values = [f"≥ {t}" if bound else t for t, bound in zip(texts["value"], bounds, strict=True)]
    bands = bands.assign(value_text=values)
    if bands["low"].isna().all():
        return bands
    pairs = zip(texts["low"], texts["high"], strict=True)
    intervals = ["–" if "–" in pair else " to ".join(pair) for pair in pairs]
    ranged = bands["ranged"] if "ranged" in bands else [False] * len(bands)
    return bands.assign(
        interval_text=[
            f"none: the seeds lie from {text}" if only_range else text
            for text, only_range in zip(intervals, ranged, strict=True)
        ]
    )


def interval_tooltips(bands: pandas.DataFrame, repeats: Repeats) -> list[altair.Tooltip]:
    """Tooltip lines with the interval and the counts; none for exact numbers."""
    interval = altair.Tooltip("interval_text", type="nominal", title=repeats.interval)
    count = altair.Tooltip("n", type="quantitative", title=repeats.count, format=",")
    counts = [
        altair.Tooltip(name, type="quantitative", title=title, format=",")
        for name, title in repeats.further
    ]
    return [interval] * ("interval_text" in bands) + [count] * bool(repeats.count) + counts


def separated(
    lefts: Sequence[float],
    widths: Sequence[float],
    heights: Sequence[float],
    gap: float,
    ends: tuple[float, float],
) -> list[float]:
    """Move names that start at `lefts` up or down where they would overlap."""
    placed = list(heights)
    for group in overlapping(lefts, widths):
        moved = spread([heights[index] for index in group], gap, *ends)
        for index, height in zip(group, moved, strict=True):
            placed[index] = height
    return placed


def overlapping(lefts: Sequence[float], widths: Sequence[float]) -> list[list[int]]:
    """Group the indices whose stretches from left to left + width are connected."""
    groups: list[list[int]] = []
    reached = -math.inf
    for index in sorted(range(len(lefts)), key=lambda index: lefts[index]):
        if lefts[index] >= reached:
            groups.append([])
        groups[-1].append(index)
        reached = max(reached, lefts[index] + widths[index])
    return groups


def spread(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move heights at least a gap apart, each as little as possible, between low and high."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    placed = [heights[index] for index in order]
    for _ in range(60):
        for upper in range(1, len(placed)):
            overlap = gap - (placed[upper] - placed[upper - 1])
            if overlap > 1e-9:
                placed[upper - 1] -= overlap / 2
                placed[upper] += overlap / 2
        if placed and placed[0] < low:
            placed[0] = low
        if placed and placed[-1] > high:
            placed[-1] = high
    result = [0.0] * len(heights)
    for index, height in zip(order, placed, strict=True):
        result[index] = height
    return result
