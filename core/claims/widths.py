"""What does a smaller width save (10)?"""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.claims.claim import Claim, Question, Verdict, combined, either, exactly, not_measured
from core.claims.measurement import Measurement
from core.claims.results import Found, Results, evidence, number_of
from core.experiments.parameter_count import PARAMETER_COUNT
from core.words import counted, listed, number

CELLS = ("rnn", "lstm", "gru")
WIDTHS = Measurement(
    "256 hidden units and 64", PARAMETER_COUNT, CELLS, {"hidden_size": (256, 64)}, "chapter"
)
SMALL_INPUT = Measurement(
    "the same with 16 features",
    PARAMETER_COUNT,
    CELLS,
    {"hidden_size": (256, 64), "input_size": (16,)},
    "chapter",
)
RATIO = {"rnn": 1, "lstm": 4, "gru": 3}
QUADRATIC = (1.75, 2.25)
"""Exponents of the width that are about quadratic."""
SHRINKS = ("About 4 times", "About 8 times", "About 16 times")

Counts = Mapping[int, Mapping[str, int]]
"""Hidden size → cell → parameters."""


def width_rule(results: Results) -> Verdict:
    """Counts are exact: quadratic or not, by input size, and the ratio at both widths."""
    found = [*results.of(WIDTHS), *results.of(SMALL_INPUT)]
    counts = {size: by for size, by in _counts(found).items() if len(by) == 2 and _full(by)}
    if not counts:
        return not_measured("parameters of the three cells at 256 and at 64 hidden units")
    shrinks = {size: by[256]["lstm"] / by[64]["lstm"] for size, by in counts.items()}
    exponents = {size: math.log(times, 4) for size, times in shrinks.items()}
    kept = all(_in_ratio(cells) for by in counts.values() for cells in by.values())
    told = [
        f"with {counted(size, 'feature')} from {by[256]['lstm']:,} to {by[64]['lstm']:,} in the "
        f"LSTM, {number(shrinks[size])} times, as the width to the power {exponents[size]:.2f}"
        for size, by in counts.items()
    ]
    truths = {size: QUADRATIC[0] <= e <= QUADRATIC[1] for size, e in exponents.items()}
    sizes = either([f"{size:,}" for size, truth in truths.items() if truth])
    ratio = "is 1 : 4 : 3 at both" if kept else "is not 1 : 4 : 3"
    return combined(
        list(truths.values()) if kept else [False],
        f"From 256 to 64 hidden units the count shrinks {listed(told)}. The ratio {ratio}.",
        f"the input is small beside the hidden state: {sizes} features",
        answer=_nearest(shrinks[128]) if 128 in shrinks else None,
        evidence=evidence(*found),
        numbers={f"times at {size} features": exactly(t) for size, t in shrinks.items()},
    )


def _counts(found: list[Found]) -> Mapping[int, dict[int, dict[str, int]]]:
    """Input size → hidden size → cell → parameters."""
    counts: dict[int, dict[int, dict[str, int]]] = {}
    for one in found:
        width, parameters = one.config.architecture.hidden_size, number_of(one.run, "parameters")
        if parameters is not None:
            by_width = counts.setdefault(one.config.features, {}).setdefault(width, {})
            by_width[one.cell] = int(parameters)
    return counts


def _full(by_width: Counts) -> bool:
    return all(len(cells) == len(CELLS) for cells in by_width.values())


def _in_ratio(cells: Mapping[str, int]) -> bool:
    return all(cells[cell] == times * cells["rnn"] for cell, times in RATIO.items())


def _nearest(times: float) -> str:
    return min(zip((4, 8, 16), SHRINKS, strict=True), key=lambda c: abs(math.log(times / c[0])))[1]


WIDTH = Claim(
    10,
    "From 256 to 64",
    "Going from hidden size 256 to 64 shrinks the parameter counts about quadratically and keeps "
    "the ratio 1 : 4 : 3 of RNN, LSTM and GRU.",
    "Exact counts at both widths, with 128 features as in the chapter and with 16. About quadratic "
    "means an exponent from 1.75 to 2.25.",
    Question("Of an LSTM that reads 128 features: by how much does its count shrink?", SHRINKS),
    width_rule,
    (WIDTHS, SMALL_INPUT),
)
