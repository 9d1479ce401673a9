"""From which length on is quality below half of its start, and was there anything to halve?

Half of almost nothing says nothing. What a model is first held against is therefore the *blind
guess*: the best output that is the same for all of the shortest sentences, at each position the
token that most of their references have there. No model that ignores its source can do better.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy
from sacrebleu.metrics.bleu import BLEU

from core.quality import Floats, Judged, agreeing, corpus_scores, middle, percent, resampled
from core.statistics import MISSING, Estimate

FEWEST_FOR_BLEU = 10
"""Sentences. BLEU of fewer says more of these sentences than of their length."""


@dataclass(frozen=True)
class Bottleneck:
    """The length at which quality falls below half of what short sentences reach."""

    length: Estimate
    """Missing where short sentences are not clearly better than the blind guess."""
    never: bool
    """Whether quality stays above half: the length is then the longest tested, and too small."""
    above_blind: Estimate
    """By how many percentage points short sentences are better than the blind guess."""


def bottleneck(
    buckets: Mapping[int, Sequence[Judged]], quality: str = "token_accuracy"
) -> Bottleneck:
    """Quality against that of the shortest bucket, on the straight line between buckets.

    Of running text quality is BLEU: one word too many shifts all that follow, and then tokens are
    right but not at their own positions. There is a bottleneck only where the whole interval of
    `above_blind` is above zero. The intervals come from resampling the sentences of every bucket.
    A bucket stands at the mean length of its sentences. `quality` is token_accuracy or bleu.
    """
    parts = list(buckets.values())
    above = above_blind(parts[0])
    if above.low is None or above.low <= 0:
        return Bottleneck(MISSING, never=False, above_blind=above)
    if quality == "bleu":
        parts = _filled(parts)
    lengths = numpy.asarray([fmean(one.source_words for one in part) for part in parts])
    curves = numpy.stack([_SCORES[quality](part, index) for index, part in enumerate(parts)])
    value = _half_at(lengths, curves[:, 0])
    low, high = middle(
        numpy.asarray([_half_at(lengths, curve) for curve in curves.T[1:]], dtype=float)
    )
    n = sum(len(judged) for judged in parts)
    never = bool((curves[:, 0] >= curves[0, 0] / 2).all())
    return Bottleneck(Estimate(value, low, high, n), never, above)


def above_blind(judged: Sequence[Judged]) -> Estimate:
    """Token accuracy less that of the blind guess on the same sentences, percentage points."""
    blind = blind_guess([one.reference for one in judged])
    more = [one.right - agreeing(one.reference, blind) for one in judged]
    return percent(more, [len(one.reference) for one in judged])


def blind_guess(references: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The one output with most tokens right in all of them.

    1 2 3, 1 5 3, 4 2 → 1 2 3
    """
    longest = max(map(len, references), default=0)
    at = [Counter(r[place] for r in references if len(r) > place) for place in range(longest)]
    return tuple(tokens.most_common(1)[0][0] for tokens in at)


def _filled(parts: Sequence[Sequence[Judged]]) -> list[Sequence[Judged]]:
    """Buckets of too few sentences for a BLEU score join the one before."""
    filled = [parts[0]]
    for part in parts[1:]:
        if len(part) < FEWEST_FOR_BLEU:
            filled[-1] = [*filled[-1], *part]
        else:
            filled.append(part)
    return filled


def _accuracies(judged: Sequence[Judged], seed: int) -> Floats:
    """The accuracy, then that of every resample."""
    right = numpy.asarray([j.right for j in judged], float)
    of = numpy.asarray([len(j.reference) for j in judged], float)
    drawn = resampled(len(judged), seed)
    resamples = right[drawn].sum(1) / of[drawn].sum(1)
    return numpy.concatenate([[right.sum() / of.sum()], resamples])


def _bleus(judged: Sequence[Judged], seed: int) -> Floats:
    return numpy.asarray(corpus_scores(BLEU(lowercase=True), judged, seed))


_SCORES = {"token_accuracy": _accuracies, "bleu": _bleus}


def _half_at(lengths: Floats, curve: Floats) -> float:
    half = curve[0] / 2
    below = numpy.flatnonzero(curve < half)
    if not len(below):
        return float(lengths[-1])
    index = int(below[0])
    share = (curve[index - 1] - half) / (curve[index - 1] - curve[index])
    return float(lengths[index - 1] + share * (lengths[index] - lengths[index - 1]))
