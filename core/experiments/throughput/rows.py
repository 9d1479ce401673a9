"""From samples of time to the rows of `throughput`'s tables, and the summary."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from core.experiments.throughput.declaration import (
    BASELINES,
    GROWN,
    Grown,
    GrowthRow,
    LatencyRow,
    Mode,
    PackingRow,
    RatioRow,
    Subject,
    ThroughputConfig,
    ThroughputSummary,
    TimeRow,
    TurnRow,
)
from core.experiments.throughput.growth import (
    determined,
    growth_exponent,
    local_exponent,
    quadratic_from,
)
from core.machine_load import OtherLoad
from core.machine_memory import MIB
from core.measure.timing import Turns
from core.models.counting import count_parameters
from core.stats.estimates import MISSING, Estimate, median_estimate

Place = tuple[Subject, Mode, int]
"""Subject, pass and sequence length."""


@dataclass
class Results:
    """What a run has measured so far. Times are in seconds, peaks in bytes."""

    seconds: dict[Place, list[float]] = field(default_factory=dict)
    problems: dict[Place, str] = field(default_factory=dict)
    peaks: dict[Place, int] = field(default_factory=dict)
    latencies: dict[tuple[Subject, int], list[float]] = field(default_factory=dict)
    """Seconds of every token, after a context."""
    latency_turns: dict[tuple[Subject, int], list[float]] = field(default_factory=dict)
    """The median token of each turn."""
    empty_calls: list[float] = field(default_factory=list)
    """Median of an empty call beside the tokens, by context."""
    growth: dict[tuple[Grown, int], list[float]] = field(default_factory=dict)
    """Seconds of training by length, all lengths in the same turns."""
    packing: dict[tuple[Mode, int], Mapping[str, list[float]]] = field(default_factory=dict)
    """Seconds of `packed` and `padded`."""
    compile_seconds: list[float] = field(default_factory=list)
    harness_shares: list[float] = field(default_factory=list)
    disturbed_turns: int = 0
    """Turns that were timed while another thread of ours did not pause."""


def turn_rows(turns: Turns[Subject], mode: Mode, length: int) -> Iterator[TurnRow]:
    """One row for each subject in each turn, in the order in which they were timed."""
    for index, order in enumerate(turns.orders):
        for place, subject in enumerate(order):
            if subject in turns.seconds:
                yield TurnRow(
                    subject=subject,
                    mode=mode,
                    sequence_length=length,
                    turn=index + 1,
                    position=place + 1,
                    milliseconds=1000 * turns.seconds[subject][index],
                )


def growth_rows(config: ThroughputConfig, results: Results) -> Iterator[GrowthRow]:
    """One row for each two neighbouring lengths at which a subject was timed."""
    for subject in GROWN:
        for shorter, longer in itertools.pairwise(config.lengths):
            exponent = local_growth(results, subject, shorter, longer)
            if exponent.value is not None:
                yield GrowthRow(
                    subject=subject,
                    sequence_length=longer,
                    shorter_length=shorter,
                    local_exponent=exponent,
                )


def local_growth(results: Results, subject: Grown, *lengths: int) -> Estimate:
    """The local exponent between two lengths; missing unless both were timed."""
    seconds = [results.growth.get((subject, length), []) for length in lengths]
    return local_exponent(*lengths, *seconds) if len(lengths) == 2 and all(seconds) else MISSING


def time_rows(
    config: ThroughputConfig, results: Results, mode: Mode, length: int
) -> Iterator[TimeRow]:
    """One row per subject, with its time or why there is none."""
    for subject in config.subjects:
        place = (subject, mode, length)
        seconds = results.seconds.get(place, [])
        peak = results.peaks.get(place)
        yield TimeRow(
            subject=subject,
            mode=mode,
            sequence_length=length,
            milliseconds=milliseconds(seconds),
            milliseconds_q1=milliseconds(seconds, 0.25),
            milliseconds_q3=milliseconds(seconds, 0.75),
            repetitions=len(seconds),
            tokens_per_second=(
                length * config.batch_size / quantile(seconds, 0.5) if seconds else None
            ),
            peak_mib=None if peak is None else peak / MIB,
            problem=results.problems.get(place, ""),
        )


def ratio_rows(results: Results, mode: Mode, length: int) -> Iterator[RatioRow]:
    """Both implementations against every baseline, where both were timed."""
    for subject in ("fused", "equations"):
        for baseline in BASELINES:
            ratio = times_as_long(results, (baseline, mode, length), (subject, mode, length))
            if ratio.value is not None:
                yield RatioRow(
                    subject=subject,
                    baseline=baseline,
                    mode=mode,
                    sequence_length=length,
                    times_as_fast=ratio,
                )


def packing_row(
    config: ThroughputConfig, results: Results, mode: Mode, length: int, problem: str
) -> PackingRow:
    """A ragged batch packed and padded, or why there is no time."""
    lengths = ragged_lengths(length, config.batch_size)
    seconds = results.packing.get((mode, length), {})
    return PackingRow(
        mode=mode,
        sequence_length=length,
        packed_over_padded=packed_over_padded(results, mode, length),
        packed_ms=milliseconds(seconds.get("packed")),
        padded_ms=milliseconds(seconds.get("padded")),
        real_percent=100 * sum(lengths) / (length * len(lengths)),
        problem=problem,
    )


def latency_row(results: Results, subject: Subject, context: int, problem: str) -> LatencyRow:
    """One subject's latency after a context, or why there is none."""
    seconds = results.latencies.get((subject, context), [])
    return LatencyRow(
        subject=subject,
        context_length=context,
        p50_us=microseconds(seconds, 0.5),
        p99_us=microseconds(seconds, 0.99),
        empty_us=1e6 * results.empty_calls[-1] if seconds else None,
        over_rnn=latency_over_rnn(results, subject, context),
        tokens=len(seconds),
        problem=problem,
    )


def summarise(
    config: ThroughputConfig, results: Results, load: OtherLoad, machine: Mapping[str, str]
) -> ThroughputSummary:
    """Summarise the longest sequence; empty where that was not measured."""
    longest = config.sequence_length

    def seconds(mode: Mode) -> Estimate:
        return median_estimate(results.seconds.get(("fused", mode, longest), []))

    def over(above: Subject, below: Subject, mode: Mode) -> Estimate:
        return times_as_long(results, (above, mode, longest), (below, mode, longest))

    def grown(subject: Grown) -> list[tuple[float, ...]]:
        """Training times at all lengths, turn by turn; none unless all could be timed."""
        columns = [results.growth.get((subject, length)) for length in config.lengths]
        known = [column for column in columns if column]
        return list(zip(*known, strict=True)) if len(known) == len(columns) > 1 else []

    first, end = config.lengths[:2], config.lengths[-2:]
    training, forward = seconds("training"), seconds("forward")
    tokens = longest * config.batch_size
    peak = results.peaks.get(("fused", "training", longest))
    latencies = results.latencies.get(("fused", longest), [])
    return ThroughputSummary(
        over_rnn=over("fused", "rnn", "training"),
        latency_over_rnn=latency_over_rnn(results, "fused", longest),
        forward_over_rnn=over("fused", "rnn", "forward"),
        over_linear=over("fused", "linear", "forward"),
        over_feed_forward=over("fused", "feed-forward", "training"),
        over_attention=over("fused", "attention", "training"),
        equations_over_fused=over("equations", "fused", "training"),
        packed_over_padded=packed_over_padded(results, "forward", longest),
        tokens_per_second=rate(tokens, training),
        forward_tokens_per_second=rate(tokens, forward),
        training_ms=training.transformed(lambda seconds: 1000 * seconds),
        forward_ms=forward.transformed(lambda seconds: 1000 * seconds),
        latency_p50_us=microseconds(latencies, 0.5),
        latency_p99_us=microseconds(latencies, 0.99),
        empty_call_us=1e6 * results.empty_calls[-1] if results.empty_calls else None,
        length_exponent=growth_exponent(config.lengths, grown("fused")),
        local_exponent=determined(local_growth(results, "fused", *end)),
        attention_first_exponent=determined(local_growth(results, "attention", *first)),
        attention_exponent=determined(local_growth(results, "attention", *end)),
        attention_quadratic_from=quadratic_from(config.lengths, grown("attention")),
        peak_mib=None if peak is None else peak / MIB,
        parameters=count_parameters(config.architecture, config.input_size).core,
        compile_seconds=sum(results.compile_seconds) if results.compile_seconds else None,
        noise_percent=100 * statistics.median(map(relative_spread, results.seconds.values())),
        other_load=load.cores(),
        disturbed_turns=results.disturbed_turns,
        harness_percent=100 * max(results.harness_shares, default=0.0),
        device=machine["device"],
        chip=machine["chip"],
    )


def ragged_lengths(longest: int, batch: int) -> list[int]:
    """Lengths of a ragged batch, evenly from the longest down to a quarter of it."""
    last = max(1, longest // 4)
    steps = max(1, batch - 1)
    return [round(longest - (longest - last) * index / steps) for index in range(batch)]


def quantile(values: Sequence[float], share: float) -> float:
    """Linear between order statistics: share 0 is the smallest, .5 the median, 1 the largest."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def milliseconds(seconds: Sequence[float] | None, share: float = 0.5) -> float | None:
    """A quantile in milliseconds, by default the median; None without samples."""
    return 1000 * quantile(seconds, share) if seconds else None


def microseconds(seconds: Sequence[float], share: float) -> float | None:
    """A quantile in microseconds; None unless a sample lies beyond it: of 100 for the 99th."""
    if not seconds or len(seconds) * (1 - share) < 1 - 1e-9:
        return None
    return 1e6 * quantile(seconds, share)


def relative_spread(values: Sequence[float]) -> float:
    """The middle half's width over the median."""
    return (quantile(values, 0.75) - quantile(values, 0.25)) / quantile(values, 0.5)


def rate(amount: float, seconds: Estimate) -> Estimate:
    """Amount per second; the fastest end of the time is the highest of the rate."""
    value, low, high = (
        None if s is None else amount / s for s in (seconds.value, seconds.high, seconds.low)
    )
    return Estimate(value, low, high, seconds.n)


def times_as_long(results: Results, above: Place, below: Place) -> Estimate:
    """How many times as long one takes as another; missing unless both were timed."""
    over, under = results.seconds.get(above), results.seconds.get(below)
    return paired_ratio(over, under) if over and under else MISSING


def latency_over_rnn(results: Results, subject: Subject, context: int) -> Estimate:
    """How many times as long a token takes as the plain RNN's; missing unless both were timed, and
    where the empty call that was taken out, disturbed by other programs, took as long as a token.
    """
    own, plain = (results.latency_turns.get((name, context)) for name in (subject, "rnn"))
    if not own or not plain or len(own) != len(plain) or min(*own, *plain) <= 0:
        return MISSING
    return paired_ratio(own, plain)


def packed_over_padded(results: Results, mode: Mode, length: int) -> Estimate:
    """How many times as long the packed batch takes; missing unless both were timed."""
    seconds = results.packing.get((mode, length), {})
    packed, padded = seconds.get("packed"), seconds.get("padded")
    return paired_ratio(packed, padded) if packed and padded else MISSING


def paired_ratio(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """Median of the ratios turn by turn, by logarithms: what slows a whole turn down cancels, and
    the inverse ratio has the inverse interval."""
    logarithms = (math.log(a / b) for a, b in zip(above, below, strict=True))
    return median_estimate(logarithms).transformed(math.exp)
