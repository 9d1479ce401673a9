"""What every unit does at every step, as an image with axes: a pure function to Vega-Lite.

A rectangle for each of thousands of values would take a browser a second; an image takes it no
time. The pointer finds a step and what its units come to.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy
import pandas
from PIL import Image

from dashboard.live_curve import Specification
from dashboard.wording import exact

HEIGHT = 150
PIXELS = 6
"""Of the image for a value, so that a browser that smooths it has nothing to blur."""
MOST_LABELS = 40
"""Tokens that are all named under a map; of more, as many as there is room for."""
GATE = ("#fdf6e3", "#c98b2b", "#4a2a0a")
SIGNED_LIGHT = ("#8c2d3f", "#f4f3ef", "#245b80")
SIGNED_DARK = ("#f08a8a", "#1b222a", "#7db8e8")
"""Lowest, middle, highest: zero sinks into the background."""
GATE_DARK = ("#1b222a", "#b0731b", "#ffe2a6")


def cell_map(
    values_TH: numpy.ndarray[Any, Any],
    tokens: Sequence[str],
    step: int,
    *,
    gate: bool,
    dark: bool,
) -> tuple[Specification, pandas.DataFrame]:
    """Steps across, units downwards; `step` is marked. A gate is drawn from 0 to 1.

    The specification, and its data: a row for each step.
    """
    limits = limits_of(values_TH, gate=gate)
    colours = (GATE_DARK if dark else GATE) if gate else (SIGNED_DARK if dark else SIGNED_LIGHT)
    steps, units = values_TH.shape
    scale = {"domain": [0.5, steps + 0.5], "nice": False}
    across = {"type": "quantitative", "scale": scale, "axis": _axis(tokens)}
    corner = {"x": {"value": 0}, "y": {"value": 0}}
    size = {"width": {"expr": "width"}, "height": HEIGHT, "aspect": False}
    layers = [
        {
            "data": {"values": [{"url": _png(values_TH, limits, colours)}]},
            "mark": {"type": "image", "align": "left", "baseline": "top", **size},
            "encoding": {**corner, "url": {"field": "url"}},
        },
        _found(across, limits, colours),
        {
            "data": {"values": [{"step": step}]},
            "mark": {
                "type": "rule",
                "strokeWidth": 1.5,
                "strokeDash": [4, 2],
                "color": "#ffffff" if dark else "#1c232b",
            },
            "encoding": {"x": {"field": "step", **across}},
        },
    ]
    title = {"text": f"{units} units ↓", "anchor": "start", "fontSize": 11, "fontWeight": "normal"}
    whole = {"height": HEIGHT, "autosize": {"type": "fit-x", "contains": "padding"}}
    return {**whole, "title": {**title, "offset": 4}, "layer": layers}, _columns(
        values_TH, tokens, limits
    )


def _found(
    across: Specification, limits: tuple[float, float], colours: Sequence[str]
) -> Specification:
    """What the pointer finds; unseen, but for its legend."""
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
    told = {"step": "Step", "token": "Read", "mean": "Mean", "least": "Least", "most": "Most"}
    return {
        "mark": {"type": "rect", "opacity": 0},
        "encoding": {
            "x": {"field": "from", **across},
            "x2": {"field": "to"},
            "y": {"value": 0},
            "y2": {"value": HEIGHT},
            "color": {"field": "level", "type": "quantitative", "scale": scale, "legend": legend},
            "tooltip": [{"field": field, "title": title} for field, title in told.items()],
        },
    }


def limits_of(values: numpy.ndarray[Any, Any], *, gate: bool) -> tuple[float, float]:
    """Of the colours: 0 to 1 for a gate, else as far below zero as above."""
    largest = float(numpy.abs(values).max()) or 1.0
    return (0.0, 1.0) if gate else (-largest, largest)


def in_words(title: str, values_TH: numpy.ndarray[Any, Any], step: int) -> str:
    """For those who cannot see it."""
    low, mean, high = (
        exact(float(f(values_TH[step - 1]))) for f in (numpy.min, numpy.mean, numpy.max)
    )
    steps, units = values_TH.shape
    return (
        f"{title} of {units} units over {steps} steps. "
        f"At step {step}: mean {mean}, from {low} to {high}."
    )


def _columns(
    values_TH: numpy.ndarray[Any, Any], tokens: Sequence[str], limits: tuple[float, float]
) -> pandas.DataFrame:
    steps = numpy.arange(1, len(values_TH) + 1)
    return pandas.DataFrame(
        {
            "step": steps,
            "from": steps - 0.5,
            "to": steps + 0.5,
            "token": [token or "drawn" for token in tokens],
            "level": limits[0],
            "mean": [exact(float(v)) for v in values_TH.mean(1)],
            "least": [exact(float(v)) for v in values_TH.min(1)],
            "most": [exact(float(v)) for v in values_TH.max(1)],
        }
    )


def _axis(tokens: Sequence[str]) -> Specification:
    """Steps, named by what they read where something was typed."""
    if not any(tokens):
        return {"title": "Step", "grid": False, "tickCount": {"expr": "max(3, width / 70)"}}
    return {
        "title": "Read",
        "grid": False,
        "values": list(range(1, len(tokens) + 1)),
        "labelExpr": f"{json.dumps(list(tokens))}[datum.value - 1]",
        "labelOverlap": "greedy" if len(tokens) > MOST_LABELS else False,
        "labelAngle": -45 if max(map(len, tokens)) > 2 else 0,
        "labelLimit": 70,
        "ticks": False,
    }


def _png(
    values_TH: numpy.ndarray[Any, Any], limits: tuple[float, float], colours: Sequence[str]
) -> str:
    """As a data address; unit 1 is at the top."""
    low, high = limits
    places = numpy.clip((values_TH.T - low) / (high - low), 0, 1)
    ends = numpy.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours], dtype=float)
    at = numpy.linspace(0, 1, len(colours))
    pixels = numpy.stack([numpy.interp(places, at, ends[:, channel]) for channel in range(3)], -1)
    small = Image.fromarray(pixels.round().astype(numpy.uint8))
    large = small.resize((small.width * PIXELS, small.height * PIXELS), Image.Resampling.NEAREST)
    content = io.BytesIO()
    large.save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
