"""What `gradient-decay` found, in words: one run, and a comparison of runs.

Every claim is computed. Which variants differ is Welch's test on ln ρ over the seeds, corrected
for the number of comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.experiments.gradient_decay import GradientDecayConfig
from core.statistics import CONFIDENCE, Estimate, Group, compare, half_life
from core.words import listed, named_runs, number, spread

if TYPE_CHECKING:
    import pandas

NO_CHANGE = 1e-9
"""A rate this close to 1 is 1: an orthogonal recurrence differs from it by rounding alone."""


def run_in_words(config: GradientDecayConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64 · forget bias 1: keeps 0.86 of the gradient per step back (…), half is gone …`."""
    trained = f" after {config.training_steps:,} training steps" if config.training_steps else ""
    finding = Finding.read(config.architecture.label + trained, summary)
    return f"{finding.name}: {finding.fate}{finding.underflow}."


def comparison_in_words(runs: pandas.DataFrame) -> str:
    """Where the gradient lasts longest, where it fades fastest, and what cannot be told apart."""
    findings = _findings(runs)
    lasting = [f for f in findings if f.course in ("fades", "stays")]
    lasting.sort(key=lambda f: f.rate.value or 0.0, reverse=True)
    if not findings:
        return "Nothing has been measured yet."
    if len(findings) == 1:
        return f"{findings[0].name}: {findings[0].fate}{findings[0].underflow}."
    others = [f for f in findings if f not in lasting]
    told = (f"In {f.name} {f.fate}{f.underflow}." for f in others)
    return " ".join([*_ranking(lasting), *_gates(lasting), *told])


@dataclass(frozen=True)
class Finding:
    """One run's result, as far as words need it."""

    name: str
    cell: str
    rate: Estimate
    """Decay rate ρ per step back."""
    zero_percent: float

    @classmethod
    def read(cls, name: str, columns: Mapping[str, Any]) -> Finding:
        """From flat summary columns (what is missing there may be None or nan)."""
        value, low, high = (_known(columns[f"decay_rate{part}"]) for part in ("", "_low", "_high"))
        n = int(_known(columns["decay_rate_n"]) or 0)
        zero_percent = _known(columns["zero_percent"]) or 0.0
        return cls(name, str(columns.get("cell")), Estimate(value, low, high, n), zero_percent)

    @property
    def half_life(self) -> Estimate:
        """In steps."""
        return self.rate.transformed(half_life)

    @property
    def course(self) -> str:
        """`fades` or `explodes` if the whole interval does, else `stays`; or `unknown`."""
        if self.rate.value is None:
            return "unknown"
        if (self.rate.value if self.rate.high is None else self.rate.high) < 1 - NO_CHANGE:
            return "fades"
        lowest = self.rate.value if self.rate.low is None else self.rate.low
        return "explodes" if lowest > 1 + NO_CHANGE else "stays"

    @property
    def fate(self) -> str:
        """What becomes of the gradient, with the interval."""
        kept, interval = number(self.rate.value or 0.0), spread(self.rate)
        keeps = f"keeps {kept} of the gradient per step back ({interval})"
        return {
            "unknown": "no decay rate can be fitted, too few norms are finite and above zero",
            "fades": f"{keeps}, half is gone after {self.steps} steps",
            "explodes": f"the gradient explodes: it grows {kept}-fold per step back ({interval})",
            "stays": f"{keeps}, so it neither fades nor explodes as far as this can tell",
        }[self.course]

    @property
    def steps(self) -> str:
        """The half-life as a number."""
        return number(self.half_life.value or 0.0, 2)

    @property
    def duration(self) -> str:
        """How long half of the gradient lasts, with its interval."""
        if self.course == "fades":
            return f"half is gone after {self.steps} steps ({spread(self.half_life, 2)})"
        return self.fate

    @property
    def underflow(self) -> str:
        """A clause on exact zeros, empty where there are none."""
        if not self.zero_percent:
            return ""
        return f"; {number(self.zero_percent, 2)}% of its input gradients are exactly zero"


def _ranking(lasting: Sequence[Finding]) -> Iterator[str]:
    """The longest-lasting, what equals it within the noise, and the shortest-lasting."""
    if len(lasting) < 2:
        yield from (f"{f.name}: {f.fate}{f.underflow}." for f in lasting)
        return
    best = lasting[0]
    level = (1 - CONFIDENCE) / (len(lasting) - 1)
    outcomes = {f: compare(_group(best), _group(f), level=level).outcome for f in lasting[1:]}
    equal = [f.name for f, outcome in outcomes.items() if outcome == "not distinguishable"]
    if len(equal) == len(outcomes):
        yield (
            f"{listed([f.name for f in lasting])} are not distinguishable: in {best.name} "
            f"{best.duration}, in {lasting[-1].name} {lasting[-1].duration}."
        )
        return
    but = f", not distinguishable from {listed(equal)}" if equal else ""
    yield f"The gradient lasts longest in {best.name}: {best.duration}{but}."
    worst = [f for f in outcomes if f.name not in equal][-1]
    noise = "; one seed cannot tell this difference from noise"
    untold = noise if outcomes[worst] == "not enough seeds" else ""
    yield f"It fades fastest in {worst.name}: {worst.duration}{worst.underflow}{untold}."


def _gates(lasting: Sequence[Finding]) -> Iterator[str]:
    """Says so when an LSTM or a GRU fades about as fast as the plain RNN beside it."""
    plain = [f for f in lasting if f.cell == "rnn" and f.course == "fades"]
    if not plain:
        return
    shortest = plain[-1]
    limit = 2 * (shortest.half_life.value or 0.0)
    weak = [
        f.name
        for f in lasting
        if f.cell in ("lstm", "gru") and f.course == "fades" and (f.half_life.value or 0) < limit
    ]
    if weak:
        verb = "keeps" if len(weak) == 1 else "keep"
        yield (
            f"{listed(weak)} {verb} half for less than twice as long as {shortest.name}: "
            "gates alone do not keep the gradient alive."
        )


def _findings(runs: pandas.DataFrame) -> list[Finding]:
    named = named_runs(runs, GradientDecayConfig, ("seed", "seeds", "device", "threads"))
    return [Finding.read(name, columns) for name, columns in named.items()]


def _group(finding: Finding) -> Group:
    return Group.of_estimate(finding.name, finding.rate.transformed(math.log))


def _known(value: Any) -> float | None:
    return None if value is None or math.isnan(float(value)) else float(value)
