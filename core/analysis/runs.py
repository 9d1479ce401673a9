"""Per-seed values of finished runs, which every test of a difference compares.

An interval says how certain one number is, not whether two differ. Where times are measured, a
launch is one sample, because its repetitions share a process; a count is one number, whatever the
seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from core.analysis.groups import Identity, identity_of
from core.experiment import Column, Experiment, Tables
from core.formatting import as_number
from core.settings import Value
from core.stats.estimates import at_limit
from core.store.records import RunRecord

if TYPE_CHECKING:
    import pandas

Repeat = Literal["seed", "launch", "count"]
Unit = tuple[Identity | str, int]
"""What varies independently: the settings with their seed, or a launch."""
PerSeedValues = dict[str, dict[Unit, float]]
"""Measure → unit → value."""


@dataclass(frozen=True)
class MeasuredRun:
    """A finished run, as far as per-seed values need it."""

    run_id: str
    settings: Mapping[str, Value]
    tables: Tables


def repeat_of(experiment: Experiment) -> Repeat:
    """The unit whose repetition shows the noise."""
    if experiment.timed:
        return "launch"
    measures = [c for c in experiment.summary.columns() if c.role == "measure"]
    counted = all(column.aggregation.exact for column in measures)
    several = experiment.by_seed or experiment.one_run_per_seed
    return "seed" if several and not counted else "count"


def per_seed_values(experiment: Experiment, runs: Iterable[MeasuredRun]) -> PerSeedValues:
    """The values of runs, the newest last. Of a seed that was measured twice, the newest counts.

    The same seed is the same sample whatever its device and threads.
    """
    values: PerSeedValues = {}
    for run in runs:
        key = identity_of(experiment, run.settings)
        for name, by_seed in _of_run(experiment, run).items():
            for seed, value in by_seed.items():
                unit = (run.run_id, 0) if experiment.timed else (key, seed)
                units = values.setdefault(name, {})
                units.pop(unit, None)
                units[unit] = value
    return values


def last_row(table: pandas.DataFrame) -> dict[str, Any]:
    """Column → value of a table's last row, each of its own kind; empty where there is none.

    All at once: pandas keeps a note, for a table that is shared, of each column it has given out.
    """
    if table.empty:
        return {}
    return dict(zip(map(str, table.columns), table.to_numpy(dtype=object)[-1], strict=True))


def _of_run(experiment: Experiment, run: MeasuredRun) -> dict[str, dict[int, float]]:
    """Measure → seed → value; missing values are left out."""
    summary = run.tables(experiment.summary.table)
    if summary is None or summary.empty:
        return {}
    seed = int(run.settings.get("seed") or 0)
    measured = [
        column
        for column in experiment.summary.columns()
        if column.role == "measure" and column.name in summary and is_one_sample(experiment, column)
    ]
    row = last_row(summary)
    last = {column.name: as_number(row[column.name]) for column in measured}
    values = {name: {seed: value} for name, value in last.items() if value is not None}
    if experiment.by_seed is not None:
        by_seed = experiment.by_seed(run.settings, run.tables)
        values |= {name: dict(numbers) for name, numbers in by_seed.items()}
    limits = {
        column.name: column.limit(run.settings)
        for column in experiment.summary.columns()
        if column.limit is not None
    }
    finite = {
        name: {s: at_limit(v, limits.get(name)) for s, v in numbers.items() if v == v}
        for name, numbers in values.items()
    }
    return {name: numbers for name, numbers in finite.items() if numbers}


def seeds_of(experiment: Experiment, runs: Iterable[RunRecord]) -> int:
    """How many different seeds, or launches, runs have measured."""
    units: set[Unit] = set()
    for run in runs:
        if experiment.timed:
            units.add((run.run_id, 0))
        else:
            key, first = identity_of(experiment, run.settings), int(run.settings.get("seed") or 0)
            several = experiment.by_seed is not None and run.settings.get("seeds")
            units.update((key, first + i) for i in range(int(several or 1)))
    return len(units)


def is_one_sample(experiment: Experiment, column: Column) -> bool:
    """Whether the summary's number is one sample, rather than an estimate over several seeds."""
    return column.aggregation.exact or experiment.timed or experiment.one_run_per_seed


def finished_run(
    run_id: str,
    experiment: str,
    settings: Mapping[str, Value],
    device: str = "",
    chip: str = "",
    order: float = 0.0,
) -> RunRecord:
    """A finished run for a comparison of results that are not read from the store's own records."""
    return RunRecord(
        run_id=run_id,
        experiment_id="",
        experiment=experiment,
        name=run_id,
        status="FINISHED",
        settings=settings,
        sweep="",
        submitted=order,
        ended=order,
        metrics={},
        tags={"device": device, "chip": chip},
    )
