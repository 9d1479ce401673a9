"""Parallel coordinates: a line per group through its settings to what it measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair
import pandas

from dashboard.charts.frame import FIT, NARROW, figure_height
from dashboard.charts.render import Chart, cached
from dashboard.charts.theme import NEUTRAL, PAGE, SEQUENTIAL
from dashboard.ui.text import number

HEIGHT = 360

TICKS: dict[str, Any] = {"align": "left", "dx": 9, "fontSize": 12, "aria": False}

WORD_PIXELS = 14
"""Height of a word of a title, which has a line for each on a narrow screen."""

MAX_TICKS = 8
"""The most values of an axis that are evenly spaced and all named."""

NUMBER_TICKS = 4

FAINT = 0.12
"""The opacity of the other lines where one is pointed at."""


@dataclass(frozen=True)
class Coordinate:
    """One upright axis: where the value of each group stands, from 0 to 1, and its ticks."""

    title: str
    places: tuple[float | None, ...]
    texts: tuple[str, ...]
    """What each group has there, in words."""
    ticks: tuple[tuple[float, str], ...]
    """(place, text)."""


def listed_coordinate(title: str, texts: Sequence[str], order: Sequence[str]) -> Coordinate:
    """An axis of a few values, evenly spaced in this order."""
    last = max(1, len(order) - 1)
    place = {text: index / last if len(order) > 1 else 0.5 for index, text in enumerate(order)}
    ticks = tuple((place[text], text) for text in order)
    if len(order) > MAX_TICKS:
        ticks = (ticks[0], ticks[-1])
    return Coordinate(title, tuple(place[text] for text in texts), tuple(texts), ticks)


def measured_coordinate(
    title: str, values: Sequence[float | None], texts: Sequence[str], *, log: bool
) -> Coordinate:
    """An axis to scale; a value that is missing or infinite has no place on it."""
    finite = [v for v in values if v is not None and math.isfinite(v)] or [0.0]
    scaled = math.log10 if log else float
    low, high = scaled(min(finite)), scaled(max(finite))
    span = (high - low) or 1.0

    def place(value: float | None) -> float | None:
        known = value is not None and math.isfinite(value)
        return (scaled(value) - low) / span if known and value is not None else None

    steps = [index / (NUMBER_TICKS - 1) for index in range(NUMBER_TICKS)]
    raised = (lambda level: 10**level) if log else float
    ticks = tuple((step, number(raised(low + step * (high - low)))) for step in steps)
    return Coordinate(title, tuple(map(place, values)), tuple(texts), ticks)


@cached
def parallel_coordinates(
    names: tuple[str, ...], coordinates: tuple[Coordinate, ...], *, dark: bool
) -> Chart:
    """Draw a line per name, coloured by its place on the last axis; a pointer highlights one."""
    last = coordinates[-1]
    titles = [coordinate.title for coordinate in coordinates]
    hovered = [f"v{index}" for index in range(len(coordinates))]
    lines = [
        {
            "label": name,
            "axis": coordinate.title,
            "place": coordinate.places[index],
            "level": last.places[index],
            **{field: c.texts[index] for field, c in zip(hovered, coordinates, strict=True)},
        }
        for index, name in enumerate(names)
        if last.places[index] is not None
        for coordinate in coordinates
    ]
    data = pandas.DataFrame(lines)
    ticks = pandas.DataFrame(
        [
            {"axis": coordinate.title, "place": place, "text": text}
            for coordinate in coordinates
            for place, text in coordinate.ticks
        ]
    )
    narrow, most = f"width < {NARROW}", max(len(title.split()) for title in titles)
    x = altair.X(
        "axis",
        type="nominal",
        sort=titles,
        scale=altair.Scale(padding=0.4),
        axis=altair.Axis(
            title=None,
            orient="top",
            labelAngle=0,
            domain=False,
            ticks=False,
            labelLimit=190,
            labelOverlap=False,
            labelExpr=f"{narrow} ? split(datum.label, ' ') : datum.label",
            labelPadding={"expr": f"{narrow} ? {WORD_PIXELS * most} : 10"},
            labelFontWeight=600,
            grid=True,
        ),
    )
    y = altair.Y("place", type="quantitative", scale=altair.Scale(domain=[-0.04, 1.04]), axis=None)
    pointed = altair.selection_point("pointed", fields=["label"], on="pointerover", empty=True)
    colour = altair.Color(
        "level",
        type="quantitative",
        scale=altair.Scale(domain=[0, 1], range=list(SEQUENTIAL[dark][1:])),
        legend=None,
    )
    base = altair.Chart(data).encode(
        x=x,
        y=y,
        detail=altair.Detail("label", type="nominal"),
        color=colour,
        tooltip=[
            altair.Tooltip("label", type="nominal", title=" "),
            *(
                altair.Tooltip(field, type="nominal", title=coordinate.title)
                for field, coordinate in zip(hovered, coordinates, strict=True)
            ),
        ],
    )
    shown = altair.condition(pointed, altair.value(0.95), altair.value(FAINT))
    curves = base.mark_line(strokeWidth=2.5, interpolate="monotone").encode(opacity=shown)
    points = base.mark_circle(size=55).encode(opacity=shown).add_params(pointed)
    text = altair.Chart(ticks).encode(x=x, y=y, text=altair.Text("text", type="nominal"))
    halo = text.mark_text(stroke=PAGE[dark], strokeWidth=5, strokeJoin="round", **TICKS)
    labels = text.mark_text(color=NEUTRAL, fontWeight=600, **TICKS)
    return altair.layer(curves, points, halo, labels).properties(
        height=figure_height(HEIGHT), autosize=FIT
    )
