"""Charts that follow a slider, as Vega-Lite and its data: a gradient curve, and maps of a cell.

Altair takes a quarter of a second to write out a chart, most of it to check the result. Here the
Vega-Lite is written by hand. The specification of the curve depends on nothing that a slider moves,
so the browser keeps the figure and only replaces the numbers. A map of a cell is an image with
axes: a rectangle for each of thousands of values would take a browser a second.

Shapes: T time, H hidden.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import pandas
from PIL import Image

from core.experiment import Column
from dashboard.charts.scales import heading, power_of_ten
from dashboard.charts.theme import Style
from dashboard.ui.text import exact, interval

Specification = dict[str, Any]

NAME_PIXELS = 18
"""Height of the line above the plot that a cell's name takes."""

STRIP_PIXELS = 9
"""Height of the strip that marks a cell's exact zeros."""

HEIGHT = 150
"""Pixels of a map."""

PIXELS = 6
"""Width of a value in a map's image, so that a browser that smooths it has nothing to blur."""

MAX_LABELS = 40
"""Up to this many tokens, every one is labelled; of more, as many as fit."""

GATE_LIGHT = ("#fdf6e3", "#c98b2b", "#4a2a0a")

GATE_DARK = ("#1b222a", "#b0731b", "#ffe2a6")

SIGNED_LIGHT = ("#8c2d3f", "#f4f3ef", "#245b80")

SIGNED_DARK = ("#f08a8a", "#1b222a", "#7db8e8")
"""Colours of the lowest, middle and highest value: zero fades into the background."""


def numbers(
    bands: pandas.DataFrame, zeros: pandas.DataFrame, x: str, order: Sequence[str]
) -> pandas.DataFrame:
    """Combine bands (label, x, value, low, high, n) and shares of exact zeros (label, x, share).

    Value, low and high stay logarithms for the axes; texts are for tooltips. `place` identifies a
    cell, because a slider can change its name.
    """
    data = bands.assign(share=0.0)
    if not zeros.empty:  # merging takes longer than everything else here
        data = bands.merge(zeros, how="outer", on=["label", x]).fillna({"share": 0.0})
    value, low, high = ((10 ** data[end]).tolist() for end in ("value", "low", "high"))
    return data.assign(
        place=[str(order.index(label)) for label in data["label"].tolist()],
        name=data["label"].mask(data["label"].duplicated()),
        value_text=list(map(exact, value)),
        interval_text=[interval(*ends) or "–" for ends in zip(low, high, strict=True)],
        zero=[f"{100 * share:.0f}%" for share in data["share"]],
    )


def specification(x: Column, y: Column, styles: Mapping[str, Style], height: int) -> Specification:
    """Vega-Lite of the curves of a logarithmic measure; the data comes from `numbers`."""
    whole_powers = f"datum.value == round(datum.value) ? {power_of_ten('datum.value')}"
    encoding: Specification = {
        "x": {
            "field": x.name,
            "type": "quantitative",
            "scale": {"zero": False, "nice": False},
            "axis": {"title": heading(x), "grid": False, "tickMinStep": 1, "format": "d"},
        },
        "y": {
            "field": "value",
            "type": "quantitative",
            "scale": {"zero": False, "nice": False, "padding": 14},
            "axis": {
                "title": None,
                "labelExpr": f"{whole_powers} : format(pow(10, datum.value), '.2~g')",
                "tickCount": 6,
            },
        },
        "color": {
            "field": "place",
            "type": "nominal",
            "legend": None,
            "scale": {
                "domain": [str(index) for index in range(len(styles))],
                "range": [style.colour for style in styles.values()],
            },
        },
    }
    area = {**encoding, "y": {**encoding["y"], "field": "low"}, "y2": {"field": "high"}}
    return {
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "title": {
            "text": heading(y),
            "anchor": "start",
            "frame": "group",
            "fontSize": 13,
            "fontWeight": "normal",
            "offset": 10 + NAME_PIXELS * len(styles),
        },
        "layer": [
            {
                "mark": {"type": "area", "opacity": 0.16, "clip": True, "aria": False},
                "encoding": area,
            },
            {"mark": {"type": "line", "strokeWidth": 2.2, "clip": True}, "encoding": encoding},
            *_single_points(encoding, area),
            _zero_strips(encoding, len(styles), height),
            _names(encoding, len(styles)),
            _hover(encoding, x, y),
        ],
    }


def _single_points(encoding: Specification, area: Specification) -> list[Specification]:
    """Draw a curve of one step as a point with its interval: a line needs two."""
    only = [
        {"filter": "isValid(datum.value)"},
        {"joinaggregate": [{"op": "count", "as": "steps"}], "groupby": ["place"]},
        {"filter": "datum.steps == 1"},
    ]
    rule = {"type": "rule", "opacity": 0.5, "aria": False}
    circle = {"type": "circle", "size": 60, "opacity": 1, "aria": False}
    return [
        {"transform": only, "mark": rule, "encoding": area},
        {"transform": only, "mark": circle, "encoding": encoding},
    ]


def _zero_strips(encoding: Specification, count: int, height: int) -> Specification:
    """A strip for each cell at the foot, where its norm is exactly zero and has no logarithm."""
    x, foot = encoding["x"], height - STRIP_PIXELS * count + STRIP_PIXELS // 2
    return {
        "transform": [
            {"filter": "datum.share > 0"},
            {"calculate": f"{foot} + {STRIP_PIXELS} * toNumber(datum.place)", "as": "pixel"},
        ],
        "mark": {
            "type": "tick",
            "thickness": 4,
            "size": STRIP_PIXELS - 2,
            "orient": "vertical",
            "aria": False,
        },
        "encoding": {
            "x": x,
            "y": {"field": "pixel", "type": "quantitative", "scale": None, "axis": None},
            "color": encoding["color"],
            "tooltip": [
                {"field": "label", "title": " "},
                {"field": x["field"], "title": x["axis"]["title"]},
                {"field": "zero", "title": "Exactly zero"},
            ],
        },
    }


def _names(encoding: Specification, count: int) -> Specification:
    """The cells' names, above the plot; they are data, because sliders change them."""
    pixel = f"{NAME_PIXELS} * (toNumber(datum.place) - {count})"
    return {
        "transform": [
            {"filter": "isValid(datum.name)"},
            {"calculate": pixel, "as": "pixel"},
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
            "color": encoding["color"],
            "text": {"field": "name"},
        },
    }


def _hover(encoding: Specification, x: Column, y: Column) -> Specification:
    """The nearest point of a curve, with its numbers."""
    select = {"type": "point", "nearest": True, "on": "pointerover", "clear": "pointerout"}
    visible = {"condition": {"param": "hovered", "empty": False, "value": 1}, "value": 0}
    titles = {
        "label": " ",
        x.name: heading(x),
        "value_text": y.title,
        "interval_text": "95% interval",
        "n": "Seeds",
    }
    tooltip = [{"field": field, "title": title} for field, title in titles.items()]
    return {
        "params": [{"name": "hovered", "select": select}],
        "mark": {"type": "circle", "size": 70, "aria": False},
        "encoding": {**encoding, "opacity": visible, "tooltip": tooltip},
    }


def cell_map(
    values_TH: numpy.ndarray[Any, Any],
    tokens: Sequence[str],
    step: int,
    *,
    gate: bool,
    dark: bool,
) -> tuple[Specification, pandas.DataFrame]:
    """Map every unit (downwards) at every step (across); `step` is marked.

    Returns the specification and its data: a row for each step. A gate is drawn from 0 to 1.
    """
    limits = colour_limits(values_TH, gate=gate)
    colours = (
        (GATE_DARK if dark else GATE_LIGHT) if gate else (SIGNED_DARK if dark else SIGNED_LIGHT)
    )
    steps, units = values_TH.shape
    scale = {"domain": [0.5, steps + 0.5], "nice": False}
    x = {"type": "quantitative", "scale": scale, "axis": _step_axis(tokens)}
    image = {"type": "image", "align": "left", "baseline": "top", "aspect": False}
    rule = {"type": "rule", "strokeWidth": 1.5, "strokeDash": [4, 2]}
    layers = [
        {
            "data": {"values": [{"url": _png(values_TH, limits, colours)}]},
            "mark": {**image, "width": {"expr": "width"}, "height": HEIGHT},
            "encoding": {"x": {"value": 0}, "y": {"value": 0}, "url": {"field": "url"}},
        },
        _pointer_columns(x, limits, colours),
        {
            "data": {"values": [{"step": step}]},
            "mark": {**rule, "color": "#ffffff" if dark else "#1c232b"},
            "encoding": {"x": {"field": "step", **x}},
        },
    ]
    title = {"text": f"{units} units ↓", "anchor": "start", "fontSize": 11, "fontWeight": "normal"}
    map_of_cell = {
        "height": HEIGHT,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "title": {**title, "offset": 4},
        "layer": layers,
    }
    places = numpy.arange(1, steps + 1)
    data = {
        "step": places,
        "from": places - 0.5,
        "to": places + 0.5,
        "token": [token or "random" for token in tokens],
        "level": limits[0],
        "mean": [exact(float(v)) for v in values_TH.mean(1)],
        "least": [exact(float(v)) for v in values_TH.min(1)],
        "most": [exact(float(v)) for v in values_TH.max(1)],
    }
    return map_of_cell, pandas.DataFrame(data)


def colour_limits(values: numpy.ndarray[Any, Any], *, gate: bool) -> tuple[float, float]:
    """Ends of the colour scale: 0 and 1 for a gate, else as far below zero as above."""
    largest = float(numpy.abs(values).max()) or 1.0
    return (0.0, 1.0) if gate else (-largest, largest)


def in_words(title: str, values_TH: numpy.ndarray[Any, Any], step: int) -> str:
    """Describe a map for a screen reader."""
    low, mean, high = (
        exact(float(f(values_TH[step - 1]))) for f in (numpy.min, numpy.mean, numpy.max)
    )
    steps, units = values_TH.shape
    return (
        f"{title} of {units} units over {steps} steps. "
        f"At step {step}: mean {mean}, from {low} to {high}."
    )


def _pointer_columns(
    x: Specification, limits: tuple[float, float], colours: Sequence[str]
) -> Specification:
    """Invisible columns, one per step, that carry the tooltips and the legend."""
    legend = {
        "title": None,
        "orient": "right",
        "gradientLength": HEIGHT - 20,
        "gradientThickness": 8,
        "gradientOpacity": 1,
        "tickCount": 3,
        "format": ".2~g",
    }
    scale = {"domain": [limits[0], sum(limits) / 2, limits[1]], "range": list(colours)}
    titles = {"step": "Step", "token": "Read", "mean": "Mean", "least": "Min", "most": "Max"}
    return {
        "mark": {"type": "rect", "opacity": 0},
        "encoding": {
            "x": {"field": "from", **x},
            "x2": {"field": "to"},
            "y": {"value": 0},
            "y2": {"value": HEIGHT},
            "color": {"field": "level", "type": "quantitative", "scale": scale, "legend": legend},
            "tooltip": [{"field": field, "title": title} for field, title in titles.items()],
        },
    }


def _step_axis(tokens: Sequence[str]) -> Specification:
    """Number the steps, or name them by the tokens that they read."""
    if not any(tokens):
        return {"title": "Step", "grid": False, "tickCount": {"expr": "max(3, width / 70)"}}
    return {
        "title": "Read",
        "grid": False,
        "values": list(range(1, len(tokens) + 1)),
        "labelExpr": f"{json.dumps(list(tokens))}[datum.value - 1]",
        "labelOverlap": "greedy" if len(tokens) > MAX_LABELS else False,
        "labelAngle": -45 if max(map(len, tokens)) > 2 else 0,
        "labelLimit": 70,
        "ticks": False,
    }


def _png(
    values_TH: numpy.ndarray[Any, Any], limits: tuple[float, float], colours: Sequence[str]
) -> str:
    """The values as an image in a data URL; unit 1 is at the top."""
    low, high = limits
    levels = numpy.clip((values_TH.T - low) / (high - low), 0, 1)
    rgb = numpy.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours], dtype=float)
    stops = numpy.linspace(0, 1, len(colours))
    pixels = numpy.stack([numpy.interp(levels, stops, rgb[:, channel]) for channel in range(3)], -1)
    small = Image.fromarray(pixels.round().astype(numpy.uint8))
    large = small.resize((small.width * PIXELS, small.height * PIXELS), Image.Resampling.NEAREST)
    content = io.BytesIO()
    large.save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
