"""What `throughput` says of its results, beyond who is fastest: baselines, growth and noise.

Ratios are what is said first. A time in seconds is only that of one launch on that day's machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.analysis.comparison import Comparison
from core.experiment import Tables
from core.experiments.throughput.declaration import ThroughputConfig, halvings
from core.experiments.throughput.growth import MAX_WIDTH
from core.formatting import (
    as_number,
    counted,
    interval,
    number,
    raised,
    read_estimate,
    shortened_list,
)
from core.machine_load import MAX_LOAD
from core.settings import Value
from core.stats.estimates import Estimate

MAX_NOISE = 10.0
"""Percent: the middle half of the turns over their median, above which a remark says so."""
MAX_NAMED = 2
"""The most models that a remark names; the others are counted."""
RATIOS = {
    "over_rnn": "training takes {} times the plain RNN's time",
    "over_linear": "a forward pass {} times a linear layer's",
    "latency_over_rnn": "one token {} times the plain RNN's",
}
"""Column of the summary → what a run says of it."""
BASELINES = {
    "over_linear": "forward, a linear layer takes {} times as long",
    "over_feed_forward": "in training, a feed-forward net of as many parameters {} times",
    "over_attention": "causal attention {} times",
}
"""Column of the summary → what a comparison says of its inverse."""


def run_sentence(config: ThroughputConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64: training takes 3.10 times (3.00–3.20) the plain RNN's time, …`.

    The intervals are over the turns of this launch, and named as such.
    """
    name = config.architecture.label
    ratios = {column: read_estimate(summary, column) for column in RATIOS}
    parts = [
        RATIOS[column].format(with_interval(ratio))
        for column, ratio in ratios.items()
        if ratio.value is not None
    ]
    speed = read_estimate(summary, "tokens_per_second")
    if speed.value is None:
        parts.append("no training time at the longest sequence")
    sentence = f"{name}: {', '.join(parts)}"
    if turns := max(ratio.n for ratio in ratios.values()):
        low = any(ratio.low is not None for ratio in ratios.values())
        over = f"intervals over {counted(turns, 'turn')}" if low else counted(turns, "turn")
        sentence += f" ({over} of one launch)"
    if speed.value is not None:
        sentence += f"; {whole(speed.value)} tokens/s in training, as of this launch"
    lengths = f"from T = {config.lengths[0]:,} to {config.lengths[-1]:,}"
    if exponent := _exponents([read_estimate(summary, "length_exponent")]):
        sentence += f"; time grows as a + b·{exponent} {lengths}"
    return " ".join([f"{sentence}.", *_noise({name: summary})])


def remarks(comparison: Comparison) -> Iterator[str]:
    """The fastest beside its baselines, how time grows with length, and how quiet it was."""
    result = comparison.result("over_rnn") or comparison.result("over_linear")
    if result is None:
        return
    timed = result.ordered()
    fastest = timed[0]
    launches = result.repeats[fastest]
    parts = [
        words.format(with_interval(_inverse(ratio)))
        for column, words in BASELINES.items()
        if (ratio := comparison.estimate(fastest, column)).value
    ]
    if parts:
        over = f"{counted(launches, 'launch')}" if launches > 1 else "intervals over turns"
        yield f"Beside {fastest} ({over}): {'; '.join(parts)}."
    yield from _growth(comparison, timed)
    yield from _noise({name: comparison.summaries[name] for name in timed})


def _growth(comparison: Comparison, names: Sequence[str]) -> Iterator[str]:
    """The exponents of length that are determined, and the lengths that they hold for."""
    ends = {
        tuple(int(str(run.settings[name])) for name in ("sequence_length", "shortest_length"))
        for run in comparison.runs
    }
    if len(ends) != 1:
        return
    lengths = halvings(*ends.pop())
    if len(lengths) < 2:
        return
    across = f"from T = {lengths[0]:,} to {lengths[-1]:,}"
    recurrent = _exponents([comparison.estimate(name, "length_exponent") for name in names])
    if recurrent:
        yield f"Beyond a constant overhead, recurrent time grows as {recurrent} {across}."
    else:
        last = _exponents([comparison.estimate(name, "local_exponent") for name in names])
        if last:
            yield f"From T = {lengths[-2]:,} to {lengths[-1]:,} recurrent time grows as {last}."
    first, end = (
        _exponents([comparison.estimate(name, column) for name in names])
        for column in ("attention_first_exponent", "attention_exponent")
    )
    if first and end and len(lengths) > 2:
        yield (
            f"Attention's grows as {first} from T = {lengths[0]:,} to {lengths[1]:,}, and as "
            f"{end} from T = {lengths[-2]:,} to {lengths[-1]:,}{_quadratic(comparison, names)}."
        )


def _quadratic(comparison: Comparison, names: Sequence[str]) -> str:
    """From where attention's T² part is most of its time, by the run that says it first."""
    result = comparison.result("attention_quadratic_from")
    known = [e for n in names if result and (e := result.estimates[n]).value is not None]
    if not known:
        return ""
    least = min(known, key=lambda estimate: estimate.value or 0.0)
    if least.low is None and least.n > 0 and all(e.low is None for e in known):
        return f"; T² is less than half of it up to T = {number(float(least.value or 0.0))}"
    return f"; T² is most of it from T = {with_interval(least)}"


def with_interval(estimate: Estimate) -> str:
    """`3.10 (3.00–3.20)`; the value alone where there is no interval."""
    ends = interval(estimate)
    return f"{number(estimate.value or 0.0)}{f' ({ends})' if ends else ''}"


def _inverse(ratio: Estimate) -> Estimate:
    value, low, high = (1 / x if x else None for x in (ratio.value, ratio.high, ratio.low))
    return Estimate(value, low, high, ratio.n)


def older_values(
    settings: Mapping[str, Value], tables: Tables
) -> Mapping[str, Mapping[int, float]]:
    """The latency over the plain RNN's of a run that recorded latencies but not their ratio."""
    summary = tables("summary")
    if summary is None or summary.empty:
        return {}
    if "latency_over_rnn" in summary and summary["latency_over_rnn"].notna().any():
        return {}
    latency = tables("latency")
    if latency is None or latency.empty:
        return {}  # no latency was asked for
    last = latency[latency["context_length"] == latency["context_length"].max()]
    median = last.set_index("subject")["p50_us"]
    own, plain = (as_number(median.get(name)) for name in ("fused", "rnn"))
    if not own or not plain:
        return {}
    return {"latency_over_rnn": {int(settings.get("seed") or 0): own / plain}}


def whole(value: float) -> str:
    """Format to three digits, written out: `12,300,000`."""
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else number(value)


def _exponents(exponents: Sequence[Estimate]) -> str:
    """`T¹·⁰² (0.98–1.06)`, `T⁰·⁹⁸ to T¹·⁰⁵ (0.95–1.10)`; empty unless all are determined.

    An exponent without an interval, or with one that does not tell T from T², is no answer.
    """
    sure = [
        (e.value, e.low, e.high)
        for e in exponents
        if e.value is not None
        and e.low is not None
        and e.high is not None
        and e.high - e.low <= MAX_WIDTH
    ]
    if not sure or len(sure) < len(exponents):
        return ""
    values = sorted(value for value, _, _ in sure)
    ends = dict.fromkeys(f"T{raised(f'{end:.2f}')}" for end in (values[0], values[-1]))
    low, high = min(low for _, low, _ in sure), max(high for _, _, high in sure)
    return f"{' to '.join(ends)} ({low:.2f}{' to ' if low < 0 else '–'}{high:.2f})"


def limits(summaries: Sequence[Mapping[str, Any]]) -> str:
    """What may be read of times that were measured elsewhere, by what their runs recorded of the
    machine; empty where it was quiet."""
    load, noise = (
        max((as_number(summary.get(name)) or 0.0 for summary in summaries), default=0.0)
        for name in ("other_load", "noise_percent")
    )
    parts = []
    if load > MAX_LOAD:
        parts.append(f"other programs used up to {number(load, 2)} cores meanwhile")
    if noise > MAX_NOISE:
        parts.append(
            f"the middle half of the turns spreads over up to {noise:.0f}% of the median of a run"
        )
    said = ", and ".join(parts)
    return f"{said[0].upper()}{said[1:]}: read ratios, not milliseconds." if parts else ""


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
            "Other programs used the CPU during these runs, in cores: "
            f"{shortened_list(busy, MAX_NAMED)}. Repeat on an idle machine before comparing."
        )
    disturbed = [name for name, s in summaries.items() if as_number(s.get("disturbed_turns"))]
    if disturbed:
        names = shortened_list(disturbed, MAX_NAMED)
        yield f"Some turns were timed beside another thread of the run: {names}."
    if noisy:
        yield (
            "Noisy: the middle half of the turns spreads over more than "
            f"{MAX_NOISE:.0f}% of the median in {shortened_list(noisy, MAX_NAMED)}."
        )
