"""How much does context help on real text?

A network reads a text and predicts every next character. It is trained on windows that begin
anywhere, and judged on held-out text by how many characters it has read: of a window from its
beginning, and of the same characters with more and more of what stands before them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core import files
from core.experiment import Config, Row, axis, measure, note, seed_axis
from core.experiments.trained import BatchSize, Clip, Validations
from core.models.counting import count_parameters, pass_cost, state_size
from core.settings import BadSetting
from core.stats.aggregation import EXACT, MAJORITY
from core.stats.estimates import Estimate
from core.stats.learning_rates import RATES_IN_WORDS, rates_to_try
from core.tasks.running_text import Parts, RunningText, Side, file_parts, licences

BLOCKS = 40
"""Stretches of the test text: what a longer context gains has an interval over these, because
neighbouring characters err together."""

VALIDATED_PART = 10
"""One in so many as in the test are the windows of a validation."""

MAX_ORDER = 12
"""Characters of context that the counting models have at most."""


class LanguageModelConfig(Config):
    """One variant on one text, all of its seeds in one batched pass."""

    counted = "whole model"

    text: Literal["licences", "file"] = Field(
        "licences",
        title="Text",
        description=(
            "licences: 150,000 characters of free licences, which come along; another family of "
            "them is the test. file: one of your own, of which the last tenth is held out."
        ),
        json_schema_extra={"noun": "text"},
    )
    file: str = Field(
        "",
        title="File",
        description=(
            "A UTF-8 text, plain or gzipped: what is read if the text is a file. In a line every "
            "run of white space is one blank; a line that came before is left out."
        ),
        json_schema_extra={"reads": "text"},
    )
    side: Side = Field(
        "whole",
        title="Side",
        description=(
            "Of each line of the file: all of it, or one side of source, tab, target, such as the "
            "English one."
        ),
        json_schema_extra={"noun": "side"},
    )
    file_sha256: str = Field(
        "",
        title="Content",
        description=(
            "The beginning of the file's SHA-256, which is filled in when a run is asked for: a "
            "file that was edited is another text."
        ),
        json_schema_extra={"noun": "content", "derived": True},
    )
    window: int = Field(
        64,
        ge=1,
        le=5000,
        title="Trained window",
        description="Characters of a window in training, each predicted by those before it.",
    )
    longest_context: int = Field(
        64,
        ge=1,
        le=5000,
        title="Longest context",
        description=(
            "Characters that are read before a tested one, at most. Tried are 0, 1, 2, 4, 8 and so "
            "on up to it."
        ),
    )
    embedding_size: int = Field(
        32,
        ge=1,
        le=4096,
        title="Embedding size",
        description="Numbers of a character's embedding.",
    )
    vocabulary: int = Field(
        80,
        ge=2,
        le=250,
        title="Vocabulary",
        description=(
            "Characters that are told apart: the most frequent ones of training. One of them "
            "stands for all others."
        ),
    )
    training_characters: int = Field(
        1_000_000,
        ge=100,
        le=20_000_000,
        title="Training characters",
        description="The most that are taken from a file, from its beginning.",
    )
    seeds: int = Field(
        6,  # the fewest with which exact tests can tell five variants apart
        ge=1,
        le=256,
        title="Seeds",
        description="Independent draws of weights and of the windows trained on; the text is one.",
        json_schema_extra={"role": "replicate"},
    )
    training_steps: int = Field(
        800,
        ge=1,
        le=1_000_000,
        title="Training steps",
        description=(
            "Steps of Adam; a seed is judged with its weights at the validation with the fewest "
            "bits, because networks soon know a small text by heart."
        ),
    )
    learning_rate: float | None = Field(
        None,
        ge=1e-6,
        le=1.0,
        title="Learning rate",
        description=(
            f"Of Adam. Default: {RATES_IN_WORDS} are tried, and each seed is judged at the one "
            "with which the others need the fewest bits on validation text."
        ),
    )
    clip: Clip = 1.0
    batch_size: BatchSize = 16
    validations: Validations = 16
    tested_windows: int = Field(
        1000,
        ge=BLOCKS,
        le=100_000,
        multiple_of=BLOCKS,
        title="Tested windows",
        description="Evenly over the test text, the same for every variant and seed.",
    )

    def pinned(self) -> Self:
        """With the file by its full path and with its content, read once to see that it is right.

        Raises `BadSetting` for a file that cannot be trained on.
        """
        file, sha256 = files.full_path_and_digest(
            self.file, self.file_sha256, field="text", value=self.text, value_of_file="file"
        )
        if sha256 == self.file_sha256:
            return self
        pinned = self.model_copy(update={"file": file, "file_sha256": sha256})
        read_text(pinned)
        return pinned

    @property
    def contexts(self) -> list[int]:
        """The numbers of characters that are read: 0, 1 and its doubles, and the most."""
        doubles = (2**power for power in range(self.longest_context.bit_length()))
        return sorted({0, *doubles, self.longest_context})

    @property
    def looks_ahead(self) -> bool:
        """Whether what a step puts out depends on later characters."""
        return self.architecture.bidirectional

    @property
    def positions(self) -> list[int]:
        """After how many characters of a window predictions are judged."""
        return self.contexts if self.looks_ahead else [*range(self.longest_context + 1)]

    @property
    def validated_windows(self) -> int:
        """Windows of a validation."""
        return self.tested_windows // VALIDATED_PART

    @property
    def features(self) -> int:
        """Features that are read at each step: a character's embedding."""
        return self.embedding_size

    @property
    def parameters(self) -> int:
        """Of one network: the embedding, one row of it for the beginning; the recurrent layers and
        the readout."""
        counts = count_parameters(self.architecture, self.features, outputs=self.vocabulary)
        return counts.total + (self.vocabulary + 1) * self.embedding_size

    @property
    def carried(self) -> int:
        """Numbers that one step hands to the next."""
        return state_size(self.architecture)

    @property
    def learning_rates(self) -> tuple[float, ...]:
        """The learning rates to try."""
        return rates_to_try(self.learning_rate)

    @property
    def text_words(self) -> str:
        """`licence texts`, or the name of the file and of its side."""
        return text_words(self.text, self.file, self.side)

    @model_validator(mode="after")
    def _the_text_is_named(self) -> Self:
        if self.text == "file" and not self.file:
            raise ValueError("file is '', but text is file; name the file to read")
        return self


def text_words(text: str, file: str, side: str) -> str:
    """`licence texts`, `book.txt`, `the target side of pairs.tsv`."""
    if text == "licences":
        return "licence texts"
    name = file.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return name if side == "whole" else f"the {side} side of {name}"


def read_text(config: LanguageModelConfig) -> RunningText:
    """The text of a run, as numbers.

    Raises `BadSetting` for a file that cannot be read, is not what it was when the run was asked
    for, or is too short.
    """
    if config.text == "licences":
        text = _numbered(licences(), config.vocabulary)
    else:
        files.require_unchanged("file", config.file, config.file_sha256)
        text = _numbered_file(
            config.file,
            config.side,
            config.training_characters,
            config.vocabulary,
            config.file_sha256,
        )
    if len(text.training) < config.window:
        raise BadSetting(
            f"window is {config.window:,}, but the training part of the text has "
            f"{len(text.training):,} characters; give at most that, or a longer text"
        )
    text.starts("validation", config.window, config.validated_windows)
    text.starts("test", config.longest_context + 1, config.tested_windows)
    return text


@functools.lru_cache(maxsize=2)
def _numbered(parts: Parts, vocabulary: int) -> RunningText:
    return RunningText.of(parts, vocabulary)


@functools.lru_cache(maxsize=2)
def _numbered_file(name: str, side: Side, most: int, vocabulary: int, _sha256: str) -> RunningText:
    return RunningText.of(file_parts(name, side, most), vocabulary)


def work(config: LanguageModelConfig) -> float:
    """Multiply-accumulates of training with every learning rate, and of the tests."""
    return len(config.learning_rates) * rate_work(config)


def rate_work(config: LanguageModelConfig) -> float:
    """Those of one learning rate."""

    def cost(steps: float, windows: int, *, backward: bool) -> float:
        return pass_cost(
            config.architecture,
            config.features,
            steps=math.ceil(steps),
            sequences=config.seeds * windows,
            outputs=config.vocabulary,
            backward=backward,
        )

    trained = (config.window + 1) / 2 if config.looks_ahead else config.window
    training = config.training_steps * cost(trained, config.batch_size, backward=True)
    validation = cost(config.window, config.validated_windows, backward=False)
    read = sum(config.contexts)
    tested = read + (read if config.looks_ahead else config.longest_context)
    test = cost(tested, config.tested_windows, backward=False)
    return training + config.validations * validation + test


def longest_context(settings: Mapping[str, Any]) -> float:
    """Where a run with these flat settings stops: a context of that is a lower bound."""
    return float(settings["longest_context"])


@dataclass(frozen=True)
class TrainingRow(Row):
    """Bits of one seed, at one validation."""

    table: ClassVar[str] = "training"
    title: ClassVar[str] = "Training"

    learning_rate: float = axis("Learning rate")
    seed: int = seed_axis()
    training_step: int = axis("Training step", unit="steps", curve=True)
    validation_bits: float | None = measure(
        "Validation bits",
        unit="bits",
        better="lower",
        description="In windows as long as those of training. Empty: not finite.",
    )
    training_bits: float | None = measure(
        "Training bits",
        unit="bits",
        better="lower",
        description="Mean over the steps since the row before.",
    )


@dataclass(frozen=True)
class PositionRow(Row):
    """Bits at one position of windows that begin with an empty state."""

    table: ClassVar[str] = "positions"
    title: ClassVar[str] = "By position"

    seed: int = seed_axis()
    position: int = axis(
        "Position",
        unit="characters",
        curve=True,
        description="Characters of the window that were read before.",
    )
    bits: float | None = measure(
        "Cross-entropy",
        unit="bits per character",
        better="lower",
        description="Of the character there, mean over the windows. Empty: diverged.",
    )
    counted: float = measure(
        "Counts",
        unit="bits",
        description="Of the counting model with the order that is best on validation text.",
    )
    uniform: float = measure(
        "Every character alike",
        unit="bits",
        description="log₂ of the vocabulary's size.",
    )


@dataclass(frozen=True)
class ContextRow(Row):
    """Bits of the same characters, with so many read before them."""

    table: ClassVar[str] = "contexts"
    title: ClassVar[str] = "By context"

    seed: int = seed_axis()
    context: int = axis(
        "Context",
        unit="characters",
        curve=True,
        description="How many characters are read, from an empty state, before each tested one.",
    )
    bits: float | None = measure(
        "Cross-entropy",
        unit="bits per character",
        better="lower",
        description="Mean over the last characters of the windows. Empty: diverged.",
    )
    gain: Estimate = measure(
        "Gain per character",
        unit="bits",
        better="higher",
        description=(
            "By how much fewer they are than with the context before; its 95% interval is over "
            f"{BLOCKS} stretches of the text."
        ),
    )
    counted: float | None = measure(
        "Counts",
        unit="bits",
        description=(
            "Of the counting model with so much context (Witten & Bell 1991), on the same "
            f"characters. Empty beyond {MAX_ORDER}."
        ),
    )


@dataclass(frozen=True)
class SeedRow(Row):
    """What one seed came to, at the learning rate that the other seeds chose."""

    table: ClassVar[str] = "seeds"
    title: ClassVar[str] = "By seed"

    seed: int = seed_axis()
    learning_rate: float = measure("Learning rate")
    bits: float | None = measure(
        "Cross-entropy",
        unit="bits per character",
        better="lower",
        description="With the longest context. Empty where training diverged.",
    )
    context: int | None = measure(
        "Context that helps", unit="characters", better="higher", limit=longest_context
    )
    one_bits: float | None = measure("Bits after one character", unit="bits", better="lower")
    no_bits: float | None = measure("Bits without context", unit="bits", better="lower")


@dataclass(frozen=True)
class LanguageModelSummary(Row):
    """How many bits a character takes, and how much context makes them fewer."""

    table: ClassVar[str] = "summary"
    title: ClassVar[str] = "Summary"

    bits: Estimate = measure(
        "Cross-entropy",
        unit="bits per character",
        better="lower",
        description=(
            "Cross-entropy of the test characters with the longest context; mean over seeds. The "
            "interval says how another seed may turn out on this text, not on another one."
        ),
        margin=0.02,
    )
    context: Estimate = measure(
        "Context that helps",
        unit="characters",
        better="higher",
        description=(
            "The longest context such that to it and to every shorter one tried, each twice the "
            "one before, the bits of the same characters fall by more than nothing (95% interval "
            "of the fall over stretches of the text); reached by a majority of the seeds. It lies "
            "on the grid of contexts tried, so it has no interval: see each seed."
        ),
        aggregation=MAJORITY,
        limit=longest_context,
    )
    one_bits: Estimate = measure(
        "Bits after one character",
        unit="bits",
        better="lower",
        description="Of the same characters, where only the last one before them is read.",
    )
    no_bits: Estimate = measure(
        "Bits without context",
        unit="bits",
        better="lower",
        description="Of the same characters, where nothing is read.",
    )
    counted_bits: float = measure(
        "Bits of counts",
        unit="bits",
        description=(
            "Of the same characters by counting what followed the last ones in training (Witten & "
            "Bell 1991), with the order that is best on validation text."
        ),
        aggregation=EXACT,
    )
    counted_context: int = measure(
        "Context of counts",
        unit="characters",
        description="How many last characters that counting model looks at.",
        aggregation=EXACT,
    )
    uniform_bits: float = measure(
        "Bits if every character is alike",
        unit="bits",
        description="log₂ of the vocabulary's size.",
        aggregation=EXACT,
    )
    unknown: float = measure(
        "Unknown",
        unit="%",
        description="Tested characters that training has too seldom to be told apart.",
        aggregation=EXACT,
    )
    repeated: float = measure(
        "Repeated",
        unit="%",
        description="Tested characters that stand in training too, with the 31 before them.",
        aggregation=EXACT,
    )
    carried: int = measure(
        "State",
        unit="numbers",
        description="What one step hands to the next; of attention the whole cache.",
        aggregation=EXACT,
    )
    parameters: int = measure(
        "Parameters", better="lower", description="Of the whole model.", aggregation=EXACT
    )
    reported_learning_rate: float = measure(
        "Learning rate",
        description="That all seeds together choose on validation text.",
    )
    characters: int = measure(
        "Trained on", unit="characters", description="Of the training part.", aggregation=EXACT
    )
    context_by_seed: str = note(
        "Context of each seed", description="In characters; ≥ where no longer one was tried."
    )
    diverged: str = note(
        "Diverged", description="Seeds whose loss ceased to be finite; they are left out."
    )
    rates_tried: str = note(
        "Learning rates tried", description="Each with its median of validation bits."
    )
