"""One run of `throughput` in numbers that runs are sorted by."""

from __future__ import annotations

import statistics

from core.experiments.throughput import Mode, Subject, ThroughputConfig, ThroughputSummary
from core.experiments.throughput_bench import Results
from core.experiments.throughput_rows import paired_samples
from core.experiments.throughput_statistics import (
    growth_exponent,
    microseconds,
    paired_ratio,
    quantile,
    relative_spread,
)
from core.memory import MIB
from core.parameters import count_parameters
from core.settings import BadSetting
from core.statistics import MISSING, Estimate, median_estimate
from core.timing import OtherLoad


def require_a_time(config: ThroughputConfig, results: Results) -> None:
    """Raises `BadSetting` if neither implementation was timed, at the shortest length already."""
    if any(name in ("fused", "equations") for name, _, _ in results.seconds):
        return
    problems = dict.fromkeys(results.problems.values())
    raise BadSetting(
        f"{config.architecture.label} cannot be timed at T = {config.lengths[0]:,} or longer: "
        f"{'; '.join(problems)}; give a smaller shape, more memory or another dtype"
    )


def summarise(
    config: ThroughputConfig, results: Results, load: OtherLoad, machine: dict[str, str]
) -> ThroughputSummary:
    """At the longest sequence; empty where that was not measured."""
    longest = Longest(config, results)
    training, forward = longest.seconds("training"), longest.seconds("forward")
    tokens = config.sequence_length * config.batch_size
    peak = results.peaks.get(("fused", "training", config.sequence_length))
    latencies = results.latencies.get(("fused", config.sequence_length), [])
    return ThroughputSummary(
        tokens_per_second=rate(tokens, training),
        latency_p50_us=microseconds(latencies, 0.5),
        latency_p99_us=microseconds(latencies, 0.99),
        forward_tokens_per_second=rate(tokens, forward),
        training_ms=training.transformed(lambda seconds: 1000 * seconds),
        forward_ms=forward.transformed(lambda seconds: 1000 * seconds),
        growth_exponent=_growth(results, "fused"),
        attention_growth=_growth(results, "attention"),
        over_rnn=longest.over("fused", "rnn", "training"),
        over_linear=longest.over("fused", "linear", "forward"),
        over_feed_forward=longest.over("fused", "feed-forward", "training"),
        over_attention=longest.over("fused", "attention", "training"),
        equations_over_fused=longest.over("equations", "fused", "training"),
        packed_over_padded=longest.packed_over_padded(),
        peak_mib=None if peak is None else peak / MIB,
        parameters=count_parameters(config.architecture, config.input_size).core,
        compile_seconds=sum(results.compile_seconds) if results.compile_seconds else None,
        noise_percent=_noise_percent(results),
        other_load=load.cores(),
        harness_percent=100 * max(results.harness_shares, default=0.0),
        device=machine["device"],
        chip=machine["chip"],
    )


class Longest:
    """What was measured at the longest sequence."""

    def __init__(self, config: ThroughputConfig, results: Results) -> None:
        self.length, self.results = config.sequence_length, results

    def seconds(self, mode: Mode) -> Estimate:
        """Of the fused implementation."""
        return median_estimate(self.results.seconds.get(("fused", mode, self.length), []))

    def over(self, above: Subject, below: Subject, mode: Mode) -> Estimate:
        """How many times as long one takes as another."""
        return paired_samples(self.results, (above, mode, self.length), (below, mode, self.length))

    def packed_over_padded(self) -> Estimate:
        """Forward."""
        taken = self.results.packing.get(("forward", self.length))
        return paired_ratio(taken["packed"], taken["padded"]) if taken else MISSING


def rate(amount: float, seconds: Estimate) -> Estimate:
    """Amount per second; the fastest end of the time is the highest of the rate."""
    value, low, high = (
        None if s is None else amount / s for s in (seconds.value, seconds.high, seconds.low)
    )
    return Estimate(value, low, high, seconds.n)


def _growth(results: Results, subject: Subject) -> Estimate:
    by_length = results.of(subject, "training")
    return growth_exponent({t: quantile(taken, 0.5) for t, taken in by_length.items()})


def _noise_percent(results: Results) -> float:
    return 100 * statistics.median(relative_spread(s) for s in results.seconds.values())
