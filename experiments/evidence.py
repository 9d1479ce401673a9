"""Claims, of the chapter and of papers, judged by the runs of a store, and the runs they lack."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas

from core.analysis.groups import hosts_to_name
from core.analysis.runs import last_row
from core.chapter import CLAIMS
from core.chapter.claim import (
    Facts,
    Key,
    MeasuredClaim,
    Measurement,
    Outcome,
    Results,
    Verdict,
    key_of,
)
from core.experiment import Config, Experiment
from core.experiments import experiment_named
from core.formatting import listed
from core.store.folder import PROJECT
from core.store.records import ACTIVE, RunRecord

Table = Callable[[RunRecord, str], pandas.DataFrame | None]

Kind = tuple[str, Key, int | None]
"""What a claim asks for: experiment, deciding settings and, where each seed is a run, the seed."""

Plan = Sequence[tuple[Experiment, Config]]

OUTCOME_VERBS: Mapping[Outcome, tuple[str, str]] = {
    "holds": ("holds", "hold"),
    "partly": ("holds partly", "hold partly"),
    "does not hold": ("does not hold", "do not hold"),
    "not decided": ("is not decided", "are not decided"),
}
"""The verb phrase for one measured claim, and for several."""

AGREEMENT = {True: "yes", False: "no", None: "not decided"}
"""Whether a line of the table of the three cells is as claimed."""


@dataclass(frozen=True)
class ClaimStatus:
    """The state of some claims in one store: those of both chapters, or of papers."""

    results: Results = field(default_factory=Results)
    verdicts: Mapping[Any, Verdict] = field(default_factory=dict)
    """Key of a claim (the chapter's have numbers) → what the finished runs say."""
    runs: Mapping[str, RunRecord] = field(default_factory=dict)
    """Run id → the finished runs that were read."""
    finished: frozenset[Kind] = frozenset()
    """The kinds that need not be measured again."""
    active: Mapping[Kind, RunRecord] = field(default_factory=dict)
    """Of each kind, the newest queued or running run."""
    broken: Mapping[Kind, RunRecord] = field(default_factory=dict)
    """Of each kind, the newest run that failed or was cancelled."""


class Evidence:
    """Judges claims by the runs of one store.

    Of runs that repeat each other only the newest is read, and what has been read is kept: a store
    of any size is judged again in milliseconds.
    """

    def __init__(self, table: Table, claims: Sequence[MeasuredClaim] = CLAIMS) -> None:
        self._table, self._claims = table, claims
        self._asked: dict[str, set[Key]] = {}
        """Experiment name → the keys of all runs that any of the claims asks for."""
        for claim in claims:
            for measurement in claim.measurements:
                keys = self._asked.setdefault(measurement.experiment.name, set())
                keys.update(measurement.kinds)
        self._kinds: dict[str, Kind | None] = {}
        self._latest: tuple[object, ClaimStatus] = (None, ClaimStatus())
        self._judging = threading.Lock()
        """Held by whoever judges: others want the same verdicts."""

    def judge(self, records: Sequence[RunRecord], computed: Mapping[int, Facts]) -> ClaimStatus:
        """The claims by all runs of the store, oldest first, and by facts that need no run."""
        asked = [(kind, record) for record in records if (kind := self._kind(record)) is not None]
        newest: dict[object, RunRecord] = {}
        for kind, run in asked:
            if run.status == "FINISHED":
                # These are equal in all that a verdict can depend on.
                repeats = tuple(run.settings.get(name) for name in ("seeds", "repetitions"))
                tags = (run.tags.get(name) for name in ("device", "chip", "host"))
                key = kind, repeats, *tags, bool(run.origin)
                newest.pop(key, None)
                newest[key] = run
        runs = {run.run_id: run for run in newest.values()}
        read = tuple(runs), tuple(computed)
        with self._judging:
            if self._latest[0] != read:
                self._latest = read, self._judge(runs, computed)
            latest = self._latest[1]
        return replace(
            latest,
            active={kind: record for kind, record in asked if record.status in ACTIVE},
            broken={kind: run for kind, run in asked if run.status in ("FAILED", "KILLED")},
        )

    def _judge(self, runs: Mapping[str, RunRecord], computed: Mapping[int, Facts]) -> ClaimStatus:
        hosts = hosts_to_name(runs.values())
        lines: dict[str, list[dict[str, Any]]] = {}
        finished = set()
        for run in runs.values():
            summary = experiment_named(run.experiment).summary
            table = self._table(run, summary.table)
            if table is None or table.empty:  # its files are gone
                continue
            row = last_row(table)
            measured = {name: row[name] for name in summary.header() if name in row}
            line = {"run_id": run.run_id, "host": hosts[run.run_id], **run.settings, **measured}
            lines.setdefault(run.experiment, []).append(line)
            finished.add(self._kinds[run.run_id])
        results = Results(
            {name: pandas.DataFrame(of_experiment) for name, of_experiment in lines.items()},
            lambda run_id, name: self._table(runs[run_id], name),
            computed,
        )
        return ClaimStatus(
            results=results,
            verdicts={claim.key: claim.verdict(results) for claim in self._claims},
            runs=runs,
            finished=frozenset(kind for kind in finished if kind is not None),
        )

    def _kind(self, record: RunRecord) -> Kind | None:
        """The kind of a run; None if no claim asks for it."""
        if record.run_id not in self._kinds:
            try:
                kind = kind_of(experiment_named(record.experiment), record.settings)
            except (KeyError, TypeError, ValueError):  # recorded by a version with other settings
                kind = None
            asked = self._asked.get(record.experiment, ())
            self._kinds[record.run_id] = kind if kind is not None and kind[1] in asked else None
        return self._kinds[record.run_id]


def kind_of(experiment: Experiment, settings: Mapping[str, Any]) -> Kind:
    """The kind of flat settings; equal for a config and for its runs."""
    seed = int(settings["seed"]) if experiment.one_run_per_seed else None
    return experiment.name, key_of(experiment, settings), seed


@dataclass(frozen=True)
class Needed:
    """The runs that claims or an exercise ask for, by their state."""

    total: int
    to_start: Plan
    """Neither finished nor on their way."""
    active: tuple[RunRecord, ...]
    broken: tuple[RunRecord, ...]
    """Of those to start, the newest attempts that failed or were cancelled."""

    @property
    def finished(self) -> int:
        """How many have been measured."""
        return self.total - len(self.to_start) - len(self.active)


def needed_by(claims: Iterable[MeasuredClaim], judged: ClaimStatus) -> Needed:
    """The runs for the verdicts of some claims. What two of them ask for counts once."""
    wanted: dict[Kind, tuple[Experiment, Config]] = {}
    for claim in claims:
        for kind, pair in _wanted_by(claim).items():
            wanted.setdefault(kind, pair)
    return _needed(wanted, judged)


def needed_for(measurement: Measurement, judged: ClaimStatus) -> Needed:
    """The runs of one measurement, an exercise for instance."""
    return _needed(
        _by_kind([(measurement.experiment, config) for config in measurement.configs()]), judged
    )


def _needed(wanted: Mapping[Kind, tuple[Experiment, Config]], judged: ClaimStatus) -> Needed:
    missing = {kind: pair for kind, pair in wanted.items() if kind not in judged.finished}
    idle = {kind: pair for kind, pair in missing.items() if kind not in judged.active}
    return Needed(
        total=len(wanted),
        to_start=list(idle.values()),
        active=tuple(judged.active[kind] for kind in missing if kind in judged.active),
        broken=tuple(judged.broken[kind] for kind in idle if kind in judged.broken),
    )


@functools.cache
def _wanted_by(claim: MeasuredClaim) -> Mapping[Kind, tuple[Experiment, Config]]:
    """Cached: a page asks at every rerun, and validating the configs takes long."""
    return _by_kind(claim.configs())


def _by_kind(plan: Plan) -> Mapping[Kind, tuple[Experiment, Config]]:
    return {kind_of(experiment, config.flat()): (experiment, config) for experiment, config in plan}


def headline(
    verdicts: Iterable[Verdict],
    noun: str = "claim",
    verbs: Mapping[Outcome, tuple[str, str]] = OUTCOME_VERBS,
) -> str:
    """`9 of 15 claims are measured: 4 hold, 3 hold partly and 2 are not decided.`"""
    outcomes = [verdict.outcome for verdict in verdicts]
    counts = {outcome: outcomes.count(outcome) for outcome in verbs if outcome in outcomes}
    measured = sum(counts.values())
    if not measured:
        return f"None of the {len(outcomes)} {noun}s is measured yet."
    parts = [f"{n} {verbs[outcome][n > 1]}" for outcome, n in counts.items()]
    are = "is" if measured == 1 else "are"
    return f"{measured} of {len(outcomes)} {noun}s {are} measured: {listed(parts)}."


def capitalize(text: str) -> str:
    """`does not hold` → `Does not hold`; the rest of the text stays as it is."""
    return f"{text[:1].upper()}{text[1:]}"


class NotComputed(RuntimeError):
    """The process that computes facts gave no answer. The message says why."""


def compute_in_subprocess() -> dict[int, Facts]:
    """Claim number → facts that need no run. Raises `NotComputed`.

    A process of its own computes them: torch would stay in the dashboard's memory for good.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "core.chapter"],
            capture_output=True,
            cwd=PROJECT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            timeout=300,  # enough for a machine that is busy with runs
            check=False,
            text=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotComputed(str(error)) from error
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise NotComputed(reason)
    return {int(number): facts for number, facts in json.loads(done.stdout).items()}
