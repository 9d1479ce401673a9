"""Rows of runs and comparisons as files: CSV, JSON and Parquet, in full precision."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import shlex
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pandas

from core.analysis.across import Pivot
from core.analysis.comparison import Comparison, Result
from core.analysis.sentences import answer, method
from core.analysis.sizes import Size, sizes_in_words, sizes_of
from core.experiment import Experiment
from core.experiments import config_of, experiment_named
from core.formatting import csv_cell
from core.papers import PAPERS, REPRODUCTION
from core.settings import BadSetting
from core.stats.estimates import MISSING, AtLeast
from core.store.records import RunRecord
from core.store.tracking import Store, command_line
from experiments.evidence import ClaimStatus, needed_by

VERSIONS = {
    "device": "device",
    "chip": "chip",
    "host": "host",
    "torch": "torch",
    "python": "python",
    "mlflow.source.git.commit": "commit",
}
"""Tag that records where or with what a run was measured → its name in files."""

COLUMNS = (
    "experiment", "kind", "name", "unit", "group", "against", "value", "low", "high", "n",
    "n_against", "mark", "finding", "test", "p", "corrected_p",
)  # fmt: skip
"""The columns of a comparison as CSV: one line per setting, size, result and verdict (`kind`)."""


def tidy(store: Store, records: Iterable[RunRecord], table: str) -> pandas.DataFrame:
    """Every row of a table over several runs, each beside its run and all of the run's settings.

    Where a setting and a column share a name (`seed`), the setting is called `config_seed`.
    """
    frames = []
    for record in records:
        rows = store.table(record, table)
        if rows is not None and len(rows):
            frames.append(with_settings(record, rows))
    return pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame()


def with_settings(record: RunRecord, rows: pandas.DataFrame) -> pandas.DataFrame:
    """One run's rows, with the run and its settings as leading columns."""
    direction = "bi-" if record.settings.get("bidirectional") else ""
    run = {
        "run_id": record.original_id,
        "run": record.name,
        "label": record.name.rsplit(" · ", 1)[0],
        "variant": f"{direction}{record.settings.get('cell')}",
        "sweep": record.sweep,
    }
    for name, value in record.settings.items():
        run[f"config_{name}" if name in rows.columns else name] = value  # type: ignore[assignment]
    leading = pandas.DataFrame({name: [value] * len(rows) for name, value in run.items()})
    return pandas.concat([leading, rows.reset_index(drop=True)], axis=1)


def csv_text(frame: pandas.DataFrame) -> str:
    """The frame as CSV, in which nothing that people typed is a formula of a spreadsheet."""
    safe = frame.copy()
    for name in frame.select_dtypes(["object", "string"]):
        cells = [csv_cell(cell) if isinstance(cell, str) else cell for cell in frame[name]]
        safe[name] = pandas.Series(cells, frame.index, dtype=object)
    return str(safe.to_csv(index=False))


def _json(frame: pandas.DataFrame) -> bytes:
    # pandas writes 15 digits and drops infinities; Python writes what reads back as the same.
    rows = [{n: json_value(v) for n, v in row.items()} for row in frame.to_dict("records")]
    return (json.dumps(rows, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _parquet(frame: pandas.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


EXPORT_FORMATS: dict[str, Callable[[pandas.DataFrame], bytes]] = {
    "csv": lambda frame: csv_text(frame).encode(),
    "json": _json,
    "parquet": _parquet,
}
"""Format → how to write a table."""


def json_value(value: Any) -> Any:
    """JSON has no infinities: they are text, and what is not a number is left empty."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def reproduction(record: RunRecord) -> str:
    """The command line that makes a run again; empty if none is known that is safe to show."""
    try:
        return command_line(experiment_named(record.experiment), config_of(record))
    except BadSetting:
        # A run of an older version, whose settings are no longer taken. Anybody may have written
        # its command into the store: only one of this program is passed on.
        try:
            words = shlex.split(record.tags.get("mlflow.source.name", ""))
        except ValueError:
            return ""
        ours = words[:4] == ["python", "-m", "experiments", "run"]
        return shlex.join(words) if ours else ""


def run_data(record: RunRecord) -> dict[str, Any]:
    """A run as data for JSON."""
    return {
        "run_id": record.run_id,
        "origin": dict(record.origin),
        "experiment": record.experiment,
        "name": record.name,
        "status": record.status,
        "settings": dict(record.settings),
        "metrics": {k: v for k, v in record.metrics.items() if "/" not in k},
        "note": record.note,
        "error": record.error,
        "sweep": record.sweep,
        "sweep_name": record.sweep_name,
        "user": record.user,
        "starred": record.starred,
        "archived": record.archived,
        "deleted": record.deleted,
        "comment": record.comment,
        "tags": record.free_tags,
        "submitted": record.submitted,
        "ended": record.ended,
        "seconds": record.seconds,
    }


def experiment_data(experiment: Experiment) -> dict[str, Any]:
    """An experiment's settings, tables and presets as data for JSON."""
    return {
        "name": experiment.name,
        "question": experiment.question,
        "settings": {
            s.name: {"default": s.default, "allowed": s.allowed, "about": s.description}
            for s in experiment.settings
        },
        "tables": {
            row.table: {column.name: column.heading for column in row.columns()}
            for row in experiment.rows
        },
        "presets": {name: dict(values) for name, values in experiment.presets.items()},
    }


def csv(comparisons: Iterable[Comparison]) -> bytes:
    """Settings that differ, results and verdicts of comparisons, one per line."""
    lines = [line for comparison in comparisons for line in _lines(comparison)]
    frame = pandas.DataFrame(lines, columns=list(COLUMNS)).astype(object)
    return csv_text(frame).encode()


def _lines(comparison: Comparison) -> Iterator[dict[str, Any]]:
    experiment = comparison.experiment.name
    for setting in comparison.settings:
        for group, value in setting.values.items():
            yield {
                "experiment": experiment, "kind": "setting", "name": setting.title, "group": group,
                "value": value,
            }  # fmt: skip
    for group, sizes in sizes_of(comparison.experiment, comparison.groups).items():
        for size in sizes:
            for name, size_value in size_data(comparison.experiment, size).items():
                yield {
                    "experiment": experiment, "kind": "size", "name": name, "group": group,
                    "value": size_value,
                }  # fmt: skip
    for result in comparison.results:
        column = {"experiment": experiment, "name": result.column.name, "unit": result.column.unit}
        for group, estimate in result.estimates.items():
            mark = result.marks.get(group)
            yield {
                **column, "kind": "result", "group": group, "mark": mark, **vars(estimate),
                "at_least": isinstance(estimate.value, AtLeast),
            }  # fmt: skip
        for pair in result.differences:
            yield {
                **column, "kind": "verdict", "group": pair.first, "against": pair.second,
                "n": pair.n[0], "n_against": pair.n[1], "finding": pair.finding,
                "test": pair.test, "p": pair.p_value, "corrected_p": pair.corrected_p,
                "detectable": pair.detectable, "seeds_to_decide": pair.seeds_to_decide,
            }  # fmt: skip


def pivot_frame(pivot: Pivot) -> pandas.DataFrame:
    """A line per value of the rows' setting; per value of the columns' its value, ends and n."""
    lines = []
    for row in pivot.row_texts:
        line: dict[str, Any] = {pivot.rows.title: row}
        for column in pivot.column_texts:
            name = pivot.names.get((row, column))
            estimate = MISSING if name is None else pivot.result.estimates[name]
            heading = f"{pivot.columns.title} {column}"
            line |= {
                heading: estimate.value,
                f"{heading}, low": estimate.low,
                f"{heading}, high": estimate.high,
                f"{heading}, n": estimate.n,
            }
        lines.append(line)
    return pandas.DataFrame(lines)


def pivot_csv(pivot: Pivot) -> bytes:
    """`pivot_frame` as CSV, in full precision."""
    return csv_text(pivot_frame(pivot).astype(object)).encode()


def as_json(comparisons: Iterable[Comparison]) -> bytes:
    """Comparisons in full, with every run and the command that makes it again."""
    content = [as_data(comparison) for comparison in comparisons]
    return (json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def papers_as_json(judged: ClaimStatus) -> bytes:
    """Published claims with their sources, outcomes, parts and runs, and the commands that make
    what is missing."""
    content = []
    for paper in PAPERS:
        verdict = judged.verdicts[paper.name]
        told = ("name", "title", "authors", "year", "source", "link", "place", "setup")
        content.append(
            {
                **{name: getattr(paper, name) for name in told},
                "published": paper.published,
                "method": paper.method,
                "differences": paper.differences,
                "outcome": REPRODUCTION[verdict.outcome],
                "parts": [dataclasses.asdict(part) for part in verdict.parts],
                "runs": list(verdict.evidence),
                "missing": [command_line(*pair) for pair in needed_by([paper], judged).to_start],
            }
        )
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def as_data(comparison: Comparison) -> dict[str, Any]:
    """A comparison as data for JSON."""
    sizes = sizes_of(comparison.experiment, comparison.groups)
    return {
        "experiment": comparison.experiment.name,
        "question": comparison.experiment.question,
        "answer": answer(comparison),
        "grouped_by": comparison.grouped_by or "kind",
        "groups": {g.name: [run.original_id for run in g.runs] for g in comparison.groups},
        "settings": {setting.title: dict(setting.values) for setting in comparison.settings},
        "sizes": {
            name: [size_data(comparison.experiment, size) for size in of_group]
            for name, of_group in sizes.items()
        },
        "sizes_in_words": sizes_in_words(comparison.experiment, sizes),
        "measures": [_measure(result) for result in comparison.results],
        "method": method(comparison),
        "runs": [
            {
                "run_id": run.original_id,
                "name": run.name,
                "sweep": run.sweep,
                "submitted": run.submitted,
                "settings": {name: json_value(value) for name, value in run.settings.items()},
                **{name: run.tags[tag] for tag, name in VERSIONS.items() if tag in run.tags},
                "command": reproduction(run),
            }
            for run in comparison.runs
        ],
        "without_result": [run.original_id for run in comparison.without],
    }


def size_data(experiment: Experiment, size: Size) -> dict[str, Any]:
    """A size as data: what is counted, how much of it there is, and how far off its budget."""
    data: dict[str, Any] = {
        "hidden_size": size.hidden_size,
        "counted": experiment.config.counted,
        "parameters": size.parameters,
        "state_bytes": size.state_bytes,
    }
    if size.budget_name:
        data |= {size.budget_name: size.budget, "off_budget": size.off}
    return data


def _measure(result: Result) -> dict[str, Any]:
    return {
        "name": result.column.name,
        "title": result.column.title,
        "unit": result.column.unit,
        "better": result.column.better,
        "estimate": result.column.aggregation.name,
        "margin": result.column.margin,
        "results": {
            name: {
                "value": json_value(estimate.value),
                "at_least": isinstance(estimate.value, AtLeast),
                "low": json_value(estimate.low),
                "high": json_value(estimate.high),
                "n": estimate.n,
                "repeats": result.repeats[name],
                "mark": result.marks.get(name),
            }
            for name, estimate in result.estimates.items()
        },
        "verdicts": [
            {
                "first": pair.first,
                "second": pair.second,
                "finding": pair.finding,
                "test": pair.test,
                "n": list(pair.n),
                "p": pair.p_value,
                "corrected_p": pair.corrected_p,
                "detectable": pair.detectable,
                "seeds_to_decide": pair.seeds_to_decide,
            }
            for pair in result.differences
        ],
    }
