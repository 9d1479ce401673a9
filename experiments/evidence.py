"""What do a store's runs say of the chapter's claims? Each is judged by its finished runs.

Of runs that repeat each other only the newest is read, and what has been read stays: a store of any
size is judged again in milliseconds.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas

from core.claims import CLAIMS, Results, Verdict
from core.claims.claim import Facts
from core.claims.measurement import Key, key_of
from core.experiment import Config, Experiment
from core.experiments import experiment_named
from core.tracking import ACTIVE, RunRecord

Table = Callable[[RunRecord, str], pandas.DataFrame | None]
Kind = tuple[str, Key, int | None]
"""Experiment, deciding settings and, where each seed is a run, the seed: what a claim asks for."""


@dataclass(frozen=True)
class Judged:
    """The state of all fifteen claims."""

    results: Results = field(default_factory=Results)
    verdicts: Mapping[int, Verdict] = field(default_factory=dict)
    """Claim number → what the finished runs say."""
    runs: Mapping[str, RunRecord] = field(default_factory=dict)
    """Run id → the finished runs that were read."""
    finished: frozenset[Kind] = frozenset()
    """What need not be measured again."""
    active: Mapping[Kind, RunRecord] = field(default_factory=dict)
    """Those that are on their way."""
    broken: Mapping[Kind, RunRecord] = field(default_factory=dict)
    """Of each kind, the newest that failed or was cancelled."""


class Evidence:
    """Judges the claims by the runs of one store."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._kinds: dict[str, Kind | None] = {}
        self._last: tuple[object, Judged] = (None, Judged())

    def judged(self, records: Sequence[RunRecord], computed: Mapping[int, Facts]) -> Judged:
        """By all runs of the store, oldest first, and by what was computed on the spot."""
        ours = [(kind, record) for record in records if (kind := self._kind(record)) is not None]
        runs = _newest((kind, record) for kind, record in ours if record.status == "FINISHED")
        known = tuple(run.run_id for run in runs), tuple(computed)
        last, judged = self._last
        if last != known:
            judged = self._judge(runs, computed)
            self._last = known, judged
        return replace(
            judged,
            active={kind: record for kind, record in ours if record.status in ACTIVE},
            broken={kind: record for kind, record in ours if record.status in ("FAILED", "KILLED")},
        )

    def _judge(self, runs: Sequence[RunRecord], computed: Mapping[int, Facts]) -> Judged:
        by_id = {run.run_id: run for run in runs}
        lines: dict[str, list[dict[str, Any]]] = {}
        finished = set()
        for run in runs:
            if (line := self._line(run)) is not None:
                lines.setdefault(run.experiment, []).append(line)
                finished.add(self._kinds[run.run_id])
        results = Results(
            {name: pandas.DataFrame(found) for name, found in lines.items()},
            lambda run_id, name: self._table(by_id[run_id], name),
            computed,
        )
        verdicts = {claim.number: claim.verdict(results) for claim in CLAIMS}
        return Judged(results, verdicts, by_id, frozenset(filter(None, finished)))

    def _line(self, run: RunRecord) -> dict[str, Any] | None:
        """Run id, settings and summary; None if nobody finds its summary any more."""
        summary = experiment_named(run.experiment).summary
        table = self._table(run, summary.table)
        if table is None or table.empty:
            return None
        measured = {name: table[name].iloc[-1] for name in summary.header() if name in table}
        return {"run_id": run.run_id, **run.settings, **measured}

    def _kind(self, record: RunRecord) -> Kind | None:
        """None for a run that no claim asks for."""
        if record.run_id not in self._kinds:
            self._kinds[record.run_id] = _asked_kind(record)
        return self._kinds[record.run_id]


def _asked_kind(record: RunRecord) -> Kind | None:
    asked = _asked_for().get(record.experiment, frozenset())
    try:
        found = kind_of(experiment_named(record.experiment), record.settings)
    except (KeyError, TypeError, ValueError):  # recorded by a version with other settings
        return None
    return found if found[1] in asked else None


def kind_of(experiment: Experiment, settings: Mapping[str, Any]) -> Kind:
    """Equal for a config and for the runs that answer it."""
    seed = int(settings["seed"]) if experiment.a_run_per_seed else None
    return experiment.name, key_of(experiment, settings), seed


def kind_of_config(experiment: Experiment, config: Config) -> Kind:
    """What a finished run of this config would be."""
    return kind_of(experiment, config.flat())


@functools.cache
def _asked_for() -> Mapping[str, frozenset[Key]]:
    """Experiment name → the keys of all runs that any claim asks for.

    Says what `claims_measured_by` says, of thousands of runs at once.
    """
    asked: dict[str, set[Key]] = {}
    for claim in CLAIMS:
        for measurement in claim.measurements:
            asked.setdefault(measurement.experiment.name, set()).update(measurement.kinds)
    return {name: frozenset(keys) for name, keys in asked.items()}


def _newest(found: Iterable[tuple[Kind, RunRecord]]) -> list[RunRecord]:
    """Of runs that are equal in all that a verdict can depend on, the newest; oldest first."""
    newest: dict[object, RunRecord] = {}
    for kind, run in found:
        repeats = tuple(run.settings.get(name) for name in ("seeds", "repetitions"))
        same = kind, repeats, run.tags.get("device"), run.tags.get("chip")
        newest.pop(same, None)
        newest[same] = run
    return list(newest.values())
