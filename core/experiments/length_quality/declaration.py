"""How does seq2seq quality fall with length, and does attention save it?

An encoder-decoder is trained on short sentences and judged by length, with attention off or on.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import BeforeValidator, Field, model_validator

from core import files
from core.experiment import Config, Row, axis, measure, note, seed_axis
from core.formatting import as_number, listed
from core.measure.tokenisation import DEFAULT_TOKENISATION, Tokenisation, require_tokenisation
from core.models.architecture import Architecture
from core.models.counting import (
    DTYPE_BYTES,
    AttentionName,
    count_translator,
    pass_cost,
    state_maps,
    state_size,
)
from core.models.registry import built_in_cells, is_cell, variants
from core.settings import Value, shown
from core.stats.aggregation import EXACT, GEOMETRIC_MEAN, MEDIAN
from core.stats.estimates import Estimate
from core.tasks import parallel_text
from core.tasks.vocabularies import SyntheticName, vocabulary_sizes

Task = Literal["grammar", "copy", "reverse", "multi30k", "tsv"]

By = Literal["source", "reference"]

Quality = Literal["token_accuracy", "bleu", "cased_bleu"]

Decoding = Literal["free", "forced"]
"""The model reads what it wrote itself (what a user gets), or the reference (teacher forcing)."""


DECODERS = ("same", *built_in_cells())


def _one_directional(value: Any) -> Any:
    if isinstance(value, str) and value in variants() and value.startswith("bi-"):
        raise ValueError(
            f"decoder is {value!r}; choose {listed(DECODERS, 'or')}: the backward half of a "
            "bidirectional decoder needs tokens that have not been generated yet"
        )
    if not isinstance(value, str) or (value not in DECODERS and not is_cell(value)):
        raise ValueError(f"decoder is {shown(value)}; give {listed(DECODERS, 'or')}")
    return value


MAX_BUCKET_WIDTH = 100
"""Words: the widest bucket of lengths."""

MAX_STATE_MAPS = 50_000_000
"""Parameters of the maps from the encoder's states to the decoder's: a cache of keys and values has
so many numbers that a map between two of them would be larger than any model here."""

EVAL_BATCH_SIZE = 128
"""Sentences that are decoded side by side."""


class LengthQualityConfig(Config):
    """One seq2seq model, trained and judged once. The architecture is the encoder's."""

    counted = "whole model"

    task: Task = Field(
        "grammar",
        title="Task",
        description=(
            "Sentences of a small English-German grammar, digits to copy or reverse, Multi30k "
            "captions, or a file of your own with source, tab, target on every line."
        ),
        json_schema_extra={"noun": "task"},
    )
    attention: AttentionName = Field(
        "none",
        title="Attention",
        description=(
            "none: the decoder reads the encoder's last state alone. additive: Bahdanau 2015; dot "
            "and general: Luong 2015."
        ),
        json_schema_extra={"noun": "attention"},
    )
    training_steps: int = Field(
        1500,
        ge=1,
        le=1_000_000,
        title="Training steps",
        description="Steps of Adam, one batch each.",
    )
    longest_trained: int = Field(
        14,
        ge=1,
        le=1000,
        title="Longest trained",
        description="Words of the longest source in training.",
    )
    longest_tested: int = Field(
        28,
        ge=1,
        le=1000,
        title="Longest tested",
        description="Words of the longest source in the test.",
    )
    shortest: int = Field(
        4,
        ge=1,
        le=1000,
        title="Shortest",
        description="Words of the shortest source, in training and test.",
    )
    training_pairs: int = Field(
        20_000,
        ge=1,
        le=10_000_000,
        title="Training pairs",
        description="Number drawn for a synthetic task; the most that are taken from a text.",
    )
    tested_pairs: int = Field(
        60,
        ge=2,
        le=100_000,
        title="Tested pairs",
        description="For each length, if the task is synthetic.",
    )
    batch_size: int = Field(64, ge=1, le=4096, title="Batch size", description="Sentence pairs.")
    embedding_size: int = Field(
        64, ge=1, le=4096, title="Embedding size", description="Of source and target tokens."
    )
    decoder: Annotated[str, BeforeValidator(_one_directional)] = Field(
        "same",
        title="Decoder",
        description="Its cell; always unidirectional, as deep and wide as the encoder.",
        json_schema_extra={"noun": "decoder", "choices": list(DECODERS)},
    )
    learning_rate: float = Field(
        2e-3, ge=1e-6, le=1.0, title="Learning rate", description="Of Adam, at the start."
    )
    schedule: Literal["constant", "cosine"] = Field(
        "cosine",
        title="Schedule",
        description="Of the learning rate: cosine falls to zero.",
        json_schema_extra={"noun": "schedule"},
    )
    clip: float | None = Field(
        1.0, ge=1e-6, le=1e6, title="Clipping", description="Largest norm of the gradient."
    )
    dropout: float = Field(
        0.0,
        ge=0,
        le=0.9,
        title="Dropout",
        description="Of embeddings and of the output layer's input.",
    )
    patience: int = Field(
        0,
        ge=0,
        le=1000,
        title="Patience",
        description="Validations without a better loss after which training stops; 0: never.",
    )
    validations: int = Field(
        15, ge=1, le=1000, title="Validations", description="Evenly spaced over training."
    )
    beam: int = Field(1, ge=1, le=100, title="Beam", description="Width; 1 is greedy.")
    bucket_width: int | None = Field(
        None,
        ge=1,
        le=MAX_BUCKET_WIDTH,
        title="Bucket width",
        description=(
            "Lengths that are scored together, in words. Default: 1 for synthetic tasks, 3 for "
            "texts."
        ),
    )
    source_reversed: bool = Field(
        False, title="Source reversed", description="Read from its end (Sutskever et al. 2014)."
    )
    vocabulary: int = Field(
        6000,
        ge=10,
        le=100_000,
        title="Vocabulary",
        description="Subwords of a text, shared by both languages.",
    )
    cased: bool = Field(
        False,
        title="Cased",
        description=(
            "Upper and lower case are kept in texts, and BLEU and chrF are cased. Otherwise texts "
            "and both scores are lowercased."
        ),
    )
    tokenise: Tokenisation = Field(
        DEFAULT_TOKENISATION,
        title="Words of BLEU",
        description=(
            "sacrebleu's tokenisation. auto: zh for Chinese, char for other scripts without "
            "spaces, 13a for the rest. ja-mecab and ko-mecab need a package, flores200 a download."
        ),
    )
    source_language: Literal["de", "en", "fr"] = Field(
        "de", title="From", description="Source language of Multi30k."
    )
    target_language: Literal["en", "de", "fr"] = Field(
        "en", title="To", description="Target language of Multi30k."
    )
    joined_sentences: int = Field(
        1,
        ge=1,
        le=20,
        title="Joined sentences",
        description="The most consecutive sentences of a text that are joined into one.",
    )
    folder: str = Field(
        "",
        title="Folder",
        description="Where Multi30k's files are. Default: mlruns/data/multi30k.",
        json_schema_extra={"reads": "folder"},
    )
    fetch: bool = Field(
        False,
        title="Fetch",
        description="Download missing files of Multi30k from its public home.",
    )
    file: str = Field(
        "",
        title="File",
        description="The TSV file of the task tsv, plain or gzipped.",
        json_schema_extra={"reads": "file"},
    )
    file_sha256: str = Field(
        "",
        title="Content",
        description=(
            "The beginning of the file's SHA-256, which is filled in when a run is asked for: a "
            "file that was edited is another text."
        ),
        json_schema_extra={"noun": "text", "derived": True},
    )

    def pinned(self) -> Self:
        """With the file by its full path and with its content, read once to see that it is right.

        Raises `BadSetting` for a file that cannot be trained on, and for a tokenisation that is
        not installed.
        """
        require_tokenisation(self.tokenise)
        file, sha256 = files.full_path_and_digest(
            self.file, self.file_sha256, field="task", value=self.task, value_of_file="tsv"
        )
        if sha256 == self.file_sha256:
            return self
        _require_text(file, sha256)
        return self.model_copy(update={"file": file, "file_sha256": sha256})

    @property
    def features(self) -> int:
        """Features that are read at each step: the size of an embedding."""
        return self.embedding_size

    @property
    def decoding_architecture(self) -> Architecture:
        """The decoder's architecture: one direction, with the encoder's settings where they fit."""
        shape = self.architecture
        cell = shape.cell if self.decoder == "same" else self.decoder
        if cell == shape.cell:
            return shape.model_copy(update={"bidirectional": False})
        return Architecture(cell=cell, hidden_size=shape.hidden_size, layers=shape.layers)

    @property
    def vocabularies(self) -> tuple[int, int]:
        """Tokens of source and target; the subwords of a text are shared by both."""
        if self.synthetic:
            return vocabulary_sizes(cast(SyntheticName, self.task))
        return self.vocabulary, self.vocabulary

    @property
    def parameters(self) -> int:
        """Of the whole model: embeddings, encoder, bridge, attention, decoder and output layer."""
        return count_translator(
            self.architecture,
            self.decoding_architecture,
            attention=self.attention,
            embedding_size=self.embedding_size,
            vocabularies=self.vocabularies,
        )

    @property
    def state_bytes(self) -> int:
        """Of the state that the decoder starts from: h, and an LSTM's c, of each layer.

        It is what is left of a sentence when it is read. What attention reads besides grows with
        the sentence and is not counted.
        """
        return state_size(self.decoding_architecture) * DTYPE_BYTES[self.precision]

    @property
    def synthetic(self) -> bool:
        """Whether sentences are drawn, at every length, instead of read from a text."""
        return self.task in ("grammar", "copy", "reverse")

    @property
    def digits(self) -> bool:
        """Whether sentences are digits, which have no BLEU and no chrF."""
        return self.task in ("copy", "reverse")

    @property
    def width(self) -> int:
        """Lengths in a bucket, in words."""
        return self.bucket_width or (1 if self.synthetic else 3)

    @property
    def quality(self) -> Quality:
        """The measure that falls with length: BLEU in running text, where one extra word shifts
        all that follow."""
        return "token_accuracy" if self.synthetic else self.bleu

    @property
    def chrf_title(self) -> str:
        """The title of its chrF2."""
        return CASED_CHRF_TITLE if self.cased else CHRF_TITLE

    @property
    def bleu(self) -> Literal["bleu", "cased_bleu"]:
        """The column of its BLEU."""
        return "cased_bleu" if self.cased else "bleu"

    @model_validator(mode="after")
    def _lengths_are_in_order(self) -> Self:
        if self.longest_trained < self.shortest:
            raise ValueError(
                f"longest_trained is {self.longest_trained}, but shortest is {self.shortest}; "
                "give at least that"
            )
        if self.longest_tested < self.longest_trained:
            raise ValueError(
                f"longest_tested is {self.longest_tested}, but longest_trained is "
                f"{self.longest_trained}; give at least that"
            )
        if self.task == "grammar" and self.shortest < 3:
            raise ValueError(
                f"shortest is {self.shortest}, but a sentence of the grammar has at least 3 words"
            )
        return self

    @model_validator(mode="after")
    def _states_can_be_mapped(self) -> Self:
        maps = state_maps(self.architecture, self.decoding_architecture)
        if maps > MAX_STATE_MAPS:
            raise ValueError(
                f"decoder is {self.decoder}, to whose {state_size(self.decoding_architecture):,} "
                f"numbers of state a map from the {state_size(self.architecture):,} of a "
                f"{self.architecture.label} would have {maps:,} parameters; give another decoder, "
                "or variants of one direction, each with its own cell as decoder"
            )
        return self

    @model_validator(mode="after")
    def _the_text_is_named(self) -> Self:
        if self.task == "tsv" and not self.file:
            raise ValueError("file is '', but task is tsv; name the file with source, tab, target")
        if self.task == "multi30k" and self.source_language == self.target_language:
            raise ValueError(
                f"target_language is {self.target_language}, and so is source_language; "
                "choose another one"
            )
        return self


@functools.lru_cache(maxsize=64)
def _require_text(name: str, _sha256: str) -> None:
    parallel_text.read_tsv("file", name)


SCORING_WORK = 1e7


def work(config: LengthQualityConfig) -> float:
    """Multiply-accumulates of training and judging."""
    return training_work(config) + sum(judging_work(config))


def training_work(config: LengthQualityConfig) -> float:
    """Multiply-accumulates of all training steps."""
    words = (config.shortest + config.longest_trained) // 2 if config.synthetic else 14
    return config.training_steps * _pass_work(config, words, config.batch_size, backward=True)


def judging_work(config: LengthQualityConfig) -> tuple[float, float]:
    """Multiply-accumulates of decoding the test sentences in both ways, and of scoring them.

    BLEU and chrF of a sentence, and of the corpus without it, in its bucket of either side and in
    all, take about as long as 1e7 multiply-accumulates.
    """
    words, sentences = 14, 1000  # about those of Multi30k
    if config.synthetic:
        words = (config.shortest + config.longest_tested) // 2
        sentences = config.tested_pairs * (config.longest_tested - config.shortest + 1)
    steps = words * math.ceil(sentences / EVAL_BATCH_SIZE)
    decoding = 2 * _pass_work(config, steps, EVAL_BATCH_SIZE * config.beam, backward=False)
    return decoding, 0 if config.digits else sentences * SCORING_WORK


def _pass_work(config: LengthQualityConfig, words: int, sentences: int, *, backward: bool) -> float:
    """Multiply-accumulates of reading so many words of each sentence, and writing as many."""
    cost = partial(pass_cost, steps=words, sequences=sentences, backward=backward)
    # At every step the decoder reads the encoder's context beside the word before.
    written = config.embedding_size + config.architecture.hidden_size
    outputs = 150 if config.synthetic else config.vocabulary
    return cost(config.architecture, config.embedding_size) + cost(
        config.decoding_architecture, written, outputs=outputs
    )


BLEU_TITLE = "BLEU (lowercased)"
CHRF_TITLE = "chrF2 (lowercased)"
CASED_BLEU_TITLE = "BLEU (cased)"
CASED_CHRF_TITLE = "chrF2 (cased)"
SCORE_INTERVAL = (
    "sacrebleu, all sentences of the bucket together. 95% jackknife interval, from 60 sentences on."
)


def longest_tested(flat: Mapping[str, Value]) -> float:
    """Where a bottleneck is only a lower bound: at the longest sentences that were tested.

    The summary knows their mean length; of a text the settings only say what was asked for.
    """
    lengths = (as_number(flat.get(name)) for name in ("tested_up_to", "longest_tested"))
    return next((length for length in lengths if length is not None), math.inf)


@dataclass(frozen=True)
class TrainingRow(Row):
    """Losses, gradient and speed of training, at one validation."""

    table: ClassVar[str] = "training"
    title: ClassVar[str] = "Training"

    seed: int = seed_axis()
    training_step: int = axis("Training step", unit="steps", curve=True)
    validation_loss: float = measure(
        "Validation loss",
        unit="nats per token",
        better="lower",
        description="Cross-entropy, teacher-forced.",
    )
    training_loss: float = measure("Training loss", unit="nats per token", better="lower")
    gradient_norm: float = measure("Gradient norm", description="Median since the row before.")
    tokens_per_second: float = measure(
        "Training speed",
        unit="target tokens/s",
        better="higher",
        description="Since the row before.",
    )


@dataclass(frozen=True)
class LengthRow(Row):
    """Quality of the sentences of one length."""

    table: ClassVar[str] = "lengths"
    title: ClassVar[str] = "Quality by length"

    by: By = axis("Length of", description="Source or reference, in words.")
    decoding: Decoding = axis(
        "Decoding", description="free: the model reads its own words; forced: the reference's."
    )
    seed: int = seed_axis()
    length: int = axis("Length", unit="words", curve=True, description="The longest of its bucket.")
    token_accuracy: Estimate = measure(
        "Token accuracy",
        unit="%",
        better="higher",
        description=(
            "Of the reference's tokens, at their own positions. 95% Wilson interval at the "
            "effective number of tokens, from 60 sentences on."
        ),
    )
    exact_match: Estimate = measure(
        "Exact match",
        unit="%",
        better="higher",
        description="Sentences without any error. 95% Wilson interval, from 60 sentences on.",
    )
    bleu: Estimate = measure(BLEU_TITLE, better="higher", description=SCORE_INTERVAL)
    chrf: Estimate = measure(CHRF_TITLE, better="higher", description=SCORE_INTERVAL)
    cased_bleu: Estimate = measure(CASED_BLEU_TITLE, better="higher", description=SCORE_INTERVAL)
    cased_chrf: Estimate = measure(CASED_CHRF_TITLE, better="higher", description=SCORE_INTERVAL)
    length_ratio: Estimate = measure("Length ratio", description="Output over reference tokens.")
    blind_accuracy: float = measure(
        "Blind guess",
        unit="%",
        description="Token accuracy of the best output that is the same for all these sentences.",
    )
    sentences: int = measure("Sentences")
    trained: int = measure(
        "In the trained range",
        description="1 or 0: whether training reached the length of all these sentences.",
    )


@dataclass(frozen=True)
class PositionRow(Row):
    """Accuracy at one position of the output."""

    table: ClassVar[str] = "positions"
    title: ClassVar[str] = "Accuracy by output position"

    decoding: Decoding = axis("Decoding")
    seed: int = seed_axis()
    position: int = axis("Output position", unit="tokens", curve=True)
    token_accuracy: Estimate = measure("Token accuracy", unit="%", better="higher")


@dataclass(frozen=True)
class SampleRow(Row):
    """A sentence, its reference, and the model's output."""

    table: ClassVar[str] = "samples"
    title: ClassVar[str] = "Samples"

    seed: int = seed_axis()
    sample: int = axis("Sample")
    length: int = measure("Length", unit="words")
    score: float = measure("Score", unit="nats per token", better="higher")
    exact: int = measure("Exact", description="1 or 0.")
    source: str = note("Source")
    reference: str = note("Reference")
    output: str = note("Output")


@dataclass(frozen=True)
class AttentionRow(Row):
    """Attention that one token of a sample's output pays to one token of its source."""

    table: ClassVar[str] = "attention"
    title: ClassVar[str] = "Attention"

    seed: int = seed_axis()
    sample: int = axis("Sample")
    written: int = axis("Output position", unit="tokens")
    read: int = axis("Source position", unit="tokens", curve=True)
    weight: float = measure("Attention weight")
    written_token: str = note(
        "Output token", description="The last is `end`, or `cut off` at the length limit."
    )
    read_token: str = note("Source token")


@dataclass(frozen=True)
class LengthQualitySummary(Row):
    """Measures over all tested sentences, with intervals over the sentences."""

    table: ClassVar[str] = "summary"
    title: ClassVar[str] = "Summary"

    bottleneck: Estimate = measure(
        "Bottleneck length",
        unit="words",
        better="higher",
        description=(
            "Source length from which on free-running quality (token accuracy, or BLEU for running "
            "text) above the blind guess is below half of what the shortest sentences have above "
            "it. A lower bound if it never is; none if the shortest sentences are not clearly "
            "above a blind guess. It varies over seeds: one model has no interval."
        ),
        aggregation=MEDIAN,
        margin=0.0,
        limit=longest_tested,
    )
    token_accuracy: Estimate = measure(
        "Token accuracy", unit="%", better="higher", description="Free-running, all sentences."
    )
    exact_match: Estimate = measure("Exact match", unit="%", better="higher")
    bleu: Estimate = measure(BLEU_TITLE, better="higher", margin=1.0)
    chrf: Estimate = measure(CHRF_TITLE, better="higher", margin=1.0)
    cased_bleu: Estimate = measure(CASED_BLEU_TITLE, better="higher", margin=1.0)
    cased_chrf: Estimate = measure(CASED_CHRF_TITLE, better="higher", margin=1.0)
    within_accuracy: Estimate = measure(
        "Accuracy within", unit="%", better="higher", description="On lengths that were trained."
    )
    beyond_accuracy: Estimate = measure(
        "Accuracy beyond", unit="%", better="higher", description="On longer sentences."
    )
    above_blind: Estimate = measure(
        "Above a blind guess",
        unit="points",
        better="higher",
        description=(
            "Token accuracy of the shortest sentences less that of the best output that is the "
            "same for all of them."
        ),
        aggregation=MEDIAN,
        margin=0.0,
    )
    tested_up_to: float | None = measure(
        "Tested up to",
        unit="words",
        description="Mean length of the longest bucket: a bottleneck there is a lower bound.",
    )
    context_size: int = measure(
        "Context",
        unit="numbers",
        description="What the decoder reads in addition to its own state.",
        aggregation=EXACT,
    )
    parameters: int = measure(
        "Parameters", better="lower", description="Of the whole model.", aggregation=EXACT
    )
    training_seconds: float = measure(
        "Training", unit="s", better="lower", aggregation=GEOMETRIC_MEAN
    )
    steps_trained: int = measure("Steps trained")
    signature: str = note("BLEU signature")
    judged_by: str = note(
        "Bottleneck of",
        description="The quality that falls by half, where BLEU does not apply to a text.",
    )
    diverged: str = note(
        "Diverged", description="Why the model has no quality: its loss ceased to be finite."
    )
