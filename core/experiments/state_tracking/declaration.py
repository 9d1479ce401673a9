"""What can it follow step by step?

A network reads a word of a group and answers after every step with the product so far. It is
trained on words up to a length, and judged at every position of longer ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.experiment import Config, Row, axis, measure, note, seed_axis
from core.experiments.trained import BatchSize, Clip, Validations
from core.models.counting import count_parameters, pass_cost, state_size
from core.stats.aggregation import EXACT, MAJORITY
from core.stats.estimates import Estimate
from core.stats.learning_rates import RATES_IN_WORDS, rates_to_try
from core.tasks.word_problems import TaskName, WordProblem, word_problem

RIGHT = 90.0
"""Percent that must be right at a position for it to be reached."""


class StateTrackingConfig(Config):
    """One variant on one word problem, all of its seeds in one batched pass."""

    counted = "whole model"

    task: TaskName = Field(
        "parity",
        title="Task",
        description=(
            "The state to follow. parity: whether the ones so far are odd. counting: how many, "
            "modulo a number. s3 and a5: the product of permutations of three things, and of the "
            "even ones of five (Merrill et al. 2024)."
        ),
        json_schema_extra={"noun": "task"},
    )
    modulus: int = Field(
        5, ge=2, le=64, title="Modulus", description="Of counting; other tasks have none."
    )
    labels: Literal["every", "last"] = Field(
        "every",
        title="Labels",
        description=(
            "Whether the state is told after every step of a training word, or after its last "
            "alone."
        ),
        json_schema_extra={"noun": "labels"},
    )
    seeds: int = Field(
        6,  # the fewest with which exact tests can tell five variants apart
        ge=1,
        le=256,
        title="Seeds",
        description="Independent draws of weights and words.",
        json_schema_extra={"role": "replicate"},
    )
    training_steps: int = Field(
        800,
        ge=1,
        le=1_000_000,
        title="Training steps",
        description="Steps of Adam at most; training ends when all seeds make no mistake.",
    )
    longest_trained: int = Field(
        40,
        ge=1,
        le=5000,
        title="Longest trained",
        description="Tokens. Training words have every length up to it, one length a batch.",
    )
    longest_tested: int = Field(
        256, ge=1, le=5000, title="Longest tested", description="Tokens of a test word."
    )
    learning_rate: float | None = Field(
        None,
        ge=1e-6,
        le=1.0,
        title="Learning rate",
        description=(
            f"Of Adam. Default: {RATES_IN_WORDS} are tried, and each seed is judged at the one "
            "with which the others are most accurate on validation words."
        ),
    )
    clip: Clip = 1.0
    batch_size: BatchSize = 32
    validations: Validations = 10
    tested_words: int = Field(
        200,
        ge=10,
        le=100_000,
        title="Tested words",
        description="Per seed, in validation and in the test each.",
    )

    @property
    def problem(self) -> WordProblem:
        """The group and its tokens."""
        return word_problem(self.task, self.modulus)

    @property
    def features(self) -> int:
        """Features that are read at each step: a token, one-hot."""
        return len(self.problem.tokens)

    @property
    def parameters(self) -> int:
        """Of one network: the recurrent layers and the readout."""
        counts = count_parameters(self.architecture, self.features, outputs=self.problem.states)
        return counts.total

    @property
    def carried(self) -> int:
        """Numbers that one step hands to the next."""
        return state_size(self.architecture)

    @property
    def learning_rates(self) -> tuple[float, ...]:
        """The learning rates to try."""
        return rates_to_try(self.learning_rate)

    @model_validator(mode="after")
    def _lengths_are_in_order(self) -> Self:
        if self.longest_tested < self.longest_trained:
            raise ValueError(
                f"longest_tested is {self.longest_tested}, but longest_trained is "
                f"{self.longest_trained}; give at least that"
            )
        return self


def work(config: StateTrackingConfig) -> float:
    """Multiply-accumulates of training with every learning rate, and of the tests."""
    return len(config.learning_rates) * rate_work(config)


def rate_work(config: StateTrackingConfig) -> float:
    """Those of one learning rate."""
    shape, size, outputs = config.architecture, config.features, config.problem.states
    training = pass_cost(
        shape,
        size,
        steps=(config.longest_trained + 1) // 2,
        sequences=config.seeds * config.batch_size,
        outputs=outputs,
    )
    words = config.seeds * config.tested_words
    tested = config.validations * config.longest_trained + config.longest_tested
    test = pass_cost(shape, size, steps=tested, sequences=words, outputs=outputs, backward=False)
    return config.training_steps * training + test


def longest_tested(settings: Mapping[str, Any]) -> float:
    """Where a run with these flat settings stops: a reach of that is a lower bound."""
    return float(settings["longest_tested"])


@dataclass(frozen=True)
class TrainingRow(Row):
    """Loss and accuracy of one seed, at one validation."""

    table: ClassVar[str] = "training"
    title: ClassVar[str] = "Training"

    learning_rate: float = axis("Learning rate")
    seed: int = seed_axis()
    training_step: int = axis("Training step", unit="steps", curve=True)
    loss: float | None = measure(
        "Validation loss",
        unit="nats per answer",
        better="lower",
        description="Cross-entropy on the longest words of training. Empty: not finite.",
    )
    accuracy: float | None = measure("Validation accuracy", unit="%", better="higher")


@dataclass(frozen=True)
class PositionRow(Row):
    """Accuracy at one position of the test words."""

    table: ClassVar[str] = "positions"
    title: ClassVar[str] = "By position"

    seed: int = seed_axis()
    position: int = axis(
        "Position", unit="tokens", curve=True, description="The answer after so many tokens."
    )
    accuracy: float | None = measure(
        "Accuracy", unit="%", better="higher", description="Of the test words. Empty: diverged."
    )
    chance: float = measure(
        "Chance", unit="%", description="Of the best answer that reads nothing: exact."
    )
    without_memory: float = measure(
        "Without memory",
        unit="%",
        description="Of the best answer that reads the last token alone: exact.",
    )


@dataclass(frozen=True)
class SeedRow(Row):
    """What one seed reached, at the learning rate that the other seeds chose."""

    table: ClassVar[str] = "seeds"
    title: ClassVar[str] = "By seed"

    seed: int = seed_axis()
    learning_rate: float = measure("Learning rate")
    reach: int | None = measure(
        "Reach",
        unit="tokens",
        better="higher",
        description="Empty where training diverged.",
        limit=longest_tested,
    )
    within_accuracy: float | None = measure("Accuracy within", unit="%", better="higher")
    beyond_accuracy: float | None = measure("Accuracy beyond", unit="%", better="higher")
    chance_from: int | None = measure(
        "At chance from",
        unit="tokens",
        better="higher",
        description=(
            "The first position from which on the mean accuracy of all later ones is not above the "
            "best answer without memory (one-sided test at 5% over the words). Empty: never."
        ),
    )


@dataclass(frozen=True)
class StateTrackingSummary(Row):
    """How far a majority of the seeds follow the state."""

    table: ClassVar[str] = "summary"
    title: ClassVar[str] = "Summary"

    reach: Estimate = measure(
        "Reach",
        unit="tokens",
        better="higher",
        description=(
            "The largest position such that there and at every earlier one at least 90% of the "
            "answers are right, reached by a majority of the seeds. It has no interval: see the "
            "reach of each seed."
        ),
        aggregation=MAJORITY,
        limit=longest_tested,
    )
    within_accuracy: Estimate = measure(
        "Accuracy within",
        unit="%",
        better="higher",
        description="Mean over the positions that training had; median over seeds.",
    )
    beyond_accuracy: Estimate = measure(
        "Accuracy beyond",
        unit="%",
        better="higher",
        description="Mean over later positions; median over seeds.",
    )
    without_memory: float = measure(
        "Without memory",
        unit="%",
        description="Mean over later positions of the best answer that reads the last token alone.",
        aggregation=EXACT,
    )
    carried: int = measure(
        "State",
        unit="numbers",
        description="What one step hands to the next.",
        aggregation=EXACT,
    )
    parameters: int = measure(
        "Parameters", better="lower", description="Of the whole model.", aggregation=EXACT
    )
    reported_learning_rate: float = measure(
        "Learning rate",
        description="That all seeds together choose on validation words.",
    )
    reach_by_seed: str = note(
        "Reach of each seed", description="In tokens; ≥ where no longer word was tried."
    )
    chance_by_seed: str = note(
        "At chance from", description="The position of each seed; never where there is none."
    )
    diverged: str = note(
        "Diverged", description="Seeds whose loss ceased to be finite; they are left out."
    )
    rates_tried: str = note("Learning rates tried", description="Each with its median accuracy.")
