"""Sweeps: runs that were launched together, and which sweep answers a question best.

Every page, and every command that needs one, shows the headline sweep of an experiment unless it
is asked for another, so one person's newest test never displaces the answer that others read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.analysis.groups import cell_of, identity_of
from core.analysis.runs import last_row, seeds_of
from core.experiment import BUDGETS, WIDTH, Experiment
from core.experiments import all_experiments
from core.models.registry import USUAL_CELLS
from core.settings import Value
from core.store.records import ACTIVE, TAG_PINNED, RunRecord, Status

if TYPE_CHECKING:
    import pandas

Table = Callable[[RunRecord, str], "pandas.DataFrame | None"]
"""(run, table name) → the rows that the run recorded; None if there are none."""

STAMP = re.compile(r" \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [0-9a-f]{4}")
"""What makes the id of a sweep unique."""


MAX_TRIED = 5
"""Sweeps of which it is read whether they have learned anything: a store may have a thousand that
have not, and reading a table takes time."""


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
    def subject(self) -> str:
        """Its title without the stamp of an id: `chapter: forget bias`, or of what has no name the
        experiment's: `Gradient flow`."""
        text, named = STAMP.sub(":", self.title).removesuffix(":"), self.title != self.name
        titles = {e.name: e.title for e in all_experiments()}
        return text if named else titles.get(text, text)

    @property
    def pinned(self) -> bool:
        """Whether somebody chose it as the answer to its question."""
        return any(run.pinned for run in self.runs)

    @property
    def archived(self) -> bool:
        """Whether all of it was put away."""
        return all(run.archived for run in self.runs)

    @property
    def imported(self) -> bool:
        """Whether all of it was measured elsewhere."""
        return all(run.origin for run in self.runs)

    @property
    def launched(self) -> float:
        """Seconds since the epoch."""
        return self.runs[0].submitted

    @property
    def finished(self) -> tuple[RunRecord, ...]:
        """The runs that have a result, without archived ones unless all of the sweep is."""
        finished = self._with_status("FINISHED")
        return tuple(run for run in finished if self.archived or not run.archived)

    @property
    def active(self) -> tuple[RunRecord, ...]:
        """Those that are scheduled or running."""
        return self._with_status(*ACTIVE)

    @property
    def broken(self) -> tuple[RunRecord, ...]:
        """Those that failed or were cancelled."""
        return self._with_status("FAILED", "KILLED")

    @property
    def missing(self) -> tuple[RunRecord, ...]:
        """The broken runs that no other run of the same settings has made up for."""
        measured = [run.settings for run in self.finished]
        return tuple(run for run in self.broken if run.settings not in measured)

    def _with_status(self, *statuses: Status) -> tuple[RunRecord, ...]:
        return tuple(run for run in self.runs if run.status in statuses)


def sweeps(runs: Sequence[RunRecord]) -> list[Sweep]:
    """Group runs by the launch that they belong to, the newest first."""
    groups: dict[str, list[RunRecord]] = {}
    for run in runs:
        groups.setdefault(run.sweep or run.run_id, []).append(run)
    launches = [Sweep(name, tuple(members)) for name, members in groups.items()]
    return sorted(launches, key=lambda sweep: sweep.launched, reverse=True)


def headline(
    experiment: Experiment,
    launches: Sequence[Sweep],
    table: Table,
    declared: Callable[[Sweep], int] = lambda sweep: 0,
    fetch: Callable[[Sequence[RunRecord]], None] = lambda runs: None,
) -> Sweep | None:
    """The sweep to show for an experiment, of its sweeps with the newest first.

    `declared` says how much a suite wants a sweep to be the headline; 0 if none does. `fetch` is
    told the runs whose summaries are about to be read one after the other.

    It is the one that was pinned last; else, of times, one that was measured here before one that
    was imported; else the one that a suite declares and that has ended; else
    the one that answers most: networks that have learned something before others, complete before
    partial, the usual cells before special ones, usual settings, many kinds of runs, many seeds,
    and the newest. A comparison comes before a single kind of run. While no sweep has a result, it
    is the newest; None if there is none.
    """
    here = [sweep for sweep in launches if not sweep.archived]
    finished = [sweep for sweep in here if sweep.finished]
    if not finished:
        return next(iter(here), None)
    chosen = max(finished, key=_pinned_at)
    if _pinned_at(chosen):
        return chosen
    if experiment.timed:
        finished = [sweep for sweep in finished if not sweep.imported] or finished
    compared = {sweep.name: _kinds(experiment, sweep.finished) for sweep in finished}
    comparisons = [sweep for sweep in finished if len(compared[sweep.name]) > 1] or finished
    wanted = {sweep.name: declared(sweep) for sweep in comparisons}
    settled = [s for s in comparisons if wanted[s.name] and not s.active]
    if settled:
        return max(settled, key=lambda sweep: (wanted[sweep.name], sweep.launched))

    def scope(sweep: Sweep) -> tuple[float, ...]:
        complete = len(compared[sweep.name]) == len(_kinds(experiment, sweep.runs))
        cells = {cell_of(run) for run in sweep.finished} & {*USUAL_CELLS}
        return (
            complete,
            len(cells),
            -_special_settings(experiment, sweep.finished),
            len(compared[sweep.name]),
            seeds_of(experiment, sweep.finished),
            sweep.launched,
        )

    ranked = sorted(comparisons, key=scope, reverse=True)
    tried = ranked[:MAX_TRIED]

    def has_learned(sweep: Sweep) -> bool:
        first, *others = sweep.finished
        if any_learned(experiment, [first], table):
            return True
        fetch(others)
        return any_learned(experiment, others, table)

    return next((sweep for sweep in tried if has_learned(sweep)), ranked[0])


def any_learned(experiment: Experiment, runs: Sequence[RunRecord], table: Table) -> bool:
    """Whether a network of these runs has learned its task; True where nothing is trained."""
    return any(learned(experiment, run, table) is not False for run in runs)


def learned(experiment: Experiment, run: RunRecord, table: Table) -> bool | None:
    """Whether a finished run's network has learned its task; None where nothing is trained."""
    if experiment.learned is None:
        return None
    summary = table(run, experiment.summary.table)
    if summary is None or summary.empty:
        return False
    flat: Mapping[str, Value] = last_row(summary)
    return experiment.learned(run.settings, flat)


def _pinned_at(sweep: Sweep) -> float:
    """When it was pinned, in seconds since the epoch; 0 if it is not."""
    return max((_as_time(run.tags[TAG_PINNED]) for run in sweep.runs if run.pinned), default=0.0)


def _as_time(text: str) -> float:
    """A tag can be edited by hand: any other text means that it was pinned, long ago."""
    return float(text) if text.replace(".", "", 1).isdecimal() else 1.0


def _kinds(experiment: Experiment, runs: Collection[RunRecord]) -> set[tuple[Value, ...]]:
    """What these runs measure, repeats aside."""
    return {identity_of(experiment, run.settings) for run in runs}


def _special_settings(experiment: Experiment, runs: Sequence[RunRecord]) -> int:
    """How many settings no run has at its usual value: the default, or that of a preset."""
    resized = any(run.settings.get(name) is not None for run in runs for name in BUDGETS)
    left_out = {"cell", "bidirectional", *((WIDTH,) if resized else ())}
    settings = [setting for setting in experiment.identity if setting.name not in left_out]
    values = {s.name: {run.settings.get(s.name, s.default) for run in runs} for s in settings}
    return min(
        sum(preset.get(s.name, s.default) not in values[s.name] for s in settings)
        for preset in ({}, *experiment.presets.values())
    )
