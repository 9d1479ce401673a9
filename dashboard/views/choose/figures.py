"""The figures of a scorecard: what is traded against what, and a panel for each measure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import altair
import pandas
import streamlit as st

from core.analysis.scorecard import MeasureLine, QuestionCard, Scorecard
from core.analysis.scorecard_sentences import value_of
from dashboard.charts import dots, lines, render
from dashboard.charts.curves import Repeats, of_estimates
from dashboard.charts.render import Chart
from dashboard.charts.scales import heading
from dashboard.charts.theme import Style, styles
from dashboard.store import cache
from dashboard.ui import downloads

PANELS_ACROSS, PANEL_PIXELS = 2, 380
"""Panels side by side and their width, in the figure as a file."""


def draw_panels(card: Scorecard) -> None:
    """Draw the panels side by side where there is room, and offer them as one file."""
    charts = panels(card, dark=cache.dark())
    if not charts:
        return
    places = st.grid(3, min_column_width=300)
    for question, line, chart in charts:
        with places:
            render.show(chart, _alt(question, line))
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        downloads.pictures("scorecard", lambda: lines.styled_for_print(figure(card)), "scorecard")


def panels(card: Scorecard, *, dark: bool) -> list[tuple[QuestionCard, MeasureLine, Chart]]:
    """A chart for every line with a value that the terms leave open."""
    look = styles({kind.kind: kind.variant for kind in card.kinds}, dark=dark)
    return list(_panels(card, look))


def _panels(
    card: Scorecard, look: Mapping[str, Style]
) -> Iterator[tuple[QuestionCard, MeasureLine, Chart]]:
    for question in card.questions:
        for line in question.lines:
            bands = _bands(line)
            if not (bands.empty or line.fixed):
                over = {cell.over for cell in line.cells.values()} - {""}
                count = f"{over.pop().capitalize()}s" if len(over) == 1 else ""
                repeats = Repeats(count=count, whole=not count)
                title = question.experiment.title
                yield question, line, dots.dot_chart(bands, line.column, look, repeats, title)


def _bands(line: MeasureLine) -> pandas.DataFrame:
    return of_estimates({kind: cell.estimate for kind, cell in line.cells.items()})


def _alt(question: QuestionCard, line: MeasureLine) -> str:
    values = [f"{kind} {value_of(cell)}" for kind, cell in line.cells.items()]
    return f"{question.experiment.title}, {heading(line.column)}: {'; '.join(values)}"


def figure(card: Scorecard) -> Chart:
    """All panels as one chart, for a file."""
    charts = []
    for _, _, chart in panels(card, dark=False):
        panel = chart.properties(width=PANEL_PIXELS)
        panel.autosize = altair.Undefined  # only a whole chart has it
        charts.append(panel)
    return altair.concat(*charts, columns=PANELS_ACROSS).resolve_scale(color="independent")
