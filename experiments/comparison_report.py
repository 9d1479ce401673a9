"""A comparison of runs as one HTML file that opens offline: the answer, then its evidence."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from core.experiment import Experiment
from core.names import among
from core.tracking import RunRecord
from core.words import counted, listed
from experiments.comparing import Comparison, Result
from experiments.comparing_words import (
    MARKS,
    answer,
    interval,
    method,
    repeats_in_words,
    said,
    verdict,
)
from experiments.comparison_files import VERSIONS
from experiments.export import reproduction
from experiments.interval_drawing import drawing
from experiments.self_contained import document, folded, table, text

MOST_PAIRS = 200
"""Verdicts that a page lists of one measure."""
NAME_LETTERS = 300
"""Of a run's name in the list of runs; JSON has all of it."""
Drawings = Mapping[str, Sequence[str]]
"""Experiment → SVG drawings that stand beside those of the measures."""


def report(comparisons: Sequence[Comparison], drawings: Drawings | None = None) -> str:
    """The whole file: it loads nothing and runs nothing."""
    title = f"{listed([c.experiment.title for c in comparisons])}: runs side by side"
    return document(title, _body(title, comparisons, drawings or {}))


def _body(title: str, comparisons: Sequence[Comparison], drawings: Drawings) -> Iterator[str]:
    yield text("h1", title)
    runs = sum(len(comparison.runs) for comparison in comparisons)
    written = time.strftime("%Y-%m-%d %H:%M %Z")
    yield text("p", f"Written {written}, from {counted(runs, 'finished run')}.", "soft")
    for comparison in comparisons:
        yield "<section>"
        yield from _section(comparison, drawings.get(comparison.experiment.name, ()))
        yield "</section>"


def _section(comparison: Comparison, drawings: Sequence[str]) -> Iterator[str]:
    experiment = comparison.experiment
    yield text("h2", experiment.title)
    yield text("p", experiment.question, "soft")
    yield f"<p><strong>{escape(answer(comparison))}</strong></p>"
    if comparison.without:
        names = listed([among(run.name) for run in comparison.without])
        yield text("p", f"Left out, because nothing was recorded: {names}.", "soft")
    result = comparison.headline
    if result is not None:
        yield text("h3", result.column.heading)
        yield drawing(result.column.heading, result.column.heading, result.estimates)
    yield from (f"<figure>{svg}</figure>" for svg in drawings)
    yield from _settings(comparison)
    yield text("h3", "Measures")
    yield _results(comparison)
    yield from _verdicts(comparison, result)
    yield text("h3", "How this was measured")
    yield text("p", method(comparison))
    yield from _meanings(experiment)
    yield folded(f"The {counted(len(comparison.runs), 'run')}", [_runs(comparison.runs)])


def _settings(comparison: Comparison) -> Iterator[str]:
    yield text("h3", "Settings that differ")
    if not comparison.settings:
        yield text("p", "None: these runs differ in nothing that was set.")
        return
    names = [group.name for group in comparison.groups]
    rows = [
        (escape(name), *(escape(line.values[name]) for line in comparison.settings))
        for name in names
    ]
    yield table(("", *(line.title for line in comparison.settings)), rows)


def _results(comparison: Comparison) -> str:
    names = [group.name for group in comparison.groups]
    rows = [
        (escape(result.column.heading), *(_cell(comparison, result, name) for name in names))
        for result in comparison.results
    ]
    return table(("Measure", *names), rows)


def _cell(comparison: Comparison, result: Result, name: str) -> str:
    estimate = result.estimates[name]
    if estimate.value is None:
        return "–"
    ends = interval(estimate)
    lines = [f"<strong>{escape(said(estimate.value))}</strong>"]
    lines += [escape(ends)] if ends else []
    lines.append(escape(repeats_in_words(result, name, comparison.repeat)))
    lines += [escape(MARKS[mark])] if (mark := result.marks.get(name)) else []
    return "<br>".join(lines)


def _verdicts(comparison: Comparison, headline: Result | None) -> Iterator[str]:
    """Of the headline open, of the others folded."""
    for result in comparison.results:
        pairs = result.differences[:MOST_PAIRS]
        if not pairs:
            continue
        rows = [
            (escape(d.first), escape(verdict(d, comparison.repeat)), escape(d.second))
            for d in pairs
        ]
        listing = table(("", "is", "than, or from"), rows)
        title = f"Verdicts: {result.column.title}"
        if result is headline:
            yield text("h3", title)
            yield listing
        else:
            yield folded(title, [listing])


def _meanings(experiment: Experiment) -> Iterator[str]:
    rows = [
        (escape(column.heading), escape(column.description))
        for column in experiment.summary.columns()
        if column.description
    ]
    yield folded("What the measures mean", [table(("Measure", "Meaning"), rows)])


def _runs(runs: Sequence[RunRecord]) -> str:
    rows = [
        (
            f"<code>{escape(run.run_id)}</code>",
            escape(among(run.name, NAME_LETTERS)),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(run.submitted)),
            escape(
                ", ".join(
                    f"{VERSIONS[t]} {among(run.tags[t])}" for t in VERSIONS if run.tags.get(t)
                )
            ),
            f"<code>{escape(reproduction(run))}</code>",
        )
        for run in runs
    ]
    head = ("Run", "Name", "Submitted", "Measured with", "To make it again")
    return table(head, rows)
