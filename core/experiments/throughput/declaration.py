"""The declaration of `throughput`: settings, tables, and the work of a run.

A variant and its baselines are timed in turns, by sequence length: forward, forward + backward, one
token at a time, packed against padded; then all lengths in the same turns, for how time grows.
Ratios of two times of one turn are what runs are compared by; the times themselves are those of one
launch on a machine as busy as it then was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from core.experiment import Config, Row, axis, measure, note
from core.models.architecture import Architecture
from core.models.counting import count_parameters, pass_cost
from core.models.registry import gated_cells
from core.stats.aggregation import EXACT, GEOMETRIC_MEAN, MEAN, MEDIAN
from core.stats.estimates import Estimate

Subject = Literal["fused", "equations", "rnn", "linear", "feed-forward", "attention"]
"""What is timed: the variant's two implementations, then their baselines."""

Baseline = Literal["rnn", "linear", "feed-forward", "attention"]

Mode = Literal["training", "forward"]
"""Forward and backward with every gradient; or one forward pass without a graph."""

SUBJECTS: tuple[Subject, ...] = get_args(Subject)

FEW_SUBJECTS: tuple[Subject, ...] = ("fused", "rnn", "linear")
"""All that the ratios to a plain RNN and to a linear layer need."""

BASELINES: tuple[Baseline, ...] = get_args(Baseline)

MODES: tuple[Mode, ...] = tuple(reversed(get_args(Mode)))
"""In the order in which they are timed."""

Grown = Literal["fused", "attention"]
"""The subjects whose growth with length is measured."""

GROWN: tuple[Grown, ...] = get_args(Grown)


class ThroughputConfig(Config):
    """One variant with its baselines, at lengths that halve from the longest down."""

    sequence_length: int = Field(
        512,
        ge=2,
        le=65_536,
        title="Longest sequence",
        description="Time steps T. The results in the table are of this length.",
    )
    batch_size: int = Field(16, ge=1, le=65_536, title="Batch size", description="Sequences.")
    input_size: int = Field(64, ge=1, le=65_536, title="Input size", description="Features of x_t.")
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32",
        title="Precision",
        description="What a device cannot compute is recorded as such.",
    )
    shortest_length: int = Field(
        64,
        ge=1,
        le=65_536,
        title="Shortest sequence",
        description="Lengths halve from the longest; none is shorter than this.",
    )
    repetitions: int = Field(
        9,
        ge=3,
        le=1000,
        title="Repetitions",
        description=(
            "Turns, in each of which everything is timed once, in an order of its own. From five "
            "on there are intervals over the turns."
        ),
        json_schema_extra={"role": "replicate"},
    )
    streamed_tokens: int = Field(
        300,
        ge=0,
        le=100_000,
        title="Streamed tokens",
        description="Timed one by one with carried state, at each length; 0: no latency.",
    )
    packed: bool = Field(
        True,
        title="Packed batches",
        description="Also time a ragged batch, packed against padded (lengths from T/4 to T).",
        json_schema_extra={"role": "replicate"},  # the other measurements are the same without
    )
    timed_beside: Literal["everything", "rnn and linear"] = Field(
        "everything",
        title="Timed beside",
        description=(
            "Everything: the plain RNN, a linear layer, a feed-forward net, attention and this "
            "project's own equations. With two of them alone a run is shorter."
        ),
        json_schema_extra={"role": "replicate"},  # their ratios are the same without the others
    )
    compile: bool = Field(
        False,
        title="torch.compile",
        description="Compile the subjects before timing; compilation time is reported separately.",
    )
    memory_limit_mib: int | None = Field(
        None,
        ge=64,
        le=10_000_000,
        title="Memory limit of a pass",
        description=(
            "In MiB; a pass that needs more at once, beyond parameters and input, is recorded "
            "as out of memory. Default: what is free."
        ),
    )

    @property
    def packs(self) -> bool:
        """Whether packed batches are timed: only the kernels of torch.nn take them."""
        return self.packed and self.architecture.cell in gated_cells()

    @property
    def features(self) -> int:
        """Size of x_t."""
        return self.input_size

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What is timed."""
        return SUBJECTS if self.timed_beside == "everything" else FEW_SUBJECTS

    @model_validator(mode="after")
    def _shortest_is_not_longest(self) -> Self:
        if self.shortest_length > self.sequence_length:
            raise ValueError(
                f"shortest_length is {self.shortest_length}, but sequence_length is "
                f"{self.sequence_length}; give at most that"
            )
        return self

    @property
    def lengths(self) -> list[int]:
        """Halvings of the longest down to the shortest, in rising order."""
        return halvings(self.sequence_length, self.shortest_length)


def halvings(longest: int, shortest: int) -> list[int]:
    """The longest length, half of it and so on down to the shortest, in rising order."""
    lengths = [longest]
    while lengths[-1] // 2 >= shortest:
        lengths.append(lengths[-1] // 2)
    return lengths[::-1]


@dataclass(frozen=True)
class TimeRow(Row):
    """How long one subject takes at one length: median and middle half of the turns."""

    table: ClassVar[str] = "times"
    title: ClassVar[str] = "Time by length"

    subject: Subject = axis(
        "Subject",
        description="fused (a kernel of torch.nn; of a cell that has none, all steps at once where "
        "it can) and equations (step by step) are the variant; the others are baselines.",
    )
    mode: Mode = axis("Pass", description="training is forward + backward with every gradient.")
    sequence_length: int = axis("Sequence length", unit="steps", curve=True)
    milliseconds: float | None = measure(
        "Time", unit="ms", better="lower", description="Median; empty where there is none."
    )
    milliseconds_q1: float | None = measure("Time, first quartile", unit="ms")
    milliseconds_q3: float | None = measure("Time, third quartile", unit="ms")
    repetitions: int = measure("Repetitions")
    tokens_per_second: float | None = measure("Throughput", unit="tokens/s", better="higher")
    peak_mib: float | None = measure(
        "Peak memory",
        unit="MiB",
        better="lower",
        description="The most that a pass allocated at once, beyond parameters and input.",
    )
    problem: str = note("Problem", description="Why there is no time: out of memory, for example.")


@dataclass(frozen=True)
class TurnRow(Row):
    """One subject in one turn: what all medians and ratios are computed from."""

    table: ClassVar[str] = "turns"
    title: ClassVar[str] = "Turn by turn"

    subject: Subject = axis("Subject")
    mode: Mode = axis("Pass")
    sequence_length: int = axis("Sequence length", unit="steps")
    turn: int = axis("Turn", description="Counted from 1.")
    position: int = measure(
        "Position", description="In the order of this turn, from 1; orders are counterbalanced."
    )
    milliseconds: float = measure("Time", unit="ms", better="lower")


@dataclass(frozen=True)
class GrowthRow(Row):
    """How training time grows between two neighbouring lengths, timed in the same turns."""

    table: ClassVar[str] = "growth"
    title: ClassVar[str] = "Growth of time"

    subject: Grown = axis("Subject", description="fused is the variant.")
    sequence_length: int = axis(
        "Sequence length", unit="steps", curve=True, description="The longer of the two."
    )
    shorter_length: int = measure("Shorter length", unit="steps")
    local_exponent: Estimate = measure(
        "Local exponent",
        unit="exponent of T",
        description="log(t₂/t₁) / log(T₂/T₁): 1 where twice the length takes twice as long.",
    )


@dataclass(frozen=True)
class RatioRow(Row):
    """How many times as fast as a baseline: median of the ratios within the turns of a launch."""

    table: ClassVar[str] = "ratios"
    title: ClassVar[str] = "Speed against the baselines"

    subject: Literal["fused", "equations"] = axis("Implementation")
    baseline: Baseline = axis("Baseline")
    mode: Mode = axis("Pass")
    sequence_length: int = axis("Sequence length", unit="steps", curve=True)
    times_as_fast: Estimate = measure(
        "Speed",
        unit="times the baseline's",
        better="higher",
        description="The baseline's time over the subject's, turn by turn.",
        aggregation=GEOMETRIC_MEAN,
    )


@dataclass(frozen=True)
class LatencyRow(Row):
    """One token at a time for one sequence, with carried state (attention: with cached keys)."""

    table: ClassVar[str] = "latency"
    title: ClassVar[str] = "Latency of one token"

    subject: Subject = axis("Subject")
    context_length: int = axis(
        "Context", unit="tokens", curve=True, description="Tokens read before the timed one."
    )
    p50_us: float | None = measure(
        "Median latency",
        unit="µs",
        better="lower",
        description="Less what an empty call takes, timed the same way in the same turns.",
    )
    p99_us: float | None = measure("99th percentile", unit="µs", better="lower")
    empty_us: float | None = measure(
        "Empty call", unit="µs", description="Median; it is subtracted from the latencies."
    )
    over_rnn: Estimate = measure(
        "Latency over the plain RNN's",
        unit="times",
        better="lower",
        description="Median of the ratios of the medians of each turn.",
        aggregation=GEOMETRIC_MEAN,
    )
    tokens: int = measure("Tokens timed")
    problem: str = note("Problem")


@dataclass(frozen=True)
class PackingRow(Row):
    """A ragged batch through the fused layer: as a PackedSequence, and padded to the longest."""

    table: ClassVar[str] = "packing"
    title: ClassVar[str] = "Packed against padded"

    mode: Mode = axis("Pass")
    sequence_length: int = axis("Longest sequence", unit="steps", curve=True)
    packed_over_padded: Estimate = measure(
        "Packed over padded time",
        unit="times",
        better="lower",
        description="Median of the ratios of each turn.",
        aggregation=GEOMETRIC_MEAN,
    )
    packed_ms: float | None = measure("Packed", unit="ms", better="lower")
    padded_ms: float | None = measure("Padded", unit="ms", better="lower")
    real_percent: float = measure("Real tokens", unit="% of padded")
    problem: str = note("Problem")


@dataclass(frozen=True)
class CompilationRow(Row):
    """What torch.compile took, before anything was timed."""

    table: ClassVar[str] = "compilation"
    title: ClassVar[str] = "Compilation"

    subject: Subject = axis("Subject")
    mode: Mode = axis("Pass")
    sequence_length: int = axis("Sequence length", unit="steps", curve=True)
    compile_seconds: float | None = measure("Compilation", unit="s", better="lower")
    problem: str = note("Problem")


@dataclass(frozen=True)
class SubjectRow(Row):
    """The size of one subject."""

    table: ClassVar[str] = "subjects"
    title: ClassVar[str] = "Subjects"

    subject: Subject = axis("Subject")
    parameters: int = measure("Parameters")
    width: int = measure(
        "Width", unit="units", description="Hidden units; of the feed-forward net, as fits best."
    )


@dataclass(frozen=True)
class ThroughputSummary(Row):
    """The results at the longest sequence, of the fused implementation unless stated otherwise.

    Ratios are compared over launches. The intervals of one launch are over its turns: those of the
    median, from order statistics. They say how well this launch measured, not what the next one
    will find.
    """

    table: ClassVar[str] = "summary"
    title: ClassVar[str] = "Summary"

    over_rnn: Estimate = measure(
        "Training time over the plain RNN's",
        unit="times",
        better="lower",
        description=(
            "Forward + backward with every gradient, over that of a fused unidirectional RNN of "
            "the same width and depth in the same turn. For that RNN itself the ratio is to a "
            "second copy; its distance from 1 is noise."
        ),
        aggregation=GEOMETRIC_MEAN,
    )
    latency_over_rnn: Estimate = measure(
        "Latency over the plain RNN's",
        unit="times",
        better="lower",
        description=(
            "Of one token with carried state, after the longest sequence, in the same turn; none "
            "for bidirectional layers."
        ),
        aggregation=GEOMETRIC_MEAN,
    )
    forward_over_rnn: Estimate = measure(
        "Forward time over the plain RNN's",
        unit="times",
        better="lower",
        description="Without a graph, in the same turn.",
        aggregation=GEOMETRIC_MEAN,
    )
    over_linear: Estimate = measure(
        "Forward time over linear",
        unit="times",
        better="lower",
        description="Of one linear layer, input size → hidden size, in the same turn.",
        aggregation=GEOMETRIC_MEAN,
    )
    over_feed_forward: Estimate = measure(
        "Training time over feed-forward",
        unit="times",
        better="lower",
        description="Of a feed-forward net of as many parameters, in the same turn.",
        aggregation=GEOMETRIC_MEAN,
    )
    over_attention: Estimate = measure(
        "Training time over attention",
        unit="times",
        better="lower",
        description="Of causal self-attention of the same width, in the same turn.",
        aggregation=GEOMETRIC_MEAN,
    )
    equations_over_fused: Estimate = measure(
        "Equations over fused",
        unit="times",
        better="lower",
        description="Training time of this project's equations over torch.nn's kernels.",
        aggregation=GEOMETRIC_MEAN,
    )
    packed_over_padded: Estimate = measure(
        "Packed over padded",
        unit="times",
        better="lower",
        description="Forward time of a ragged batch.",
        aggregation=GEOMETRIC_MEAN,
    )
    tokens_per_second: Estimate = measure(
        "Training speed",
        unit="tokens/s",
        description="As of that launch: what else the machine did changes it. Compare ratios.",
        aggregation=MEDIAN,
    )
    forward_tokens_per_second: Estimate = measure(
        "Forward speed",
        unit="tokens/s",
        description="Without a graph; as of that launch.",
        aggregation=MEDIAN,
    )
    training_ms: Estimate = measure(
        "Training time", unit="ms", description="As of that launch.", aggregation=MEDIAN
    )
    forward_ms: Estimate = measure(
        "Forward time", unit="ms", description="As of that launch.", aggregation=MEDIAN
    )
    latency_p50_us: float | None = measure(
        "Median latency",
        unit="µs",
        description="Of one token with carried state, less an empty call; as of that launch.",
        aggregation=MEDIAN,
    )
    latency_p99_us: float | None = measure(
        "p99 latency",
        unit="µs",
        description=(
            "99 of 100 tokens take less, with carried state and less an empty call; as of that "
            "launch. It takes 100 tokens at least."
        ),
        aggregation=MEDIAN,
    )
    empty_call_us: float | None = measure(
        "Empty call",
        unit="µs",
        description="Subtracted from the latencies: the clock and a Python call.",
        aggregation=MEDIAN,
    )
    length_exponent: Estimate = measure(
        "Exponent of length",
        unit="exponent of T",
        description=(
            "p of training time a + b·T^p, over all lengths in the same turns; none where that "
            "curve does not fit or the turns do not determine p."
        ),
        aggregation=MEAN,
    )
    local_exponent: Estimate = measure(
        "Local exponent at the end",
        unit="exponent of T",
        description="Of training time, between the last two lengths: an overhead makes it smaller.",
        aggregation=MEAN,
    )
    attention_first_exponent: Estimate = measure(
        "Attention's local exponent at first",
        unit="exponent of T",
        description="Between the first two lengths.",
        aggregation=MEAN,
    )
    attention_exponent: Estimate = measure(
        "Attention's local exponent at the end",
        unit="exponent of T",
        description="Between the last two lengths: it approaches 2 as T² dominates.",
        aggregation=MEAN,
    )
    attention_quadratic_from: Estimate = measure(
        "Attention is mostly T² from",
        unit="steps",
        description="Where c·T² is half of a + b·T + c·T², if that is among the lengths.",
        aggregation=MEDIAN,
        limit=lambda settings: float(str(settings.get("sequence_length", "inf"))),
    )
    peak_mib: float | None = measure(
        "Peak memory",
        unit="MiB",
        better="lower",
        description="The most that a training pass allocated, beyond parameters and input.",
        aggregation=MEDIAN,
    )
    parameters: int = measure("Parameters", aggregation=EXACT)
    compile_seconds: float | None = measure("Compilation", unit="s", aggregation=MEDIAN)
    noise_percent: float = measure(
        "Noise",
        unit="%",
        description="Middle half of the turns over their median; median over all timings.",
        aggregation=MEDIAN,
    )
    other_load: float = measure(
        "Load by others",
        unit="cores",
        description="Processor time that other processes took meanwhile.",
        aggregation=MEDIAN,
    )
    disturbed_turns: int = measure(
        "Disturbed turns",
        description="Timed while this run's own heartbeat, waiting for the store, did not pause.",
        aggregation=MEDIAN,
    )
    harness_percent: float = measure(
        "Harness",
        unit="%",
        description="An empty call timed the same way, over the shortest time measured.",
        aggregation=MEDIAN,
    )
    device: str = note("Device")
    chip: str = note("Chip")


WARM_UP_TURNS = 7
"""About as long as warming up: memory is measured, and calls repeat until times are stable."""

MAX_PACKED_TURNS = 6
"""The fewest that give an interval. On the CPU a packed training pass grows as T² and takes up to
thirty times as long as a padded one: more turns would take longer than all the rest."""


def work(config: ThroughputConfig) -> float:
    """Multiply-accumulates of a whole run, with warming up."""
    work = 0.0
    for length in config.lengths:
        work += sum(passes_work(config, length, mode) for mode in MODES)
        if config.packs:
            work += sum(packing_work(config, length, mode) for mode in MODES)
        work += latency_work(config)
    return work + growth_work(config)


def growth_work(config: ThroughputConfig) -> float:
    """Cost of the variant and of attention in training, at all lengths in the same turns."""
    lengths = config.lengths if len(config.lengths) > 1 else []
    work = sum(
        _pass_work(config, config.architecture, length, "training") + attention_work(config, length)
        for length in lengths
    )
    return (config.repetitions + WARM_UP_TURNS) * work


def attention_work(config: ThroughputConfig, length: int) -> float:
    """Cost of attention's T² part, if it is timed."""
    if "attention" not in config.subjects:
        return 0.0
    return float(length**2 * config.batch_size * config.architecture.hidden_size)


def passes_work(config: ThroughputConfig, length: int, mode: Mode) -> float:
    """Cost of all subjects at one length: the implementations, plain RNN, and attention's T²."""
    shape = config.architecture
    plain = Architecture(hidden_size=shape.hidden_size, layers=shape.layers)
    own = sum(name in config.subjects for name in ("fused", "equations"))
    passes = own * _pass_work(config, shape, length, mode) + _pass_work(config, plain, length, mode)
    return (config.repetitions + WARM_UP_TURNS) * (passes + attention_work(config, length))


def packing_work(config: ThroughputConfig, length: int, mode: Mode) -> float:
    """Cost of packed and padded passes at one length."""
    passes = 2 * _pass_work(config, config.architecture, length, mode)
    if mode == "training":
        # Each packed step's adjoint fills a whole batch, for every block of weights.
        numbers = count_parameters(config.architecture, config.input_size).bias / 2
        passes += 5 * length**2 * config.batch_size * numbers
    return (min(config.repetitions, MAX_PACKED_TURNS) + WARM_UP_TURNS) * passes


def latency_work(config: ThroughputConfig) -> float:
    """Cost of all tokens of all subjects after one context."""
    token = pass_cost(config.architecture, config.input_size, steps=1, sequences=1, backward=False)
    return config.streamed_tokens * len(config.subjects) * token


def _pass_work(
    config: ThroughputConfig, architecture: Architecture, length: int, mode: Mode
) -> float:
    return pass_cost(
        architecture,
        config.input_size,
        steps=length,
        sequences=config.batch_size,
        backward=mode == "training",
    )
