"""A scorecard as one HTML file that opens offline: answer, table, what it was measured with."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from html import escape

from core.claims import Verdict
from core.scorecard.card import Line, Question, Scorecard
from core.scorecard.words import (
    KEY,
    MARKS,
    NOT_YET,
    absence,
    answer,
    basis_in_words,
    interval_of,
    repeats_of,
    standing,
    value_of,
)
from core.tracking import RunRecord
from core.words import counted
from experiments.chapter_report import properties_table, runs_table
from experiments.interval_drawing import drawing
from experiments.scorecard_launches import launches
from experiments.self_contained import document, folded, table, text


def report(card: Scorecard, properties: Verdict, runs: Mapping[str, RunRecord]) -> str:
    """The whole file."""
    return document("Scorecard", _body(card, properties, runs))


def _body(card: Scorecard, properties: Verdict, runs: Mapping[str, RunRecord]) -> Iterator[str]:
    yield text("h1", "Scorecard")
    yield f"<p><strong>{escape(answer(card))}</strong></p>"
    written = time.strftime("%Y-%m-%d %H:%M %Z")
    at = f"Compared at {card.terms.in_words}. Written {written}."
    yield text("p", at + (f" Times are of {card.machine}." if card.machine else ""), "soft")
    yield table(("", *(kind.kind for kind in card.kinds)), _lines(card))
    yield text("p", KEY, "soft")
    yield text("h2", "The questions")
    for question in card.questions:
        yield "<article>"
        yield from _question(question, runs)
        yield "</article>"
    yield text("h2", "The chapter's table")
    yield text("p", properties.sentence)
    yield properties_table(properties.table)


def _lines(card: Scorecard) -> Iterator[tuple[str, ...]]:
    for question in card.questions:
        for line in question.lines:
            cells = [cell_html(line, kind.kind) for kind in card.kinds]
            yield (escape(line.column.heading), *cells)
        if not question.lines:
            yield (escape(question.experiment.title), *(NOT_YET for _ in card.kinds))


def cell_html(line: Line, kind: str) -> str:
    """Value and mark, under it interval and n."""
    cell = line.cells.get(kind)
    if cell is None:
        return text("span", NOT_YET, "soft")
    mark = line.marks.get(kind, "")
    value = escape(" ".join(filter(None, [value_of(cell), MARKS.get(mark, "")])))
    shown = f"<strong>{value}</strong>" if mark == "best" else value
    more = ", ".join(filter(None, [interval_of(cell), repeats_of(cell)]))
    return shown + (f"<br>{text('span', more, 'soft')}" if more else "")


def _question(question: Question, runs: Mapping[str, RunRecord]) -> Iterator[str]:
    yield text("h3", question.experiment.question)
    for line in question.lines:
        yield text("p", standing(line))
        if line.fixed:
            continue
        estimates = {kind: cell.estimate for kind, cell in line.cells.items()}
        yield drawing(f"{line.column.heading} by variant", line.column.heading, estimates)
    if question.basis:
        yield text("p", f"All of its runs: {basis_in_words(question.basis)}.", "soft")
    else:
        yield text("p", absence(question))
    if question.sizes:
        sizes = [
            (escape(kind), f"{size.hidden_size:,}", f"{size.parameters:,}")
            for kind, size in question.sizes.items()
        ]
        inside = table(("Variant", "Hidden size", "Recurrent parameters"), sizes)
        yield folded("Sizes", [inside])
    known = [runs[run_id] for run_id in question.runs if run_id in runs]
    if known:
        yield folded(f"The {counted(len(known), 'run')} behind it", [runs_table(known)])
    if question.missing:
        asked = launches(question.experiment, question.missing)
        lines = [f"<p><code>{escape(launch.command)}</code></p>" for launch in asked]
        yield folded(f"{counted(len(question.missing), 'run')} to be measured still", lines)
