"""The figure that answers each question: first on its page, small on its card and while it runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from core.experiment import Experiment
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from dashboard import spans, trained
from dashboard.curve_figures import Curves
from dashboard.drawing import Chart
from dashboard.figures import Figure
from dashboard.measures import Measure
from dashboard.scaling import Quantity, Scaling
from dashboard.shown import Shown
from dashboard.side_figures import Control


class Leading(Figure, Protocol):
    """A figure that can be shown small."""

    @property
    def table(self) -> str:
        """What it draws."""

    def preview(self, shown: Shown, *, intervals: bool, height: int) -> Chart | None:
        """The chart alone; None while there is nothing to draw."""


PERCENT, POSITIVE = (0.0, 100.0), (0.0, math.inf)
MAJORITY = 50.0
"""Per cent of the seeds: a lag that more than these learned counts into the span."""
ACCURACY = Measure("accuracy", bounds=PERCENT, baseline="chance")
QUARTILES = ("milliseconds_q1", "milliseconds_q3")
TIMES = (
    Quantity("milliseconds", QUARTILES, count="repetitions"),
    Quantity("tokens_per_second", QUARTILES, count="repetitions", inverse_of="milliseconds"),
    Quantity("peak_mib"),
)

LEADING: Mapping[str, Leading] = {
    GRADIENT_DECAY.name: Curves(
        "By distance",
        "gradient",
        (
            Measure("log10_input_gradient", zeros="input_zeros", rate="decay_rate"),
            Measure("log10_state_gradient", zeros="state_zeros", rate="state_decay_rate"),
        ),
        spoilt=("overflows",),
        samples="batch_size",
        rates="decay",
    ),
    PARAMETER_COUNT.name: Scaling(
        "By width",
        "widths",
        (
            Quantity("parameters"),
            Quantity("effective_parameters"),
            Quantity("parameters_total"),
            Quantity("over_rnn", reference=1.0),
            Quantity("state_bytes"),
            Quantity("multiply_accumulates"),
        ),
    ),
    THROUGHPUT.name: Scaling("Time by length", "times", TIMES),
    LENGTH_QUALITY.name: Curves(
        "By length",
        "lengths",
        (
            Measure("token_accuracy", bounds=PERCENT),
            Measure("exact_match", bounds=PERCENT),
            Measure("bleu", bounds=PERCENT),
            Measure("chrf", bounds=PERCENT),
            Measure("length_ratio", bounds=POSITIVE, reference=1.0),
        ),
        further=(("sentences", "Sentences"),),
        shading=trained.shade,
    ),
    MEMORY_SPAN.name: Curves(
        "By lag",
        "lags",
        (
            Measure("success", bounds=PERCENT, reference=MAJORITY),
            Measure("accuracy", bounds=PERCENT, baseline="chance"),
            Measure("loss", bounds=POSITIVE, baseline="baseline"),
            Measure("steps_to_learn", bounds=POSITIVE),
        ),
        sizes=True,
        whiskers=True,
    ),
    TWO_SIDED_CONTEXT.name: Control(
        "By look-ahead", "itself", Curves("By look-ahead", "context", (ACCURACY,))
    ),
}
TRAINING: Mapping[str, Curves] = {
    LENGTH_QUALITY.name: Curves(
        "Training",
        "training",
        (
            Measure("validation_loss"),
            Measure("training_loss"),
            Measure("gradient_norm"),
            Measure("tokens_per_second"),
        ),
    ),
    MEMORY_SPAN.name: Curves(
        "Attempts",
        "attempts",
        (Measure("learned", bounds=(0.0, 1.0)),),
        sizes=True,
        whiskers=True,
        part=spans.furthest,
    ),
    TWO_SIDED_CONTEXT.name: Curves(
        "Training",
        "training",
        (Measure("accuracy", bounds=PERCENT), Measure("loss", bounds=POSITIVE)),
    ),
}
"""How training goes, where that comes first and the answer long after."""


def leading(experiment: Experiment) -> Leading:
    """What is declared above, or the first measure of the first curve."""
    row = next(row for row in experiment.rows if any(column.curve for column in row.columns()))
    first = next(column.name for column in row.columns() if column.role == "measure")
    return LEADING.get(experiment.name) or Curves(row.title, row.table, (Measure(first),))
