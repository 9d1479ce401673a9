"""The scorecard as small multiples: a panel per headline measure, a dot with its interval each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import altair
import pandas
import streamlit as st

from core.scorecard.card import Line, Question, Scorecard
from core.scorecard.words import value_of
from dashboard import bars, charts, data, downloads, drawing
from dashboard.curves import Repeats
from dashboard.drawing import Chart
from dashboard.palette import Style, styles
from dashboard.scales import heading

PANELS_ACROSS, PANEL_PIXELS = 2, 380
"""Of the figure as a file."""


def draw(card: Scorecard) -> None:
    """Side by side where there is room, and all of them together as a file."""
    drawn = panels(card, dark=data.dark())
    if not drawn:
        return
    places = st.grid(3, min_column_width=300)
    for question, line, chart in drawn:
        with places:
            drawing.show(chart, _alt(question, line))
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        downloads.pictures("scorecard", lambda: charts.styled_for_print(figure(card)), "scorecard")


def panels(card: Scorecard, *, dark: bool) -> list[tuple[Question, Line, Chart]]:
    """A chart for every line with a value that the terms leave open."""
    look = styles({kind.kind: kind.variant for kind in card.kinds}, dark=dark)
    return list(_panels(card, look))


def _panels(card: Scorecard, look: Mapping[str, Style]) -> Iterator[tuple[Question, Line, Chart]]:
    for question in card.questions:
        for line in question.lines:
            bands = _bands(line)
            if not (bands.empty or line.fixed):
                over = {cell.over for cell in line.cells.values()} - {""}
                count = f"{over.pop().capitalize()}s" if len(over) == 1 else ""
                repeats = Repeats(count=count, whole=not count)
                title = question.experiment.title
                yield question, line, bars.dots(bands, line.column, look, repeats, title)


def _bands(line: Line) -> pandas.DataFrame:
    found = [
        (kind, cell.estimate.value, cell.estimate.low, cell.estimate.high, cell.estimate.n)
        for kind, cell in line.cells.items()
        if cell.estimate.value is not None
    ]
    return pandas.DataFrame(found, columns=["label", "value", "low", "high", "n"])


def _alt(question: Question, line: Line) -> str:
    told = [f"{kind} {value_of(cell)}" for kind, cell in line.cells.items()]
    return f"{question.experiment.title}, {heading(line.column)}: {'; '.join(told)}"


def figure(card: Scorecard) -> Chart:
    """All panels as one chart, for a file."""
    drawn = []
    for _, _, chart in panels(card, dark=False):
        panel = chart.properties(width=PANEL_PIXELS)
        panel.autosize = altair.Undefined  # only a whole chart has it
        drawn.append(panel)
    return altair.concat(*drawn, columns=PANELS_ACROSS).resolve_scale(color="independent")
