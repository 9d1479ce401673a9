"""How results and declarations are shown on a terminal, and to programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from core.experiment import Experiment, Row
from core.names import among
from core.settings import BadSetting, Setting, Value
from core.tracking import RunRecord, Store
from experiments.export import described

MOST_COLUMNS = 9
"""Of a table with one line per run; with more measures each of them has a line."""
OUT = Console(highlight=False)
ERR = Console(stderr=True, highlight=False)
if not OUT.is_terminal:
    OUT = Console(highlight=False, width=240)  # a pipe has no width: keep each row on one line


def say(text: str) -> None:
    """To a person, beside the data."""
    ERR.print(text, markup=False, soft_wrap=True)


TABLE = "table"
"""The format that is for a terminal."""


def asked_format(asked: str, output: str | None, formats: Collection[str]) -> str:
    """`table` or one of the formats; a table goes to no file."""
    if asked not in (TABLE, *formats):
        raise BadSetting(f"format is {asked!r}; choose from {', '.join((TABLE, *formats))}")
    if asked == TABLE and output:
        raise BadSetting(
            f"output is {output!r}, but the format is table; choose {', '.join(formats)}"
        )
    return asked


def deliver(content: bytes, output: str | None) -> None:
    """To a file of that name, or to standard output; `BadSetting` if it cannot be written."""
    if not output:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        Path(output).write_bytes(content)
    except OSError as error:
        raise BadSetting(
            f"output is {output!r}, which cannot be written ({error.strerror}); give the "
            "name of a file in a folder that is there"
        ) from error
    say(f"{output}: {max(1, len(content) // 1024):,} KiB")


def report(
    store: Store, experiment: Experiment, records: Sequence[RunRecord], *, as_json: bool
) -> None:
    """What came of the runs: the answer in a sentence, then a table; what failed goes to stderr."""
    summaries = {r.run_id: store.table(r.run_id, experiment.summary.table) for r in records}
    finished = [r for r in records if summaries[r.run_id] is not None]
    frames = [described(r, summaries[r.run_id]) for r in finished]  # type: ignore[arg-type]
    frame = pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame()
    for record in records:
        if record.status != "FINISHED":
            say(f"{among(record.name)}: {record.status}: {record.error}")
    if as_json:
        print(json.dumps([as_data(record) for record in records], ensure_ascii=False))
        return
    if not len(frame):
        return
    OUT.print(experiment.answer(frame) + "\n", markup=False)
    columns = [c for c in experiment.summary.columns() if c.name in frame]
    columns = [c for c in columns if not frame[c.name].isna().all()]
    rows = [("run", *(column.heading for column in columns))]
    for record, (_, row) in zip(finished, frame.iterrows(), strict=True):
        cells = [estimate(row, c.name) if c.estimate else shown(row[c.name]) for c in columns]
        rows.append((among(record.name), *cells))
    OUT.print(table_of(rows))


def table_of(rows: Sequence[Sequence[str]]) -> Table:
    """The first row is the heading; what is wider than a screen is turned on its side."""
    lines = rows if len(rows[0]) <= MOST_COLUMNS else list(zip(*rows, strict=True))
    heading, *others = [[escape(cell) for cell in line] for line in lines]
    table = Table(*heading)
    for line in others:
        table.add_row(*line)
    return table


def estimate(row: Mapping[str, Any] | pandas.Series[Any], name: str) -> str:
    """An Estimate's four flat columns as `0.567 [0.55, 0.58]`."""
    value, low, high = (row[f"{name}{part}"] for part in ("", "_low", "_high"))
    if pandas.isna(value):
        return "–"
    return shown(value) + ("" if pandas.isna(low) else f" [{shown(low)}, {shown(high)}]")


def shown(value: Value) -> str:
    """A value as a table shows it: four significant digits."""
    if value is None or (isinstance(value, float) and pandas.isna(value)):
        return "–"
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def as_data(record: RunRecord) -> dict[str, Any]:
    """A run for programs."""
    return {
        "run_id": record.run_id,
        "experiment": record.experiment,
        "name": record.name,
        "status": record.status,
        "settings": dict(record.settings),
        "metrics": {k: v for k, v in record.metrics.items() if "/" not in k},
        "note": record.note,
        "error": record.error,
        "sweep": record.sweep,
        "submitted": record.submitted,
        "ended": record.ended,
        "seconds": record.seconds,
    }


def declaration(experiment: Experiment) -> dict[str, Any]:
    """What an experiment takes and gives, for programs."""
    return {
        "name": experiment.name,
        "question": experiment.question,
        "settings": {s.name: _setting(s) for s in experiment.settings},
        "tables": {row.table: _columns(row) for row in experiment.rows},
        "presets": {name: dict(values) for name, values in experiment.presets.items()},
    }


def _setting(setting: Setting) -> dict[str, Any]:
    return {"default": setting.default, "allowed": setting.allowed, "about": setting.description}


def _columns(row: type[Row]) -> dict[str, str]:
    return {column.name: column.heading for column in row.columns()}
