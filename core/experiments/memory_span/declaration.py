"""How far back can it learn to look?

The same network is trained anew at every lag, from a few seeds, for a stated number of steps. A
seed's span is the largest lag such that it learned that lag and every shorter one tried; the span
is the largest one that a majority of the seeds reached. Beside it stands how fast the gradient of
that very network fades, before and after training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from core.experiment import Config, Row, axis, measure, note, seed_axis
from core.experiments.trained import BatchSize, Clip
from core.models.counting import count_parameters, pass_cost
from core.stats.aggregation import EXACT, HALF_LIFE, MAJORITY, MEDIAN
from core.stats.estimates import Estimate
from core.stats.learning_rates import RATES_IN_WORDS, rates_to_try
from core.tasks.lag_shapes import LAG_WORDS, LagShape, LagWords, TaskName, lag_shape

LAG_GRID = (1, 2, 3, 5, 7, *(m * 10**power for power in range(4) for m in (10, 15, 20, 30, 50, 70)))
"""The lags that are tried between the shortest and the longest, each about 1.4 times the last."""


class MemorySpanConfig(Config):
    """One variant at every lag, all of its seeds in one batched pass."""

    counted = "whole model"

    task: TaskName = Field(
        "recall",
        title="Task",
        description=(
            "recall: a symbol is shown once, noise follows, at the end it must be named. adding: "
            "the sum of two marked numbers (Hochreiter & Schmidhuber 1997). copy: ten symbols, "
            "again after a pause (Arjovsky et al. 2016)."
        ),
        json_schema_extra={"noun": "task"},
    )
    seeds: int = Field(
        5,
        ge=1,
        le=256,
        title="Seeds",
        description="Independent draws of weights and sequences.",
        json_schema_extra={"role": "replicate"},
    )
    training_steps: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        title="Training steps",
        description="Steps of Adam at each lag: the budget within which a lag counts as learned.",
    )
    shortest_lag: int = Field(
        2,
        ge=1,
        le=5000,
        title="Shortest lag",
        description=f"In steps. {LAG_WORDS['adding'].meaning} {LAG_WORDS['copy'].meaning}",
    )
    longest_lag: int = Field(
        100,
        ge=1,
        le=5000,
        title="Longest lag",
        description=f"Between the two, lags are {', '.join(map(str, LAG_GRID[:8]))} and so on.",
    )
    give_up: int = Field(
        2,
        ge=1,
        le=100,
        title="Give up",
        description=(
            "Lags in a row without a majority of seeds that learned, after which no longer one is "
            "tried. The span ends at the first; the others show what is learned beyond."
        ),
    )
    learning_rate: float | None = Field(
        None,
        ge=1e-6,
        le=1.0,
        title="Learning rate",
        description=(
            f"Of Adam. Default: {RATES_IN_WORDS} are tried, and each seed is judged at the one "
            "with which the others have the longest span on validation sequences. One that fails "
            "at a lag that another learned is tried no further."
        ),
    )
    clip: Clip = 1.0
    batch_size: BatchSize = 32
    symbols: int = Field(
        8,
        ge=2,
        le=256,
        title="Symbols",
        description="How many there are to recall or copy; chance is one in so many.",
    )
    validations: int = Field(
        20,
        ge=1,
        le=1000,
        title="Validations",
        description="Evenly over the budget: how finely the training steps needed are known.",
    )
    tested_sequences: int = Field(
        500,
        ge=10,
        le=100_000,
        title="Tested sequences",
        description="Per seed, in validation and in the test each.",
    )

    @property
    def shape(self) -> LagShape:
        """The shape of the task's sequences."""
        return lag_shape(self.task, self.symbols)

    @property
    def features(self) -> int:
        """Features that are read at each step."""
        return self.shape.inputs

    @property
    def parameters(self) -> int:
        """Of one network: the recurrent layers and the readout of the last outputs."""
        counts = count_parameters(self.architecture, self.features, outputs=self.shape.outputs)
        return counts.total

    @property
    def lags(self) -> list[int]:
        """Both ends, and the lags of the grid between them."""
        first, last = self.shortest_lag, self.longest_lag
        return sorted({first, *(lag for lag in LAG_GRID if first < lag < last), last})

    @property
    def learning_rates(self) -> tuple[float, ...]:
        """The learning rates to try."""
        return rates_to_try(self.learning_rate)

    @model_validator(mode="after")
    def _lags_are_in_order(self) -> Self:
        if self.longest_lag < self.shortest_lag:
            raise ValueError(
                f"longest_lag is {self.longest_lag}, but shortest_lag is {self.shortest_lag}; "
                "give at least that"
            )
        if self.task == "adding" and self.shortest_lag < 2:
            raise ValueError(
                f"shortest_lag is {self.shortest_lag}, but adding marks two numbers: give 2"
            )
        return self


def work(config: MemorySpanConfig) -> float:
    """Multiply-accumulates that a run is expected to take."""
    return sum(len(config.learning_rates) * lag_work(config, lag) for lag in config.lags)


def lag_work(config: MemorySpanConfig, lag: int) -> float:
    """Expected multiply-accumulates of one lag at one learning rate.

    Where a run gives up is not known beforehand. Most spans are near 15 steps, so longer lags
    are weighted less.
    """
    shape, sequences = config.architecture, config.seeds * config.batch_size
    steps, size = config.shape.steps(lag), config.features
    training = pass_cost(shape, size, steps=steps, sequences=sequences)
    tested = config.seeds * config.tested_sequences
    validation = pass_cost(shape, size, steps=steps, sequences=tested, backward=False)
    likely = min(1.0, (15 / lag) ** 2)
    return likely * (config.training_steps * training + config.validations * validation)


def longest_lag(settings: Mapping[str, Any]) -> float:
    """Where a run with these flat settings stops: a span that reached it is a lower bound."""
    return float(settings["longest_lag"])


def lag_words(settings: Mapping[str, Any]) -> LagWords:
    """What a lag is in the task of a run with these flat settings."""
    task: TaskName = settings["task"]
    return LAG_WORDS[task]


def lag_axis(*, curve: bool = False) -> Any:
    """The axis of lags, named as the task names it."""
    words = LAG_WORDS["recall"]
    return axis(
        words.title,
        unit=words.unit,
        curve=curve,
        named=lambda settings: (lag_words(settings).title, lag_words(settings).unit),
    )


@dataclass(frozen=True)
class TrainingRow(Row):
    """Loss and accuracy of one seed at one lag, at one validation."""

    table: ClassVar[str] = "training"
    title: ClassVar[str] = "Training"

    lag: int = lag_axis()
    learning_rate: float = axis("Learning rate")
    seed: int = seed_axis()
    training_step: int = axis("Training step", unit="steps", curve=True)
    loss: float | None = measure(
        "Validation loss",
        better="lower",
        description="Cross-entropy in nats; for adding, the squared error. Empty: not finite.",
    )
    accuracy: float | None = measure(
        "Validation accuracy", unit="%", better="higher", description="Of symbols; adding has none."
    )


@dataclass(frozen=True)
class AttemptRow(Row):
    """The outcome of one seed at one lag and learning rate."""

    table: ClassVar[str] = "attempts"
    title: ClassVar[str] = "Every attempt"

    learning_rate: float = axis("Learning rate")
    seed: int = seed_axis()
    lag: int = lag_axis(curve=True)
    learned: int = measure(
        "Learned",
        better="higher",
        description=(
            "1 if at some validation at least 90% of the symbols were right, and at that step in "
            "the test too; for adding, if the squared errors were below 0.01. Else 0."
        ),
    )
    steps_to_learn: int | None = measure(
        "Training steps needed",
        unit="training steps",
        better="lower",
        description="The step of the first such validation; empty where there is none.",
    )
    loss: float | None = measure(
        "Test loss", better="lower", description="As in training, on separate sequences."
    )
    accuracy: float | None = measure("Test accuracy", unit="%", better="higher")
    half_life_start: float | None = measure(
        "Asymptotic half-life before",
        unit="steps",
        description=(
            "Of the gradient of this network before training, on the task's sequences of 100 "
            "steps, by a straight line from 10 to 60 steps back; infinite if it grows. It is not "
            "the distance at which half is gone."
        ),
    )
    half_life_end: float | None = measure(
        "Asymptotic half-life after",
        unit="steps",
        description="Of the same network, after training.",
    )
    trained_steps: int = measure(
        "Steps taken", description="A seed that has learned is not trained further."
    )


@dataclass(frozen=True)
class SeedRow(Row):
    """What one seed reached, at the learning rate that the other seeds chose."""

    table: ClassVar[str] = "seeds"
    title: ClassVar[str] = "By seed"

    seed: int = seed_axis()
    learning_rate: float = measure(
        "Learning rate",
        description=(
            "With which the other seeds have the longest span on validation sequences: a seed's "
            "own luck has no say."
        ),
    )
    span: int | None = measure(
        "Span",
        unit="steps",
        better="higher",
        description="Empty where training diverged at the lag that would end it.",
        limit=longest_lag,
    )
    furthest_lag: int | None = measure("Longest lag learned", unit="steps", limit=longest_lag)


@dataclass(frozen=True)
class LagRow(Row):
    """One lag over seeds, each at the learning rate that the others chose."""

    table: ClassVar[str] = "lags"
    title: ClassVar[str] = "By lag"

    lag: int = lag_axis(curve=True)
    success: Estimate = measure(
        "Success",
        unit="% of seeds",
        better="higher",
        description="Seeds that learned it within the budget.",
    )
    success_so_far: Estimate = measure(
        "Success up to here",
        unit="% of seeds",
        better="higher",
        description="Seeds that learned it and every shorter lag tried.",
    )
    accuracy: Estimate = measure(
        "Accuracy", unit="%", better="higher", description="Of symbols, on test sequences."
    )
    loss: Estimate = measure(
        "Loss", better="lower", description="Cross-entropy in nats; for adding, the squared error."
    )
    baseline: float = measure(
        "Without memory",
        description="The loss of the best answer to the last input alone: exact, not measured.",
    )
    chance: float | None = measure("Chance", unit="%", description="Its accuracy; adding has none.")
    steps_to_learn: Estimate = measure(
        "Training steps needed",
        unit="training steps",
        better="lower",
        description="Median over the seeds that learned it.",
    )
    half_life_start: Estimate = measure("Asymptotic half-life before", unit="steps")
    half_life_end: Estimate = measure("Asymptotic half-life after", unit="steps")
    distance: float = measure(
        "Steps back",
        unit="steps",
        description=(
            "From reading to answering what must be remembered longest, on average: exact, not "
            "measured."
        ),
    )


@dataclass(frozen=True)
class MemorySpanSummary(Row):
    """The span, and the gradient of the networks that learned it."""

    table: ClassVar[str] = "summary"
    title: ClassVar[str] = "Summary"

    span: Estimate = measure(
        "Span",
        unit="steps",
        better="higher",
        description=(
            "The largest lag such that a majority of the seeds learned it and every shorter one "
            "tried, 0 if none. It lies on the grid of lags tried, so it has no interval: see the "
            "span of each seed."
        ),
        aggregation=MAJORITY,
        limit=longest_lag,
        named=lambda settings: (lag_words(settings).span, "steps"),
    )
    furthest_lag: Estimate = measure(
        "Longest lag learned",
        unit="steps",
        description=(
            "The same without regard to shorter lags that failed: the largest lag that a seed "
            "learned, reached by a majority."
        ),
        aggregation=MAJORITY,
        limit=longest_lag,
        named=lambda settings: (lag_words(settings).furthest, "steps"),
    )
    next_lag: int | None = measure(
        "Not learned",
        unit="steps",
        description="The next longer lag tried: the true span lies below. Empty: none was tried.",
    )
    longest_lag_tried: int = measure(
        "Longest tried", unit="steps", description="At the learning rates that were chosen."
    )
    reported_learning_rate: float = measure(
        "Learning rate",
        description=(
            "That all seeds together choose on validation sequences; each seed is judged at the "
            "one that the others choose, which is nearly always the same."
        ),
    )
    steps_to_learn: Estimate = measure(
        "Training steps needed",
        unit="training steps",
        description="At the span; a longer span may take more.",
        aggregation=MEDIAN,
    )
    half_life_start: Estimate = measure(
        "Asymptotic half-life before",
        unit="steps",
        description="Of the gradient, before training; geometric mean over seeds.",
        aggregation=HALF_LIFE,
    )
    half_life_end: Estimate = measure(
        "Asymptotic half-life after",
        unit="steps",
        description="Of the networks trained at the span (if there is none, at the shortest lag).",
        aggregation=HALF_LIFE,
    )
    parameters: int = measure(
        "Parameters", better="lower", description="Of the whole model.", aggregation=EXACT
    )
    span_by_seed: str = note(
        "Span of each seed",
        description=(
            "The largest lag such that the seed learned it and every shorter one tried, in steps; "
            "≥ where no longer one was tried."
        ),
    )
    gaps: str = note(
        "Learned out of order",
        description="Seeds that learned a lag but not every shorter one tried.",
    )
    diverged: str = note(
        "Diverged",
        description=(
            "Seeds whose loss ceased to be finite, at these lags. One that would end a span there "
            "has none, and is left out."
        ),
    )
    rates_tried: str = note("Learning rates tried", description="Each with its span.")
