"""What the runs of `length-quality` say about each other: their models, and what attention adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from core.experiments.length_quality import LengthQualityConfig, Quality, quality_of
from core.settings import settings_of
from core.statistics import CONFIDENCE, Estimate, Group, compare, mean_estimate
from core.words import read_estimate

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Model:
    """All seeds of one model."""

    label: str
    seeds: int
    lengths: tuple[float, ...]
    """Where quality halves in each seed that has learned enough to have such a length."""
    halves: Estimate
    """Over these seeds; of one seed, over sentences."""
    beyond: bool
    """Whether some seed never falls below half."""
    always: bool
    """Whether none does."""
    bleu: Estimate
    quality: Quality
    """What halves."""


def models_of(runs: pandas.DataFrame) -> list[Model]:
    """Finished runs by label; the same seed measured twice counts once, the newest time."""
    groups: dict[str, dict[Any, Mapping[str, Any]]] = {}
    for columns in _records(runs):
        groups.setdefault(str(columns["label"]), {})[columns.get("seed")] = columns
    return [_model(label, list(seeds.values())) for label, seeds in groups.items()]


def _model(label: str, seeds: Sequence[Mapping[str, Any]]) -> Model:
    halves = _over_seeds(seeds, "bottleneck_length")
    lengths = [read_estimate(seed, "bottleneck_length").value for seed in seeds]
    stays = [bool(seed["never_below_half"]) for seed in seeds]
    return Model(
        label=label,
        seeds=len(seeds),
        lengths=tuple(length for length in lengths if length is not None),
        halves=halves,
        beyond=any(stays),
        always=all(stays),
        bleu=_over_seeds(seeds, "bleu"),
        quality=quality_of(str(seeds[0].get("task"))),
    )


def _over_seeds(seeds: Sequence[Mapping[str, Any]], name: str) -> Estimate:
    known = [
        estimate for seed in seeds if (estimate := read_estimate(seed, name)).value is not None
    ]
    return known[0] if len(known) == 1 else mean_estimate(estimate.value for estimate in known)


def not_distinguishable(best: Model, others: Sequence[Model]) -> list[str] | None:
    """Labels of those that the best is not told from; None where a model has a single seed."""
    if any(len(model.lengths) < 2 for model in (best, *others)):
        return None
    level = (1 - CONFIDENCE) / len(others)
    group = Group.of_values(best.label, best.lengths)
    return [
        other.label
        for other in others
        if compare(group, Group.of_values(other.label, other.lengths), level=level).outcome
        == "not distinguishable"
    ]


@dataclass(frozen=True)
class Gain:
    """What attention adds to quality over all lengths, in points."""

    points: Estimate
    """Over pairs of runs that differ in nothing else."""
    seeds: int


def gain_of_attention(runs: pandas.DataFrame, quality: Quality) -> Gain | None:
    """None without such pairs. Several kinds of attention beside one run without count as one."""
    others = [s.name for s in settings_of(LengthQualityConfig) if s.name != "attention"]
    blind: dict[tuple[str, ...], float] = {}
    looking: dict[tuple[str, ...], dict[str, float]] = {}
    for columns in _records(runs):
        reached = read_estimate(columns, quality).value
        kind = columns.get("attention")
        if kind is None or reached is None or quality_of(str(columns.get("task"))) != quality:
            continue
        key = tuple(str(columns.get(name)) for name in others)
        if kind == "none":
            blind[key] = reached
        else:
            looking.setdefault(key, {})[kind] = reached
    pairs = {key: fmean(looking[key].values()) - blind[key] for key in blind if key in looking}
    seeds = {key[others.index("seed")] for key in pairs}
    return Gain(mean_estimate(pairs.values()), len(seeds)) if pairs else None


def _records(runs: pandas.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): v for name, v in run.items()} for run in runs.to_dict("records")]
