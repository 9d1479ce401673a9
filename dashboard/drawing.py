"""Charts on the page. To show one again that was drawn before costs next to nothing.

To build a chart, check it and write it out takes Altair longer than all the rest of a page takes.
But most reruns draw what was drawn before, for a person who moved something else, or for another.
"""

from __future__ import annotations

import functools
import hashlib
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
from streamlit.dataframe_util import convert_anything_to_arrow_bytes

Chart = Any
"""An Altair chart: layered or not, they have no type of their own in common."""
MOST = 200
"""Charts in memory: those of a `chapter` suite have 35 kB each."""

P = ParamSpec("P")
_writing = threading.Lock()
"""How Altair writes data out is one setting for all threads."""


@dataclass(frozen=True)
class Drawing:
    """A chart that is built when somebody needs it: it has all that the Altair chart has."""

    key: str
    """The same for the same arguments, and for no others."""
    draw: Callable[[], Chart]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.draw(), name)


class Written(NamedTuple):
    """A chart as the browser gets it. Two texts, so that collecting garbage takes no time."""

    specification: str
    tables: dict[str, bytes]


def kept(draw: Callable[P, Chart]) -> Callable[P, Drawing]:
    """A pure function whose chart is built once for the same arguments, however often shown."""

    @functools.wraps(draw)
    def drawn(*given: P.args, **named: P.kwargs) -> Drawing:
        content = io.BytesIO()
        _Pickler(content).dump((draw, given, sorted(named.items())))
        return Drawing(_digest(content.getvalue()), functools.partial(draw, *given, **named))

    return drawn


def show(chart: Drawing, alt: str, **options: Any) -> None:
    """Put a chart on the page, as wide as there is room; `alt` says it in words."""
    written = _written(chart.key, chart)
    spec = {**json.loads(written.specification), "datasets": written.tables}
    st.vega_lite_chart(spec=spec, width="stretch", alt=alt, **options)


def written_out(chart: Chart) -> dict[str, Any]:
    """The chart with its data in it, for a file."""
    with _writing:
        specification: dict[str, Any] = chart.to_dict()
    return specification


class _Pickler(pickle.Pickler):
    """Of arguments, to tell them apart: a column may have a function that is part of another."""

    def reducer_override(self, given: Any) -> Any:
        """By its name and what it was made with."""
        if not isinstance(given, types.FunctionType):
            return NotImplemented
        made_with = tuple(cell.cell_contents for cell in given.__closure__ or ())
        return tuple, ((given.__module__, given.__qualname__, made_with),)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


@st.cache_resource(show_spinner=False, max_entries=MOST)
def _written(key: str, _chart: Drawing) -> Written:
    tables: dict[str, bytes] = {}

    def beside(table: Any) -> dict[str, str]:
        content = convert_anything_to_arrow_bytes(table)
        name = _digest(content)
        tables[name] = content
        return {"name": name}

    chart = _chart.draw()
    with _writing:
        altair.data_transformers.register("beside", beside)
        with altair.theme.enable("none"), altair.data_transformers.enable("beside"):
            return Written(json.dumps(chart.to_dict()), tables)
