"""What does the harness add to what it times, does torch's timer agree, how does time grow?

    python -m tests.bench timing

Everything in turns, so that a noisy machine hits all of it. One thread.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from rich.table import Table
from torch.utils.benchmark import Timer

from core.experiments.throughput.bench import context_of
from core.experiments.throughput.declaration import MODES, Mode, Subject, ThroughputConfig
from core.experiments.throughput.growth import growth_exponent, local_exponent
from core.experiments.throughput.rows import quantile
from core.experiments.throughput.subjects import build_subjects, normal, output_size, pass_of
from core.measure.memory import keep_freed_memory
from core.measure.timing import Call, Stopwatch, Turns
from core.models.registry import gated_cells
from core.stats.estimates import Estimate
from tests.bench.gradients import table_of

TURNS = 15

LENGTHS = (128, 256, 512, 1024, 2048)

STATEMENT_LENGTH = 256

CPU = torch.device("cpu")

STATEMENTS: tuple[tuple[Subject, Mode], ...] = (
    ("fused", "forward"),
    ("fused", "training"),
    ("linear", "forward"),
)


def tables() -> list[Table]:
    """All three; takes about a minute."""
    torch.set_num_threads(1)
    return [harness_table(), agreement_table(), growth_table()]


def harness_table() -> Table:
    """An empty region timed by the harness."""
    title = "An empty region over the fastest subject (aim: < 1%)"
    rows = [(mode, f"{100 * share:.3f}%") for mode, share in harness_shares().items()]
    return table_of(title, ("pass", "share"), rows)


def agreement_table() -> Table:
    """The harness against torch.utils.benchmark."""
    title = f"LSTM 64 → 64, T = {STATEMENT_LENGTH}, batch 16: harness and torch.utils.benchmark"
    header = ("statement", "harness", "middle half", "torch's timer", "middle half", "apart by", "")
    rows = []
    for name, one in agreements().items():
        apart = f"{100 * (one.ours[1] / one.theirs[1] - 1):+.1f}%"
        verdict = "agree within noise" if one.within_noise else "DISAGREE"
        rows.append((name, *_times(one.ours), *_times(one.theirs), apart, verdict))
    return table_of(title, header, rows)


def growth_table() -> Table:
    """Exponents of T, forward and backward."""
    title = (
        f"Training takes a + b·T^p, T = {LENGTHS[0]} to {LENGTHS[-1]} (aim: 1.0 ± 0.1); attention "
        "between the last two lengths (aim: above 1)"
    )
    rows = [
        (name, f"{e.value:.3f}", f"{e.low:.3f} to {e.high:.3f}")
        if e.value is not None
        else (name, "not determined", "")
        for name, e in growth_exponents().items()
    ]
    return table_of(title, ("subject", "p", "95% interval"), rows)


@dataclass(frozen=True)
class Agreement:
    """Lower quartile, median and upper quartile of both, in seconds."""

    ours: tuple[float, float, float]
    theirs: tuple[float, float, float]

    @property
    def within_noise(self) -> bool:
        """Whether the medians are no further apart than the wider of the two middle halves."""
        widths = (self.ours[2] - self.ours[0], self.theirs[2] - self.theirs[0])
        return abs(self.ours[1] - self.theirs[1]) <= max(widths)


def harness_shares() -> dict[Mode, float]:
    """By pass, beside the fastest subject of a short run."""
    shares: dict[Mode, float] = {}
    with keep_freed_memory():
        for mode in MODES:
            calls = {name: _call(config(), name, mode, 128) for name in ("fused", "linear")}
            turns = Turns(calls, Stopwatch(CPU), context=context_of(mode))
            for _ in (*turns.warm_up(), *turns.take(TURNS)):
                pass
            shares[mode] = turns.harness_share or 0.0
    return shares


def agreements() -> dict[str, Agreement]:
    """The same statements by both, one sample of each in every turn."""
    results: dict[str, Agreement] = {}
    with keep_freed_memory():
        for name, mode in STATEMENTS:
            call = _call(config(), name, mode, STATEMENT_LENGTH)
            turns = Turns({"": call}, Stopwatch(CPU), context=context_of(mode))
            timer = Timer("call()", globals={"call": call}, num_threads=1)
            list(turns.warm_up())
            theirs = []
            for _ in turns.take(TURNS):
                with context_of(mode)():
                    theirs.append(timer.timeit(10).mean)
            results[f"{name}, {mode}"] = Agreement(
                _quartiles(turns.seconds[""]), _quartiles(theirs)
            )
    return results


def growth_exponents() -> dict[str, Estimate]:
    """p of t = a + b·T^p by cell, and of attention its local exponent at the end; all lengths and
    subjects in the same turns."""
    calls: dict[str, Call] = {}
    for cell in gated_cells():
        for length in LENGTHS:
            calls[f"{cell} {length}"] = _call(config(cell), "fused", "training", length)
    for length in LENGTHS:
        calls[f"attention {length}"] = _call(config(), "attention", "training", length)
    with keep_freed_memory():
        turns = Turns(calls, Stopwatch(CPU))
        for _ in (*turns.warm_up(), *turns.take(TURNS)):
            pass
    seconds = turns.seconds
    exponents = {
        cell: growth_exponent(
            LENGTHS, list(zip(*(seconds[f"{cell} {length}"] for length in LENGTHS), strict=True))
        )
        for cell in gated_cells()
    }
    before, last = (seconds[f"attention {length}"] for length in LENGTHS[-2:])
    return {**exponents, "attention": local_exponent(*LENGTHS[-2:], before, last)}


def config(cell: str = "lstm") -> ThroughputConfig:
    """The default: 64 → 64, batch 16."""
    return ThroughputConfig.from_flat({"cell": cell})


def _call(made: ThroughputConfig, name: Subject, mode: Mode, length: int) -> Call:
    x_TBI = normal(made, CPU, length, made.batch_size, made.input_size)
    size = output_size(name, made.architecture)
    grad_TBO = normal(made, CPU, length, made.batch_size, size)
    model = build_subjects(made, CPU)[name]
    return pass_of(model, mode, x_TBI.requires_grad_(mode == "training"), grad_TBO)


def _quartiles(seconds: list[float]) -> tuple[float, float, float]:
    low, middle, high = (quantile(seconds, share) for share in (0.25, 0.5, 0.75))
    return low, middle, high


def _times(quartiles: tuple[float, float, float]) -> tuple[str, str]:
    low, middle, high = (1000 * seconds for seconds in quartiles)
    return f"{middle:.3f} ms", f"{low:.3f} to {high:.3f}"
