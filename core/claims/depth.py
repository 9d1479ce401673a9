"""Does depth change how the gradient spreads over time (11)?"""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.claims.claim import Claim, Question, Truth, Verdict, combined, not_measured
from core.claims.gates import lasts, rate_of
from core.claims.measurement import Measurement
from core.claims.results import Found, Results, evidence
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.statistics import CONFIDENCE, Estimate, geometric_mean_estimate
from core.words import listed, number, spread

DEPTH = Measurement("one layer and three", GRADIENT_DECAY, ("lstm",), {"layers": (1, 3)}, "chapter")
SAME = 1.1
"""Gradients whose half-lives are this close, interval and all, fade alike."""
CHANGES = ("It fades more slowly", "It fades faster", "It fades alike")


def depth_rule(results: Results) -> Verdict:
    """Does the input's gradient fade at another rate under three layers than under one?"""
    by_layers = {found.config.architecture.layers: found for found in results.of(DEPTH)}
    if len(by_layers) < 2:
        return not_measured("the chapter's LSTM with one layer and with three")
    one, three = by_layers[1], by_layers[3]
    alike = fade_alike(rate_of(one), rate_of(three))
    slower = lasts(three, one, 1 - CONFIDENCE, times=1.0)
    layers = rates_by_layer(results, three)
    told = [f"{number(rate.value or 0.0)} in layer {layer}" for layer, rate in layers.items()]
    differs: Truth = False if alike else None if slower is None else True
    answers = {None: None, True: CHANGES[0], False: CHANGES[1]}
    return combined(
        [differs],
        f"The gradient that is kept per step back: {_kept(one)}, {_kept(three)}."
        + (f" Of what each of the three layers reads: {listed(told)}." if told else ""),
        answer=CHANGES[2] if alike else answers[slower],
        evidence=evidence(one, three),
        numbers={
            "one layer": rate_of(one),
            "three layers": rate_of(three),
            **{f"layer {layer} of three": rate for layer, rate in layers.items()},
        },
    )


def fade_alike(one: Estimate, other: Estimate) -> bool:
    """Whether the half-lives are within SAME of each other, at either end of the intervals."""
    ends = [end for end in (one.low, one.high, other.low, other.high) if end is not None]
    if len(ends) < 4 or not all(0 < end < 1 for end in ends):
        return False
    low, high, other_low, other_high = (-math.log(end) for end in ends)
    return max(low / other_high, other_low / high) <= SAME


def rates_by_layer(results: Results, found: Found) -> Mapping[int, Estimate]:
    """Of a stack, from its table `decay`: of each layer's input, over seeds."""
    table = results.table(found.run_id, "decay")
    if table is None:
        return {}
    last = table[table["training_step"] == table["training_step"].max()]
    rates = {
        int(layer): geometric_mean_estimate(rows["decay_rate"].tolist())
        for layer, rows in last.groupby("layer")
    }
    return {layer: rate for layer, rate in rates.items() if rate.value is not None}


def _kept(found: Found) -> str:
    rate = rate_of(found)
    kept = "unknown" if rate.value is None else number(rate.value)
    return f"{kept} in {found.name} ({spread(rate)})"


LAYERS = Claim(
    11,
    "Three layers",
    "Depth changes how the gradient spreads over time, as in an LSTM of three layers.",
    "The rate at which the input's gradient fades under one layer and under three, and layer by "
    "layer; alike means half-lives within 10%.",
    Question(
        "Two more layers are put on top of the LSTM. What becomes of the input's gradient?", CHANGES
    ),
    depth_rule,
    (DEPTH,),
)
