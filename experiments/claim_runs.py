"""Which runs does a claim still lack, which are on their way, and which have failed?"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.claims import CLAIMS, Claim, Measurement
from core.experiment import Config, Experiment
from core.tracking import RunRecord
from experiments import queue
from experiments.evidence import Judged, Kind, kind_of_config

Plan = Sequence[tuple[Experiment, Config]]
Wanted = Mapping[Kind, tuple[Experiment, Config]]
KNOWN = 40
"""The newest finished runs of an experiment that an estimate of time looks at."""


@dataclass(frozen=True)
class Needed:
    """The runs that somebody asks for, sorted by how they stand."""

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


def needed_by(claims: Iterable[Claim], judged: Judged) -> Needed:
    """For the verdicts of some claims. What two of them ask for counts once."""
    wanted: dict[Kind, tuple[Experiment, Config]] = {}
    for claim in claims:
        for kind, pair in _of_claim(claim.number).items():
            wanted.setdefault(kind, pair)
    return _needed(wanted, judged)


def needed_for(measurement: Measurement, judged: Judged) -> Needed:
    """For one measurement, an exercise for instance."""
    plan = [(measurement.experiment, config) for config in measurement.configs()]
    return _needed(_by_kind(plan), judged)


def _needed(wanted: Wanted, judged: Judged) -> Needed:
    missing = {k: pair for k, pair in wanted.items() if k not in judged.finished}
    idle = {k: pair for k, pair in missing.items() if k not in judged.active}
    return Needed(
        len(wanted),
        list(idle.values()),
        _of(missing, judged.active),
        _of(idle, judged.broken),
    )


@functools.cache
def _of_claim(number: int) -> Wanted:
    """A page asks for all of them at every rerun; validating the configs would take longer."""
    (claim,) = (claim for claim in CLAIMS if claim.number == number)
    return _by_kind(claim.configs())


def _by_kind(plan: Plan) -> Wanted:
    return {kind_of_config(*pair): pair for pair in plan}


def seconds(plan: Plan, finished: Sequence[RunRecord]) -> tuple[float, float] | None:
    """Low and high estimate of what the runs will take here; None while any is unknown."""
    by_experiment: dict[str, tuple[Experiment, list[Config]]] = {}
    for experiment, config in plan:
        by_experiment.setdefault(experiment.name, (experiment, []))[1].append(config)
    low = high = 0.0
    for experiment, configs in by_experiment.values():
        mine = [run for run in finished if run.experiment == experiment.name]
        known = queue.estimate(mine[-KNOWN:], experiment, configs)
        if known is None:
            return None
        low, high = low + known[0], high + known[1]
    return low, high


def _of(kinds: Iterable[Kind], records: Mapping[Kind, RunRecord]) -> tuple[RunRecord, ...]:
    return tuple(records[kind] for kind in kinds if kind in records)
