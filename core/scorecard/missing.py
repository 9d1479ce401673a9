"""Which runs would fill the empty cells? Exactly what the other cells were made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.architecture import Architecture
from core.experiment import SEEDS, Config, Experiment
from core.scorecard.basis import Basis, Record
from core.scorecard.kinds import WIDTH
from core.scorecard.terms import Terms
from core.settings import BadSetting, Value

REPEATED = ("seeds", "repetitions")


def wanted(
    experiment: Experiment,
    architectures: Sequence[Architecture],
    terms: Terms,
    like: Basis | None,
) -> list[Config]:
    """Configs of these kinds with the shared settings and the seeds of a basis; without one with
    the experiment's defaults. A kind that cannot be had on these terms has none."""
    found = []
    for architecture in architectures:
        shape = {name: value for name, value in architecture.flat().items() if name != WIDTH}
        for seed in _seeds(experiment, like):
            asked = {**shape, **_shared(like), **seed, **terms.settings}
            try:
                found.append(experiment.config.from_flat(asked))
            except BadSetting:
                break
    return found


def _shared(like: Basis | None) -> Mapping[str, Value]:
    """The settings of its runs, with the most seeds or repetitions that any of them has."""
    if like is None:
        return {}
    repeats = {
        name: max(values)
        for name in REPEATED
        if (values := [run.settings[name] for run in _runs(like) if name in run.settings])
    }
    return {**like.shared, **repeats}


def _seeds(experiment: Experiment, like: Basis | None) -> list[Mapping[str, Any]]:
    if not experiment.a_run_per_seed:
        return [{}]
    seeds = {run.settings["seed"] for run in _runs(like)} if like else set()
    first, number = (min(seeds), len(seeds)) if seeds else (0, int(str(SEEDS.default)))
    return [{"seed": seed} for seed in range(first, first + number)]


def _runs(basis: Basis) -> list[Record]:
    return [run for runs in basis.runs.values() for run in runs]
