"""Buttons for files, which are made when somebody presses them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Literal

import streamlit as st

from dashboard.charts import export, render
from dashboard.charts.render import Chart
from dashboard.ui import links

if TYPE_CHECKING:
    from streamlit.elements.lib.mutable_popover_container import PopoverContainer

HELP = (
    "In the figure: click a curve or a name to isolate it, hold Ctrl or ⌘ and scroll (or pinch) to "
    "zoom, drag to move, double-click to reset."
)

FORMS: tuple[export.Form, ...] = ("svg", "png")

MIME = {
    "csv": "text/csv",
    "json": "application/json",
    "tex": "application/x-tex",
    "html": "text/html",
    "svg": "image/svg+xml",
    "png": "image/png",
    "zip": "application/zip",
}


def offer(
    title: str,
    file: str,
    content: Callable[[], bytes | str | BytesIO],
    key: str,
    kind: Literal["secondary", "tertiary"] = "tertiary",
    help: str | None = None,
) -> None:
    """A button that downloads a file of that name, whose ending says what it is.

    If `content` raises, Streamlit says at the button that the file failed, and logs the rest.
    """
    st.download_button(
        title,
        data=content,
        file_name=file,
        mime=MIME[file.rpartition(".")[2]],
        type=kind,
        icon=":material/download:",
        on_click="ignore",
        key=key,
        help=help,
    )


def menu(key: str) -> PopoverContainer:
    """A small button at the upper right of a figure that opens to its files and a link to it."""
    place = st.popover("Download", type="tertiary", help=HELP, key=f"{key}-files")
    with place:
        links.copy_figure(f"{key}-files")
    return place


def pictures(file: str, chart: Callable[[], Chart], key: str) -> None:
    """Buttons for a chart that is styled for print, as SVG and PNG."""
    for form in FORMS:
        offer(form.upper(), f"{file}.{form}", partial(picture, chart, form), f"{key}-{form}")


def picture(chart: Callable[[], Chart], form: export.Form) -> BytesIO:
    """A chart as the content of a file. Raises `RuntimeError` with a sentence if that fails."""
    try:
        return export.render(render.to_vega_lite(chart()), form)
    except subprocess.TimeoutExpired as error:
        reason = f"it took longer than {error.timeout:.0f} s"
    except subprocess.CalledProcessError as error:
        reason = f"the renderer ended with exit status {error.returncode}"
    raise RuntimeError(f"the chart could not be drawn as {form.upper()}: {reason}; try the CSV")
