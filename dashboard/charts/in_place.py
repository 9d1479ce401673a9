"""Changing a chart in the browser without building it anew.

Streamlit compiles and draws a chart again when one letter of its Vega-Lite differs, but passes new
data to the chart that is there, which takes less than half as long. So what changes with the
numbers of a layered chart is made data too: the ends of its axes, their ticks and its title. The
specification reads them from there with Vega expressions, and is the same text for all charts of
one shape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pandas

FRAME = "frame"
"""The table with one row: the ends of the axes and the title."""

ROW = "frame_row"
"""The parameter that holds that row."""


def separate(spec: dict[str, Any]) -> tuple[dict[str, Any], dict[str, pandas.DataFrame]]:
    """Split a chart into what its shape fixes and tables of what its numbers fix.

    A chart without layers is returned as it is, with no table.
    """
    if "layer" not in spec:
        return spec, {}
    spec = _without_digests(spec)
    frame: dict[str, Any] = {}
    tables: dict[str, pandas.DataFrame] = {}

    def in_frame(value: Any) -> dict[str, str]:
        name = next((name for name, known in frame.items() if known == value), f"v{len(frame)}")
        frame[name] = value
        return {"expr": f"{ROW}.{name}"}

    def in_table(ticks: list[float]) -> dict[str, str]:
        column = pandas.DataFrame({"at": [float(tick) for tick in ticks]})
        same = (name for name, known in tables.items() if known.equals(column))
        name = next(same, f"ticks {len(tables)}")
        tables[name] = column
        return {"expr": f"pluck(data('{name}'), 'at')"}

    for part in _parts(spec):
        match part:
            case {"scale": {"domain": [float(low), float(high)]}}:
                part["scale"]["domain"] = [in_frame(low), in_frame(high)]
        match part:
            case {"axis": {"values": [int() | float(), *_] as ticks}}:
                part["axis"]["values"] = in_table(ticks)
    for name in ("text", "subtitle"):
        if isinstance(spec.get("title", {}).get(name), str):
            spec["title"][name] = in_frame(spec["title"][name])
    if frame:
        tables[FRAME] = pandas.DataFrame([frame])
        row = {"name": ROW, "expr": f"data('{FRAME}')[0]"}
        spec["params"] = [row, *spec.get("params", [])]
    spec["layer"] = [*spec["layer"], *map(_unseen, tables)]
    # Streamlit would write this itself, and change it at 5,000 rows.
    spec["config"] = {"aria": True, **spec.get("config", {})}
    return spec, tables


def _parts(part: Any) -> Iterator[dict[str, Any]]:
    """Every object within a specification, outermost first."""
    if isinstance(part, dict):
        yield part
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    for each in inner:
        yield from _parts(each)


def _without_digests(spec: dict[str, Any]) -> dict[str, Any]:
    """Number the views: Altair names them by a digest of their data."""
    text = json.dumps(spec)
    for number, name in enumerate(dict.fromkeys(re.findall(r'"(view_[0-9a-f]{16}_\d+)"', text))):
        text = text.replace(f'"{name}"', f'"view_{number}"')
    numbered: dict[str, Any] = json.loads(text)
    return numbered


def _unseen(table: str) -> dict[str, Any]:
    """A layer that draws nothing: Vega-Lite leaves out a table that no layer has."""
    mark = {"type": "point", "opacity": 0, "aria": False, "tooltip": None}
    return {
        "data": {"name": table},
        "mark": mark,
        "encoding": {"x": {"value": 0}, "y": {"value": 0}},
    }
