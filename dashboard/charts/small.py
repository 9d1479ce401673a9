"""Charts on a card: the legend is a line of text under the plot, so that the plot has the room."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from typing import Any

from dashboard.charts.frame import SUBTITLE_PIXELS, UNNAMED

Spec = Mapping[str, Any]
"""A chart as Vega-Lite, without its data."""


MIN_DASH = 4
"""Pixels; shorter strokes look like dots."""

PADDING = {"left": 0, "right": 8, "top": 0, "bottom": 5}
"""Pixels; letters reach under the line of an axis title, and half of the last tick's number beyond
the axis."""

CLOSE_TITLE = {"frame": "bounds", "fontSize": 12, "offset": 6}
"""In one line from the left edge of the card: beside the numbers of the axis a long one would be
cut."""

CLOSE_AXES = {"titlePadding": 4, "labelPadding": 4, "titleFontSize": 11, "labelFontSize": 11}


def compact(spec: Spec) -> dict[str, Any]:
    """The chart without legends or names beside its curves, and with little space around it."""
    config = dict(spec.get("config") or {})
    config["axis"] = {**CLOSE_AXES, **config.get("axis", {})}
    chart = without_legend(spec)
    if "title" in chart:
        title = {**chart["title"], **CLOSE_TITLE}
        if under := title.pop("subtitle", None):
            title["text"] = {"expr": f"{_expression(title['text'])} + ' · ' + {_expression(under)}"}
            chart["height"] -= SUBTITLE_PIXELS
        chart["title"] = title
    for parameter in chart.get("params", []):
        if parameter["name"] == UNNAMED:
            parameter["expr"] = "true"
    return {**chart, "padding": PADDING, "config": config}


def _expression(text: str | Mapping[str, str]) -> str:
    """A text of a title, which may depend on what is chosen, as an expression of Vega."""
    return f"({text['expr']})" if isinstance(text, Mapping) else json.dumps(text)


def without_legend(spec: Any) -> Any:
    """The same chart without legends, and without clicks on them."""
    if isinstance(spec, list):
        return [without_legend(part) for part in spec]
    if not isinstance(spec, dict):
        return spec
    kept = {name: part for name, part in spec.items() if spec.get(name) != "legend"}
    return {name: None if name == "legend" else without_legend(part) for name, part in kept.items()}


def key(spec: Spec) -> str:
    """The legend as a line of HTML: a stroke in the colour of each series, and its name."""
    colours, dashes = _scale(spec, "color"), _scale(spec, "strokeDash")
    entries = "".join(
        '<span style="display:inline-flex;align-items:center;gap:2px;margin-right:5px;'
        'white-space:nowrap"><span style="display:inline-block;width:10px;height:2px;'
        f'background:{_line(html.escape(str(colour)), dashes.get(label))}"></span>'
        f"{html.escape(label)}</span>"
        for label, colour in colours.items()
    )
    return f'<div style="font-size:0.68rem;line-height:1.3">{entries}</div>'


def _line(colour: str, dash: Any) -> str:
    """A stroke of 10 pixels: solid without gaps, two dashes for long ones, else dots."""
    first, *gaps = dash if isinstance(dash, list) else (1, 0)
    if not any(gaps):
        return colour
    on = 2 if first < MIN_DASH else 4
    return f"repeating-linear-gradient(90deg,{colour} 0 {on}px,transparent {on}px {on + 2}px)"


def _scale(spec: Spec, channel: str) -> dict[str, Any]:
    """Label → value on the first scale of a channel that names its labels."""
    for encoding in _encodings(spec, channel):
        scale = encoding.get("scale") or {}
        if isinstance(scale.get("domain"), list) and isinstance(scale.get("range"), list):
            return dict(zip(map(str, scale["domain"]), scale["range"], strict=False))
    return {}


def _encodings(part: Any, channel: str) -> Iterator[Mapping[str, Any]]:
    """Every encoding of a channel in a chart and its layers."""
    parts = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    if isinstance(part, dict) and isinstance(part.get(channel), dict):
        yield part[channel]
    for inner in parts:
        yield from _encodings(inner, channel)
