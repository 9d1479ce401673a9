"""What `memory-span` found, in words.

Which spans differ is an exact rank test over the spans of single seeds, corrected for the number
of comparisons: the lags tried are few and coarse, so means of them say little.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.experiments.memory_span import MemorySpanConfig
from core.ranks import compare_ranks
from core.statistics import CONFIDENCE, Estimate
from core.words import counted, known, listed, named_runs, number, read_estimate, spread

if TYPE_CHECKING:
    import pandas

LISTED = 4
"""Groups of equal spans that the answer lists; of more, the longest ones and the shortest."""
NAMED = 4
"""Variants that are named of a group."""


def run_in_words(config: MemorySpanConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64, recall: within 1,000 training steps learned lags up to 15 (…, 5 seeds) …`."""
    finding = Finding.read(f"{config.architecture.label}, {config.task}", summary)
    rate = known(summary.get("reported_learning_rate"))
    at_rate = "" if rate is None else f", at learning rate {rate:g}"
    steps = counted(config.training_steps, "training step")
    return (
        f"{finding.name}: within {steps} a majority of seeds learned {finding.reach} "
        f"({finding.sure}){at_rate}{finding.gradient}."
    )


def comparison_in_words(runs: pandas.DataFrame) -> str:
    """How far each variant learned to look back, and which differ by more than noise."""
    named = named_runs(runs, MemorySpanConfig, ("seed", "seeds", "device", "threads"))
    findings = [Finding.read(name, columns) for name, columns in named.items()]
    findings = [finding for finding in findings if finding.span.value is not None]
    if not findings:
        return "Nothing has been measured yet."
    findings.sort(key=lambda finding: finding.rank, reverse=True)
    steps = {int(columns["training_steps"]) for columns in named.values()}
    within = f"Within {counted(steps.pop(), 'training step')} " if len(steps) == 1 else ""
    told = within + listed(_reaches(findings))
    return " ".join([f"{told[0].upper()}{told[1:]} ({_seeds(findings)}).", *_verdict(findings)])


@dataclass(frozen=True)
class Finding:
    """One run's result, as far as words need it."""

    name: str
    cell: str
    span: Estimate
    by_seed: tuple[int, ...]
    """The span of each seed."""
    open_end: bool
    """Whether no longer lag was tried: the span is a lower bound."""
    half_lives: tuple[float | None, float | None]
    """Of the gradient, before and after training."""

    @classmethod
    def read(cls, name: str, columns: Mapping[str, Any]) -> Finding:
        """From flat summary columns (what is missing there may be None or nan)."""
        seeds = str(columns.get("span_by_seed") or "").split(", ")
        before, after = (known(columns.get(f"half_life_{when}")) for when in ("start", "end"))
        return cls(
            name=name,
            cell=str(columns.get("cell")),
            span=read_estimate(columns, "span"),
            by_seed=tuple(int(span) for span in seeds if span.isdigit()),
            open_end=known(columns.get("next_lag")) is None,
            half_lives=(before, after),
        )

    @property
    def rank(self) -> tuple[float, bool]:
        """To sort by."""
        return self.span.value or 0.0, self.open_end

    @property
    def reach(self) -> str:
        """`lags up to 15`, with `at least` where no longer one was tried."""
        if not self.span.value:
            return "no lag"
        return f"lags up to {'at least ' if self.open_end else ''}{self.span.value:,.0f}"

    @property
    def sure(self) -> str:
        """The interval, if there is one, and how many seeds there are."""
        if self.span.low is None or self.span.high is None:
            return spread(self.span)
        low, high = f"{self.span.low:,.0f}", f"{self.span.high:,.0f}"
        return f"95% interval {low} to {high}, {counted(self.span.n, 'seed')}"

    @property
    def interval(self) -> str:
        """`(10 to 15)`; empty where there is none."""
        if self.span.low is None or self.span.high is None or self.span.low == self.span.high:
            return ""
        return f" ({self.span.low:,.0f} to {self.span.high:,.0f})"

    @property
    def gradient(self) -> str:
        """A clause on how fast the gradient of these networks fades."""
        before, after = map(_steps, self.half_lives)
        if not before or not after:
            return ""
        return f"; the half-life of its gradient is {before} before training and {after} after"


def _steps(half_life: float | None) -> str:
    if half_life is None:
        return ""
    return f"{number(half_life, 2)} steps" if math.isfinite(half_life) else "infinite"


def _reaches(findings: Sequence[Finding]) -> list[str]:
    """Equal spans together, the longest first: `LSTM 64 learned lags up to 15 (10 to 20)`."""
    groups: dict[str, list[str]] = {}
    for finding in findings:
        groups.setdefault(f"{finding.reach}{finding.interval}", []).append(finding.name)
    told = [f"{_some(names)} learned {reach}" for reach, names in groups.items()]
    if len(told) <= LISTED:
        return told
    between = [name for names in list(groups.values())[LISTED - 1 : -1] for name in names]
    return [*told[: LISTED - 1], f"{counted(len(between), 'other')} less far", told[-1]]


def _some(names: Sequence[str]) -> str:
    if len(names) <= NAMED:
        return listed(names)
    return listed([*names[: NAMED - 1], counted(len(names) - NAMED + 1, "other")])


def _seeds(findings: Sequence[Finding]) -> str:
    counts = sorted({finding.span.n for finding in findings})
    if len(findings) == 1 or counts[0] != counts[-1]:
        return counted(counts[0], "seed") + (f" to {counts[-1]}" if len(counts) > 1 else "")
    return f"{counted(counts[0], 'seed')} each; 95% intervals where seeds differ"


def _verdict(findings: Sequence[Finding]) -> Iterator[str]:
    """Each variant against the plain RNN if there is one, else against the longest span."""
    if len(findings) < 2:
        return
    plain = [finding for finding in findings if finding.cell == "rnn"]
    one = min(plain, key=lambda finding: len(finding.name)) if plain else findings[0]
    others = [finding for finding in findings if finding is not one]
    level = (1 - CONFIDENCE) / len(others)
    groups: dict[str, list[str]] = {}
    for other in others:
        outcome = compare_ranks(other.by_seed, one.by_seed, level=level).outcome
        groups.setdefault(outcome, []).append(other.name)
    for outcome, longer in (("better", "longer"), ("worse", "shorter")):
        if names := groups.get(outcome):
            yield f"{_some(names)} learned {longer} lags than {one.name} by more than noise."
    if names := groups.get("not distinguishable"):
        yield f"{_some(names)} {_verb(names, 'is', 'are')} not distinguishable from {one.name}."
    if names := groups.get("not enough seeds"):
        yield (
            f"Whether {_some(names)} {_verb(names, 'differs', 'differ')} from {one.name} cannot be "
            f"told from noise with so few seeds: it takes {_seeds_needed(level)} each."
        )


def _seeds_needed(level: float) -> int:
    """So many on both sides, for the rank test to be able to find anything."""
    return next(n for n in range(1, 100) if 2 / math.comb(2 * n, n) <= level)


def _verb(names: Sequence[str], one: str, several: str) -> str:
    return one if len(names) == 1 else several
