"""Rows of many runs as one tidy table, and in the formats that people take away."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable

import pandas

from core.tracking import RunRecord, Store


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
    architecture = record.config.architecture
    run = {
        "run_id": record.run_id,
        "run": record.name,
        "label": architecture.label,
        "variant": architecture.variant,
        "sweep": record.sweep,
    }
    for name, value in record.settings.items():
        run[f"config_{name}" if name in rows.columns else name] = value  # type: ignore[assignment]
    leading = pandas.DataFrame({name: [value] * len(rows) for name, value in run.items()})
    return pandas.concat([leading, rows.reset_index(drop=True)], axis=1)


def _csv(frame: pandas.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def _json(frame: pandas.DataFrame) -> bytes:
    return (frame.to_json(orient="records", force_ascii=False, double_precision=15) + "\n").encode()


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
