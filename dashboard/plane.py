"""Where a figure's curves lie: the axes, colours and room that all of its layers share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import altair
import pandas

from core.experiment import Column
from dashboard.palette import Style
from dashboard.scales import heading, size_axis, value_axis

NARROW = 560
"""Below so many pixels the names beside the curves give way to the legend under them."""
LABEL_WIDTH = 6.4
"""Pixels of a name's character, roughly."""
NAME_GAP = 15
"""Pixels between names, across and upwards."""
ASIDE = 4
"""Pixels between points at one place that would hide each other's intervals."""
WIDTH = 820
"""Pixels of a figure that names are moved apart for; a wider one only has more room."""
LEGEND_SYMBOL = 45
"""Pixels of a legend entry besides its name."""
MARGIN = 0.04
"""Of the height, above and below the curves."""
ZERO_STRIP = 0.028
"""Of the height, for each label with exact zeros."""
AROUND_ONE_SIZE = 1.5
"""What a single size is multiplied with and divided by for the ends of its axis."""


@dataclass(frozen=True)
class Plane:
    """Where a figure's curves lie: what every layer shares."""

    x: Column
    y: Column
    styles: Mapping[str, Style]
    """Of the labels shown, in the legend's order."""
    across: tuple[float, float]
    low: float
    high: float
    height: int
    zeros: tuple[str, ...] = ()
    """Labels that have a strip under the curves."""
    sizes: tuple[float, ...] = ()
    """What was measured along a logarithmic x axis; empty: the axis is linear."""

    @property
    def strip(self) -> float:
        """Height of a strip, in units of y."""
        return ZERO_STRIP * (self.high - self.low)

    @property
    def bottom(self) -> float:
        """Where the y axis begins, below the strips."""
        return self.low - self.strip * (len(self.zeros) + bool(self.zeros))

    @property
    def widest(self) -> float:
        """Pixels of the longest name."""
        return LABEL_WIDTH * max((len(label) for label in self.styles), default=0)

    def pixels(self, places: Iterable[float]) -> list[float]:
        """How far right they are, on a figure of the usual width."""
        scaled = math.log if self.sizes else float
        low, high = map(scaled, self.across)
        return [WIDTH * (scaled(place) - low) / ((high - low) or 1.0) for place in places]

    def side_by_side(self, bands: pandas.DataFrame) -> pandas.DataFrame:
        """The labels' points at one place of a logarithmic axis beside one another."""
        order = list(self.styles)
        low, high = self.across
        right = bands["label"].map(order.index) - (len(order) - 1) / 2
        moved = bands[self.x.name] * (high / low) ** (right * ASIDE / WIDTH)
        return bands.assign(**{self.x.name: moved})

    def name_width(self, label: str) -> float:
        """Pixels that a name takes, with what is left free around it."""
        return LABEL_WIDTH * len(label) + NAME_GAP

    def at(self) -> altair.X:
        """The x encoding; on a wide screen it leaves room for the names on the right."""
        room = f"{self.widest + 14:.0f}"
        scale = altair.Scale(
            type="log" if self.sizes else "linear",
            domain=list(self.across),
            nice=False,
            rangeMax={"expr": f"width < {NARROW} ? width : width - {room}"},
        )
        ticks = {"expr": "max(3, width / 90)"}
        whole = all(float(end).is_integer() for end in self.across)
        axis = altair.Axis(
            title=heading(self.x),
            grid=False,
            tickCount=ticks,
            tickMinStep=1 if whole else altair.Undefined,
        )
        axis = size_axis(self.x, self.sizes) if self.sizes else axis
        return altair.X(self.x.name, type="quantitative", scale=scale, axis=axis)

    def up(self, field: str = "value") -> altair.Y:
        """The y encoding."""
        scale = altair.Scale(domain=[self.bottom, self.high], nice=False, zero=False)
        axis = value_axis(self.y, self.low, self.high, self.height)
        return altair.Y(field, type="quantitative", scale=scale, axis=axis)

    def colour(self) -> altair.Color:
        """Colour by label."""
        colours = [style.colour for style in self.styles.values()]
        scale = altair.Scale(domain=list(self.styles), range=colours)
        return altair.Color("label", type="nominal", scale=scale, legend=self._legend())

    def dash(self) -> altair.StrokeDash:
        """Dash by label, in the same legend."""
        dashes = [list(style.dash) for style in self.styles.values()]
        scale = altair.Scale(domain=list(self.styles), range=dashes)
        return altair.StrokeDash("label", type="nominal", scale=scale, legend=self._legend())

    def _legend(self) -> altair.Legend:
        entry = f"{self.widest + LEGEND_SYMBOL:.0f}"
        return altair.Legend(
            title=None,
            orient="bottom",
            columns={"expr": f"max(1, min(6, floor(width / {entry})))"},
            symbolType="stroke",
            symbolSize=300,
            symbolStrokeWidth=2.5,
            symbolOpacity=1,
            labelLimit=300,
        )


def plane(
    x: Column,
    y: Column,
    styles: Mapping[str, Style],
    tables: Sequence[pandas.DataFrame],
    zeros: pandas.DataFrame,
    reference: float | None,
    height: int,
    sizes: bool = False,
    room: bool = False,
) -> Plane:
    """The plane that holds everything in the tables, a reference level and the strips of zeros.

    With `sizes` its x axis is logarithmic; with `room` it goes on a little at both ends.
    """
    heights = [t[c].dropna() for t in tables for c in ("value", "low", "high") if c in t]
    found = [*pandas.concat(heights), *([] if reference is None else [reference])]
    extremes = [height for height in found if math.isfinite(height)] or [0.0, 1.0]
    margin = MARGIN * ((max(extremes) - min(extremes)) or 1.0)
    places = pandas.concat([*(t[x.name] for t in tables), zeros[x.name]])
    labels = set(pandas.concat([*(t["label"] for t in tables), zeros["label"]]))
    shown = {label: style for label, style in styles.items() if label in labels}
    low, high = float(places.min()), float(places.max())
    if sizes and low == high:
        low, high = low / AROUND_ONE_SIZE, high * AROUND_ONE_SIZE
    if sizes and room:
        beyond = (high / low) ** (ASIDE * (len(shown) + 1) / 2 / WIDTH)
        low, high = low / beyond, high * beyond
    return Plane(
        x=x,
        y=y,
        styles=shown,
        across=(low, high),
        low=min(extremes) - margin,
        high=max(extremes) + margin,
        height=height,
        zeros=tuple(label for label in shown if label in set(zeros["label"])),
        sizes=tuple(sorted({float(place) for place in places})) if sizes else (),
    )
