"""Rows of many runs as one tidy table, and in the formats that people take away."""

from __future__ import annotations

import io
import json
import math
import shlex
from collections.abc import Callable, Iterable
from typing import Any

import pandas

from core.experiments import experiment_named
from core.names import cell
from core.settings import BadSetting
from core.tracking import RunRecord, Store, command_line

PROGRAM = ["python", "-m", "experiments", "run"]


def tidy(store: Store, records: Iterable[RunRecord], table: str) -> pandas.DataFrame:
    """Every row of a table over several runs, each beside its run and all of the run's settings.

    Where a setting and a column share a name (`seed`), the setting is called `config_seed`.
    """
    frames = []
    for record in records:
        rows = store.table(record.run_id, table)
        if rows is not None and len(rows):
            frames.append(described(record, rows))
    return pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame()


def described(record: RunRecord, rows: pandas.DataFrame) -> pandas.DataFrame:
    """One run's rows, with the run and its settings as leading columns."""
    direction = "bi-" if record.settings.get("bidirectional") else ""
    run = {
        "run_id": record.run_id,
        "run": record.name,
        "label": record.name.rsplit(" · ", 1)[0],
        "variant": f"{direction}{record.settings.get('cell')}",
        "sweep": record.sweep,
    }
    for name, value in record.settings.items():
        run[f"config_{name}" if name in rows.columns else name] = value  # type: ignore[assignment]
    leading = pandas.DataFrame({name: [value] * len(rows) for name, value in run.items()})
    return pandas.concat([leading, rows.reset_index(drop=True)], axis=1)


def reproduction(record: RunRecord) -> str:
    """The command line that makes a run again."""
    try:
        return command_line(experiment_named(record.experiment), record.config)
    except BadSetting:  # of an older version, whose settings are no longer taken
        return _quoted(record.tags.get("mlflow.source.name", ""))


def _quoted(command: str) -> str:
    """A command that anybody may have written into the store: this program's, and nothing else."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    return shlex.join(words) if words[: len(PROGRAM)] == PROGRAM else ""


def csv_text(frame: pandas.DataFrame) -> str:
    """The frame as CSV, in which nothing that people typed is a formula of a spreadsheet."""
    safe = frame.copy()
    for name in frame.select_dtypes(["object", "string"]):
        safe[name] = pandas.Series(map(_cell, frame[name]), frame.index, dtype=object)
    return str(safe.to_csv(index=False))


def _cell(value: Any) -> Any:
    return cell(value) if isinstance(value, str) else value


def _csv(frame: pandas.DataFrame) -> bytes:
    return csv_text(frame).encode()


def _json(frame: pandas.DataFrame) -> bytes:
    # pandas writes 15 digits and drops infinities; Python writes what reads back as the same.
    rows = [{n: json_value(v) for n, v in row.items()} for row in frame.to_dict("records")]
    return (json.dumps(rows, ensure_ascii=False, allow_nan=False) + "\n").encode()


def json_value(value: Any) -> Any:
    """JSON has no infinities: they are text, and what is not a number is left empty."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _parquet(frame: pandas.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


FORMATS: dict[str, Callable[[pandas.DataFrame], bytes]] = {
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
}
"""Format → how to write it."""
