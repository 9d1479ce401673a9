"""How many things can it keep apart?

A network reads pairs of a key and a value, then some of the keys again, and names the value of each
(multi-query associative recall, Arora et al. 2023). The same network is trained on every number of
pairs, and judged at each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from core.experiment import Config, Row, axis, measure, note, seed_axis
from core.experiments.trained import BatchSize, Clip, Validations
from core.models.counting import count_parameters, pass_cost, state_size
from core.stats.aggregation import EXACT, MAJORITY
from core.stats.estimates import Estimate
from core.stats.learning_rates import RATES_IN_WORDS, rates_to_try
from core.tasks.associative_recall import AssociativeRecall

PAIRS_GRID = tuple(m * 2**power for power in range(10) for m in (2, 3))
"""The numbers of pairs that are tried up to the most: 2, 3, 4, 6, 8, 12 and so on."""

TOKENS_PER_PAIR = 4
"""The fewest: a key and its value, and a slot of two tokens where the key comes again."""

RIGHT = 90.0
"""Percent of the queries that must be right for a number of pairs to be kept apart."""


class Place(NamedTuple):
    """Where accuracy is measured."""

    pairs: int
    length: int


class RecallConfig(Config):
    """One variant on every number of pairs, all of its seeds in one batched pass."""

    counted = "whole model"

    most_pairs: int = Field(
        8,
        ge=PAIRS_GRID[0],
        le=1024,
        title="Most pairs",
        description=(
            f"Of a key and a value. Tried are {', '.join(map(str, PAIRS_GRID[:6]))} and so on up "
            "to it."
        ),
    )
    sequence_length: int | None = Field(
        None,
        ge=8,
        le=5000,
        multiple_of=2,
        title="Sequence length",
        description=(
            "Tokens of the longest sequences, in which the capacity is taken. Default: "
            "four for each of the most pairs, the fewest. Sequences of half, a quarter and so on "
            "are read too, where the pairs and their queries fit in."
        ),
    )
    vocabulary: int | None = Field(
        None,
        ge=6,
        le=100_000,
        title="Vocabulary",
        description=(
            "Tokens: a blank, then keys up to a half, then values. Default: just enough for the "
            "most pairs, two for each and two more. More take longer to learn."
        ),
    )
    power: float = Field(
        0.01,
        ge=0.001,
        le=10.0,
        title="Power of the gaps",
        description=(
            "a: a key asks after a gap of g slots with a probability in proportion to g^(a − 1). "
            "1 is evenly; Arora et al. have 0.01, with which most ask soon."
        ),
    )
    fillers: Literal["blank", "random"] = Field(
        "blank",
        title="Fillers",
        description=(
            "What stands between the queries: the blank token, as in the figures of Arora et al. "
            "(2023), or any token of the vocabulary, drawn evenly."
        ),
        json_schema_extra={"noun": "fillers"},
    )
    embedding_size: int = Field(
        64, ge=1, le=4096, title="Embedding size", description="Numbers of a token's embedding."
    )
    tokens_read: int = Field(
        2,
        ge=1,
        le=16,
        title="Tokens read",
        description=(
            "Embeddings that the layers read at a step: of the token there and of those just "
            "before it, as a short convolution does. With 1, one layer of attention cannot know "
            "which key stood before a value."
        ),
    )
    seeds: int = Field(
        6,  # the fewest with which exact tests can tell five variants apart
        ge=1,
        le=256,
        title="Seeds",
        description="Independent draws of weights and sequences.",
        json_schema_extra={"role": "replicate"},
    )
    training_steps: int = Field(
        1200,
        ge=1,
        le=1_000_000,
        title="Training steps",
        description="Steps of Adam at most; training ends when all seeds make no mistake.",
    )
    learning_rate: float | None = Field(
        None,
        ge=1e-6,
        le=1.0,
        title="Learning rate",
        description=(
            f"Of Adam. Default: {RATES_IN_WORDS} are tried, and each seed is judged at the one "
            "with which the others are most accurate on validation sequences."
        ),
    )
    clip: Clip = 1.0
    batch_size: BatchSize = 32
    validations: Validations = 10
    tested_sequences: int = Field(
        100,
        ge=10,
        le=100_000,
        title="Tested sequences",
        description="Per seed and number of pairs, in validation and in the test each.",
    )

    @property
    def task(self) -> AssociativeRecall:
        """The vocabulary, and where keys come again."""
        return AssociativeRecall(self.vocabulary or 2 * self.most_pairs + 2, self.power)

    @property
    def longest(self) -> int:
        """Tokens of the longest sequences."""
        return self.sequence_length or TOKENS_PER_PAIR * self.most_pairs

    @property
    def numbers_of_pairs(self) -> list[int]:
        """Those of the grid up to the most, and the most."""
        return sorted({*(n for n in PAIRS_GRID if n < self.most_pairs), self.most_pairs})

    def lengths(self, pairs: int) -> list[int]:
        """The longest sequence, its half and so on, while the pairs and their queries fit in."""
        lengths = [self.longest]
        while lengths[-1] % 4 == 0 and lengths[-1] // 2 >= TOKENS_PER_PAIR * pairs:
            lengths.append(lengths[-1] // 2)
        return lengths[::-1]

    @property
    def places(self) -> list[Place]:
        """Every number of pairs at every length."""
        pairs = self.numbers_of_pairs
        return [Place(number, length) for number in pairs for length in self.lengths(number)]

    @property
    def features(self) -> int:
        """Features that are read at each step: the embeddings of the tokens read."""
        return self.tokens_read * self.embedding_size

    @property
    def parameters(self) -> int:
        """Of one network: the embedding, the recurrent layers and the readout."""
        counts = count_parameters(self.architecture, self.features, outputs=self.task.vocabulary)
        return counts.total + self.task.vocabulary * self.embedding_size

    @property
    def carried(self) -> int:
        """Numbers that one step hands to the next."""
        return state_size(self.architecture)

    @property
    def learning_rates(self) -> tuple[float, ...]:
        """The learning rates to try."""
        return rates_to_try(self.learning_rate)

    @model_validator(mode="after")
    def _pairs_fit_in(self) -> Self:
        fewest = TOKENS_PER_PAIR * self.most_pairs
        if self.longest < fewest:
            raise ValueError(
                f"sequence_length is {self.sequence_length}, but most_pairs is {self.most_pairs}; "
                f"give at least {fewest}, four tokens for each pair"
            )
        if self.task.most_pairs < self.most_pairs:
            raise ValueError(
                f"vocabulary is {self.vocabulary}, but most_pairs is {self.most_pairs}; give at "
                f"least {2 * self.most_pairs + 2}, so that all keys differ"
            )
        return self


def work(config: RecallConfig) -> float:
    """Multiply-accumulates of training with every learning rate, and of the tests."""
    return len(config.learning_rates) * rate_work(config)


def rate_work(config: RecallConfig) -> float:
    """Those of one learning rate."""

    def cost(place: Place, sequences: int, *, backward: bool) -> float:
        layers = pass_cost(
            config.architecture,
            config.features,
            steps=place.length,
            sequences=config.seeds * sequences,
            backward=backward,
        )
        width = config.architecture.directions * config.architecture.hidden_size
        answers = config.seeds * sequences * place.pairs * width * config.task.vocabulary
        return layers + (3 if backward else 1) * answers

    numbers, tested = config.numbers_of_pairs, config.tested_sequences
    of_batch = 0.0
    for pairs in numbers:
        lengths = config.lengths(pairs)
        costs = [cost(Place(pairs, n), config.batch_size, backward=True) for n in lengths]
        of_batch += sum(costs) / len(costs) / len(numbers)
    longest = [Place(pairs, config.longest) for pairs in numbers]
    validation = sum(cost(place, tested, backward=False) for place in longest)
    test = sum(cost(place, tested, backward=False) for place in config.places)
    return config.training_steps * of_batch + config.validations * validation + test


def longest_sequence(settings: Mapping[str, Any]) -> int:
    """Tokens of the longest sequences of a run with these flat settings."""
    length = settings["sequence_length"]
    return int(TOKENS_PER_PAIR * settings["most_pairs"] if length is None else length)


def most_pairs(settings: Mapping[str, Any]) -> float:
    """Where a run with these flat settings stops: so many pairs kept apart are a lower bound."""
    return float(settings["most_pairs"])


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
        unit="nats per query",
        better="lower",
        description=(
            "Cross-entropy in the longest sequences; mean over the numbers of pairs. Empty: not "
            "finite."
        ),
    )
    accuracy: float | None = measure("Validation accuracy", unit="%", better="higher")


@dataclass(frozen=True)
class PlaceRow(Row):
    """Accuracy at one number of pairs and one length."""

    table: ClassVar[str] = "places"
    title: ClassVar[str] = "By pairs and length"

    seed: int = seed_axis()
    length: int = axis("Sequence length", unit="tokens", latest=True)
    pairs: int = axis("Pairs", curve=True, description="Of a key and a value, in every sequence.")
    accuracy: float | None = measure(
        "Accuracy",
        unit="%",
        better="higher",
        description="Of the queries in test sequences. Empty: diverged.",
    )
    chance: float = measure(
        "Chance", unit="%", description="Of the best answer that reads nothing: exact."
    )
    without_memory: float = measure(
        "Without memory",
        unit="%",
        description="Of the best answer that reads the query alone: exact.",
    )
    values_alone: float = measure(
        "Values alone",
        unit="%",
        description=(
            "Of the best answer that knows which values came, and not with which keys: exact."
        ),
    )


@dataclass(frozen=True)
class SeedRow(Row):
    """What one seed keeps apart, at the learning rate that the other seeds chose."""

    table: ClassVar[str] = "seeds"
    title: ClassVar[str] = "By seed"

    seed: int = seed_axis()
    learning_rate: float = measure("Learning rate")
    pairs: int | None = measure(
        "Capacity",
        unit="pairs",
        better="higher",
        description="Pairs kept apart in the longest sequences. Empty where training diverged.",
        limit=most_pairs,
    )
    accuracy: float | None = measure("Accuracy", unit="%", better="higher")
    most_accuracy: float | None = measure("Accuracy at the most pairs", unit="%", better="higher")


@dataclass(frozen=True)
class RecallSummary(Row):
    """How many pairs a majority of the seeds keeps apart."""

    table: ClassVar[str] = "summary"
    title: ClassVar[str] = "Summary"

    pairs: Estimate = measure(
        "Capacity",
        unit="pairs",
        better="higher",
        description=(
            "Pairs kept apart: the largest number such that there and at every smaller one tried "
            "at least 90% of the queries are right in the longest sequences, reached by a majority "
            "of the seeds that did not diverge. It lies on the grid of numbers tried, so it has no "
            "interval: see each seed."
        ),
        aggregation=MAJORITY,
        limit=most_pairs,
    )
    next_pairs: int | None = measure(
        "Not kept apart",
        unit="pairs",
        description="The next number tried: the true one lies below. Empty: none was tried.",
    )
    accuracy: Estimate = measure(
        "Accuracy",
        unit="%",
        better="higher",
        description="Mean over the numbers of pairs, in the longest sequences; median over seeds.",
    )
    most_accuracy: Estimate = measure(
        "Accuracy at the most pairs",
        unit="%",
        better="higher",
        description="In the longest sequences; median over seeds.",
    )
    values_alone: float = measure(
        "Values alone",
        unit="%",
        description=(
            "Mean over the numbers of pairs of the best answer that knows which values came, and "
            "not with which keys."
        ),
        aggregation=EXACT,
    )
    without_memory: float = measure(
        "Without memory",
        unit="%",
        description="Of the best answer that reads the query alone: no better than chance.",
        aggregation=EXACT,
    )
    carried: int = measure(
        "State",
        unit="numbers",
        description=(
            "What one step hands to the next; of attention the whole cache, filled or not. The "
            "embeddings of earlier tokens that a step reads are not counted."
        ),
        aggregation=EXACT,
    )
    parameters: int = measure(
        "Parameters", better="lower", description="Of the whole model.", aggregation=EXACT
    )
    reported_learning_rate: float = measure(
        "Learning rate",
        description="That all seeds together choose on validation sequences.",
    )
    pairs_by_seed: str = note(
        "Capacity of each seed", description="In pairs; ≥ where no more were tried."
    )
    diverged: str = note(
        "Diverged", description="Seeds whose loss ceased to be finite; they are left out."
    )
    rates_tried: str = note("Learning rates tried", description="Each with its median accuracy.")
