"""The layers of a curve figure: bands, curves, fitted lines, exact zeros, names and hover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair
import pandas

from dashboard.curves import SEEDS, Repeats, thin
from dashboard.palette import NEUTRAL
from dashboard.plane import NAME_GAP, NARROW, Plane
from dashboard.scales import beside, heading, is_logarithm, tooltip
from dashboard.wording import exact

MOST_HOVERED = 100
"""Points of one curve that the pointer finds."""
MEASURED_POINT = 26
"""Area of the dot at each measured size, in square pixels."""


@dataclass(frozen=True)
class Shade:
    """A part of the plane that is told apart: from its left end up to a value of x."""

    end: float
    text: str


def shading(on: Plane, shade: Shade) -> Any:
    """The part, in grey, and what it is."""
    ends = {on.x.name: on.across[0], "to": min(shade.end, on.across[1]), "text": shade.text}
    base = altair.Chart(pandas.DataFrame([ends]))
    part = base.mark_rect(opacity=0.1, color=NEUTRAL, clip=True, aria=False)
    words = base.mark_text(align="left", dx=7, fontSize=12, fontStyle="italic", color=NEUTRAL)
    told = words.encode(x=on.at(), y=altair.value(on.height - 12), text="text:N")
    return part.encode(x=on.at(), x2="to") + told


def level(on: Plane, value: float) -> Any:
    """A horizontal line to compare with."""
    data = pandas.DataFrame({"value": [value]})
    return altair.Chart(data).mark_rule(strokeDash=[2, 3], color=NEUTRAL).encode(y=on.up())


def baseline(on: Plane, lines: pandas.DataFrame) -> Any:
    """Curves to compare with, named near their left ends: the first point may lie apart."""
    base = altair.Chart(lines).encode(x=on.at(), y=on.up(), detail="series:N")
    curve = base.mark_line(strokeDash=[2, 3], strokeWidth=1.5, color=NEUTRAL, clip=True)
    starts = lines.groupby("series").head(2).groupby("series").tail(1)
    words = altair.Chart(starts).mark_text(
        align="left", baseline="bottom", dx=2, dy=-4, fontSize=12, fontStyle="italic", color=NEUTRAL
    )
    return curve + words.encode(x=on.at(), y=on.up(), text="text:N")


def band(on: Plane, bands: pandas.DataFrame) -> Any:
    """Intervals; one without an end goes as far as the figure."""
    data = bands.dropna(subset=["low", "high"])[["label", on.x.name, "low", "high"]]
    data = data.assign(high=data["high"].clip(upper=on.high))
    mark = altair.Chart(data).mark_area(opacity=0.16, clip=True, aria=False)
    return mark.encode(x=on.at(), y=on.up("low"), y2="high", color=on.colour())


def whiskers(on: Plane, bands: pandas.DataFrame) -> Any:
    """Intervals as bars."""
    data = bands.dropna(subset=["low", "high"])[["label", on.x.name, "low", "high"]]
    data = data.assign(high=data["high"].clip(upper=on.high))
    mark = altair.Chart(data).mark_rule(strokeWidth=2, opacity=0.5, aria=False)
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
    point = {"size": MEASURED_POINT, "filled": True} if on.sizes else False
    mark = altair.Chart(bands[["label", on.x.name, "value"]]).mark_line(
        strokeWidth=2.2, clip=not on.sizes, point=point
    )
    return mark.encode(
        x=on.at(), y=on.up(), opacity=emphasis, color=on.colour(), strokeDash=on.dash()
    ).add_params(chosen)


def straight(on: Plane, lines: pandas.DataFrame) -> Any:
    """Fitted lines, in grey over the curves so that a bad fit shows."""
    mark = altair.Chart(lines).mark_line(
        strokeWidth=1.5, strokeDash=[7, 3], color=NEUTRAL, clip=True
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
        align="left", dx=4, fontSize=11, fontStyle="italic", color=NEUTRAL
    )
    return mark.encode(x=altair.value(0), y=on.up(), text="text:N")


def names(on: Plane, bands: pandas.DataFrame) -> Any:
    """Names beside the ends of the curves, moved apart; left out where there is no room."""
    ends = bands.sort_values(on.x.name).groupby("label", sort=False).tail(1)
    heights = beside(
        on.pixels(ends[on.x.name]),
        [on.name_width(label) for label in ends["label"]],
        list(ends["value"]),
        NAME_GAP * (on.high - on.bottom) / on.height,
        (on.bottom, on.high),
    )
    data = ends.assign(value=heights)[["label", on.x.name, "value"]]
    text = altair.value({"expr": f"width < {NARROW} ? '' : datum.label"})
    mark = altair.Chart(data).mark_text(align="left", dx=8, fontSize=12, fontWeight=600)
    return mark.encode(x=on.at(), y=on.up(), text=text, color=on.colour())


def hover(on: Plane, bands: pandas.DataFrame, repeats: Repeats = SEEDS) -> Any:
    """The nearest point of a curve, with its numbers; `place` is where it was measured."""
    nearest = altair.selection_point(
        name="hovered", nearest=True, on="pointerover", clear="pointerout", empty=False
    )
    visible = altair.when(nearest).then(altair.value(1.0)).otherwise(altair.value(0.0))
    numbers = said(thin(bands, "place", MOST_HOVERED), repeats, logarithm=is_logarithm(on.y))
    return (
        altair.Chart(numbers)
        .mark_circle(size=70, clip=not on.sizes, aria=False)
        .encode(
            x=on.at(),
            y=on.up(),
            opacity=visible,
            color=on.colour(),
            tooltip=[
                altair.Tooltip("label", type="nominal", title=" "),
                altair.Tooltip("place", type="quantitative", title=heading(on.x), format=","),
                tooltip(on.y, "value_said"),
                *uncertainty(numbers, repeats),
            ],
        )
        .add_params(nearest)
    )


def said(bands: pandas.DataFrame, repeats: Repeats, *, logarithm: bool = False) -> pandas.DataFrame:
    """The bands with `value_said`, and `spread_said` where anything has an interval: as text."""
    ends = ("value", "low", "high")
    numbers = {end: 10 ** bands[end] if logarithm else bands[end] for end in ends}
    words = {end: [exact(n, whole=repeats.whole) for n in numbers[end]] for end in ends}
    made = bands.assign(value_said=words["value"])
    if bands["low"].isna().all():
        return made
    pairs = zip(words["low"], words["high"], strict=True)
    return made.assign(spread_said=["–" if "–" in pair else " to ".join(pair) for pair in pairs])


def uncertainty(numbers: pandas.DataFrame, repeats: Repeats) -> list[altair.Tooltip]:
    """Hover lines that say how sure a number is; none of what is exact."""
    interval = altair.Tooltip("spread_said", type="nominal", title=repeats.interval)
    count = altair.Tooltip("n", type="quantitative", title=repeats.count, format=",")
    others = [
        altair.Tooltip(name, type="quantitative", title=title, format=",")
        for name, title in repeats.further
    ]
    return [interval] * ("spread_said" in numbers) + [count] * bool(repeats.count) + others
