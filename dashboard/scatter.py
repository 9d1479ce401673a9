"""One result against another: pure functions from a tidy DataFrame to a scatter chart.

Both axes are logarithmic; what is zero or infinite stands apart at their ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair
import numpy
import pandas

from core.experiment import Column
from dashboard.charts import FIT, caption
from dashboard.drawing import Chart, kept
from dashboard.palette import NEUTRAL, Style
from dashboard.plane import NAME_GAP, NARROW, WIDTH, Plane
from dashboard.reach import Reach, reach
from dashboard.scales import beside, heading, logarithm_of, overlapping

HEIGHT = 460
TIED = 9
"""Pixels between marks of equal height, where the next height leaves so much room."""
SHARE = 0.6
"""Of the room up to the next height, for all marks of one."""
NAME_LEFT, NAME_UP = 8, 11
"""Pixels from a mark to its name."""
SMALL, LARGE = 50, 150
"""Area of a mark before and now, in square pixels."""
X = ("x", "x_low", "x_high")
BEFORE = ("before", "before_low", "before_high")
Y = ("y", "y_low", "y_high")
"""Columns of marks: a value and its interval."""


@dataclass(frozen=True)
class Ground:
    """Where marks lie: both axes, and how each label is drawn."""

    x: Reach
    y: Reach
    series: Plane

    def at(self, field: str = "x") -> altair.X:
        """The x encoding; on a wide screen it leaves room for names on the right."""
        room = f"{self.series.widest + NAME_LEFT + 6:.0f}"
        scale = altair.Scale(
            domain=list(self.x.ends),
            nice=False,
            zero=False,
            rangeMax={"expr": f"width < {NARROW} ? width : width - {room}"},
        )
        axis = self.x.axis(WIDTH, title=heading(self.series.x))
        return altair.X(field, type="quantitative", scale=scale, axis=axis)

    def up(self, field: str = "y") -> altair.Y:
        """The y encoding."""
        scale = altair.Scale(domain=list(self.y.ends), nice=False, zero=False)
        return altair.Y(field, type="quantitative", scale=scale, axis=self.y.axis(HEIGHT))

    @property
    def pixel(self) -> float:
        """In units of y."""
        low, high = self.y.ends
        return (high - low) / HEIGHT


@kept
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
    """A mark per run with its intervals, and a line to it from where it was before.

    `marks` has label, the columns of X, BEFORE and Y, and at_least: whether y may be larger, which
    is a triangle. What is missing is not drawn. `hovered` gives columns of text their titles,
    `diagonal` says what it means that y equals x, `key` how to read the marks.
    """
    across = reach(x, [marks[name] for name in X + BEFORE])
    up = reach(y, [marks[name] for name in Y])
    on = Ground(across, up, _series(marks, logarithm_of(x), logarithm_of(y), styles))
    placed = _placed(on, marks)
    drawn = [*_breaks(on), *(_diagonal(on, diagonal) if diagonal else ())]
    drawn += [_interval(on, placed, *BEFORE[1:]), _interval(on, placed, *X[1:])]
    drawn += [_upright(on, placed), _way(on, placed)]
    if not (moved := placed.dropna(subset=["before"])).empty:
        drawn += [_points(on, moved, "before", SMALL, hovered)]
    drawn += [_points(on, placed, "x", LARGE, hovered), _names(on, placed)]
    title = caption(heading(logarithm_of(y)), key)
    return altair.layer(*drawn).properties(height=HEIGHT, autosize=FIT, title=title)


def _series(marks: pandas.DataFrame, x: Column, y: Column, styles: Mapping[str, Style]) -> Plane:
    """Colours, dashes and the legend, as curves have them."""
    labels = set(marks["label"])
    shown = {label: style for label, style in styles.items() if label in labels}
    return Plane(x=x, y=y, styles=shown, across=(0, 1), low=0, high=1, height=HEIGHT)


def _placed(on: Ground, marks: pandas.DataFrame) -> pandas.DataFrame:
    """Everything where it is drawn; marks of equal height one above the other."""
    places = {name: on.x.placed(marks[name]) for name in X + BEFORE}
    places |= {name: on.y.placed(marks[name]) for name in Y}
    found = marks.assign(**places).dropna(subset=["x", "y"])
    return found.assign(level=found["y"], y=_untied(found["y"], on.pixel)).reset_index(drop=True)


def _untied(heights: pandas.Series[float], pixel: float) -> pandas.Series[float]:
    levels = numpy.sort(heights.unique())
    room = float(numpy.diff(levels).min()) if len(levels) > 1 else numpy.inf
    together = heights.groupby(heights)
    count, place = together.transform("size"), together.cumcount()
    gap = numpy.minimum(TIED * pixel, SHARE * room / count)
    return heights + (place - (count - 1) / 2) * gap


def _breaks(on: Ground) -> list[Any]:
    """Where a scale ends, and what has no place on it stands beyond."""
    upright = altair.Chart(pandas.DataFrame({"x": on.x.breaks})).encode(x=on.at())
    level = altair.Chart(pandas.DataFrame({"y": on.y.breaks})).encode(y=on.up())
    there = [upright] * bool(on.x.breaks) + [level] * bool(on.y.breaks)
    return [chart.mark_rule(color=NEUTRAL, strokeWidth=1, opacity=0.5) for chart in there]


def _diagonal(on: Ground, text: str) -> list[Any]:
    """Where y equals x, as far as both scales go."""
    low = max(on.x.inner[0], on.y.inner[0])
    high = min(on.x.inner[1], on.y.inner[1])
    if low >= high:
        return []
    data = pandas.DataFrame({"x": [low, high], "y": [low, high], "text": ["", text]})
    base = altair.Chart(data).encode(x=on.at(), y=on.up())
    line = base.mark_line(color=NEUTRAL, strokeDash=[2, 3], strokeWidth=1.5)
    words = base.mark_text(
        align="right", dx=-10, dy=4, fontSize=12, fontStyle="italic", color=NEUTRAL
    )
    return [line, words.encode(text="text:N")]


def _interval(on: Ground, placed: pandas.DataFrame, low: str, high: str) -> Any:
    mark = altair.Chart(placed.dropna(subset=[low, high])).mark_rule(
        strokeWidth=7, opacity=0.22, aria=False
    )
    return mark.encode(x=on.at(low), x2=high, y=on.up(), color=on.series.colour())


def _upright(on: Ground, placed: pandas.DataFrame) -> Any:
    mark = altair.Chart(placed.dropna(subset=["y_low", "y_high"])).mark_rule(
        strokeWidth=7, opacity=0.22, aria=False
    )
    return mark.encode(x=on.at(), y=on.up("y_low"), y2="y_high", color=on.series.colour())


def _way(on: Ground, placed: pandas.DataFrame) -> Any:
    """From before to now."""
    mark = altair.Chart(placed.dropna(subset=["before"])).mark_rule(strokeWidth=2, aria=False)
    return mark.encode(
        x=on.at("before"),
        x2="x",
        y=on.up(),
        color=on.series.colour(),
        strokeDash=on.series.dash(),
    )


def _points(
    on: Ground, placed: pandas.DataFrame, field: str, size: int, hovered: Mapping[str, str]
) -> Any:
    shapes = altair.Scale(domain=[False, True], range=["circle", "triangle-up"])
    mark = altair.Chart(placed).mark_point(filled=True, size=size, opacity=1)
    return mark.encode(
        x=on.at(field),
        y=on.up(),
        color=on.series.colour(),
        shape=altair.Shape("at_least", type="nominal", scale=shapes, legend=None),
        tooltip=[
            altair.Tooltip("label", type="nominal", title=" "),
            *(altair.Tooltip(name, type="nominal", title=said) for name, said in hovered.items()),
        ],
    )


def _names(on: Ground, placed: pandas.DataFrame) -> Any:
    """Names above the right ends, moved apart; left out where there is no room."""
    low, high = on.x.ends
    data = placed[["label", "y", "level"]].assign(x=placed[["before", "x"]].max(axis=1))
    data = data.assign(wide=[on.series.name_width(label) for label in data["label"]])
    data["left"] = WIDTH * (data["x"] - low) / (high - low)
    for _, tied in data.groupby("level"):  # a name must not lie on the mark beside it
        for group in overlapping(list(tied["left"]), list(tied["wide"])):
            rows = tied.index[group]
            data.loc[rows, ["x", "left"]] = data.loc[rows, ["x", "left"]].max().to_numpy()
    heights = data["y"] + NAME_UP * on.pixel
    gap = NAME_GAP * on.pixel
    data["y"] = beside(list(data["left"]), list(data["wide"]), list(heights), gap, on.y.ends)
    text = altair.value({"expr": f"width < {NARROW} ? '' : datum.label"})
    mark = altair.Chart(data[["label", "x", "y"]]).mark_text(
        align="left", dx=NAME_LEFT, fontSize=12, fontWeight=600
    )
    return mark.encode(x=on.at(), y=on.up(), text=text, color=on.series.colour())
