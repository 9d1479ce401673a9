"""How far back does a plain RNN learn to look (7)?"""

from __future__ import annotations

from collections.abc import Sequence

from core.claims.claim import Claim, Question, Truth, Verdict, combined, either, not_measured
from core.claims.measurement import Measurement
from core.claims.results import Found, Results, evidence, number_of
from core.experiments.memory_span import MEMORY_SPAN
from core.ranks import compare_ranks
from core.statistics import Estimate
from core.words import listed, spread

CELLS = ("rnn", "lstm", "gru")
SMALL = {"hidden_size": (32,)}
"""The width at which five seeds tell the cells apart; wider networks take longer."""
SPANS = Measurement("the three cells", MEMORY_SPAN, CELLS, SMALL)
ORTHOGONAL = Measurement(
    "a plain RNN that starts orthogonal",
    MEMORY_SPAN,
    ("rnn",),
    {**SMALL, "initialisation": ("orthogonal",)},
)
CHAPTER_SPAN = 20
"""Steps: the far end of the chapter's 10 to 20."""
REACH = ("Up to 10 steps", "11 to 20 steps", "More than 20 steps")


def span_of(found: Found) -> Estimate:
    """In steps."""
    return found.estimate("span")


def spans_by_seed(found: Found) -> list[float]:
    """The largest lag that each seed learned."""
    seeds = str(found.run.get("span_by_seed") or "").split(", ")
    return [float(span) for span in seeds if span.isdigit()]


def further(found: Found, other: Found, level: float) -> Truth:
    """Whether its seeds reach further, by an exact rank test: spans are few and coarse.

    None where that is not distinguishable, or there are too few seeds.
    """
    ours, theirs = spans_by_seed(found), spans_by_seed(other)
    if not ours or not theirs:
        return None
    return {"better": True, "worse": False}.get(compare_ranks(ours, theirs, level=level).outcome)


def told(found: Sequence[Found]) -> str:
    """`lags up to 10 in RNN 64 (95% interval 7 to 10, 5 seeds)`."""
    return listed([_told(one) for one in found])


def _told(found: Found) -> str:
    span = span_of(found)
    if span.value is None:
        return f"nothing known in {found.name}"
    open_end = number_of(found.run, "next_lag") is None
    reach = (
        f"lags up to {'at least ' if open_end else ''}{span.value:.0f}" if span.value else "no lag"
    )
    return f"{reach} in {found.name} ({spread(span)})"


def struggle_rule(results: Results) -> Verdict:
    """Does the plain RNN's span end within 20 steps, however it starts?"""
    cells = results.of(SPANS)
    orthogonal = results.of(ORTHOGONAL)
    plain = [found for found in cells if found.cell == "rnn"]
    if not plain:
        return not_measured("the plain RNN's memory span")
    truths = {found: _ends_early(found) for found in (*plain, *orthogonal)}
    early = [found.name for found, truth in truths.items() if truth]
    reached = span_of(plain[0]).value
    every = (*plain, *orthogonal, *(found for found in cells if found.cell != "rnn"))
    steps = f"{plain[0].config.flat()['training_steps']:,} training steps"
    return combined(
        list(truths.values()),
        f"Learned within {steps}: {told(every)}.",
        f"the network is {either(early)}",
        answer=None if truths[plain[0]] is None else _reach(reached or 0.0),
        evidence=evidence(*every),
        numbers={found.name: span_of(found) for found in every},
    )


def _ends_early(found: Found) -> Truth:
    """Whether the whole interval of its span is within 20 steps, or beyond."""
    span = span_of(found)
    if span.low is None or span.high is None:
        return None
    return True if span.high <= CHAPTER_SPAN else False if span.low > CHAPTER_SPAN else None


def _reach(steps: float) -> str:
    return REACH[0] if steps <= 10 else REACH[1] if steps <= CHAPTER_SPAN else REACH[2]


STRUGGLE = Claim(
    7,
    "Ten to twenty steps",
    "A plain RNN struggles to use what lies more than about 10 to 20 steps back.",
    "Delayed recall: a network is trained anew at every lag, and its span is the largest lag that "
    "a majority of the seeds learned.",
    Question("How far back does a plain RNN learn to look?", REACH),
    struggle_rule,
    (SPANS, ORTHOGONAL),
)
