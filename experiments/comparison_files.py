"""A comparison of runs in the formats that programs and people take away, in full precision."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pandas

from core.differences import Difference
from core.statistics import Estimate
from core.tracking import RunRecord
from experiments.comparing import Comparison, Result
from experiments.comparing_words import answer, method
from experiments.export import csv_text, json_value, reproduction

VERSIONS = {
    "device": "device",
    "chip": "chip",
    "host": "host",
    "torch": "torch",
    "python": "python",
    "mlflow.source.git.commit": "commit",
}
"""Tag of a run → what it says of where and with what it was measured."""
COLUMNS = (
    "experiment", "kind", "name", "unit", "group", "against", "value", "low", "high", "n",
    "n_against", "mark", "finding", "test", "p", "corrected_p",
)  # fmt: skip
"""Of the CSV file: one line per setting, result and verdict, which `kind` tells apart."""


def csv(comparisons: Iterable[Comparison]) -> bytes:
    """Settings that differ, results and verdicts, one a line."""
    lines = [line for one in comparisons for line in _lines(one)]
    frame = pandas.DataFrame(lines, columns=list(COLUMNS)).astype(object)
    return csv_text(frame).encode()


def as_json(comparisons: Iterable[Comparison]) -> bytes:
    """The same, nested, with every run and how to make it again."""
    made = [as_data(comparison) for comparison in comparisons]
    return (json.dumps(made, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def as_data(comparison: Comparison) -> dict[str, Any]:
    """A comparison for programs."""
    return {
        "experiment": comparison.experiment.name,
        "question": comparison.experiment.question,
        "answer": answer(comparison),
        "grouped_by": comparison.grouped_by or "kind",
        "groups": {g.name: [run.run_id for run in g.runs] for g in comparison.groups},
        "settings": {line.title: dict(line.values) for line in comparison.settings},
        "measures": [_measure(result) for result in comparison.results],
        "method": method(comparison),
        "runs": [run_data(run) for run in comparison.runs],
        "without_result": [run.run_id for run in comparison.without],
    }


def run_data(run: RunRecord) -> dict[str, Any]:
    """A run: what it is, where and with what it was measured, and how to make it again."""
    return {
        "run_id": run.run_id,
        "name": run.name,
        "comparison": run.sweep,
        "submitted": run.submitted,
        "settings": {name: json_value(value) for name, value in run.settings.items()},
        **{name: run.tags[tag] for tag, name in VERSIONS.items() if tag in run.tags},
        "command": reproduction(run),
    }


def _measure(result: Result) -> dict[str, Any]:
    return {
        "name": result.column.name,
        "title": result.column.title,
        "unit": result.column.unit,
        "better": result.column.better,
        "estimate": result.column.pooled.name,
        "results": {
            name: {**_estimate(e), "repeats": result.repeats[name], "mark": result.marks.get(name)}
            for name, e in result.estimates.items()
        },
        "verdicts": [_verdict(found) for found in result.differences],
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    ends = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {**{name: json_value(end) for name, end in ends.items()}, "n": estimate.n}


def _verdict(found: Difference) -> dict[str, Any]:
    return {
        "first": found.first,
        "second": found.second,
        "finding": found.finding,
        "test": found.test,
        "n": list(found.n),
        "p": found.p_value,
        "corrected_p": found.corrected_p,
    }


def _lines(comparison: Comparison) -> Iterator[dict[str, Any]]:
    experiment = comparison.experiment.name
    for line in comparison.settings:
        for group, value in line.values.items():
            yield {
                "experiment": experiment, "kind": "setting", "name": line.title, "group": group,
                "value": value,
            }  # fmt: skip
    for result in comparison.results:
        column = {"experiment": experiment, "name": result.column.name, "unit": result.column.unit}
        for group, estimate in result.estimates.items():
            mark = result.marks.get(group)
            yield {**column, "kind": "result", "group": group, "mark": mark, **vars(estimate)}
        for found in result.differences:
            yield {
                **column, "kind": "verdict", "group": found.first, "against": found.second,
                "n": found.n[0], "n_against": found.n[1], "finding": found.finding,
                "test": found.test, "p": found.p_value, "corrected_p": found.corrected_p,
            }  # fmt: skip
