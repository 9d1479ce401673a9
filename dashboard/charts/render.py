"""Charts on the page, each built once for the same arguments.

Altair takes longer to build, check and write out a chart than the rest of a page takes (about 300
ms), and most reruns show a chart that was shown before. So the finished text is cached under a
digest of the arguments. `st.cache_data` on the drawing functions would do the same, but it takes 2
to 7 ms to hash the arguments of one chart, where pickling them takes 0.4 ms.
"""

from __future__ import annotations

import functools
import hashlib
import html
import io
import json
import pickle
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, ParamSpec

import altair
import streamlit as st
from altair.utils.schemapi import debug_mode
from streamlit.dataframe_util import convert_anything_to_arrow_bytes

from dashboard.charts import in_place, small

Chart = Any
"""An Altair chart: layered or not, they have no type of their own in common."""

PADDING = 4
"""Pixels around a figure; without a word Streamlit leaves twenty under it."""

MAX_CHARTS = 100
"""Charts kept in memory; one of a `chapter` suite takes 35 kB."""

P = ParamSpec("P")

_altair_lock = threading.Lock()
"""Altair has one data transformer for all threads."""


@dataclass(frozen=True)
class Drawing:
    """A chart that is built only when one of its attributes is accessed."""

    key: str
    """The same for the same arguments, and for no others."""
    draw: Callable[[], Chart]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.draw(), name)


class Specification(NamedTuple):
    """A chart as the browser gets it: Vega-Lite, and each table by name as Arrow bytes.

    It is text and bytes, not nested dictionaries, because those would slow down the garbage
    collector.
    """

    vega_lite: str
    tables: dict[str, bytes]


def cached(draw: Callable[P, Chart]) -> Callable[P, Drawing]:
    """Decorate a pure function from data to a chart, so that a chart is built once and kept."""

    @functools.wraps(draw)
    def drawing(*args: P.args, **kwargs: P.kwargs) -> Drawing:
        content = io.BytesIO()
        _Pickler(content).dump((draw, args, sorted(kwargs.items())))
        return Drawing(_digest(content.getvalue()), functools.partial(draw, *args, **kwargs))

    return drawing


UNSEEN = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)"
"""A style for text that only a screen reader finds."""


def show(chart: Drawing, alt: str, numbers: str = "", **options: Any) -> None:
    """Put a chart on the page, as wide as there is room; `alt` describes it in words.

    A chart that often changes has its `numbers` in a text of their own: for another `alt` it would
    be built anew.
    """
    specification = _specification(chart.key, chart)
    spec = {
        **json.loads(specification.vega_lite),
        "datasets": specification.tables,
        "padding": dict.fromkeys(("left", "right", "top", "bottom"), PADDING),
    }
    with st.container(gap=None):
        st.vega_lite_chart(spec=spec, width="stretch", alt=alt, **options)
        if numbers:
            st.html(f'<p style="{UNSEEN}">{html.escape(numbers)}</p>')


def show_small(chart: Drawing, alt: str) -> None:
    """Put a chart on a card, its legend in a line under it."""
    specification = _specification(chart.key, chart)
    spec = json.loads(specification.vega_lite)
    shown = {**small.compact(spec), "datasets": specification.tables}
    st.vega_lite_chart(spec=shown, width="stretch", alt=alt)
    st.html(small.key(spec))


def to_vega_lite(chart: Chart) -> dict[str, Any]:
    """Convert a chart to Vega-Lite that contains its data, for a file."""
    with _altair_lock:
        specification: dict[str, Any] = chart.to_dict()
    return specification


class _Pickler(pickle.Pickler):
    """Pickles arguments for their digest; functions (a Column may hold one) by name and closure."""

    def reducer_override(self, value: Any) -> Any:
        if not isinstance(value, types.FunctionType):
            return NotImplemented
        enclosed = tuple(cell.cell_contents for cell in value.__closure__ or ())
        return tuple, ((value.__module__, value.__qualname__, enclosed),)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


@st.cache_resource(show_spinner=False, max_entries=MAX_CHARTS)
def _specification(key: str, _chart: Drawing) -> Specification:
    tables: dict[str, bytes] = {}

    def set_aside(table: Any) -> dict[str, str]:
        content = convert_anything_to_arrow_bytes(table)
        same = (name for name, known in tables.items() if known == content and len(table))
        name = next(same, f"table {len(tables)}")  # not a digest: other numbers are no other chart
        tables[name] = content
        return {"name": name}

    # Tests check every kind of chart against the schema: on a page that takes longer than drawing.
    with _altair_lock, debug_mode(False):
        chart = _chart.draw()
        altair.data_transformers.register("set aside", set_aside)
        with altair.theme.enable("none"), altair.data_transformers.enable("set aside"):
            spec, frame = in_place.separate(chart.to_dict(validate=False))
    tables |= {name: convert_anything_to_arrow_bytes(table) for name, table in frame.items()}
    return Specification(json.dumps(spec), tables)
