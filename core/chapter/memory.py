"""Claims about memory: how far back a plain RNN learns to look (7), and what clipping cures (6)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.analysis.comparison import Comparison
from core.chapter.claim import (
    Claim,
    MatchedRuns,
    Measurement,
    Question,
    Results,
    Truth,
    Verdict,
    combined,
    compare_matched,
    evidence,
    finding_of,
    is_better,
    not_measured,
)
from core.experiments.memory_span import MEMORY_SPAN
from core.formatting import exact_number, listed, quantity, range_in_words
from core.stats.estimates import AtLeast, Estimate

CELLS = ("rnn", "lstm", "gru")
SMALL = {"hidden_size": (32,)}
"""The width at which five seeds distinguish the cells; wider networks take longer."""
SPANS = Measurement("the three cells", MEMORY_SPAN, CELLS, SMALL)
RNN_SPANS = Measurement("the plain RNN", MEMORY_SPAN, ("rnn",), SMALL)
ORTHOGONAL = Measurement(
    "a plain RNN with orthogonal initialisation",
    MEMORY_SPAN,
    ("rnn",),
    {**SMALL, "initialisation": ("orthogonal",)},
)
CHAPTER_SPAN = 20
"""Steps: the far end of the chapter's 10 to 20."""
REACH = ("Up to 10 steps", "11 to 20 steps", "More than 20 steps")


def lags_in_words(span: Estimate) -> str:
    """`all lags up to 10`, `no lag`."""
    if span.value is None:
        return "unknown"
    at_least = "at least " if isinstance(span.value, AtLeast) else ""
    return f"all lags up to {at_least}{span.value:.0f}" if span.value else "no lag"


def spans_in_words(comparison: Comparison, names: Mapping[str, str]) -> str:
    """`all lags up to 10 in RNN 64 (7–10 in 5 seeds)`, of these groups under these names."""
    return listed(
        [
            f"{lags_in_words(comparison.estimate(group, 'span'))} in {name} "
            f"({seeds_in_words(comparison, group)})"
            for group, name in names.items()
        ]
    )


def seeds_in_words(comparison: Comparison, group: str) -> str:
    """The spans of a group's seeds: `7–10 in 5 seeds`."""
    result = comparison.result("span")
    return range_in_words(result.values[group]) if result and result.values[group] else "unknown"


def struggle_rule(results: Results) -> Verdict:
    """Does the plain RNN's span end within 20 steps, with either initialisation?"""
    cells, orthogonal = results.of(SPANS), results.of(ORTHOGONAL)
    plain = [matched for matched in cells if matched.cell == "rnn"]
    if not plain:
        return not_measured("the plain RNN's memory span")
    matched_runs = (*plain, *orthogonal, *(m for m in cells if m.cell != "rnn"))
    comparison = compare_matched({matched.name: matched for matched in matched_runs}, ["span"])
    spans = {matched: comparison.estimate(matched.name, "span") for matched in matched_runs}
    truths = {m: _ends_early(comparison.bounds(m.name, "span")) for m in (*plain, *orthogonal)}
    early = [matched.name for matched, truth in truths.items() if truth]
    reached = spans[plain[0]].value or 0.0
    reach = REACH[0] if reached <= 10 else REACH[1] if reached <= CHAPTER_SPAN else REACH[2]
    steps = f"{plain[0].config.flat()['training_steps']:,} training steps"
    reaches = [f"{matched.name} learned {lags_in_words(spans[matched])}" for matched in truths]
    summary = f"{listed(reaches)}."
    if early and len(early) < len(truths):
        summary += f" It ends within {CHAPTER_SPAN} steps in {listed(early)} only."
    return combined(
        list(truths.values()),
        f"Learned within {steps}: {spans_in_words(comparison, {m.name: m.name for m in spans})}.",
        summary,
        measured=quantity(spans[plain[0]].value, "steps"),
        spread=seeds_in_words(comparison, plain[0].name),
        answer=None if truths[plain[0]] is None else reach,
        evidence=evidence(*spans),
        numbers={matched.name: span for matched, span in spans.items()},
        findings={
            f"{one.name} against {other.name}": finding_of(comparison, "span", one.name, other.name)
            for one in cells
            for other in cells
            if one is not other
        },
    )


def _ends_early(bounds: tuple[float, float] | None) -> Truth:
    """Whether a span is surely within 20 steps, or beyond."""
    low, high = bounds or (-math.inf, math.inf)
    return True if high <= CHAPTER_SPAN else False if low > CHAPTER_SPAN else None


STRUGGLE = Claim(
    7,
    "A plain RNN struggles to look back more than 10 to 20 steps",
    "A plain RNN struggles to use what lies more than about 10 to 20 steps back.",
    "Delayed recall: a network is trained anew at every lag. A seed's span is the largest lag such "
    "that it learned that and every shorter one tried; the span is what a majority reached.",
    Question("How far back does a plain RNN learn to look?", REACH),
    struggle_rule,
    (SPANS, ORTHOGONAL),
    section="Vanishing gradients",
    quantity="Longest lag that a plain RNN learned, with every shorter one",
    textbook="10–20 steps",
    formula=r"\Bigl\lVert \frac{\partial h_t}{\partial h_{t-k}} \Bigr\rVert \sim \rho^{\,k},"
    r"\qquad \rho < 1",
    why="The gradient that a token k steps back receives shrinks as ρ to the power k, so there is "
    "little to learn from.",
)

UNCLIPPED = Measurement("without clipping", MEMORY_SPAN, ("rnn",), {**SMALL, "clip": (None,)})
EXPLODING = Measurement(
    "a network that explodes, clipped and not",
    MEMORY_SPAN,
    ("rnn",),
    {**SMALL, "recurrent_gain": (3.0,), "clip": (1.0, None)},
)
CURES = ("It learns every lag tried", "It still falls short")


def clipping_rule(results: Results) -> Verdict:
    """Does clipping let a plain RNN learn every lag tried that it does not learn without?"""
    plain = [m for m in results.of(SPANS, UNCLIPPED, EXPLODING) if m.cell == "rnn"]
    without = {m.name: m for m in plain if m.config.flat()["clip"] is None}
    clipped = [m for m in plain if m.config.flat()["clip"] is not None and m.name in without]
    if not clipped:
        return not_measured("memory spans of a plain RNN with and without clipping")
    unclipped = [without[m.name] for m in clipped]
    named = {f"{m.name}, clipped": m for m in clipped}
    named |= {f"{m.name}, not clipped": m for m in unclipped}
    comparison = compare_matched(named)
    spans = {name: comparison.estimate(name, "span") for name in named}
    bounds = {name: comparison.bounds(name, "span") for name in named}
    truths, effects = {}, []
    for matched in clipped:
        further = _further(comparison, matched)
        reaches_all = _reaches_all(matched, bounds[f"{matched.name}, clipped"])
        if reaches_all:  # no cure only if it reached as far without
            truths[matched.name] = False if further else None
        else:
            truths[matched.name] = None if reaches_all is None else True
        effects.append(_effect(comparison, matched, further))
    usual = _reaches_all(clipped[0], bounds[f"{clipped[0].name}, clipped"])
    with_it = spans_in_words(comparison, {f"{m.name}, clipped": m.name for m in clipped})
    without_it = spans_in_words(comparison, {f"{m.name}, not clipped": m.name for m in unclipped})
    return combined(
        list(truths.values()),
        f"With clipping: {with_it}. Without: {without_it}. {' '.join(effects)}",
        f"With clipping {clipped[0].name} learns "
        f"{lags_in_words(spans[f'{clipped[0].name}, clipped'])} of the {_longest(clipped[0]):.0f} "
        f"tried. {' '.join(effects)}",
        measured=quantity(spans[f"{clipped[0].name}, clipped"].value, "steps"),
        spread=seeds_in_words(comparison, f"{clipped[0].name}, clipped"),
        answer=None if usual is None else CURES[not usual],
        evidence=evidence(*clipped, *unclipped),
        numbers=spans,
    )


def _further(comparison: Comparison, matched: MatchedRuns) -> Truth:
    names = f"{matched.name}, clipped", f"{matched.name}, not clipped"
    return is_better(comparison, "span", *names)


def _effect(comparison: Comparison, matched: MatchedRuns, further: Truth) -> str:
    """What clipping does to the span; seed by seed where the estimates alone cannot show it."""
    if further is None:
        return f"In {matched.name} clipping makes no significant difference."
    text = f"{matched.name} reaches {'further' if further else 'less far'} with clipping"
    names = f"{matched.name}, clipped", f"{matched.name}, not clipped"
    result = comparison.result("span")
    if result and len({result.estimates[name].value for name in names}) == 1:
        seeds = [", ".join(exact_number(x) for x in sorted(result.values[name])) for name in names]
        text += f" (the seeds reached {seeds[0]} against {seeds[1]})"
    return f"{text}."


def _longest(matched: MatchedRuns) -> float:
    return float(str(matched.config.flat()["longest_lag"]))


def _reaches_all(matched: MatchedRuns, bounds: tuple[float, float] | None) -> Truth:
    """Whether it surely learned every lag tried, or surely not."""
    longest = _longest(matched)
    low, high = bounds or (-math.inf, math.inf)
    return True if low >= longest else False if high < longest else None


CLIPPING = Claim(
    6,
    "Clipping does not cure exploding gradients",
    "Clipping treats explosion as a symptom, it is no cure.",
    "Memory spans of a plain RNN with the gradient's norm clipped at 1 and without, with the "
    "usual initialisation and with recurrent gain 3, where gradients explode. A cure would let it "
    "learn every lag tried that it does not learn without.",
    Question("A plain RNN is trained with clipping. How far back does it learn to look?", CURES),
    clipping_rule,
    (SPANS, UNCLIPPED, EXPLODING),
    section="Vanishing gradients",
    quantity="Longest lag that a plain RNN learned with clipping; a cure would reach every lag "
    "tried",
    textbook="no cure",
    formula=r"g \leftarrow g \cdot \min\Bigl(1,\, \frac{c}{\lVert g \rVert}\Bigr)",
    why="Clipping shortens a gradient that is too long; it restores nothing of one that has "
    "vanished.",
)
