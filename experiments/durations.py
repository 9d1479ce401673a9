"""How long runs will take on this machine, from those that it has already made.

Only what was measured here is used: without a comparable run the time is unknown until the first
one is done.
"""

from __future__ import annotations

import functools
import itertools
import math
import os
import socket
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from core.experiment import Config, Experiment
from core.experiments import experiment_named
from core.settings import BadSetting, Value
from core.store.records import RunRecord

START_SECONDS = 2.0
"""The most of a run's time that is taken for its start and its end, which do not grow with work."""

MAX_GROWTH = 10.0
"""A run of more times the work of any measured one has no estimate: time is not so proportional."""

MAX_RUNS = 200
"""The newest runs of an experiment from which estimates are made."""

NEIGHBOURS = 5

MIN_SHARE = 0.1
"""A running run says how long its kind takes once this share of it is done."""

Range = tuple[float, float]
"""Low and high, in seconds."""


class _Measured(NamedTuple):
    """What a run tells about how long another one will take."""

    settings: Mapping[str, Value]
    work: float
    seconds: float


def estimate(
    plan: Sequence[tuple[Experiment, Config]], finished: Sequence[RunRecord]
) -> Range | None:
    """Low and high of the seconds that planned runs will take here; None while any is unknown."""
    totals = []
    for experiment in {experiment.name: experiment for experiment, _ in plan}.values():
        known = _known(experiment, finished)
        configs = [config for other, config in plan if other.name == experiment.name]
        repeats = Counter(config.model_copy(update={"seed": 0}) for config in configs)
        low = high = 0.0
        for config, runs in repeats.items():
            found = _predict(known, config.flat(), experiment.work(config))
            if found is None:
                return None
            low, high = low + runs * found[0], high + runs * found[1]
        threads = max(config.threads for config in configs)
        totals.append(_side_by_side(experiment, len(configs), threads, (low, high)))
    return _sum(totals)


def time_left(active: Sequence[RunRecord], runs: Sequence[RunRecord]) -> Range | None:
    """Low and high of the seconds until active runs have ended; None while any is unknown.

    `runs` are those from which it is estimated; how far the active ones are tells too.
    """
    totals = []
    for name in dict.fromkeys(record.experiment for record in active):
        experiment = experiment_named(name)
        mine = [record for record in active if record.experiment == name]
        known = _known(experiment, [*runs, *mine])
        low = high = 0.0
        for record in mine:
            work = _work(name, frozenset(record.settings.items()))
            found = None if work is None else _predict(known, record.settings, work)
            if found is None:
                return None
            rest = 1 - _share(record)
            low, high = low + rest * found[0], high + rest * found[1]
        threads = max(int(str(record.settings.get("threads", 1))) for record in mine)
        totals.append(_side_by_side(experiment, len(mine), threads, (low, high)))
    return _sum(totals)


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _known(experiment: Experiment, records: Sequence[RunRecord]) -> list[_Measured]:
    """What the newest runs of an experiment on this machine tell, the newest last."""
    here = socket.gethostname()
    known = []
    mine = (
        record
        for record in reversed(records)
        if record.experiment == experiment.name
        and record.owner.get("host") == here
        and not record.origin
    )
    for record in [*itertools.islice(mine, MAX_RUNS)][::-1]:
        share = 1.0 if record.status == "FINISHED" else _share(record)
        told = record.status == "FINISHED" or (record.status == "RUNNING" and share >= MIN_SHARE)
        work = _work(experiment.name, frozenset(record.settings.items())) if told else None
        if work and record.seconds:
            known.append(_Measured(record.settings, work, record.seconds / share))
    return known


@functools.lru_cache(maxsize=10_000)
def _work(name: str, settings: frozenset[tuple[str, Value]]) -> float | None:
    """The work of recorded settings; None if they make no config now. Validating takes long."""
    experiment = experiment_named(name)
    try:
        return experiment.work(experiment.config.from_flat(dict(settings)))
    except BadSetting:
        return None


def _share(record: RunRecord) -> float:
    """The share of an active run that is done, below 1."""
    fraction = float(record.state.get("fraction", 0.0)) if record.status == "RUNNING" else 0.0
    return min(0.99, max(0.0, fraction))


def _predict(
    known: Sequence[_Measured], settings: Mapping[str, Value], work: float
) -> Range | None:
    """Seconds of one run, by the runs that are most like it, on its device if possible.

    Beyond a fixed part for start and end, time is taken as proportional to work. The less these
    runs are like it, the wider the range: of 16 sweeps of a chapter suite, 13 took between half and
    twice the time that their nearest runs told.
    """

    def distance(run: _Measured) -> float:
        different = sum(
            run.settings.get(name) != value for name, value in settings.items() if name != "seed"
        )
        # Five settings that differ are as far away as e times the work.
        return abs(math.log(run.work / work)) + 0.2 * different

    device = settings.get("device")
    alike = [run for run in known if run.settings.get("device") == device]
    if not alike and device in ("auto", "cpu"):
        alike = [run for run in known if run.settings.get("device") in ("auto", "cpu")]
    near = sorted((r for r in alike if work <= MAX_GROWTH * r.work), key=distance)[:NEIGHBOURS]
    if not near:
        return None
    fixed = min(START_SECONDS, *(run.seconds for run in alike))
    closest = distance(near[0])
    times = [
        fixed + (run.seconds - fixed) * work / run.work
        for run in near
        if distance(run) <= closest + 0.5
    ]
    doubt = 1 + min(1.0, closest)  # none about a run that only has another seed
    return min(times) / doubt, max(times) * doubt


def _side_by_side(experiment: Experiment, runs: int, threads: int, total: Range) -> Range:
    """The time of runs of which as many go on at once as there are cores for."""
    at_once = 1 if experiment.timed else min(runs, max(1, cores() // threads))
    return total[0] / at_once, total[1] / at_once


def _sum(ranges: Iterable[Range]) -> Range:
    lows, highs = zip((0.0, 0.0), *ranges, strict=True)
    return sum(lows), sum(highs)
