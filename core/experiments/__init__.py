"""The registry of experiments: every question that Unroll measures."""

from __future__ import annotations

from core.experiment import Config, Experiment
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.language_model import LANGUAGE_MODEL
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.recall import RECALL
from core.experiments.state_tracking import STATE_TRACKING
from core.experiments.throughput import THROUGHPUT
from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from core.settings import BadSetting
from core.store.records import RunRecord

_registered: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        GRADIENT_DECAY,
        PARAMETER_COUNT,
        THROUGHPUT,
        LENGTH_QUALITY,
        MEMORY_SPAN,
        TWO_SIDED_CONTEXT,
        STATE_TRACKING,
        RECALL,
        LANGUAGE_MODEL,
    )
}


def all_experiments() -> tuple[Experiment, ...]:
    """Every registered experiment, in the order in which pages and commands list them."""
    return tuple(_registered.values())


def experiment_named(name: str) -> Experiment:
    """The experiment of that name; `BadSetting` names the known ones."""
    if name not in _registered:
        raise BadSetting(f"experiment is {name!r}; choose from {', '.join(_registered)}")
    return _registered[name]


def register(experiment: Experiment) -> None:
    """Add an experiment, or replace the one of its name."""
    _registered[experiment.name] = experiment


def config_of(record: RunRecord) -> Config:
    """The validated config of a run; `BadSetting` if this version of Unroll no longer takes it."""
    if record.unreadable:
        raise BadSetting(f"run is {record.name!r}, which cannot be read: {record.unreadable}")
    return experiment_named(record.experiment).config.from_flat(record.settings)
