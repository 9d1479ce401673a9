"""What `throughput` says of its results, beyond who is fastest: baselines, growth and noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.analysis.comparison import Comparison
from core.experiments.throughput.declaration import ThroughputConfig
from core.formatting import as_number, number, read_estimate, shortened_list, spread
from core.stats.estimates import Estimate

MAX_NOISE = 10.0
"""Percent: the middle half of the repetitions over their median, above which a remark says so."""
MAX_LOAD = 0.2
"""Cores that other processes took, above which a remark says so."""
MAX_NAMED = 2
"""The most models that a remark names; the others are counted."""
BASELINES = {
    "over_linear": "forward, a linear layer",
    "over_feed_forward": "in training, a feed-forward net of as many parameters",
    "over_attention": "causal attention",
}


def run_sentence(config: ThroughputConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64: 61,000 tokens/s in training (…), 3.10 times the plain RNN's time, …`."""
    name, speed = config.architecture.label, read_estimate(summary, "tokens_per_second")
    if speed.value is None:
        return f"{name}: no training time at the longest sequence."
    parts = [f"{whole(speed.value)} tokens/s in training ({spread(speed, over='repetition')})"]
    for column, words in (
        ("over_rnn", "{} times the plain RNN's time"),
        ("over_linear", "{} times as long forward as a linear layer"),
    ):
        if (ratio := read_estimate(summary, column).value) is not None:
            parts.append(words.format(number(ratio)))
    exponent = _exponents([read_estimate(summary, "growth_exponent")])
    grows = f"; time grows as {exponent}" if exponent else ""
    return " ".join([f"{name}: {', '.join(parts)}{grows}.", *_noise({name: summary})])


def remarks(comparison: Comparison) -> Iterator[str]:
    """The fastest beside its baselines, how time grows with length, and how quiet it was."""
    result = comparison.result("tokens_per_second")
    if result is None:
        return
    timed = result.ordered()
    fastest = timed[0]
    parts = []
    for column, baseline in BASELINES.items():
        ratio = comparison.estimate(fastest, column)
        if ratio.value is None or ratio.low is None or ratio.high is None:
            continue
        if ratio.low <= 1 <= ratio.high:
            parts.append(f"{baseline} is not distinguishable from it")
        elif ratio.value >= 1:
            parts.append(f"{baseline} is {number(ratio.value)} times as fast")
        else:
            parts.append(f"{baseline} takes {number(1 / ratio.value)} times as long")
    if parts:
        yield f"Beside {fastest}: {'; '.join(parts)}."
    recurrent, attention = (
        _exponents([comparison.estimate(name, column) for name in timed])
        for column in ("growth_exponent", "attention_growth")
    )
    if recurrent and len(timed) > 1:
        beside = f", attention as {attention}" if attention else ""
        yield f"Recurrent time grows as {recurrent}{beside}."
    yield from _noise({name: comparison.summaries[name] for name in timed})


def whole(value: float) -> str:
    """Format to three digits, written out: `12,300,000`."""
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else number(value)


def _exponents(exponents: Sequence[Estimate]) -> str:
    """`T^1.02 (0.98–1.06)`, `T^0.98 to T^1.05 (0.95–1.10)`, empty where none has an interval."""
    sure = [e for e in exponents if None not in (e.value, e.low, e.high)]
    if not sure:
        return ""
    values = sorted(e.value or 0.0 for e in sure)
    ends = dict.fromkeys(f"T^{end:.2f}" for end in (values[0], values[-1]))
    low, high = min(e.low or 0.0 for e in sure), max(e.high or 0.0 for e in sure)
    return f"{' to '.join(ends)} ({low:.2f}{' to ' if low < 0 else '–'}{high:.2f})"


def _noise(summaries: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Report a machine that was not quiet: then the intervals are wide, or wrong."""
    loads = {
        name: as_number(summary.get("other_load")) or 0.0 for name, summary in summaries.items()
    }
    noise = {
        name: as_number(summary.get("noise_percent")) or 0.0 for name, summary in summaries.items()
    }
    busy = [f"{name} ({number(load, 2)})" for name, load in loads.items() if load > MAX_LOAD]
    noisy = [f"{name} ({share:.0f}%)" for name, share in noise.items() if share > MAX_NOISE]
    if busy:
        yield (
            f"The machine was not quiet: other processes took more than {MAX_LOAD} cores during "
            f"{shortened_list(busy, MAX_NAMED)}."
        )
    disturbed = [name for name, s in summaries.items() if as_number(s.get("disturbed_turns"))]
    if disturbed:
        names = shortened_list(disturbed, MAX_NAMED)
        yield f"Some turns were timed beside another thread of the run: {names}."
    if noisy:
        yield (
            "Noisy: the middle half of the repetitions spreads over more than "
            f"{MAX_NOISE:.0f}% of the median in {shortened_list(noisy, MAX_NAMED)}."
        )
