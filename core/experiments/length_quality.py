"""How does seq2seq quality fall with length, and does attention save it?

An encoder-decoder is trained on short sentences and judged by length, with attention off or on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from core.architecture import VARIANTS, Architecture
from core.experiment import Config, Event, Experiment, Headline, Row, axis, measure, note
from core.pooling import EXACT
from core.statistics import Estimate

if TYPE_CHECKING:
    import pandas

Task = Literal["grammar", "copy", "reverse", "multi30k", "tsv"]
By = Literal["source", "reference"]
DRAWN = ("grammar", "copy", "reverse")
Quality = Literal["token_accuracy", "bleu"]
Decoding = Literal["free", "forced"]
"""The model reads what it wrote itself (what a user gets), or the reference (teacher forcing)."""


def quality_of(task: str) -> Quality:
    """What falls with length: BLEU in running text, where one word too many shifts all others."""
    return "token_accuracy" if task in DRAWN else "bleu"


def _one_directional(value: Any) -> Any:
    if isinstance(value, str) and value in VARIANTS and value.startswith("bi-"):
        raise ValueError(
            f"decoder is {value!r}; choose same, rnn, lstm or gru: a backward direction reads what "
            "comes later, and a decoder has not written it yet"
        )
    return value


class LengthQualityConfig(Config):
    """One seq2seq model, trained and judged once. The architecture is the encoder's."""

    task: Task = Field(
        "grammar",
        title="Task",
        description=(
            "Sentences of a small English-German grammar, digits to copy or reverse, Multi30k "
            "captions, or a file of your own with source, tab, target on every line."
        ),
        json_schema_extra={"noun": "task"},
    )
    attention: Literal["none", "additive", "dot", "general"] = Field(
        "none",
        title="Attention",
        description=(
            "none: the decoder reads the encoder's last state alone. additive: Bahdanau 2015; dot "
            "and general: Luong 2015."
        ),
        json_schema_extra={"noun": "attention"},
    )
    training_steps: int = Field(
        1500, ge=1, le=1_000_000, title="Training steps", description="Of Adam, one batch each."
    )
    longest_trained: int = Field(
        14,
        ge=1,
        le=1000,
        title="Longest trained",
        description="Source length in words that training reaches.",
    )
    longest_tested: int = Field(
        28, ge=1, le=1000, title="Longest tested", description="Source length in words."
    )
    shortest: int = Field(
        4, ge=1, le=1000, title="Shortest", description="Source length in words, in both."
    )
    training_pairs: int = Field(
        20_000,
        ge=1,
        le=10_000_000,
        title="Training pairs",
        description="Drawn for a synthetic task; of a text, at most so many.",
    )
    tested_pairs: int = Field(
        60, ge=2, le=100_000, title="Tested pairs", description="Of each length, if synthetic."
    )
    batch_size: int = Field(64, ge=1, le=4096, title="Batch size", description="Sentence pairs.")
    embedding_size: int = Field(
        64, ge=1, le=4096, title="Embedding size", description="Of source and target tokens."
    )
    decoder: Annotated[Literal["same", "rnn", "lstm", "gru"], BeforeValidator(_one_directional)] = (
        Field(
            "same",
            title="Decoder",
            description="Its cell; always one-directional, as deep and wide as the encoder.",
            json_schema_extra={"noun": "decoder"},
        )
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
        0.0, ge=0, le=0.9, title="Dropout", description="Of embeddings and of the output's input."
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
    source_reversed: bool = Field(
        False, title="Source reversed", description="Read from its end (Sutskever et al. 2014)."
    )
    vocabulary: int = Field(
        6000, ge=10, le=100_000, title="Vocabulary", description="Subwords of a text, both sides."
    )
    source_language: Literal["de", "en", "fr"] = Field(
        "de", title="From", description="Of Multi30k."
    )
    target_language: Literal["en", "de", "fr"] = Field("en", title="To", description="Of Multi30k.")
    joined_sentences: int = Field(
        1,
        ge=1,
        le=20,
        title="Joined sentences",
        description="Consecutive sentences of a text that make one: up to so many.",
    )
    folder: str = Field(
        "",
        title="Folder",
        description="With Multi30k's files; left out: the store's own, where fetching puts them.",
    )
    fetch: bool = Field(
        False, title="Fetch", description="Get what is missing of Multi30k from its public home."
    )
    file: str = Field("", title="File", description="The TSV file of the task tsv.")

    @property
    def features(self) -> int:
        """Size of an embedding."""
        return self.embedding_size

    @property
    def decoding_architecture(self) -> Architecture:
        """The decoder's: one-directional, with the encoder's other settings where they fit."""
        cell = self.architecture.cell if self.decoder == "same" else self.decoder
        if cell == self.architecture.cell:
            return self.architecture.model_copy(update={"bidirectional": False})
        shape = self.architecture
        return Architecture(cell=cell, hidden_size=shape.hidden_size, layers=shape.layers)

    @property
    def synthetic(self) -> bool:
        """Whether sentences are drawn, as long as they should be."""
        return self.task in DRAWN

    @property
    def quality(self) -> Quality:
        """What falls with length."""
        return quality_of(self.task)

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
    def _the_text_is_named(self) -> Self:
        if self.task == "tsv" and not self.file:
            raise ValueError("file is '', but task is tsv; name the file with source, tab, target")
        if self.task == "multi30k" and self.source_language == self.target_language:
            raise ValueError(
                f"target_language is {self.target_language}, and so is source_language; "
                "choose another one"
            )
        return self


@dataclass(frozen=True)
class TrainingRow(Row):
    """How training goes."""

    table: ClassVar[str] = "training"
    title: ClassVar[str] = "Training"

    seed: int = axis("Seed")
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
        "Training speed", unit="target tokens/s", better="higher", description="Since then."
    )


@dataclass(frozen=True)
class LengthRow(Row):
    """Quality of the sentences of one length."""

    table: ClassVar[str] = "lengths"
    title: ClassVar[str] = "Quality by length"

    by: By = axis("Length of", description="Source or reference, in words.")
    decoding: Decoding = axis("Decoding", description="free: from its own words; forced: given.")
    seed: int = axis("Seed")
    length: int = axis("Length", unit="words", curve=True, description="The longest of its bucket.")
    token_accuracy: Estimate = measure(
        "Token accuracy",
        unit="%",
        better="higher",
        description="Of the reference's tokens, at their own positions. 95% bootstrap interval.",
    )
    exact_match: Estimate = measure(
        "Exact match", unit="%", better="higher", description="Sentences without any error."
    )
    bleu: Estimate = measure("BLEU", better="higher", description="sacrebleu, lowercased.")
    chrf: Estimate = measure("chrF", better="higher", description="sacrebleu, chrF2.")
    length_ratio: Estimate = measure("Length ratio", description="Output over reference tokens.")
    sentences: int = measure("Sentences")
    trained: int = measure(
        "In the trained range",
        description="1 or 0: whether training reached the length of all of these.",
    )


@dataclass(frozen=True)
class PositionRow(Row):
    """Where in the output errors are."""

    table: ClassVar[str] = "positions"
    title: ClassVar[str] = "Accuracy by output position"

    decoding: Decoding = axis("Decoding")
    seed: int = axis("Seed")
    position: int = axis("Output position", unit="tokens", curve=True)
    token_accuracy: Estimate = measure("Token accuracy", unit="%", better="higher")


@dataclass(frozen=True)
class SampleRow(Row):
    """A sentence, its reference, and what the model made of it."""

    table: ClassVar[str] = "samples"
    title: ClassVar[str] = "Samples"

    seed: int = axis("Seed")
    sample: int = axis("Sample")
    length: int = measure("Length", unit="words")
    score: float = measure("Score", unit="nats per token", better="higher")
    exact: int = measure("Exact", description="1 or 0.")
    source: str = note("Source")
    reference: str = note("Reference")
    output: str = note("Output")


@dataclass(frozen=True)
class LookRow(Row):
    """Where the decoder looked for one token of a sample."""

    table: ClassVar[str] = "attention"
    title: ClassVar[str] = "Attention"

    seed: int = axis("Seed")
    sample: int = axis("Sample")
    written: int = axis("Output position", unit="tokens")
    read: int = axis("Source position", unit="tokens", curve=True)
    weight: float = measure("Attention weight")
    written_token: str = note(
        "Output token", description="The last is end, or cut off at the greatest length."
    )
    read_token: str = note("Source token")


@dataclass(frozen=True)
class LengthQualitySummary(Row):
    """Over all tested sentences; intervals from resampling the sentences."""

    table: ClassVar[str] = "summary"
    title: ClassVar[str] = "Summary"

    bottleneck_length: Estimate = measure(
        "Bottleneck length",
        unit="words",
        better="higher",
        description=(
            "Source length from which on quality, free-running, is below half of that of the "
            "shortest sentences: token accuracy, of running text BLEU. The longest tested where it "
            "never is; none where the shortest sentences are not clearly above a blind guess."
        ),
    )
    token_accuracy: Estimate = measure(
        "Token accuracy", unit="%", better="higher", description="Free-running, all sentences."
    )
    exact_match: Estimate = measure("Exact match", unit="%", better="higher")
    bleu: Estimate = measure("BLEU", better="higher", description="See the signature.")
    chrf: Estimate = measure("chrF", better="higher")
    within_accuracy: Estimate = measure(
        "Accuracy within", unit="%", better="higher", description="Lengths that were trained."
    )
    beyond_accuracy: Estimate = measure(
        "Accuracy beyond", unit="%", better="higher", description="Longer ones."
    )
    above_blind: Estimate = measure(
        "Above a blind guess",
        unit="points",
        better="higher",
        description=(
            "Token accuracy of the shortest sentences less that of the best output that is the "
            "same for all of them. Clearly above: the whole interval is above zero."
        ),
    )
    never_below_half: int = measure(
        "Never below half", description="1 where the bottleneck lies beyond what was tested."
    )
    context_size: int = measure(
        "Context",
        unit="numbers",
        description="What the decoder reads beside its own state.",
        pooled=EXACT,
    )
    parameters: int = measure(
        "Parameters", better="lower", description="Of the whole model.", pooled=EXACT
    )
    training_seconds: float = measure("Training", unit="s", better="lower")
    steps_trained: int = measure("Steps trained")
    signature: str = note("BLEU signature")


def run(config: LengthQualityConfig) -> Iterator[Event]:
    """Train, then judge: rows of both as they come, the summary last."""
    # torch costs seconds and 175 MB; the dashboard reads the declarations above without it.
    from core.experiments.length_quality_run import measure

    return measure(config)


def resume(config: LengthQualityConfig, checkpoint: bytes) -> Iterator[Event]:
    """Go on from a checkpoint to what `run` would have come to."""
    from core.experiments.length_quality_run import measure

    return measure(config, checkpoint)


def work(config: LengthQualityConfig) -> float:
    """Multiply-accumulates of training and of judging."""
    from core.experiments.length_quality_work import run_work

    return run_work(config)


def sentence(config: LengthQualityConfig, summary: Mapping[str, Any]) -> str:
    """One run in words."""
    from core.experiments.length_quality_words import run_in_words

    return run_in_words(config, summary)


def answer(runs: pandas.DataFrame) -> str:
    """The comparison in one or two sentences."""
    from core.experiments.length_quality_words import comparison_in_words

    return comparison_in_words(runs)


LENGTH_QUALITY = Experiment(
    name="length-quality",
    title="Length and quality",
    question="How does seq2seq quality fall with length, and does attention save it?",
    config=LengthQualityConfig,
    rows=(TrainingRow, LengthRow, PositionRow, SampleRow, LookRow, LengthQualitySummary),
    run=run,
    resume=resume,
    a_run_per_seed=True,
    sentence=sentence,
    answer=answer,
    work=work,
    headlines=(
        Headline("bottleneck_length", "holds the longest sentences"),
        Headline("beyond_accuracy", "is most accurate beyond the trained lengths"),
    ),
    presets={
        "reverse": {
            "task": "reverse",
            "shortest": 5,
            "longest_trained": 20,
            "longest_tested": 30,
            "training_steps": 3000,
            "training_pairs": 200_000,
            "tested_pairs": 200,
        },
        "multi30k": {
            "task": "multi30k",
            "hidden_size": 256,
            "embedding_size": 256,
            "dropout": 0.3,
            "batch_size": 128,
            "training_steps": 4000,
            "training_pairs": 29_000,
            "shortest": 1,
            "longest_trained": 100,
            "longest_tested": 100,
        },
    },
)
