"""The figure that answers each question: first on its page, small on its card and while it runs.

An experiment that declares no figure here has the first measure of its first curve.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Protocol

import pandas

from core.experiment import Experiment, Row
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.language_model import LANGUAGE_MODEL
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.recall import RECALL
from core.experiments.state_tracking import STATE_TRACKING
from core.experiments.throughput import THROUGHPUT
from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from core.formatting import counted
from core.tasks.tag_rules import chance, chance_without_memory
from dashboard.charts.lines import ShadedRange
from dashboard.charts.render import Chart
from dashboard.figures.base import Figure, Measure, Shown, measures
from dashboard.figures.context import Control
from dashboard.figures.lines import Curves, Scaling


class Leading(Figure, Protocol):
    """A figure that can be shown small."""

    @property
    def table(self) -> str:
        """The table that it draws."""

    def preview(self, shown: Shown, *, intervals: bool, height: int) -> Chart | None:
        """The chart alone; None while there is nothing to draw."""


PERCENT, POSITIVE = (0.0, 100.0), (0.0, math.inf)

MAJORITY = 50.0
"""The span ends where no more than this percentage of the seeds learned every lag so far."""

ACCURACY = Measure("accuracy", bounds=PERCENT, baseline="chance")

QUARTILES = ("milliseconds_q1", "milliseconds_q3")

TIMES = (
    Measure("milliseconds", quartiles=QUARTILES, count="repetitions"),
    Measure(
        "tokens_per_second", quartiles=QUARTILES, count="repetitions", inverse_of="milliseconds"
    ),
    Measure("peak_mib"),
)


def most_learned(rows: pandas.DataFrame, row: type[Row]) -> pandas.DataFrame:
    """The attempts of each label at the learning rate that learned most so far."""
    learned = rows.groupby(["label", "learning_rate"])["learned"].sum().reset_index()
    best = learned.sort_values("learned", kind="stable").drop_duplicates("label", keep="last")
    return rows.merge(best[["label", "learning_rate"]])


def trained_range(shown: Shown, rows: pandas.DataFrame) -> ShadedRange | None:
    """The trained range of source lengths, where it is the same for all runs."""
    longest = set(shown.setting_of_runs("longest_trained").values())
    if len(longest) != 1 or set(rows["by"]) != {"source"}:
        return None
    words = int(str(longest.pop()))
    return ShadedRange(float(words), f"trained up to {counted(words, 'word')}")


def trained_positions(shown: Shown, rows: pandas.DataFrame) -> ShadedRange | None:
    """The positions that training had, where they are the same for all runs."""
    longest = set(shown.setting_of_runs("longest_trained").values())
    if len(longest) != 1:
        return None
    tokens = int(str(longest.pop()))
    return ShadedRange(float(tokens), f"trained up to {counted(tokens, 'token')}")


def tag_chance(shown: Shown, rows: pandas.DataFrame) -> float | None:
    """The accuracy of the best tags without sight of the token ahead, or without memory of it."""
    places = rows[["network", "look_ahead"]].drop_duplicates().itertuples(index=False)
    tasks = {(run.settings["rule"], int(str(run.settings["tokens"]))) for run in shown.runs}
    levels = {
        (chance_without_memory if network == "delayed" else chance)(rule, tokens, int(ahead))  # type: ignore[arg-type]
        for (network, ahead), (rule, tokens) in itertools.product(places, tasks)
    }
    return levels.pop() if len(levels) == 1 else None


def symbol_chance(shown: Shown, rows: pandas.DataFrame) -> float | None:
    """The accuracy of a guessed symbol."""
    levels = {
        100 / int(str(run.settings["symbols"]))
        for run in shown.runs
        if run.settings["task"] != "adding"
    }
    return levels.pop() if len(levels) == 1 else None


def without_memory(shown: Shown, rows: pandas.DataFrame) -> float | None:
    """The accuracy of the best answer to the query alone, where all runs have the same."""
    levels = set(rows["without_memory"]) if "without_memory" in rows else set()
    return levels.pop() if len(levels) == 1 else None


def trained_windows(shown: Shown, rows: pandas.DataFrame) -> ShadedRange | None:
    """The context that the windows of training had, where it is the same for all runs and some
    longer one was tested."""
    windows = set(shown.setting_of_runs("window").values())
    longest = {int(str(value)) for value in shown.setting_of_runs("longest_context").values()}
    if len(windows) != 1:
        return None
    characters = int(str(windows.pop()))
    if max(longest) <= characters:
        return None
    words = f"trained on windows of {counted(characters, 'character')}"
    return ShadedRange(float(characters), words)


LEADING: Mapping[str, Leading] = {
    GRADIENT_DECAY.name: Curves(
        "By distance",
        "gradient",
        (
            Measure("log10_input_gradient", zeros="input_zeros", rate="decay_rate"),
            Measure("log10_state_gradient", zeros="state_zeros", rate="state_decay_rate"),
        ),
        missing=("overflows",),
        samples="batch_size",
        rates="decay",
    ),
    PARAMETER_COUNT.name: Scaling(
        "By width",
        "widths",
        (
            *measures("parameters", "effective_parameters", "parameters_total"),
            Measure("over_rnn", reference=1.0),
            *measures("state_bytes", "multiply_accumulates"),
        ),
    ),
    THROUGHPUT.name: Scaling("Time by length", "times", TIMES),
    LENGTH_QUALITY.name: Curves(
        "By length",
        "lengths",
        (
            Measure("token_accuracy", PERCENT, baseline="blind_accuracy"),
            *measures("exact_match", "bleu", "chrf", "cased_bleu", "cased_chrf", bounds=PERCENT),
            Measure("length_ratio", bounds=POSITIVE, reference=1.0),
        ),
        further=(("sentences", "Sentences"),),
        shaded=trained_range,
    ),
    MEMORY_SPAN.name: Curves(
        "By lag",
        "lags",
        (
            Measure("success", bounds=PERCENT, reference=MAJORITY),
            Measure("success_so_far", bounds=PERCENT, reference=MAJORITY),
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
    STATE_TRACKING.name: Curves(
        "By position",
        "positions",
        (Measure("accuracy", bounds=PERCENT, baseline="without_memory"),),
        shaded=trained_positions,
    ),
    RECALL.name: Curves(
        "By pairs",
        "places",
        (Measure("accuracy", bounds=PERCENT, level=without_memory, baseline="values_alone"),),
        sizes=True,
    ),
    LANGUAGE_MODEL.name: Curves(
        "By context",
        "contexts",
        (Measure("bits", bounds=POSITIVE, baseline="counted"), Measure("gain", reference=0.0)),
        shaded=trained_windows,
        sizes=True,
        from_zero=True,
    ),
}

TRAINING: Mapping[str, Curves] = {
    LENGTH_QUALITY.name: Curves(
        "Training",
        "training",
        measures("validation_loss", "training_loss", "gradient_norm", "tokens_per_second"),
    ),
    MEMORY_SPAN.name: Curves(
        "Attempts",
        "attempts",
        (Measure("learned", bounds=(0.0, 1.0)),),
        sizes=True,
        whiskers=True,
        preview_rows=most_learned,
    ),
    TWO_SIDED_CONTEXT.name: Curves(
        "Training",
        "training",
        (Measure("accuracy", bounds=PERCENT, level=tag_chance), Measure("loss", bounds=POSITIVE)),
    ),
    STATE_TRACKING.name: Curves(
        "Training",
        "training",
        (Measure("accuracy", bounds=PERCENT), Measure("loss", bounds=POSITIVE)),
    ),
    RECALL.name: Curves(
        "Training",
        "training",
        (Measure("accuracy", bounds=PERCENT), Measure("loss", bounds=POSITIVE)),
    ),
    LANGUAGE_MODEL.name: Curves(
        "Training",
        "training",
        measures("validation_bits", "training_bits", bounds=POSITIVE),
    ),
}
"""How training goes, for experiments whose answer comes long after training began."""


def leading(experiment: Experiment) -> Leading:
    """The figure declared above, or the first measure of the first curve."""
    row = next(row for row in experiment.rows if any(column.curve for column in row.columns()))
    first = next(column.name for column in row.columns() if column.role == "measure")
    return LEADING.get(experiment.name) or Curves(row.title, row.table, (Measure(first),))
