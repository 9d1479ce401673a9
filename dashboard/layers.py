"""The layers of a curve figure: bands, curves, fitted lines, exact zeros, names and hover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair
import pandas

from core.experiment import Column
from dashboard.curves import thin
from dashboard.palette import Style
from dashboard.scales import heading, is_logarithm, spread, tooltip, value_axis

NARROW = 560
"""Below so many pixels the names beside the curves give way to the legend under them."""
LABEL_GAP = 15
"""Pixels between the names beside the curves."""
LABEL_WIDTH = 6.4
"""Pixels of a name's character, roughly."""
LEGEND_SYMBOL = 45
"""Pixels of a legend entry besides its name."""
MOST_HOVERED = 100
"""Points of one curve that the pointer finds."""
MARGIN = 0.04
"""Of the height, above and below the curves."""
ZERO_STRIP = 0.028
"""Of the height, for each label with exact zeros."""


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

    def at(self) -> altair.X:
        """The x encoding; on a wide screen it leaves room for the names on the right."""
        room = f"{self.widest + 14:.0f}"
        scale = altair.Scale(
            domain=list(self.across),
            nice=False,
            rangeMax={"expr": f"width < {NARROW} ? width : width - {room}"},
        )
        ticks = {"expr": "max(3, width / 90)"}
        axis = altair.Axis(title=heading(self.x), grid=False, tickCount=ticks)
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
) -> Plane:
    """The plane that holds everything in the tables, a reference level and the strips of zeros."""
    heights = [t[c].dropna() for t in tables for c in ("value", "low", "high") if c in t]
    extremes = [*pandas.concat(heights), *([] if reference is None else [reference])] or [0.0, 1.0]
    margin = MARGIN * ((max(extremes) - min(extremes)) or 1.0)
    places = pandas.concat([*(t[x.name] for t in tables), zeros[x.name]])
    labels = set(pandas.concat([*(t["label"] for t in tables), zeros["label"]]))
    shown = {label: style for label, style in styles.items() if label in labels}
    return Plane(
        x=x,
        y=y,
        styles=shown,
        across=(float(places.min()), float(places.max())),
        low=min(extremes) - margin,
        high=max(extremes) + margin,
        height=height,
        zeros=tuple(label for label in shown if label in set(zeros["label"])),
    )


def level(on: Plane, value: float) -> Any:
    """A horizontal line to compare with."""
    data = pandas.DataFrame({"value": [value]})
    return altair.Chart(data).mark_rule(strokeDash=[2, 3], opacity=0.6).encode(y=on.up())


def band(on: Plane, bands: pandas.DataFrame) -> Any:
    """Intervals."""
    data = bands.dropna(subset=["low", "high"])[["label", on.x.name, "low", "high"]]
    mark = altair.Chart(data).mark_area(opacity=0.16, clip=True, aria=False)
    return mark.encode(x=on.at(), y=on.up("low"), y2="high", color=on.colour())


def single(on: Plane, seeds: pandas.DataFrame) -> Any:
    """Single seeds, thin."""
    data = seeds[["label", "seed", on.x.name, "value"]]
    mark = altair.Chart(data).mark_line(strokeWidth=0.8, opacity=0.35, clip=True, aria=False)
    return mark.encode(
        x=on.at(), y=on.up(), detail="seed:N", color=on.colour(), strokeDash=on.dash()
    )


def line(on: Plane, bands: pandas.DataFrame) -> Any:
    """Means; a click on the legend brings one out."""
    chosen = altair.selection_point(fields=["label"], bind="legend", name="highlighted")
    emphasis = altair.when(chosen).then(altair.value(1.0)).otherwise(altair.value(0.2))
    mark = altair.Chart(bands[["label", on.x.name, "value"]]).mark_line(strokeWidth=2.2, clip=True)
    return mark.encode(
        x=on.at(), y=on.up(), opacity=emphasis, color=on.colour(), strokeDash=on.dash()
    ).add_params(chosen)


def straight(on: Plane, lines: pandas.DataFrame) -> Any:
    """Fitted lines, in grey over the curves so that a bad fit shows."""
    mark = altair.Chart(lines).mark_line(
        strokeWidth=1.5, strokeDash=[7, 3], color="#808b96", clip=True
    )
    return mark.encode(x=on.at(), y=on.up(), detail="label:N")


def zero_strips(on: Plane, zeros: pandas.DataFrame) -> Any:
    """A strip per label under the curves: the stronger, the more samples are exactly zero."""
    places = {label: index for index, label in enumerate(on.zeros)}
    height = on.low - on.strip * (0.5 + zeros["label"].map(places))
    data = zeros.assign(value=height, percent=100 * zeros["share"])
    strength = altair.Opacity(
        "share",
        type="quantitative",
        scale=altair.Scale(domain=[0, 1], range=[0.25, 1]),
        legend=None,
    )
    return (
        altair.Chart(data)
        .mark_tick(thickness=3, height=7, clip=True, orient="vertical", aria=False)
        .encode(
            x=on.at(),
            y=on.up(),
            opacity=strength,
            color=on.colour(),
            tooltip=[
                altair.Tooltip("label", type="nominal", title=" "),
                altair.Tooltip(on.x.name, type="quantitative", title=heading(on.x)),
                altair.Tooltip(
                    "percent", type="quantitative", title="Exactly zero (%)", format=".3~g"
                ),
            ],
        )
    )


def zero_caption(on: Plane) -> Any:
    """What the strips are."""
    data = pandas.DataFrame({"text": ["exactly zero:"], "value": [on.low - 0.5 * on.strip]})
    mark = altair.Chart(data).mark_text(
        align="left", dx=4, fontSize=11, fontStyle="italic", opacity=0.8
    )
    return mark.encode(x=altair.value(0), y=on.up(), text="text:N")


def names(on: Plane, bands: pandas.DataFrame) -> Any:
    """Names beside the ends of the curves, moved apart; left out where there is no room."""
    ends = bands.sort_values(on.x.name).groupby("label", sort=False).tail(1)
    gap = LABEL_GAP * (on.high - on.bottom) / on.height
    heights = spread(list(ends["value"]), gap, on.bottom, on.high)
    data = ends.assign(value=heights)[["label", on.x.name, "value"]]
    text = altair.value({"expr": f"width < {NARROW} ? '' : datum.label"})
    mark = altair.Chart(data).mark_text(align="left", dx=8, fontSize=12, fontWeight=600)
    return mark.encode(x=on.at(), y=on.up(), text=text, color=on.colour())


def hover(on: Plane, bands: pandas.DataFrame) -> Any:
    """The nearest point of a curve, with its numbers."""
    columns = ("value", "low", "high")
    near = thin(bands, on.x.name, MOST_HOVERED)
    numbers = near.assign(
        **{f"{c}_shown": 10 ** near[c] if is_logarithm(on.y) else near[c] for c in columns}
    )
    nearest = altair.selection_point(
        name="hovered", nearest=True, on="pointerover", clear="pointerout", empty=False
    )
    visible = altair.when(nearest).then(altair.value(1.0)).otherwise(altair.value(0.0))
    return (
        altair.Chart(numbers)
        .mark_circle(size=70, clip=True, aria=False)
        .encode(
            x=on.at(),
            y=on.up(),
            opacity=visible,
            color=on.colour(),
            tooltip=[
                altair.Tooltip("label", type="nominal", title=" "),
                altair.Tooltip(on.x.name, type="quantitative", title=heading(on.x)),
                tooltip(on.y, "value_shown"),
                tooltip(on.y, "low_shown", "95% interval from"),
                tooltip(on.y, "high_shown", "to"),
                altair.Tooltip("n", type="quantitative", title="Seeds"),
            ],
        )
        .add_params(nearest)
    )
