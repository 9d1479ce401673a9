"""The interactive part of the Cell explorer, drawn in the browser by `playground.js`.

Everything that the slider and the steps can show is measured here and sent once, so that the
figure follows a finger. The browser reports what somebody settles on; the address keeps it.

Shapes: T time, H hidden, S seeds, K distances.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import streamlit as st

from core.experiments.gradient_decay.declaration import GradientRow
from core.explorer.diagram import BOX_HEIGHT, subscripted
from core.explorer.results import Array, Part, Position
from core.formatting import counted
from core.measure import distances
from core.stats.estimates import AtLeast, at_limit, median_estimate
from dashboard.charts.scales import column_of, curve_of, heading
from dashboard.charts.theme import Style, readable
from dashboard.store import cache
from dashboard.ui.text import interval, number
from dashboard.views.cell_explorer import computed
from dashboard.views.cell_explorer.computed import Subject

HERE = Path(__file__).parent

NAME = "playground"
"""The component's key: what the browser reports is in the session's state under it."""

MAX_DECADES = 14.0
"""The most powers of ten of the axis: below them a curve leaves the figure."""

LARGEST = 32767
"""Values are sent as 16-bit integers: shares of the largest, in steps of 0.00003."""

NOT_FINITE = -32768
"""What is sent for NaN and infinity."""

GATE_LIGHT, GATE_DARK = ("#fdf6e3", "#c98b2b", "#4a2a0a"), ("#1b222a", "#b0731b", "#ffe2a6")

SIGNED_LIGHT, SIGNED_DARK = ("#8c2d3f", "#f4f3ef", "#245b80"), ("#f08a8a", "#1b222a", "#7db8e8")
"""Colours of the lowest, middle and highest value: zero fades into the background."""

HINT = "Point at a map for its values; click one to select a step and a unit."

_component = st.components.v2.component(
    "unroll_playground",
    html=(HERE / "playground.html").read_text(),
    css=(HERE / "playground.css").read_text(),
    js=(HERE / "playground.js").read_text(),
)


class Slider(NamedTuple):
    """What the slider moves, and the curve at each of its positions."""

    setting: str
    title: str
    positions: Sequence[Position]
    names: Sequence[str]
    labels: Sequence[str]
    """The cell's label at each position."""
    chosen: int
    reset: int
    """The position that a button returns to."""
    reset_title: str
    reset_help: str
    reset_at: int | None = None
    """Where the slider stands at a reset position that is none of its numbers; that one is last."""
    returns: bool = True
    """Whether the slider returns to where it was after it has played to its end."""
    note: str = ""
    """Why there is no slider, where there is none."""


class Callbacks(NamedTuple):
    """What is called with what somebody settles on in the browser."""

    moved: Callable[[Mapping[str, Any]], None]
    stepped: Callable[[Mapping[str, Any]], None]
    sorted: Callable[[bool], None]
    typed: Callable[[str], None]


def show(
    slider: Slider,
    subjects: Sequence[Subject],
    series: Mapping[str, Style],
    measure: str,
    step: int,
    *,
    text: str | None,
    sort: bool,
    callbacks: Callbacks,
) -> None:
    """Draw the curve of the first cell at every position, the others' curves, and every step."""
    first, *others = subjects
    fixed = [_fixed(subject, measure) for subject in others]
    dark = cache.dark()
    data = {
        "slider": {
            "setting": slider.setting,
            "title": slider.title,
            "positions": [
                _drawn(position, name, label)
                for position, name, label in zip(
                    slider.positions, slider.names, slider.labels, strict=True
                )
            ],
            "chosen": slider.chosen,
            "reset": slider.reset,
            "reset_at": slider.reset_at,
            "reset_is_extra": int(slider.reset_at is not None),
            "reset_title": slider.reset_title,
            "reset_help": slider.reset_help,
            "returns": slider.returns,
            "note": slider.note,
        },
        "colour": series[first.label].colour,
        "ink": _ink(series[first.label].colour),
        "others": [
            {
                **_drawn(position, "", subject.label),
                "colour": series[subject.label].colour,
                "ink": _ink(series[subject.label].colour),
            }
            for subject, position in zip(others, fixed, strict=True)
        ],
        "domain": domain([*slider.positions, *fixed], slider.positions[slider.chosen]),
        "x_title": heading(curve_of(GradientRow)),
        "y_title": f"{heading(column_of(GradientRow, measure))}, mean of {seeds_of(slider)}",
        "description": description(slider),
        "cells": [_stepped(subject, series[subject.label].colour) for subject in subjects],
        "ramps": {
            "gate": GATE_DARK if dark else GATE_LIGHT,
            "signed": SIGNED_DARK if dark else SIGNED_LIGHT,
        },
        "step": step,
        "text": text,
        "sorted": sort,
        "hint": HINT,
    }

    def reported(name: str) -> Any:
        return st.session_state[NAME][name]

    _component(
        key=NAME,
        data=data,
        on_moved_change=lambda: callbacks.moved(reported("moved")),
        on_stepped_change=lambda: callbacks.stepped(reported("stepped")),
        on_sorted_change=lambda: callbacks.sorted(reported("sorted")),
        on_typed_change=lambda: callbacks.typed(reported("typed")),
    )


def seeds_of(slider: Slider) -> str:
    """`8 seeds, 95% interval`."""
    seeds = len(slider.positions[0].log10_SK)
    return counted(seeds, "seed") + (", 95% interval" if seeds > 1 else "")


def description(slider: Slider) -> str:
    """The figure in words, for a screen reader."""
    half, rest = in_words(slider.positions[slider.chosen])
    return (
        f"Gradient by distance of {slider.labels[slider.chosen]}"
        + (f", at {slider.title} {slider.names[slider.chosen]}" if slider.title else "")
        + f": {half}. {rest}"
    )


def in_words(position: Position) -> tuple[str, str]:
    """What the figure says at a position: half of the gradient, and how much reaches the start.

    Medians over the seeds, as `gradient-decay` has them.
    """
    last = position.log10_SK.shape[1] - 1
    curves = [[y if math.isfinite(y) else -math.inf for y in ys] for ys in position.log10_SK]
    reached = [distances.distance_to(distances.relative(ys), distances.HALF) for ys in curves]
    half = median_estimate(None if k is None else at_limit(k, last) for k in reached)
    left = median_estimate(ys[-1] - ys[0] for ys in curves).value
    parts = []
    if half.value is None:
        first = f"The gradient is {_what_no_curve_shows(position)}"
    elif isinstance(half.value, AtLeast):
        first = f"More than half of the gradient is left {counted(last, 'step')} back"
    else:
        first = f"Half of the gradient is gone after {number(half.value)} steps"
        ends = interval(half.low, half.high)
        parts += [f"95% interval {ends}."] if ends else []
    if left is not None and last:
        if left > 0:
            parts.append(f"It grows: {scientific(left)} times as large {last} steps back.")
        else:
            parts.append(f"{last} steps back, {scientific(left)} of it is left.")
    if position.zero_share:
        parts.append(f"{number(100 * position.zero_share)}% of the gradients are exactly zero.")
    if position.loss is not None and position.loss.value is not None:
        parts.append(f"Held-out loss {number(position.loss.value)} nats.")
    return first, " ".join(parts)


def _what_no_curve_shows(position: Position) -> str:
    """What the norms are of which a logarithm cannot be drawn."""
    if position.zero_share == 1:
        return "exactly zero"
    drawn = numpy.isfinite(position.log10_SK).any() or position.zero_share
    return "exactly zero or not finite" if drawn else "not finite"


def scientific(log10: float) -> str:
    """10 to a power in words: `0.250`, `340`, `4.1 × 10⁻⁹`."""
    if -3 <= log10 < 6:
        return number(10**log10)
    exponent = math.floor(log10)
    digits = round(10 ** (log10 - exponent), 1)
    if digits >= 10:
        digits, exponent = 1.0, exponent + 1
    return (
        f"{digits:.1f} × 10{str(exponent).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
    )


def domain(positions: Sequence[Position], chosen: Position) -> tuple[float, float]:
    """Both ends of the axis: all curves, but at most 14 powers of ten below the highest of them.

    The chosen one may need more: it is always whole.
    """
    values = numpy.concatenate([position.log10_SK.ravel() for position in positions])
    values = values[numpy.isfinite(values)]
    if not values.size:
        return -1.0, 1.0
    own = chosen.log10_SK[numpy.isfinite(chosen.log10_SK)]
    top = float(values.max())
    bottom = max(float(values.min()), top - MAX_DECADES)
    if own.size:
        top = max(top, float(own.max()))
        bottom = min(bottom, float(own.min()))
    margin = 0.04 * (top - bottom or 1.0)
    return bottom - margin, top + margin


def band(log10_SK: Array) -> tuple[Array, Array, Array]:
    """Mean, and both ends of Student's 95% interval, at each distance that every seed has."""
    from scipy.special import stdtrit  # slower to import than a page is to draw

    seeds = len(log10_SK)
    mean_K = log10_SK.mean(0)
    if seeds < 2:
        nothing = numpy.full_like(mean_K, numpy.nan)
        return mean_K, nothing, nothing
    half_K = stdtrit(seeds - 1, 0.975) * log10_SK.std(0, ddof=1) / math.sqrt(seeds)
    return mean_K, mean_K - half_K, mean_K + half_K


def pack(values_TH: Array, limit: float) -> str:
    """Values as base64 of little-endian 16-bit shares of the limit, step by step."""
    finite_TH = numpy.isfinite(values_TH)
    shares = numpy.clip(numpy.where(finite_TH, values_TH, 0.0) / limit, -1, 1) * LARGEST
    sent = numpy.where(finite_TH, shares.round(), NOT_FINITE)
    return base64.b64encode(sent.astype("<i2").tobytes()).decode()


def _fixed(subject: Subject, measure: str) -> Position:
    (position,) = computed.family(
        subject,
        "recurrent_gain",
        (subject.exploration.config.architecture.recurrent_gain,),
        measure,
    )
    return position


def _drawn(position: Position, name: str, label: str) -> dict[str, Any]:
    value_K, low_K, high_K = band(position.log10_SK)
    half, rest = in_words(position)
    curve_K = [float(y) if math.isfinite(y) else -math.inf for y in value_K]
    half_at = distances.distance_to(distances.relative(curve_K), distances.HALF)
    reached = half_at is not None and half_at < len(curve_K) - 1
    return {
        "at": position.value,
        "name": name,
        "label": label,
        "half": half,
        "rest": rest,
        "half_at": round(half_at, 3) if half_at is not None and reached else None,
        "value": _numbers(value_K),
        "low": _numbers(low_K),
        "high": _numbers(high_K),
    }


def _numbers(values_K: Array) -> list[float | None]:
    return [round(float(value), 4) if math.isfinite(value) else None for value in values_K]


def _ink(colour: str) -> str:
    """A colour for names, in CSS: the page may turn dark while it is open."""
    return f"light-dark({', '.join(readable(colour, dark=dark) for dark in (False, True))})"


def _stepped(subject: Subject, colour: str) -> dict[str, Any]:
    """A cell's drawing, if it has one, and its values at every step."""
    stepped = computed.stepped(subject)
    drawing = stepped.drawing
    parts = []
    for part in stepped.parts:
        values_TN = part.values_TN
        known = values_TN[numpy.isfinite(values_TN)]
        limit = 1.0 if part.gate else float(numpy.abs(known).max(initial=0.0)) or 1.0
        means_N = numpy.nan_to_num(values_TN.mean(0), posinf=0.0, neginf=0.0)
        what = part.summary or counted(values_TN.shape[1], "unit")
        parts.append(
            {
                "name": part.name,
                "title": part.title,
                "symbol": _symbol(part),
                "summary": part.summary,
                "each": "row" if part.rows else "number" if part.places else "unit",
                "first": part.first,
                "gate": part.gate,
                "from_zero": part.gate or part.rows,
                "limit": limit,
                "packed": pack(values_TN, limit),
                "order": (
                    list(range(len(means_N)))
                    if part.places
                    else numpy.argsort(-means_N, kind="stable").tolist()
                ),
                "alt": (
                    f"{subject.label}: {part.title} ({what}) over {values_TN.shape[0]} steps, "
                    f"{_range(known)}{_lost(values_TN.size - known.size)}"
                ),
            }
        )
    return {
        "label": subject.label,
        "colour": colour,
        "tokens": list(stepped.tokens),
        "diagram": drawing
        and {
            "width": drawing.width,
            "height": drawing.height,
            "box_height": BOX_HEIGHT,
            "description": drawing.description,
            "boxes": [box._asdict() for box in drawing.boxes],
        },
        "parts": parts,
    }


def _symbol(part: Part) -> str:
    """What a map is named by beside its title; nothing where the title says it."""
    said = part.name.removesuffix("'") in part.title.split() or part.title.lower() == part.name
    return "" if said else subscripted(part.name, ())


def _range(known: Array) -> str:
    if not known.size:
        return "none of them finite"
    low, high, mean = (number(float(value)) for value in (known.min(), known.max(), known.mean()))
    return f"from {low} to {high}, mean {mean}"


def _lost(count: int) -> str:
    return f"; {counted(count, 'value')} not finite" if count else ""
