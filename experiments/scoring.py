"""The command `score`: its files of text, and its results as CSV, JSON and LaTeX."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas

from core import files
from core.formatting import inline_text
from core.measure.scoring import MAX_LINES, PairScores, Place, Score, Scores, answer, method
from core.settings import BadSetting
from core.stats.estimates import Estimate
from experiments.export import csv_text
from experiments.reports.latex import escaped, estimate_cell, table

COLUMNS = (
    "by", "length", "sentences", "kind", "measure", "system", "against", "value", "low", "high",
    "wins", "p", "corrected_p", "finding",
)  # fmt: skip
"""The columns of the CSV: one line per score and per comparison (`kind`)."""


def read_text(field: str, name: str) -> list[str]:
    """The lines of a UTF-8 file. Raises `BadSetting` naming the field, the file and the fault."""
    return decoded(field, name, files.read(field, name, files.MAX_UPLOAD_BYTES))


def decoded(field: str, name: str, content: bytes) -> list[str]:
    """The lines of a file's content; the last line may end without a line break.

    The name is only shown. Raises `BadSetting` for more bytes, lines or letters in a line than
    are scored, for what is no text, and for an empty line in any but hypotheses.
    """
    shown = files.quoted(name)
    if len(content) > files.MAX_UPLOAD_BYTES:
        raise BadSetting(
            f"{field} is {shown}, which has {len(content):,} bytes; give at most "
            f"{files.MAX_UPLOAD_BYTES:,} ({files.MAX_UPLOAD_BYTES // files.MEBIBYTE} MiB)"
        )
    lines = files.text_lines(field, name, content, MAX_LINES)
    if field != "hypotheses" and not all(line.strip() for line in lines):
        empty = next(n for n, line in enumerate(lines, start=1) if not line.strip())
        raise BadSetting(
            f"{field} is {shown}, whose line {empty:,} is empty; remove that line from all files"
        )
    return lines


def unique_names(paths: Sequence[str]) -> list[str]:
    """The names of files; their whole paths where two files have the same name.

    `BadSetting` if the same file is given twice.
    """
    for path in paths:
        if paths.count(path) > 1:
            raise BadSetting(f"hypotheses has {files.quoted(path)} twice; give each file once")
    names = [Path(path).name for path in paths]
    shown = names if len({*names}) == len(names) else list(paths)
    return [inline_text(name) for name in shown]


def csv(scores: Scores) -> bytes:
    """Every score and comparison, one per line."""
    lines = [line for place in (scores.overall, *scores.lengths) for line in _lines(scores, place)]
    return csv_text(pandas.DataFrame(lines, columns=list(COLUMNS)).astype(object)).encode()


def _lines(scores: Scores, place: Place) -> Iterator[dict[str, Any]]:
    where = {"by": place.by, "length": place.length, "sentences": place.sentences}
    titles = scores.options.titles
    for system in place.systems:
        measures = {
            titles["bleu"]: system.bleu,
            titles["chrf"]: system.chrf,
            "exact match (%)": system.exact_match,
        }
        for title, estimate in measures.items():
            yield {
                **where, "kind": "score", "measure": title, "system": system.name,
                **_numbers(estimate),
            }  # fmt: skip
    for pair in place.pairs:
        yield {
            **where, "kind": "difference", "measure": titles[pair.score], "system": pair.first,
            "against": pair.second, **_numbers(pair.difference), **_tested(pair),
        }  # fmt: skip


def _numbers(estimate: Estimate) -> dict[str, float | None]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _tested(pair: PairScores) -> dict[str, Any]:
    return {
        "wins": pair.wins,
        "p": pair.p_value,
        "corrected_p": pair.corrected_p,
        "finding": pair.outcome,
    }


def as_json(scores: Scores) -> bytes:
    """Everything, with the answer in words and the method."""
    content = {
        "answer": {score: answer(scores, score) for score in scores.options.titles},
        "options": vars(scores.options),
        "signatures": dict(scores.signatures),
        "overall": _as_data(scores.overall),
        "lengths": [_as_data(place) for place in scores.lengths],
        "method": method(scores),
    }
    return (json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def _as_data(place: Place) -> dict[str, Any]:
    return {
        "by": place.by,
        "length": place.length,
        "sentences": place.sentences,
        "systems": {
            one.name: {
                "bleu": _numbers(one.bleu),
                "chrf": _numbers(one.chrf),
                "exact_match": _numbers(one.exact_match),
            }
            for one in place.systems
        },
        "differences": [
            {
                "first": pair.first,
                "second": pair.second,
                "score": pair.score,
                **_numbers(pair.difference),
                **_tested(pair),
            }
            for pair in place.pairs
        ],
    }


def latex(scores: Scores) -> bytes:
    """A table with a line per system: the scores over all sentences."""
    titles = scores.options.titles
    best = {score: _among_the_best(scores, score) for score in titles}
    rows = [
        [
            escaped(one.name),
            *(estimate_cell(one.of(score), bold=one.name in best[score]) for score in titles),
            estimate_cell(one.exact_match, bold=False),
        ]
        for one in scores.overall.systems
    ]
    caption = (
        f"{answer(scores)} In brackets: 95\N{NO-BREAK SPACE}% intervals over "
        f"{scores.overall.sentences:,} sentences. Signature of BLEU: {scores.signatures['bleu']}."
    )
    if any(best.values()):
        caption += " Bold: better than all others, p corrected by Holm."
    head = ["", *titles.values(), "Exact match (%)"]
    return table(head, rows, caption).encode()


def _among_the_best(scores: Scores, score: Score) -> set[str]:
    """The system that is better than all others, if there is one."""
    better: dict[str, int] = {}
    for pair in scores.overall.pairs_of(score):
        if pair.outcome == "better":
            better[pair.first] = better.get(pair.first, 0) + 1
        elif pair.outcome == "worse":
            better[pair.second] = better.get(pair.second, 0) + 1
    others = len(scores.overall.systems) - 1
    return {name for name, count in better.items() if count == others}
