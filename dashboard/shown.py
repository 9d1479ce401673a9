"""What a results page shows: the runs that were chosen, read, named and given a style."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas

from core.experiment import Column, Experiment
from core.tracking import RunRecord
from dashboard import comparison, data
from dashboard.palette import Style, styles
from experiments.labels import labels, variant_of


@dataclass(frozen=True)
class Shown:
    """Runs of one experiment, read and labelled."""

    experiment: Experiment
    runs: tuple[RunRecord, ...]
    results: pandas.DataFrame
    labels: Mapping[str, str]
    styles: Mapping[str, Style]

    def rows(self, table: str) -> pandas.DataFrame:
        """One table of all these runs, with run_id, label and variant."""
        return comparison.rows(self.experiment, self.runs, table, data.reader().table)

    def varies(self, table: str, axis: str) -> bool:
        """Whether a table is there and has more than one value of an axis in some run."""
        tables = (data.reader().table(run, table) for run in self.runs)
        return any(t is not None and axis in t and t[axis].nunique() > 1 for t in tables)

    def has(self, table: str, names: Collection[str]) -> bool:
        """Whether any run has a number in one of these columns."""
        tables = (data.reader().table(run, table) for run in self.runs)
        return any(t is not None and n in t and t[n].notna().any() for t in tables for n in names)

    def column(self, table: str, name: str) -> Column:
        """A declared column."""
        return next(c for c in self.experiment.row(table).columns() if c.name == name)

    def setting_of_runs(self, name: str) -> dict[str, object]:
        """Run id → what it has a setting at."""
        return {run.run_id: run.settings.get(name) for run in self.runs}


def read(experiment: Experiment, runs: Sequence[RunRecord]) -> Shown:
    """Runs that have ended or are still going, as far as they are measured."""
    results = comparison.results(experiment, runs, data.reader().table)
    named = labels(experiment, runs)
    variants = {named[run.run_id]: variant_of(run) for run in runs}
    return Shown(experiment, tuple(runs), results, named, styles(variants, dark=data.dark()))
