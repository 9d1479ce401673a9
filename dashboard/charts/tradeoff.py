"""Two measures against each other, with the frontier that no other group beats in both."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Literal

import altair
import pandas

from core.analysis import choice
from core.experiment import Better, Column
from dashboard.charts.frame import (
    FIT,
    INK,
    NAME_GAP,
    NARROW,
    WIDTH,
    caption,
    constant,
    figure_height,
    inked,
    label_tooltip,
    narrow_legend,
    separated,
)
from dashboard.charts.pivot import is_skewed
from dashboard.charts.render import Chart, cached
from dashboard.charts.scales import heading, plain_number
from dashboard.charts.theme import NEUTRAL, Style

HEIGHT = 400

MAX_NAMES = 12
"""Up to this many groups all are named; of more, those on the frontier."""

AREAS = (60.0, 700.0)
"""Of the smallest and of the largest mark, in square pixels."""

OPACITIES: Mapping[str, float] = {"of interval": 0.2, "of mark": 0.9, "of name": 1.0}

FAINT = 0.35
"""How much fainter the labels in `out` are."""

RIGHT = 0.6
"""Share of the figure beyond which a name stands to the left of its mark."""

MARGIN = 0.08
"""Share of an axis beyond the outermost value."""


def frontier(points: pandas.DataFrame, x: Better, y: Better) -> list[str]:
    """The labels that no other one beats in one measure without losing in the other, by x."""
    known = zip(points["label"], points["x"], points["y"], strict=True)
    best = choice.frontier({label: (a, b) for label, a, b in known}, (x, y))
    return list(points[points["label"].isin(best)].sort_values("x")["label"])


@cached
def tradeoff(
    points: pandas.DataFrame,
    x: Column,
    y: Column,
    styles: Mapping[str, Style],
    size: str = "",
    out: Collection[str] = (),
) -> Chart:
    """Draw a mark per group with both intervals, and the frontier where both measures have a
    better direction.

    `points` has label, x, x_low, x_high, x_text, y, y_low, y_high, y_text and size; `size` says
    what the area of a mark shows, if it shows anything. The labels in `out` are faint, and not on
    the frontier.
    """
    points = points.dropna(subset=["x", "y"]).reset_index(drop=True)
    within = points[~points["label"].isin(out)]
    best = frontier(within, x.better, y.better) if x.better and y.better else []
    faint = points["label"].isin(out).map({True: FAINT, False: 1.0})
    points = points.assign(**{part: full * faint for part, full in OPACITIES.items()})
    logs = {end: is_skewed(points[end]) for end in ("x", "y")}
    domains = {end: _domain(points, end, log=logs[end]) for end in ("x", "y")}
    for end in ("x", "y"):
        if logs[end]:  # an interval that reaches zero goes to the end of a logarithmic axis
            points[f"{end}_low"] = points[f"{end}_low"].clip(lower=domains[end][0])

    def scale(end: str) -> altair.Scale:
        kind: Literal["log", "linear"] = "log" if logs[end] else "linear"
        return altair.Scale(type=kind, domain=list(domains[end]), nice=False, zero=False)

    def axis(end: str, title: str | None) -> altair.Axis:
        count = {"expr": "max(3, width / 110)"} if end == "x" else 6
        label = plain_number("datum.value") if logs[end] else altair.Undefined
        form = altair.Undefined if logs[end] else ",~r"
        return altair.Axis(
            title=title, tickCount=count, labelExpr=label, format=form, grid=end == "y"
        )

    def across(field: str) -> altair.X:
        return altair.X(field, type="quantitative", scale=scale("x"), axis=axis("x", heading(x)))

    def upward(field: str) -> altair.Y:
        return altair.Y(field, type="quantitative", scale=scale("y"), axis=axis("y", None))

    def strength(part: str) -> altair.Opacity:
        return altair.Opacity(part, type="quantitative", scale=None)

    labels = list(points["label"])
    colours = [styles[label].colour for label in labels]
    narrow = f"width < {NARROW}"
    colour = altair.Color(
        "label",
        type="nominal",
        scale=altair.Scale(domain=labels, range=colours),
        legend=narrow_legend({label: label for label in labels}, narrow, "circle"),
    )
    layers = []
    if len(best) > 1:
        order = pandas.DataFrame({"label": best}).merge(points, on="label")
        line = altair.Chart(order).mark_line(
            interpolate="step-after" if x.better == "lower" else "step-before",
            color=NEUTRAL,
            strokeDash=[4, 3],
            strokeWidth=1.5,
        )
        layers.append(line.encode(x=across("x"), y=upward("y")))
    base = altair.Chart(points)
    bars = base.mark_rule(strokeWidth=6, aria=False)
    layers += [
        bars.encode(
            x=across("x_low"),
            x2=altair.X2(field="x_high"),
            y=upward("y"),
            color=colour,
            opacity=strength("of interval"),
        ),
        bars.encode(
            x=across("x"),
            y=upward("y_low"),
            y2=altair.Y2(field="y_high"),
            color=colour,
            opacity=strength("of interval"),
        ),
    ]
    tooltips = [
        label_tooltip(),
        altair.Tooltip("x_text", type="nominal", title=heading(x)),
        altair.Tooltip("y_text", type="nominal", title=heading(y)),
    ]
    marks = base.mark_circle(size=140)
    if size:
        most = math.sqrt(points["size"].max())
        areas = altair.Scale(type="sqrt", domain=[0, most**2], range=list(AREAS))
        tooltips.append(altair.Tooltip("size", type="quantitative", title=size, format=","))
        marks = marks.encode(
            size=altair.Size("size", type="quantitative", scale=areas, legend=None)
        )
    marks = marks.encode(x=across("x"), y=upward("y"), color=colour, opacity=strength("of mark"))
    layers.append(marks.encode(tooltip=tooltips))
    named = points if len(points) <= MAX_NAMES else points[points["label"].isin(best)]
    if not named.empty:
        names = _names(inked(named, styles), logs, domains).encode(
            x=across("x"),
            y=upward("place"),
            color=INK,
            opacity=strength("of name"),
            text=constant("Text", {"expr": f"{narrow} ? '' : datum.label"}),
        )
        layers += [
            names.transform_filter("datum.left" if side == "left" else "!datum.left").mark_text(
                align=side, dx=12 if side == "left" else -12, dy=-12, fontSize=12, fontWeight=600
            )
            for side in ("left", "right")
        ]
    title = caption(heading(y), f"The area of a mark is its {size.lower()}" if size else "")
    return altair.layer(*layers).properties(
        height=figure_height(HEIGHT, title), autosize=FIT, title=title
    )


def _domain(points: pandas.DataFrame, end: str, *, log: bool) -> tuple[float, float]:
    """Both ends of an axis that holds all values and intervals, with a margin."""
    every = pandas.concat([points[end], points[f"{end}_low"], points[f"{end}_high"]]).astype(float)
    every = every[every.map(math.isfinite)]
    if log:
        levels = every[every > 0].map(math.log10)
        margin = MARGIN * ((levels.max() - levels.min()) or 1.0)
        return 10 ** (levels.min() - margin), 10 ** (levels.max() + margin)
    margin = MARGIN * ((every.max() - every.min()) or abs(every.max()) or 1.0)
    return float(every.min() - margin), float(every.max() + margin)


def _names(
    points: pandas.DataFrame, logs: Mapping[str, bool], domains: Mapping[str, tuple[float, float]]
) -> altair.Chart:
    """The names, moved up or down where they would overlap."""

    def scaled(end: str, value: float) -> float:
        low, high = (math.log10(v) if logs[end] else v for v in domains[end])
        return ((math.log10(value) if logs[end] else value) - low) / (high - low)

    lefts = [WIDTH * scaled("x", value) for value in points["x"]]
    heights = [HEIGHT * scaled("y", value) for value in points["y"]]
    widths = [6.4 * len(label) + NAME_GAP for label in points["label"]]
    starts = [
        left if left < RIGHT * WIDTH else left - width
        for left, width in zip(lefts, widths, strict=True)
    ]
    moved = separated(starts, widths, heights, NAME_GAP, (0, HEIGHT))
    low, high = (math.log10(v) if logs["y"] else v for v in domains["y"])
    levels = [low + (high - low) * height / HEIGHT for height in moved]
    places = [10**level if logs["y"] else level for level in levels]
    left = [place < RIGHT * WIDTH for place in lefts]
    return altair.Chart(
        points.assign(place=places, left=left)[["label", "x", "place", "left", "of name", "ink"]]
    )
