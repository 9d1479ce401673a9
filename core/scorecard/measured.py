"""What is in a cell of a scorecard: a value with its interval, and over what that is.

A cell is over seeds; over runs where times are measured, and of a single run over its repetitions;
over sentences where each seed is a run and there is but one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.experiment import Column, Experiment
from core.samples import Measured, Samples, samples
from core.scorecard.basis import Basis
from core.statistics import Estimate
from core.words import known, read_estimate

if TYPE_CHECKING:
    import pandas

Table = Callable[[str, str], "pandas.DataFrame | None"]
"""(run id, table name) → the rows that the run recorded; None if there are none."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One measure of one kind."""

    estimate: Estimate
    """Without a value where a kind has none: a bidirectional network's latency."""
    over: str
    """What its n counts: `seed`, `run`, `repetition`, `sentence`; empty of an exact number."""
    values: tuple[float, ...]
    """One for each seed, or timed run: what a verdict is made of."""
    runs: tuple[str, ...]
    """Ids of those that it was read from."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What the runs of one kind have recorded."""

    experiment: Experiment
    runs: tuple[str, ...]
    last: Mapping[str, object]
    """The newest summary."""
    samples: Samples

    def cell(self, column: Column) -> Cell:
        """One measure of its summary."""
        values = tuple(self.samples.get(column.name, {}).values())
        within = len(self.runs) == 1 and column.estimate
        if within:
            estimate = read_estimate(self.last, column.name)
        elif len(self.runs) > 1:
            estimate = column.pooled.estimate(values)
        else:
            once = int(bool(column.pooled.test))  # what is counted needs no repetition
            estimate = Estimate(known(self.last.get(column.name)), None, None, once)
        if column.unit.startswith("%"):
            estimate = estimate.within(0.0, 100.0)
        over = self._over(within=within) if estimate.n else ""
        return Cell(estimate, over, values, self.runs)

    def _over(self, *, within: bool) -> str:
        if self.experiment.timed:
            return "repetition" if within else "run"
        return "sentence" if self.experiment.a_run_per_seed and within else "seed"


def read(basis: Basis, kind: str, table: Table) -> Reading | None:
    """None if none of its runs has recorded a summary."""
    summary = basis.experiment.summary.table
    found = {}
    for run in basis.repeats(kind):
        rows = table(run.run_id, summary)
        if rows is not None and not rows.empty:
            found[run] = {str(name): value for name, value in rows.iloc[-1].items()}
    if not found:
        return None
    asked = [
        Measured(run.run_id, run.settings, lambda name, i=run.run_id: table(i, name))  # type: ignore[misc]
        for run in found
    ]
    ids = tuple(run.run_id for run in found)
    return Reading(
        basis.experiment, ids, list(found.values())[-1], samples(basis.experiment, asked)
    )
