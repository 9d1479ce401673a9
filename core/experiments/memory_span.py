"""How far back can it learn to look?

The same network is trained anew at every lag, from a few seeds, for a stated number of steps. Its
span is the largest lag that a majority of the seeds learned; beside it stands how fast the
gradient of that very network fades, before and after training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.experiment import Config, Event, Experiment, Headline, Row, axis, measure, note
from core.experiments.memory_span_seeds import by_seed
from core.pooling import EXACT, HALF_LIFE, MAJORITY, MEDIAN
from core.statistics import Estimate

if TYPE_CHECKING:
    import pandas

Task = Literal["recall", "adding", "copy"]

RATES = (1e-3, 3e-3, 1e-2)
"""Tried where no learning rate is set. Half a decade apart: neighbours learn about as far."""


class MemorySpanConfig(Config):
    """One variant at every lag, all of its seeds in one batched pass."""

    task: Task = Field(
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
        5, ge=1, le=256, title="Seeds", description="Independent draws of weights and sequences."
    )
    training_steps: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        title="Training steps",
        description="Of Adam at each lag: the budget within which a lag counts as learned.",
    )
    shortest_lag: int = Field(
        2, ge=1, le=5000, title="Shortest lag", description="In steps; of adding, the length."
    )
    longest_lag: int = Field(
        100,
        ge=1,
        le=5000,
        title="Longest lag",
        description="Lags grow by 1, 1.5, 2, 3, 5, 7, 10 … between the two.",
    )
    give_up: int = Field(
        2,
        ge=1,
        le=100,
        title="Give up",
        description=(
            "After so many lags in a row that no majority of seeds learned, longer ones are not "
            "tried."
        ),
    )
    learning_rate: float | None = Field(
        None,
        ge=1e-6,
        le=1.0,
        title="Learning rate",
        description=(
            "Of Adam. Left out: 0.001, 0.003 and 0.01 are tried, and the one that learned the "
            "longest lag on validation sequences is reported. One that fails at a lag that another "
            "learned is tried no further."
        ),
    )
    clip: float | None = Field(
        1.0,
        ge=1e-6,
        le=1e6,
        title="Clipping",
        description="Largest norm of each network's gradient. Left out: none.",
    )
    batch_size: int = Field(32, ge=1, le=4096, title="Batch size", description="Per seed and step.")
    symbols: int = Field(
        8, ge=2, le=256, title="Symbols", description="To recall or copy one of; chance is one in."
    )
    validations: int = Field(
        20,
        ge=1,
        le=1000,
        title="Validations",
        description="Evenly spaced over the budget: how finely the steps to learn are known.",
    )
    tested_sequences: int = Field(
        500,
        ge=10,
        le=100_000,
        title="Tested sequences",
        description="Per seed, in validation and in the test each.",
    )

    @property
    def features(self) -> int:
        """Size of what is read at each step."""
        return {"recall": self.symbols + 1, "adding": 2, "copy": self.symbols + 2}[self.task]

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


@dataclass(frozen=True)
class TrainingRow(Row):
    """How one seed learns one lag."""

    table: ClassVar[str] = "training"
    title: ClassVar[str] = "Training"

    lag: int = axis("Lag", unit="steps")
    learning_rate: float = axis("Learning rate")
    seed: int = axis("Seed")
    training_step: int = axis("Training step", unit="steps", curve=True)
    loss: float | None = measure(
        "Validation loss",
        better="lower",
        description="Cross-entropy in nats; of adding, the squared error. Empty: not finite.",
    )
    accuracy: float | None = measure(
        "Validation accuracy", unit="%", better="higher", description="Of symbols; of adding, none."
    )


@dataclass(frozen=True)
class AttemptRow(Row):
    """What one seed came to at one lag and learning rate."""

    table: ClassVar[str] = "attempts"
    title: ClassVar[str] = "Every attempt"

    learning_rate: float = axis("Learning rate")
    seed: int = axis("Seed")
    lag: int = axis("Lag", unit="steps", curve=True)
    learned: int = measure(
        "Learned",
        better="higher",
        description=(
            "1 if at a validation at least 90% of the symbols were right, and right then of the "
            "test sequences too; of adding, the squared error below 0.01. Else 0."
        ),
    )
    steps_to_learn: int | None = measure(
        "Steps to learn",
        unit="training steps",
        better="lower",
        description="At that validation, the first one; empty where there is none.",
    )
    loss: float | None = measure(
        "Test loss", better="lower", description="As in training, on sequences of its own."
    )
    accuracy: float | None = measure("Test accuracy", unit="%", better="higher")
    half_life_start: float | None = measure(
        "Half-life before",
        unit="steps",
        description=(
            "Of the gradient of this network before training, on the task's sequences of 100 "
            "steps; infinite if it grows."
        ),
    )
    half_life_end: float | None = measure(
        "Half-life after", unit="steps", description="Of the same network, after training."
    )
    trained_steps: int = measure(
        "Steps taken", description="A seed that has learned trains no longer."
    )


@dataclass(frozen=True)
class LagRow(Row):
    """One lag, at the reported learning rate, over seeds."""

    table: ClassVar[str] = "lags"
    title: ClassVar[str] = "By lag"

    lag: int = axis("Lag", unit="steps", curve=True)
    success: Estimate = measure(
        "Success",
        unit="% of seeds",
        better="higher",
        description="Seeds that learned it within the budget; Wilson's 95% interval.",
    )
    accuracy: Estimate = measure(
        "Accuracy", unit="%", better="higher", description="Of symbols, on test sequences."
    )
    loss: Estimate = measure(
        "Loss", better="lower", description="Cross-entropy in nats; of adding, the squared error."
    )
    baseline: float = measure(
        "Without memory",
        description="The loss of the best answer that ignores the past: exact, not measured.",
    )
    chance: float | None = measure("Chance", unit="%", description="Its accuracy; of adding, none.")
    steps_to_learn: Estimate = measure(
        "Steps to learn",
        unit="training steps",
        better="lower",
        description="Median of the seeds that learned it.",
    )
    half_life_start: Estimate = measure("Half-life before", unit="steps")
    half_life_end: Estimate = measure("Half-life after", unit="steps")


@dataclass(frozen=True)
class MemorySpanSummary(Row):
    """How far it goes, and the gradient of the networks that went so far."""

    table: ClassVar[str] = "summary"
    title: ClassVar[str] = "Summary"

    span: Estimate = measure(
        "Span",
        unit="steps",
        better="higher",
        description=(
            "The largest lag that a majority of the seeds learned, 0 if none; 95% bootstrap "
            "interval over seeds."
        ),
        pooled=MAJORITY,
    )
    next_lag: int | None = measure(
        "Not learned",
        unit="steps",
        description="The next longer lag tried: the true span lies below. Empty: none was tried.",
    )
    longest_lag_tried: int = measure(
        "Longest tried", unit="steps", description="At the reported learning rate."
    )
    reported_learning_rate: float = measure(
        "Learning rate", description="Chosen on validation sequences, for all lags of the run."
    )
    steps_to_learn: Estimate = measure(
        "Steps to learn",
        unit="training steps",
        description="The span: of a longer one it may be more.",
        pooled=MEDIAN,
    )
    half_life_start: Estimate = measure(
        "Half-life before",
        unit="steps",
        description="Of the gradient, before training; geometric mean over seeds.",
        pooled=HALF_LIFE,
    )
    half_life_end: Estimate = measure(
        "Half-life after",
        unit="steps",
        description="Of the networks trained at the span (if there is none, at the shortest lag).",
        pooled=HALF_LIFE,
    )
    parameters: int = measure(
        "Parameters", better="lower", description="Of the whole model.", pooled=EXACT
    )
    span_by_seed: str = note(
        "Span of each seed", description="The largest lag that each seed learned, in steps."
    )
    rates_tried: str = note(
        "Learning rates tried", description="Each with the largest lag that a majority learned."
    )


def run(config: MemorySpanConfig) -> Iterator[Event]:
    """Train at one lag after the other: rows of each as it comes, the summary last."""
    # torch costs seconds and 175 MB; the dashboard reads the declarations above without it.
    from core.experiments.memory_span_run import measure

    return measure(config)


def resume(config: MemorySpanConfig, checkpoint: bytes) -> Iterator[Event]:
    """Go on from a checkpoint to what `run` would have come to."""
    from core.experiments.memory_span_run import measure

    return measure(config, checkpoint)


def work(config: MemorySpanConfig) -> float:
    """Multiply-accumulates of a whole run if every lag is tried."""
    from core.experiments.memory_span_work import run_work

    return run_work(config)


def sentence(config: MemorySpanConfig, summary: Mapping[str, Any]) -> str:
    """One run in words."""
    from core.experiments.memory_span_words import run_in_words

    return run_in_words(config, summary)


def answer(runs: pandas.DataFrame) -> str:
    """The comparison in one or two sentences."""
    from core.experiments.memory_span_words import comparison_in_words

    return comparison_in_words(runs)


MEMORY_SPAN = Experiment(
    name="memory-span",
    title="Memory span",
    question="How far back can it learn to look?",
    config=MemorySpanConfig,
    rows=(TrainingRow, AttemptRow, LagRow, MemorySpanSummary),
    run=run,
    resume=resume,
    sentence=sentence,
    answer=answer,
    work=work,
    by_seed=by_seed,
    headlines=(Headline("span", "learns to look back furthest"),),
    presets={
        "adding": {"task": "adding", "training_steps": 3000, "batch_size": 64, "longest_lag": 100},
        # Ten bits: of eight symbols a network of this size learns none within such a budget.
        "copy": {"task": "copy", "symbols": 2, "training_steps": 2000},
    },
)
