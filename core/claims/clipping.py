"""Does clipping cure what it treats (6)?"""

from __future__ import annotations

from core.claims.claim import Claim, Question, Truth, Verdict, combined, either, not_measured
from core.claims.measurement import Measurement
from core.claims.results import Found, Results, evidence
from core.claims.spans import SMALL, SPANS, further, span_of, told
from core.experiments.memory_span import MEMORY_SPAN
from core.statistics import CONFIDENCE

UNCLIPPED = Measurement("without clipping", MEMORY_SPAN, ("rnn",), {**SMALL, "clip": (None,)})
EXPLODING = Measurement(
    "a network that explodes, clipped and not",
    MEMORY_SPAN,
    ("rnn",),
    {**SMALL, "recurrent_gain": (3.0,), "clip": (1.0, None)},
)
CURES = ("It learns every lag tried", "It still falls short")

Pair = tuple[Found, Found]
"""The same network with and without clipping."""


def clipping_rule(results: Results) -> Verdict:
    """Does clipping let a plain RNN learn every lag tried that it does not learn without?"""
    pairs = _pairs(results)
    if not pairs:
        return not_measured("memory spans of a plain RNN with and without clipping")
    level = (1 - CONFIDENCE) / len(pairs)
    truths = {clipped.name: _no_cure((clipped, without), level) for clipped, without in pairs}
    clipped, unclipped = zip(*pairs, strict=True)
    usual = _reaches_all(clipped[0])
    return combined(
        list(truths.values()),
        f"With clipping: {told(clipped)}. Without: {told(unclipped)}. "
        f"{' '.join(_effect(pair, level) for pair in pairs)}",
        f"the network is {either([name for name, truth in truths.items() if truth])}",
        answer=None if usual is None else CURES[not usual],
        evidence=evidence(*clipped, *unclipped),
        numbers={f"{one.name}, clipped": span_of(one) for one in clipped}
        | {f"{one.name}, not clipped": span_of(one) for one in unclipped},
    )


def _pairs(results: Results) -> list[Pair]:
    """The usual network first."""
    found = [one for m in (SPANS, UNCLIPPED, EXPLODING) for one in results.of(m)]
    plain = [one for one in found if one.cell == "rnn"]
    without = {one.name: one for one in plain if one.config.flat()["clip"] is None}
    return [
        (one, without[one.name])
        for one in plain
        if one.config.flat()["clip"] is not None and one.name in without
    ]


def _no_cure(pair: Pair, level: float) -> Truth:
    """True if it still falls short; False if clipping made it learn every lag; else None."""
    everything = _reaches_all(pair[0])
    if everything:
        return False if further(*pair, level) else None
    return None if everything is None else True


def _reaches_all(found: Found) -> Truth:
    """Whether it learned every lag tried, interval and all."""
    span, longest = span_of(found), float(str(found.config.flat()["longest_lag"]))
    if span.low is None or span.high is None:
        return None
    return True if span.low >= longest else False if span.high < longest else None


def _effect(pair: Pair, level: float) -> str:
    name, reaches = pair[0].name, further(*pair, level)
    if reaches is None:
        return f"In {name} no difference is larger than noise."
    return f"{name} reaches {'further' if reaches else 'less far'} with clipping."


CLIPPING = Claim(
    6,
    "Clipping is no cure",
    "Clipping treats explosion as a symptom, it is no cure.",
    "Memory spans of a plain RNN with the gradient's norm clipped at 1 and without, as it usually "
    "starts and with recurrent gain 3, where gradients explode. A cure would let it learn every "
    "lag tried that it does not learn without.",
    Question("A plain RNN is trained with clipping. How far back does it learn to look?", CURES),
    clipping_rule,
    (SPANS, UNCLIPPED, EXPLODING),
)
