"""The declaration of `throughput`: settings, tables, and the work of a run.

A variant and its baselines are timed in turns, by sequence length: forward, forward + backward, one
token at a time, packed against padded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from core.experiment import Config, Row, axis, measure, note
from core.models.architecture import Architecture
from core.models.counting import count_parameters, pass_cost
from core.stats.aggregation import EXACT
from core.stats.estimates import Estimate

Subject = Literal["fused", "equations", "rnn", "linear", "feed-forward", "attention"]
"""What is timed: the variant's two implementations, then their baselines."""

Baseline = Literal["rnn", "linear", "feed-forward", "attention"]

Mode = Literal["forward", "training"]
"""One forward pass without a graph; or forward and backward with every gradient."""

SUBJECTS: tuple[Subject, ...] = get_args(Subject)

BASELINES: tuple[Baseline, ...] = get_args(Baseline)

MODES: tuple[Mode, ...] = get_args(Mode)


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
            "Turns, in each of which everything is timed once. From six on there are intervals, "
            "from nine on they leave the extremes out."
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
        title="Memory limit",
        description=(
            "In MiB; a pass that needs more at once, beyond parameters and input, is recorded "
            "as out of memory. Left out: what is free."
        ),
    )

    @property
    def features(self) -> int:
        """Size of x_t."""
        return self.input_size

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
        lengths = [self.sequence_length]
        while lengths[-1] // 2 >= self.shortest_length:
            lengths.append(lengths[-1] // 2)
        return lengths[::-1]


@dataclass(frozen=True)
class TimeRow(Row):
    """How long one subject takes at one length: median and middle half of the repetitions."""

    table: ClassVar[str] = "times"
    title: ClassVar[str] = "Time by length"

    subject: Subject = axis(
        "Subject", description="fused and equations are the variant; the others are baselines."
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
class RatioRow(Row):
    """How many times as fast as a baseline: median over repetitions timed in turns."""

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
        description="The baseline's time over the subject's, repetition by repetition.",
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
        description="Less what an empty region takes, timed the same way.",
    )
    p99_us: float | None = measure("99th percentile", unit="µs", better="lower")
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
        "Packed over padded time", unit="times", better="lower", description="Median of the ratio."
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

    Intervals are over repetitions: those of the median, from order statistics.
    """

    table: ClassVar[str] = "summary"
    title: ClassVar[str] = "Summary"

    tokens_per_second: Estimate = measure(
        "Training speed",
        unit="tokens/s",
        better="higher",
        description="Forward + backward with every gradient.",
    )
    latency_p50_us: float | None = measure(
        "Latency, median",
        unit="µs",
        better="lower",
        description="Of one token with carried state; none for bidirectional layers.",
    )
    latency_p99_us: float | None = measure("Latency, 99th percentile", unit="µs", better="lower")
    forward_tokens_per_second: Estimate = measure(
        "Forward speed", unit="tokens/s", better="higher", description="Without a graph."
    )
    training_ms: Estimate = measure("Training time", unit="ms", better="lower")
    forward_ms: Estimate = measure("Forward time", unit="ms", better="lower")
    growth_exponent: Estimate = measure(
        "Growth of time",
        unit="exponent of T",
        better="lower",
        description="Slope of log time (forward + backward) against log T; Student's t interval.",
    )
    attention_growth: Estimate = measure(
        "Growth of attention", unit="exponent of T", description="The same of the baseline."
    )
    over_rnn: Estimate = measure(
        "Training time over the plain RNN's",
        unit="times",
        better="lower",
        description="Of a fused unidirectional RNN of the same width, timed in turns.",
    )
    over_linear: Estimate = measure(
        "Forward time over linear",
        unit="times",
        better="lower",
        description="Of one linear layer, input size → hidden size, timed in turns.",
    )
    over_feed_forward: Estimate = measure(
        "Training time over feed-forward",
        unit="times",
        better="lower",
        description="Of a feed-forward net of as many parameters, timed in turns.",
    )
    over_attention: Estimate = measure(
        "Training time over attention",
        unit="times",
        better="lower",
        description="Of causal self-attention of the same width, timed in turns.",
    )
    equations_over_fused: Estimate = measure(
        "Equations over fused",
        unit="times",
        better="lower",
        description="Training time of this project's equations over torch.nn's kernels.",
    )
    packed_over_padded: Estimate = measure(
        "Packed over padded",
        unit="times",
        better="lower",
        description="Forward time of a ragged batch.",
    )
    peak_mib: float | None = measure(
        "Peak memory",
        unit="MiB",
        better="lower",
        description="The most that a training pass allocated, beyond parameters and input.",
    )
    parameters: int = measure("Parameters", aggregation=EXACT)
    compile_seconds: float | None = measure("Compilation", unit="s", better="lower")
    noise_percent: float = measure(
        "Noise",
        unit="%",
        better="lower",
        description="Middle half of the repetitions over their median; median over all timings.",
    )
    other_load: float = measure(
        "Load by others",
        unit="cores",
        better="lower",
        description="Processor time that other processes took meanwhile.",
    )
    disturbed_turns: int = measure(
        "Disturbed turns",
        better="lower",
        description="Timed while this run's own heartbeat, waiting for the store, did not pause.",
    )
    harness_percent: float = measure(
        "Harness",
        unit="%",
        better="lower",
        description="An empty region timed the same way, over the shortest time measured.",
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
        if config.packed:
            work += sum(packing_work(config, length, mode) for mode in MODES)
        work += latency_work(config)
    return work


def passes_work(config: ThroughputConfig, length: int, mode: Mode) -> float:
    """Cost of all subjects at one length: both implementations, plain RNN, and attention's T²."""
    shape = config.architecture
    plain = Architecture(hidden_size=shape.hidden_size, layers=shape.layers)
    attention = length**2 * config.batch_size * shape.hidden_size
    passes = 2 * _pass_work(config, shape, length, mode) + _pass_work(config, plain, length, mode)
    return (config.repetitions + WARM_UP_TURNS) * (passes + attention)


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
    return config.streamed_tokens * len(SUBJECTS) * token


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
