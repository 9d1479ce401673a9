"""Every question that Unroll measures. A new one is a new file here and one line below."""

from core.experiment import Experiment
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from core.settings import BadSetting

EXPERIMENTS: tuple[Experiment, ...] = (
    GRADIENT_DECAY,
    PARAMETER_COUNT,
    THROUGHPUT,
    LENGTH_QUALITY,
    MEMORY_SPAN,
    TWO_SIDED_CONTEXT,
)


def experiment_named(name: str) -> Experiment:
    """The experiment of that name; `BadSetting` names the known ones."""
    for experiment in EXPERIMENTS:
        if experiment.name == name:
            return experiment
    names = ", ".join(experiment.name for experiment in EXPERIMENTS)
    raise BadSetting(f"experiment is {name!r}; choose from {names}")
