"""The scorecard as a table: a line per headline measure, a column per variant."""

from __future__ import annotations

import pandas
import streamlit as st

from core.scorecard.card import Line, Question, Scorecard
from core.scorecard.words import MARKS, NOT_YET, interval_of, repeats_of, value_of
from dashboard.wording import plain

UNBROKEN = "\u00a0"
"""A space at which no line ends: on a phone the table scrolls rather than breaks its numbers."""


def draw(card: Scorecard) -> None:
    """Wider than a phone it scrolls by itself."""
    st.table(frame(card), border="horizontal")


def frame(card: Scorecard) -> pandas.DataFrame:
    """Markdown; the index names question and measure."""
    lines = {}
    for question in card.questions:
        for line in question.lines:
            lines[_heading(question, line)] = [_cell(line, kind.kind) for kind in card.kinds]
        if not question.lines:
            lines[f"**{plain(question.experiment.title)}**"] = [NOT_YET] * len(card.kinds)
    columns = [plain(kind.kind) for kind in card.kinds]
    return pandas.DataFrame.from_dict(lines, orient="index", columns=columns)


def _heading(question: Question, line: Line) -> str:
    first = line is question.lines[0]
    title = f"**{plain(question.experiment.title)}**  \n" if first else ""
    return title + plain(line.column.heading)


def _cell(line: Line, kind: str) -> str:
    """The value, marked, and in the next line how sure it is."""
    cell = line.cells.get(kind)
    if cell is None:
        return NOT_YET
    mark = line.marks.get(kind, "")
    value = plain(" ".join(filter(None, [value_of(cell), MARKS.get(mark, "")])))
    sure = [part.replace(" ", UNBROKEN) for part in (interval_of(cell), repeats_of(cell)) if part]
    told = "  \n" + plain(" · ".join(sure)) if sure else ""
    return (f"**{value}**" if mark == "best" else value) + told
