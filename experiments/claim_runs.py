"""Which runs does a claim still lack, which are on their way, and which have failed?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.claims import Claim, Measurement
from core.experiment import Config, Experiment
from core.tracking import RunRecord
from experiments import queue
from experiments.evidence import Judged, Kind, kind_of_config

Plan = Sequence[tuple[Experiment, Config]]


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
    return needed([wanted for claim in claims for wanted in claim.configs()], judged)


def needed_for(measurement: Measurement, judged: Judged) -> Needed:
    """For one measurement, an exercise for instance."""
    return needed([(measurement.experiment, c) for c in measurement.configs()], judged)


def needed(wanted: Plan, judged: Judged) -> Needed:
    """How these runs stand."""
    kinds = {kind_of_config(*pair): pair for pair in wanted}
    missing = {k: pair for k, pair in kinds.items() if not judged.results.has(*pair)}
    idle = {k: pair for k, pair in missing.items() if k not in judged.active}
    return Needed(
        len(kinds),
        list(idle.values()),
        _of(missing, judged.active),
        _of(idle, judged.broken),
    )


def seconds(plan: Plan, finished: Sequence[RunRecord]) -> tuple[float, float] | None:
    """Low and high estimate of what the runs will take here; None while any is unknown."""
    by_experiment: dict[str, tuple[Experiment, list[Config]]] = {}
    for experiment, config in plan:
        by_experiment.setdefault(experiment.name, (experiment, []))[1].append(config)
    low = high = 0.0
    for experiment, configs in by_experiment.values():
        known = queue.estimate(finished, experiment, configs)
        if known is None:
            return None
        low, high = low + known[0], high + known[1]
    return low, high


def _of(kinds: Iterable[Kind], records: Mapping[Kind, RunRecord]) -> tuple[RunRecord, ...]:
    return tuple(records[kind] for kind in kinds if kind in records)
