"""Runs that were launched together (a sweep), and what several runs measured as one table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import pandas

from core.analysis.groups import labels, variant_of
from core.experiment import Experiment
from core.settings import settings_of
from core.store.records import ACTIVE, RunRecord, Status

Table = Callable[[RunRecord, str], pandas.DataFrame | None]


@dataclass(frozen=True)
class Sweep:
    """Runs of one experiment that were launched together, oldest first."""

    name: str
    """Its id, or that of a run that was launched alone: what addresses hold."""
    runs: tuple[RunRecord, ...]

    @property
    def title(self) -> str:
        """What people call it: the name that somebody gave it, or else its id."""
        return self.runs[0].sweep_name or self.runs[0].name

    @property
    def pinned(self) -> bool:
        """Whether somebody chose it as the answer to its question."""
        return any(run.pinned for run in self.runs)

    @property
    def launched(self) -> float:
        """Seconds since the epoch."""
        return self.runs[0].submitted

    @property
    def finished(self) -> tuple[RunRecord, ...]:
        return self._with_status("FINISHED")

    @property
    def active(self) -> tuple[RunRecord, ...]:
        """Those that are scheduled or running."""
        return self._with_status(*ACTIVE)

    @property
    def broken(self) -> tuple[RunRecord, ...]:
        """Those that failed or were cancelled."""
        return self._with_status("FAILED", "KILLED")

    def _with_status(self, *statuses: Status) -> tuple[RunRecord, ...]:
        return tuple(run for run in self.runs if run.status in statuses)


def sweeps(runs: Sequence[RunRecord]) -> list[Sweep]:
    """Group runs by the launch that they belong to, the newest first."""
    groups: dict[str, list[RunRecord]] = {}
    for run in runs:
        groups.setdefault(run.sweep or run.run_id, []).append(run)
    launches = [Sweep(name, tuple(members)) for name, members in groups.items()]
    return sorted(launches, key=lambda sweep: sweep.launched, reverse=True)


def newest_readable(launches: Sequence[Sweep]) -> Sweep | None:
    """The newest sweep that has a result, or else simply the newest."""
    return next((s for s in launches if s.finished), launches[0] if launches else None)


def results(
    experiment: Experiment,
    runs: Sequence[RunRecord],
    table: Table,
    without: Collection[str] = (),
) -> pandas.DataFrame:
    """One row per finished run that has a summary: run_id, label, variant, settings, summary.

    Without any such run the frame is empty, but has these columns.
    """
    label_of = labels(experiment, runs, without)
    summary = experiment.summary
    lines = []
    for run in runs:
        measured = table(run, summary.table) if run.status == "FINISHED" else None
        if measured is None or measured.empty:
            continue
        lines.append(
            {
                "run_id": run.run_id,
                "label": label_of[run.run_id],
                "variant": variant_of(run),
                **run.settings,
                **{name: measured[name].iloc[-1] for name in summary.header() if name in measured},
            }
        )
    if not lines:
        settings = [setting.name for setting in settings_of(experiment.config)]
        # A summary may record again what a setting says.
        names = dict.fromkeys(["run_id", "label", "variant", *settings, *summary.header()])
        return pandas.DataFrame(columns=list(names))
    return pandas.DataFrame(lines)


def rows(
    experiment: Experiment, runs: Sequence[RunRecord], name: str, table: Table
) -> pandas.DataFrame:
    """A table of several runs as one frame, with `run_id`, `label` and `variant` in front.

    A seed that was measured twice with the same settings (by a retry, say) counts once: the newest.
    """
    label_of = labels(experiment, runs)
    columns = experiment.row(name).columns()
    axes = [column.name for column in columns if column.is_axis]
    notes = [column.name for column in columns if column.role == "note"]
    frames = []
    for run in runs:
        part = table(run, name)
        if part is not None and not part.empty:
            label = label_of[run.run_id]
            frames.append(part.assign(run_id=run.run_id, label=label, variant=variant_of(run)))
    if not frames:
        return pandas.DataFrame()
    together = pandas.concat(frames, ignore_index=True)
    together = together.drop_duplicates(["label", "variant", *axes], keep="last")
    together[notes] = together[notes].astype(object).fillna("").astype(str)
    front = ["run_id", "label", "variant"]
    return together[[*front, *(name for name in together if name not in front)]]
