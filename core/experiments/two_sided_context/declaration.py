"""What does a second direction add?

Each step is tagged by a rule that needs the token d steps ahead. A network that reads
forward can only guess it; a second direction that comes from the end has seen it. Two controls show
that the gain comes from context, not from capacity: a unidirectional network with as many
parameters as the bidirectional one, and a unidirectional network that answers d steps later. By
then the latter must have held the earlier token for d steps, as the second direction has held the
later one (under the rule `ahead` it need not). The price: tokens that arrive later revise what a
bidirectional network said, so it cannot generate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from core.experiment import BUDGETS, WIDTH, Config, Row, axis, measure, note, seed_axis
from core.experiments.trained import BatchSize, Clip, Validations
from core.models.architecture import Architecture
from core.models.counting import MAX_BUDGET, count_parameters, nearest_width, pass_cost
from core.models.registry import cell_kind
from core.stats.aggregation import EXACT
from core.stats.estimates import Estimate
from core.tasks.tag_rules import Rule

Network = Literal["itself", "wider", "delayed"]
"""The variant; one with as many parameters as its bidirectional form; one that answers d later."""

LOOK_AHEADS = (*range(11), 15, 20, 30, 50, 70, 100)
"""The look-aheads that are measured up to a config's furthest, which is measured too."""

VALIDATION_SEQUENCES = 50
"""Sequences of each seed in a validation: enough for a curve."""

MAX_SAVED = 2**26
"""The most numbers that the passes of a group save for their backward pass: 256 MiB."""


class TwoSidedContextConfig(Config):
    """One variant at every look-ahead, all of them and all seeds trained in one batched pass."""

    counted = "whole model"

    rule: Rule = Field(
        "pair",
        title="Rule",
        description=(
            "What the tag is. pair: this token and the token d steps ahead. compare: whether that "
            "token is smaller than this one, equal or larger. ahead: that token alone, which "
            "answering d steps later may read off without memory."
        ),
        json_schema_extra={"noun": "rule"},
    )
    seeds: int = Field(
        5,
        ge=1,
        le=256,
        title="Seeds",
        description="Independent draws of weights and sequences.",
        json_schema_extra={"role": "replicate"},
    )
    furthest: int = Field(
        6,
        ge=0,
        le=100,
        title="Longest look-ahead",
        description=(
            "Look-aheads go from 0 to here: each up to 10, then "
            f"{', '.join(map(str, LOOK_AHEADS[11:]))}."
        ),
    )
    training_steps: int = Field(
        300,
        ge=1,
        le=1_000_000,
        title="Training steps",
        description="Steps of Adam, one batch each.",
    )
    tokens: int = Field(
        4, ge=2, le=256, title="Tokens", description="How many there are; all equally likely."
    )
    sequence_length: int = Field(
        20, ge=2, le=5000, title="Sequence length", description="In steps."
    )
    batch_size: BatchSize = 12
    learning_rate: float = Field(
        1e-2, ge=1e-6, le=1.0, title="Learning rate", description="Of Adam; falls to zero (cosine)."
    )
    clip: Clip = 1.0
    validations: Validations = 10
    tested_sequences: int = Field(
        200,
        ge=10,
        le=100_000,
        title="Tested sequences",
        description="Per seed, none of which is trained or validated on.",
    )

    @property
    def features(self) -> int:
        """Features that are read at each step: a token, one-hot."""
        return self.tokens

    @property
    def tags(self) -> int:
        """How many different tags there are: the tokens, or smaller, equal and larger."""
        return self.tokens if self.rule == "ahead" else 3

    @property
    def parameters(self) -> int:
        """Of one network: the recurrent layers and the readout of every step."""
        return self.parameters_of(self.architecture)

    def parameters_of(self, architecture: Architecture) -> int:
        """The same of another architecture."""
        return count_parameters(architecture, self.features, outputs=self.tags).total

    @property
    def look_aheads(self) -> tuple[int, ...]:
        """The look-aheads that are measured, in order."""
        return (*(ahead for ahead in LOOK_AHEADS if ahead < self.furthest), self.furthest)

    @property
    def two_sided(self) -> Architecture:
        """The bidirectional form of the variant: itself, if it is one."""
        return self.architecture.model_copy(update={"bidirectional": True})

    @property
    def wider(self) -> Architecture | None:
        """One direction with as many parameters as the bidirectional form has, readout included, or
        as near as a whole hidden size comes; None if the variant is bidirectional itself.
        """
        if self.architecture.bidirectional:
            return None

        def sized(hidden_size: int) -> Architecture:
            return self.architecture.model_copy(update={"hidden_size": hidden_size})

        budget = self.parameters_of(self.two_sided)
        return sized(nearest_width(lambda width: self.parameters_of(sized(width)), budget))

    @model_validator(mode="after")
    def _the_sequence_holds_the_look_ahead(self) -> Self:
        if self.furthest >= self.sequence_length:
            raise ValueError(
                f"furthest is {self.furthest}, but sequence_length is {self.sequence_length}; "
                f"give at most {self.sequence_length - 1}"
            )
        return self

    @model_validator(mode="after")
    def _the_bidirectional_form_can_be_matched(self) -> Self:
        size = self.parameters_of(self.two_sided)
        if not self.architecture.bidirectional and size > MAX_BUDGET:
            given = {name: getattr(self, name) for name in BUDGETS}
            given = {name: value for name, value in given.items() if value is not None}
            name, value = next(iter(given.items()), (WIDTH, self.architecture.hidden_size))
            raise ValueError(
                f"{name} is {value}, and the bidirectional form to be matched has {size:,} "
                f"parameters; give a size for at most {MAX_BUDGET:,}"
            )
        return self


class Member(NamedTuple):
    """One network of a group."""

    network: Network
    look_ahead: int
    seed: int


@dataclass(frozen=True)
class Group:
    """Networks of one architecture, trained side by side in one pass."""

    architecture: Architecture
    members: tuple[Member, ...]


def groups(config: TwoSidedContextConfig) -> list[Group]:
    """Every network: the variant and, if it has one direction, both of its controls.

    A group has every look-ahead of as many seeds as memory has room for, usually all.
    """
    plan: list[tuple[Architecture, tuple[Network, ...]]] = [(config.architecture, ("itself",))]
    if config.wider is not None:
        plan = [(config.architecture, ("itself", "delayed")), (config.wider, ("wider",))]
    result, last = [], config.seed + config.seeds
    for shape, networks in plan:
        places = [(network, ahead) for network in networks for ahead in config.look_aheads]
        passes = shape.layers * shape.directions * config.sequence_length * config.batch_size
        saved = len(places) * passes * cell_kind(shape.cell).kept_per_step(shape.hidden_size)
        block = max(1, MAX_SAVED // saved)
        for first in range(config.seed, last, block):
            seeds = range(first, min(first + block, last))
            members = tuple(Member(*place, seed) for place in places for seed in seeds)
            result.append(Group(shape, members))
    return result


def work(config: TwoSidedContextConfig) -> float:
    """Multiply-accumulates of training and testing every network."""
    return sum(sum(group_work(config, group)) for group in groups(config))


def group_work(config: TwoSidedContextConfig, group: Group) -> tuple[float, float]:
    """Multiply-accumulates of training a group, with its validations, and of testing it."""

    def passes(sequences: int, *, backward: bool = False) -> float:
        return pass_cost(
            group.architecture,
            config.features,
            steps=config.sequence_length,
            sequences=len(group.members) * sequences,
            backward=backward,
        )

    training = config.training_steps * passes(config.batch_size, backward=True)
    training += config.validations * passes(VALIDATION_SEQUENCES)
    return training, 2 * passes(config.tested_sequences)  # the revisions take about as long


@dataclass(frozen=True)
class TrainingRow(Row):
    """Loss and accuracy of one network at one validation."""

    table: ClassVar[str] = "training"
    title: ClassVar[str] = "Training"

    network: Network = axis("Network")
    look_ahead: int = axis("Look-ahead", unit="steps", latest=True)
    seed: int = seed_axis()
    training_step: int = axis("Training step", unit="steps", curve=True)
    loss: float | None = measure("Validation loss", unit="nats per tag", better="lower")
    accuracy: float | None = measure("Validation accuracy", unit="%", better="higher")


@dataclass(frozen=True)
class ContextRow(Row):
    """Accuracy at one look-ahead."""

    table: ClassVar[str] = "context"
    title: ClassVar[str] = "By look-ahead"

    network: Network = axis(
        "Network",
        description=(
            "itself: the variant. wider: as many parameters, readout included, as its "
            "bidirectional form. delayed: the variant, answering so many steps later as it must "
            "look ahead."
        ),
    )
    seed: int = seed_axis()
    look_ahead: int = axis("Look-ahead", unit="steps", curve=True)
    accuracy: Estimate = measure(
        "Accuracy",
        unit="%",
        better="higher",
        description="Tags that are right, where there is a token so far ahead; t over sequences.",
    )
    chance: float = measure(
        "Chance",
        unit="%",
        description=(
            "The best that can be reached without seeing ahead; of the delayed network, without "
            "remembering: exact, not measured."
        ),
    )
    hidden_size: int = measure("Hidden size")
    parameters: int = measure("Parameters", better="lower", description="Of the whole model.")


@dataclass(frozen=True)
class RevisionRow(Row):
    """The share of tags already given that change as the network reads on."""

    table: ClassVar[str] = "revisions"
    title: ClassVar[str] = "Revisions"

    look_ahead: int = axis("Look-ahead", unit="steps", latest=True)
    seed: int = seed_axis()
    read_on: int = axis(
        "Read on", unit="tokens", curve=True, description="Tokens read after the one tagged."
    )
    revised: float | None = measure(
        "Still to be revised",
        unit="% of tags",
        better="lower",
        description=(
            "Tags that the rest of the sequence will change. Exactly 0 in one direction, which is "
            "why it can generate token by token."
        ),
    )


@dataclass(frozen=True)
class TwoSidedContextSummary(Row):
    """Accuracies over look-aheads; intervals over seeds."""

    table: ClassVar[str] = "summary"
    title: ClassVar[str] = "Summary"

    ahead_accuracy: Estimate = measure(
        "Accuracy ahead", unit="%", better="higher", description="Mean over d ≥ 1."
    )
    lowest_accuracy: Estimate = measure(
        "Lowest accuracy ahead",
        unit="%",
        better="higher",
        description="The lowest over d ≥ 1, of each seed.",
    )
    highest_accuracy: Estimate = measure(
        "Highest accuracy ahead",
        unit="%",
        better="higher",
        description="The highest over d ≥ 1, of each seed.",
    )
    present_accuracy: Estimate = measure(
        "Accuracy without look-ahead", unit="%", better="higher", description="Accuracy at d = 0."
    )
    wider_accuracy: Estimate = measure(
        "Wider, ahead",
        unit="%",
        better="higher",
        description="Mean over d ≥ 1 with as many parameters as the bidirectional form.",
    )
    wider_highest_accuracy: Estimate = measure(
        "Wider, at the easiest",
        unit="%",
        better="higher",
        description="The highest over d ≥ 1, of each seed.",
    )
    delayed_accuracy: Estimate = measure(
        "Delayed, ahead",
        unit="%",
        better="higher",
        description="Mean over d ≥ 1 of the network that answers d steps later.",
    )
    chance: float = measure(
        "Chance", unit="%", description="The best without seeing ahead: exact.", aggregation=EXACT
    )
    delayed_chance: float | None = measure(
        "Delayed, without memory",
        unit="%",
        description=(
            "The best that answering d steps later reaches from the token read at that step alone: "
            "exact. 100% means that this control needs no memory."
        ),
        aggregation=EXACT,
    )
    output_size: int = measure(
        "Output size",
        unit="numbers",
        description="At every step: H, or 2H with two directions.",
        aggregation=EXACT,
    )
    parameters: int = measure(
        "Parameters", better="lower", description="Of the whole model.", aggregation=EXACT
    )
    wider_hidden_size: int | None = measure("Wider, hidden size", aggregation=EXACT)
    wider_parameters: int | None = measure("Wider, parameters", aggregation=EXACT)
    generates: str = note(
        "Generates", description="Whether it can generate token by token, and if not, why."
    )
