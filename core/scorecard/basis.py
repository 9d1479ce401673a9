"""Which runs may stand side by side? Those that share all but what is compared.

The runs of one question share their *basis*: every setting but the architecture, what merely
repeats a run, and the width or budget that the terms fix; and the device that measured them, where
times are measured the very machine.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from core.architecture import Architecture
from core.claims.measurement import REPEATS
from core.claims.results import machine_name
from core.experiment import Config, Experiment
from core.experiments import experiment_named
from core.scorecard.kinds import kind_of
from core.scorecard.terms import BUDGET, Terms, terms_of
from core.settings import Setting, Value, settings_of

Key = tuple[Value, ...]
MOST_READ = 100
"""Runs of one kind: of more that repeat each other only the newest are read."""


@dataclass(frozen=True, eq=False)
class Record:
    """A finished run: what was asked of it, and where it was measured."""

    run_id: str
    experiment: str
    settings: Mapping[str, Any] = field(repr=False)
    device: str
    """`cpu`, `cuda`, `mps`; empty where it does not say."""
    chip: str

    @property
    def machine(self) -> str:
        """`CPU (Intel …)`."""
        return machine_name(self.device, self.chip)

    @cached_property
    def terms(self) -> Terms | None:
        """At which width, or budget."""
        return terms_of(self.settings)

    @cached_property
    def architecture(self) -> Architecture | None:
        """Its kind."""
        return kind_of(self.settings)

    @cached_property
    def kind(self) -> str:
        """The column that it belongs to; empty for none."""
        return self.architecture.kind if self.architecture else ""

    @cached_property
    def shared(self) -> Key:
        """What runs that stand beside it must have in common with it."""
        settings = shared_settings(experiment_named(self.experiment))
        return tuple(self.settings.get(s.name, s.default) for s in settings)


@dataclass(frozen=True, eq=False)
class Basis:
    """What the runs of one question share, and those runs."""

    experiment: Experiment
    terms: Terms
    shared: Mapping[str, Value]
    """Setting → its value in all of them."""
    where: str
    """The device that measured them, or the machine."""
    runs: Mapping[str, tuple[Record, ...]]
    """Kind → its runs on this basis, oldest first."""

    def repeats(self, kind: str) -> tuple[Record, ...]:
        """What its value is read from: where each seed is a run, the newest of each seed; where
        times are measured, every run; else the run of the most seeds, of equals the newest."""
        runs = self.runs[kind][-MOST_READ:]
        if self.experiment.timed:
            return runs
        if self.experiment.a_run_per_seed:
            return tuple({run.settings["seed"]: run for run in runs}.values())
        return (max(reversed(runs), key=lambda run: float(run.settings.get("seeds") or 0)),)


def on_terms(
    experiment: Experiment,
    records: Iterable[Record],
    kinds: Collection[str],
    terms: Terms | None = None,
    machine: str = "",
) -> list[Basis]:
    """Every basis of an experiment with a run of any of these kinds, the best choice first.

    Best is what covers most of the kinds; of equals the one that was measured last. `terms` and,
    where times are measured, `machine` leave only those.
    """
    groups: dict[tuple[Terms, Key, str], dict[str, list[Record]]] = {}
    order: dict[tuple[Terms, Key, str], int] = {}
    for index, run in enumerate(records):
        if run.experiment != experiment.name or run.kind not in kinds or run.terms is None:
            continue
        if terms not in (None, run.terms) or not _measured_on(experiment, run, machine):
            continue
        place = run.machine if experiment.timed else run.device
        group = run.terms, run.shared, place
        groups.setdefault(group, {}).setdefault(run.kind, []).append(run)
        order[group] = index
    best_first = sorted(groups, key=lambda group: (-len(groups[group]), -order[group]))
    return [_basis(experiment, group, groups[group], kinds) for group in best_first]


def _measured_on(experiment: Experiment, run: Record, machine: str) -> bool:
    return not (experiment.timed and machine) or run.machine == machine


def _basis(
    experiment: Experiment,
    group: tuple[Terms, Key, str],
    runs: Mapping[str, Sequence[Record]],
    kinds: Collection[str],
) -> Basis:
    terms, key, where = group
    names = (setting.name for setting in shared_settings(experiment))
    by_kind = {kind: tuple(runs[kind]) for kind in kinds if kind in runs}
    return Basis(experiment, terms, dict(zip(names, key, strict=True)), where, by_kind)


def shared_settings(experiment: Experiment) -> tuple[Setting, ...]:
    """Those that runs of one question must have in common."""
    return _shared(experiment.config, experiment.timed)


@functools.cache
def _shared(config: type[Config], timed: bool) -> tuple[Setting, ...]:
    free = {*REPEATS, BUDGET, *(() if timed else ("threads",))}
    return tuple(
        setting
        for setting in settings_of(config)
        if setting.path[0] != "architecture" and setting.name not in free
    )
