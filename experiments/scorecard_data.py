"""A scorecard as data: one row per cell, every number as it was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pandas

from core.claims import Verdict
from core.scorecard.card import Line, Question, Scorecard
from core.scorecard.words import answer, basis_in_words, value_of
from experiments.export import FORMATS
from experiments.latex import escaped, estimated, table
from experiments.scorecard_launches import launches


def cells(card: Scorecard) -> pandas.DataFrame:
    """What is measured and what is not: the latter has neither value nor runs."""
    rows = [row for question in card.questions for row in _rows(card, question)]
    return pandas.DataFrame(rows, dtype=object)  # else whole numbers beside empty cells get a point


def _rows(card: Scorecard, question: Question) -> Iterator[dict[str, Any]]:
    for line in question.lines:
        for kind in card.kinds:
            yield _row(card, question, line, kind.kind)


def _row(card: Scorecard, question: Question, line: Line, kind: str) -> dict[str, Any]:
    cell, size = line.cells.get(kind), question.sizes.get(kind)
    estimate = cell.estimate if cell else None
    return {
        "experiment": question.experiment.name,
        "question": question.experiment.question,
        "measure": line.column.name,
        "title": line.column.title,
        "unit": line.column.unit,
        "better": line.column.better,
        "variant": kind,
        "terms": card.terms.in_words,
        "hidden_size": size.hidden_size if size else None,
        "recurrent_parameters": size.parameters if size else None,
        "value": estimate.value if estimate else None,
        "low": estimate.low if estimate else None,
        "high": estimate.high if estimate else None,
        "n": estimate.n if estimate else None,
        "n_counts": cell.over if cell else "",
        "mark": line.marks.get(kind, ""),
        "same_settings": basis_in_words(question.basis) if question.basis else "",
        "runs": " ".join(cell.runs) if cell else "",
    }


def csv(card: Scorecard) -> bytes:
    """One line per cell."""
    return FORMATS["csv"](cells(card))


def as_json(card: Scorecard, properties: Verdict) -> bytes:
    """The answer, the cells, every verdict on a pair, what is missing, and the chapter's table."""
    pairs = [
        {
            "measure": line.column.name,
            "first": d.first,
            "second": d.second,
            "finding": d.finding,
            "test": d.test,
            "n": list(d.n),
            "p_value": d.p_value,
            "holm_p_value": d.corrected_p,
        }
        for question in card.questions
        for line in question.lines
        for d in line.differences
    ]
    content = {
        "answer": answer(card),
        "terms": dict(card.terms.settings),
        "variants": [kind.kind for kind in card.kinds],
        "machine": card.machine,
        "cells": json.loads(FORMATS["json"](cells(card))),
        "pairs": pairs,
        "missing": [
            launch.command
            for question in card.questions
            for launch in launches(question.experiment, question.missing)
        ],
        "properties": {
            "verdict": properties.sentence,
            "lines": [
                {
                    "property": line.title,
                    "claimed": list(line.claimed),
                    "measured": list(line.measured),
                    "as_claimed": line.truth,
                }
                for line in properties.table
            ],
        },
    }
    return (json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()


def latex(card: Scorecard) -> bytes:
    """One line per measure, one column per variant; the best is bold, and so are all that are not
    told from it."""
    rows = [
        [escaped(line.column.heading), *(_in_latex(line, kind.kind) for kind in card.kinds)]
        for question in card.questions
        for line in question.lines
    ]
    head = ["", *(kind.kind for kind in card.kinds)]
    legend = "In brackets: 95% intervals. Bold: the best, and what is not told from it."
    caption = f"{answer(card)} {legend}"
    return table(head, rows, caption).encode()


def _in_latex(line: Line, kind: str) -> str:
    cell = line.cells.get(kind)
    if cell is None or cell.estimate.value is None:
        return "--"
    bold = bool(line.marks.get(kind))
    if cell.over:
        return estimated(cell.estimate, bold=bold)
    value = escaped(value_of(cell))  # a count has all of its digits
    return rf"\textbf{{{value}}}" if bold else value
