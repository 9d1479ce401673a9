"""Which runs are read side by side, and what they measured as one table.

A *comparison* is the runs that were launched together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import pandas

from core.experiment import Experiment
from core.tracking import ACTIVE, RunRecord
from experiments.labels import labels, variant_of

Table = Callable[[RunRecord, str], pandas.DataFrame | None]


@dataclass(frozen=True)
class Comparison:
    """Runs of one experiment that were launched together, oldest first."""

    name: str
    """The sweep; of a run without one, its id."""
    runs: tuple[RunRecord, ...]

    @property
    def launched(self) -> float:
        """Seconds since the epoch."""
        return self.runs[0].submitted

    @property
    def finished(self) -> tuple[RunRecord, ...]:
        """Those that can be read."""
        return tuple(run for run in self.runs if run.status == "FINISHED")

    @property
    def active(self) -> tuple[RunRecord, ...]:
        """Those still to come."""
        return tuple(run for run in self.runs if run.status in ACTIVE)

    @property
    def broken(self) -> tuple[RunRecord, ...]:
        """Those that failed or were cancelled."""
        return tuple(run for run in self.runs if run.status in ("FAILED", "KILLED"))


def comparisons(runs: Sequence[RunRecord]) -> list[Comparison]:
    """Group runs by what they were launched with, the newest comparison first."""
    groups: dict[str, list[RunRecord]] = {}
    for run in runs:
        groups.setdefault(run.sweep or run.run_id, []).append(run)
    found = [Comparison(name, tuple(members)) for name, members in groups.items()]
    return sorted(found, key=lambda comparison: comparison.launched, reverse=True)


def newest_readable(found: Sequence[Comparison]) -> Comparison | None:
    """The newest comparison that has a result, or simply the newest."""
    return next((c for c in found if c.finished), found[0] if found else None)


def results(
    experiment: Experiment,
    runs: Sequence[RunRecord],
    table: Table,
    without: Collection[str] = (),
) -> pandas.DataFrame:
    """One row per finished run that has a summary: run_id, label, variant, settings, summary."""
    named = labels(experiment, runs, without)
    summary = experiment.summary
    lines = []
    for run in runs:
        measured = table(run, summary.table) if run.status == "FINISHED" else None
        if measured is None or measured.empty:
            continue
        lines.append(
            {
                "run_id": run.run_id,
                "label": named[run.run_id],
                "variant": variant_of(run),
                **run.settings,
                **{name: measured[name].iloc[-1] for name in summary.header() if name in measured},
            }
        )
    return pandas.DataFrame(lines)


def rows(
    experiment: Experiment, runs: Sequence[RunRecord], name: str, table: Table
) -> pandas.DataFrame:
    """A table of several runs as one frame, with `run_id`, `label` and `variant` in front.

    The same seed of the same settings measured twice (a retry, say) counts once, the newest time.
    """
    named = labels(experiment, runs)
    axes = [column.name for column in experiment.row(name).columns() if column.role == "axis"]
    notes = [column.name for column in experiment.row(name).columns() if column.role == "note"]
    frames = []
    for run in runs:
        part = table(run, name)
        if part is not None and not part.empty:
            known = {"run_id": run.run_id, "label": named[run.run_id], "variant": variant_of(run)}
            frames.append(part.assign(**known))
    if not frames:
        return pandas.DataFrame()
    together = pandas.concat(frames, ignore_index=True)
    together = together.drop_duplicates(["label", "variant", *axes], keep="last")
    together[notes] = together[notes].astype(object).fillna("").astype(str)
    front = ["run_id", "label", "variant"]
    return together[[*front, *(name for name in together if name not in front)]]
