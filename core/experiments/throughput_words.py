"""What `throughput` found, in words: one run, and a comparison device by device.

Runs are compared through the plain RNN that each timed in turns with its own variant: what slowed
the machine down during one of them slowed both. Where intervals overlap nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.experiments.throughput import ThroughputConfig
from core.experiments.throughput_finding import Finding, differ, growth, quotient
from core.statistics import Estimate
from core.words import listed, named_runs, number, spread

if TYPE_CHECKING:
    import pandas

NOISY_PERCENT = 10.0
"""Middle half of the repetitions over their median: above this a sentence says so."""
BUSY_CORES = 0.2
"""The same of the processor time that others took."""
TOO_FEW = "these are too few repetitions to tell a difference from noise"
BASELINE_SHAPE = (
    "hidden_size",
    "layers",
    "input_size",
    "batch_size",
    "sequence_length",
    "dtype",
    "threads",
)
"""What a plain RNN's time depends on: where these agree, every run had the same baseline."""


def run_in_words(config: ThroughputConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64: 61,000 tokens/s in training (…), 3.10 times the plain RNN's time, …`."""
    return _alone(Finding(config.architecture.label, summary))


def comparison_in_words(runs: pandas.DataFrame) -> str:
    """Which trains fastest, what the others take, what the baselines take; device by device."""
    if runs.empty:
        return "Nothing has been measured yet."
    machines = runs[["device", "chip"]].astype(str).agg(tuple, axis=1)
    told = []
    for device, chip in dict.fromkeys(machines):
        there = runs[machines == (device, chip)]
        named = named_runs(there, ThroughputConfig, ("seed", "device"))
        findings = [Finding(name, columns) for name, columns in named.items()]
        told.append(f"On {device.upper()} ({chip}): {_answer(findings)}")
    return " ".join(told)


def _answer(findings: Sequence[Finding]) -> str:
    """For one device."""
    timed = [f for f in findings if f.tokens_per_second.value is not None]
    if len(findings) == 1:
        return _alone(findings[0])
    untimed = [f.name for f in findings if f not in timed]
    parts = [*_ranking(timed), *_growth(timed), *_noise(timed)]
    if untimed:
        parts.append(f"No training time at the longest sequence for {listed(untimed)}.")
    return " ".join(parts)


def _alone(finding: Finding) -> str:
    speed = finding.tokens_per_second
    if speed.value is None:
        return f"{finding.name}: no training time at the longest sequence."
    rate = f"{whole(speed.value)} tokens/s in training ({spread(speed, over='repetition')})"
    ratios = (
        (finding.over_rnn, "{} times the plain RNN's time"),
        (finding.over_linear, "{} times as long forward as a linear layer"),
    )
    told = [rate, *(w.format(number(r.value)) for r, w in ratios if r.value is not None)]
    grows = growth([finding.growth])
    sentence = f"{finding.name}: {', '.join(told)}{f'; time grows as {grows}' if grows else ''}."
    return " ".join([sentence, *_noise([finding])])


def _ranking(timed: Sequence[Finding]) -> Iterator[str]:
    """The fastest, what equals it within the noise, what the others take; then its baselines."""
    if len(timed) < 2:
        yield from (_alone(finding) for finding in timed)
        return
    costs = _costs(timed)
    fastest, *others = sorted(timed, key=lambda f: costs[f].value or 0.0)
    verdicts = {f: differ(costs[fastest], costs[f]) for f in others}
    if None in verdicts.values():
        quickest = max(timed, key=lambda f: f.tokens_per_second.value or 0.0)
        yield f"{_speed(quickest)}, the most here, but {TOO_FEW}."
        return
    yield _first(fastest, verdicts)
    slower = [f for f, differs in verdicts.items() if differs]
    if slower:
        ratios = {f: quotient(costs[f], costs[fastest]).value or 0.0 for f in slower}
        told = [f"{f.name} {number(ratio)}" for f, ratio in ratios.items()]
        first, ratio = next(iter(ratios.items()))
        told[0] = f"{first.name} takes {number(ratio)} times as long"
        yield f"{listed(told)}."
    yield from _baselines(fastest)


def _first(fastest: Finding, verdicts: Mapping[Finding, bool | None]) -> str:
    """Who is fastest beside the plain RNN; what only the clock says is told as such."""
    equal = [f.name for f, differs in verdicts.items() if not differs]
    but = f", not distinguishable from {listed(equal)}" if equal else ""
    first = f"{fastest.name} trains fastest ({whole(_rate(fastest))} tokens/s){but}."
    ahead = [f for f, differs in verdicts.items() if differs and _rate(f) > _rate(fastest)]
    if not ahead:
        return first
    told = listed([f"{f.name} ({whole(_rate(f))})" for f in ahead])
    return f"{first} More tokens/s were counted for {told}, but the plain RNN was faster then too."


def _speed(finding: Finding) -> str:
    return f"{finding.name} trained at {whole(_rate(finding))} tokens/s"


def _rate(finding: Finding) -> float:
    return finding.tokens_per_second.value or 0.0


def _costs(timed: Sequence[Finding]) -> dict[Finding, Estimate]:
    """Training time over that of the plain RNN if it was the same one, else per token."""
    shapes = {tuple(str(f.columns.get(name)) for name in BASELINE_SHAPE) for f in timed}
    paired = len(shapes) == 1 and all(f.over_rnn.value is not None for f in timed)
    return {f: f.over_rnn if paired else f.seconds_per_token for f in timed}


def _baselines(fastest: Finding) -> Iterator[str]:
    """What the networks without recurrence take beside it."""
    told = []
    for name, ratio in (
        ("forward, a linear layer", fastest.over_linear),
        ("in training, a feed-forward net of as many parameters", fastest.over_feed_forward),
        ("causal attention", fastest.over_attention),
    ):
        if ratio.value is None or ratio.low is None or ratio.high is None:
            continue
        if ratio.low <= 1 <= ratio.high:
            told.append(f"{name} is not distinguishable from it")
        elif ratio.value >= 1:
            told.append(f"{name} is {number(ratio.value)} times as fast")
        else:
            told.append(f"{name} takes {number(1 / ratio.value)} times as long")
    if told:
        yield f"Beside {fastest.name}: {'; '.join(told)}."


def _growth(timed: Sequence[Finding]) -> Iterator[str]:
    recurrent = growth([f.growth for f in timed])
    attention = growth([f.attention_growth for f in timed])
    told = [
        f"{who} as {grows}"
        for who, grows in (("recurrent time grows", recurrent), ("attention", attention))
        if grows
    ]
    if recurrent and len(timed) > 1:
        yield f"{', '.join(told).capitalize().replace('t^', 'T^')}."


def whole(value: float) -> str:
    """To three digits, written out: `12,300,000`."""
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else number(value)


def _noise(findings: Sequence[Finding]) -> Iterator[str]:
    """Says so when the machine was not quiet: the intervals then are wide, or wrong."""
    busy = [f"{f.name} ({number(f.other_load, 2)})" for f in findings if f.other_load > BUSY_CORES]
    noisy = [f"{f.name} ({f.noise:.0f}%)" for f in findings if f.noise > NOISY_PERCENT]
    if busy:
        yield (
            f"The machine was not quiet: others took more than {BUSY_CORES} cores during "
            f"{listed(busy)}."
        )
    if noisy:
        yield (
            f"Noisy: the middle half of the repetitions spread over more than "
            f"{NOISY_PERCENT:.0f}% in {listed(noisy)}."
        )
