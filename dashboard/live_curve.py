"""A curve that follows a slider: pure functions to a Vega-Lite specification and its data.

`charts.curves` takes a quarter of a second, most of it to check what it wrote. Here the
specification is written out, and depends on nothing that a slider moves: the browser keeps the
figure and takes the new numbers. Colours, titles and words are those of every other figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from core.experiment import Column
from dashboard.palette import Style
from dashboard.scales import heading, power_of_ten
from dashboard.wording import exact, interval

NAME = 18
"""Pixels of the line above the plot that a cell's name takes."""
STRIP = 9
"""Pixels of the strip that marks a cell's exact zeros."""
Specification = dict[str, Any]


def numbers(
    bands: pandas.DataFrame, zeros: pandas.DataFrame, x: str, order: Sequence[str]
) -> pandas.DataFrame:
    """What the figure draws: bands (label, x, value, low, high, n) and shares of exact zeros.

    Logarithms go to the axes, words to the pointer. `place` tells the cells apart, not their names.
    """
    drawn = bands.assign(share=0.0)
    if not zeros.empty:  # merging takes longer than all the rest
        drawn = bands.merge(zeros, how="outer", on=["label", x]).fillna({"share": 0.0})
    value, low, high = ((10 ** drawn[end]).tolist() for end in ("value", "low", "high"))
    labels = drawn["label"].tolist()
    return drawn.assign(
        place=[str(order.index(label)) for label in labels],
        name=drawn["label"].mask(drawn["label"].duplicated()),
        said=list(map(exact, value)),
        spread=[interval(*ends) or "–" for ends in zip(low, high, strict=True)],
        zero=[f"{100 * share:.0f}%" for share in drawn["share"]],
    )


def specification(x: Column, y: Column, styles: Mapping[str, Style], height: int) -> Specification:
    """Of a logarithmic measure; the data comes beside it."""
    across = _x(x)
    up = {
        "field": "value",
        "type": "quantitative",
        "scale": {"zero": False, "nice": False, "padding": 14},
        "axis": {"title": None, "labelExpr": _label(), "tickCount": 6},
    }
    cells = {
        "field": "place",
        "type": "nominal",
        "legend": None,
        "scale": {
            "domain": [str(index) for index in range(len(styles))],
            "range": [style.colour for style in styles.values()],
        },
    }
    at = {"x": across, "y": up, "color": cells}
    return {
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "title": {
            "text": heading(y),
            "anchor": "start",
            "frame": "group",
            "fontSize": 13,
            "fontWeight": "normal",
            "offset": 10 + NAME * len(styles),
        },
        "layer": [
            {
                "mark": {"type": "area", "opacity": 0.16, "clip": True, "aria": False},
                "encoding": {**at, "y": {**up, "field": "low"}, "y2": {"field": "high"}},
            },
            {"mark": {"type": "line", "strokeWidth": 2.2, "clip": True}, "encoding": at},
            *_alone(at, up),
            _zeros(across, cells, len(styles), height),
            _names(cells, len(styles)),
            _hover(at, x, y),
        ],
    }


def _alone(at: Specification, up: Specification) -> list[Specification]:
    """A curve of one step is a point with its interval: a line needs two."""
    only = [
        {"filter": "isValid(datum.value)"},
        {"joinaggregate": [{"op": "count", "as": "steps"}], "groupby": ["place"]},
        {"filter": "datum.steps == 1"},
    ]
    ends = {**at, "y": {**up, "field": "low"}, "y2": {"field": "high"}}
    return [
        {
            "transform": only,
            "mark": {"type": "rule", "opacity": 0.5, "aria": False},
            "encoding": ends,
        },
        {
            "transform": only,
            "mark": {"type": "circle", "size": 60, "opacity": 1, "aria": False},
            "encoding": at,
        },
    ]


def _x(x: Column) -> Specification:
    return {
        "field": x.name,
        "type": "quantitative",
        "scale": {"zero": False, "nice": False},
        "axis": {"title": heading(x), "grid": False, "tickMinStep": 1, "format": "d"},
    }


def _label() -> str:
    """Whole powers as powers, what lies between them as numbers."""
    return (
        f"datum.value == round(datum.value) ? {power_of_ten('datum.value')}"
        " : format(pow(10, datum.value), '.2~g')"
    )


def _zeros(across: Specification, cells: Specification, count: int, height: int) -> Specification:
    """Where a norm is exactly zero it has no logarithm: a strip at the foot, one for each cell."""
    foot = height - STRIP * count + STRIP // 2
    return {
        "transform": [
            {"filter": "datum.share > 0"},
            {"calculate": f"{foot} + {STRIP} * toNumber(datum.place)", "as": "pixel"},
        ],
        "mark": {
            "type": "tick",
            "thickness": 4,
            "size": STRIP - 2,
            "orient": "vertical",
            "aria": False,
        },
        "encoding": {
            "x": across,
            "y": {"field": "pixel", "type": "quantitative", "scale": None, "axis": None},
            "color": cells,
            "tooltip": [
                {"field": "label", "title": " "},
                {"field": across["field"], "title": across["axis"]["title"]},
                {"field": "zero", "title": "Exactly zero"},
            ],
        },
    }


def _names(cells: Specification, count: int) -> Specification:
    """Above the plot, where no curve comes; in the data, because a slider may be part of a name."""
    return {
        "transform": [
            {"filter": "isValid(datum.name)"},
            {"calculate": f"{NAME} * (toNumber(datum.place) - {count})", "as": "pixel"},
        ],
        "mark": {
            "type": "text",
            "align": "left",
            "baseline": "top",
            "fontSize": 12,
            "fontWeight": 600,
        },
        "encoding": {
            "x": {"value": 0},
            "y": {"field": "pixel", "type": "quantitative", "scale": None, "axis": None},
            "color": cells,
            "text": {"field": "name"},
        },
    }


def _hover(at: Specification, x: Column, y: Column) -> Specification:
    told = ((x.name, heading(x)), ("said", y.title), ("spread", "95% interval"), ("n", "Seeds"))
    return {
        "params": [
            {
                "name": "hovered",
                "select": {
                    "type": "point",
                    "nearest": True,
                    "on": "pointerover",
                    "clear": "pointerout",
                },
            }
        ],
        "mark": {"type": "circle", "size": 70, "aria": False},
        "encoding": {
            **at,
            "opacity": {
                "condition": {"param": "hovered", "empty": False, "value": 1},
                "value": 0,
            },
            "tooltip": [
                {"field": "label", "title": " "},
                *({"field": field, "title": title} for field, title in told),
            ],
        },
    }
