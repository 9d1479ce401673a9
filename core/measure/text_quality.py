"""Quality of outputs: by sentence and by length, with 95% intervals.

A share of sentences (exact match) has Wilson's interval. Ratios of sums over sentences and corpus
scores are resampled (Efron 1979): as many sentences are drawn with replacement, a thousand times;
the interval spans the middle 95% of the resulting values. Of a share near 0 or 100%, resampling few
sentences would often draw no error at all and give an interval of no width.

`bottleneck` is the length from which on quality is below half of what short sentences reach. Half
of almost nothing says nothing, so a model is first compared with the *blind guess*: the best output
that is the same for all of the shortest sentences, with the token at each position that most of
their references have there. No model that ignores its source can do better.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy
from numpy.typing import NDArray
from sacrebleu.metrics.base import Metric
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from core.stats.estimates import MISSING, Estimate, success_estimate

Floats = NDArray[numpy.float64]


@dataclass(frozen=True)
class ScoredSentence:
    """One output beside its reference."""

    source_words: int
    reference_words: int
    reference: tuple[int, ...]
    output: tuple[int, ...]
    reference_text: str = ""
    output_text: str = ""
    score: float = 0.0
    finished: bool = True
    """Whether the model wrote END itself; an output that gets too long is cut off."""

    @property
    def exact(self) -> bool:
        """Whether every token is right and there are no others."""
        return self.reference == self.output

    @property
    def right(self) -> int:
        """Tokens of the reference that stand at their own position in the output."""
        return agreeing(self.reference, self.output)


def agreeing(reference: Sequence[int], output: Sequence[int]) -> int:
    """How many tokens are equal at the same position."""
    return sum(a == b for a, b in zip(reference, output, strict=False))


def percent(right: Sequence[float], of: Sequence[float]) -> Estimate:
    """100 Σ right / Σ of, over sentences."""
    return ratio(right, of).transformed(lambda share: 100 * share)


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Estimate:
    """Σ numerators / Σ denominators with the bootstrap interval; n is the number of sentences."""
    above, below = numpy.asarray(numerators, float), numpy.asarray(denominators, float)
    if not len(above) or below.sum() == 0:
        return MISSING
    value = float(above.sum() / below.sum())
    if len(above) < 2:
        return Estimate(value, None, None, len(above))
    drawn = _resampled(len(above))
    low, high = _middle(above[drawn].sum(1) / below[drawn].sum(1))
    return Estimate(value, low, high, len(above))


def _resampled(count: int, seed: int = 0) -> NDArray[numpy.intp]:
    """A thousand rows of `count` indices drawn with replacement; always the same ones."""
    return numpy.random.default_rng(seed).integers(count, size=(1000, count))


def _middle(values: Floats) -> tuple[float, float]:
    """The ends of the middle 95%."""
    low, high = numpy.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def token_accuracy(sentences: Sequence[ScoredSentence]) -> Estimate:
    """Percent of the reference's tokens at their own positions."""
    return percent([s.right for s in sentences], [len(s.reference) for s in sentences])


def exact_match(sentences: Sequence[ScoredSentence]) -> Estimate:
    """Percent of the sentences without any error."""
    return success_estimate(sum(s.exact for s in sentences), len(sentences))


def length_ratio(sentences: Sequence[ScoredSentence]) -> Estimate:
    """Tokens written over tokens of the reference."""
    return ratio([len(s.output) for s in sentences], [len(s.reference) for s in sentences])


def bleu(sentences: Sequence[ScoredSentence]) -> Estimate:
    """Corpus BLEU, lowercased (Papineni et al. 2002; Post 2018)."""
    return _corpus(BLEU(lowercase=True), sentences)


def chrf(sentences: Sequence[ScoredSentence]) -> Estimate:
    """Corpus chrF2 (Popović 2015)."""
    return _corpus(CHRF(lowercase=True), sentences)


def _corpus(metric: Metric, sentences: Sequence[ScoredSentence]) -> Estimate:
    if not sentences:
        return MISSING
    value, *resamples = _corpus_scores(metric, sentences)
    if len(sentences) < 2:
        return Estimate(value, None, None, 1)
    return Estimate(value, *_middle(numpy.asarray(resamples)), len(sentences))


def _corpus_scores(
    metric: Metric, sentences: Sequence[ScoredSentence], seed: int = 0
) -> list[float]:
    """The score of the corpus, then that of every resample.

    A corpus score is computed from sums over sentences. sacrebleu's own bootstrap does the same
    with the same two methods, but fails on some scores of exactly zero (2.6.0).
    """
    outputs, references = (
        [s.output_text for s in sentences],
        [[s.reference_text for s in sentences]],
    )
    parts = numpy.asarray(metric._extract_corpus_statistics(outputs, references), float)
    sums = [parts.sum(0), *parts[_resampled(len(sentences), seed)].sum(1)]
    return [float(metric._compute_score_from_stats(row.tolist()).score) for row in sums]


def bleu_signature() -> str:
    """The signature that sacrebleu asks to be reported beside a BLEU score."""
    metric = BLEU(lowercase=True)
    metric.corpus_score(["a"], [["a"]])
    return str(metric.get_signature())


def by_length(
    sentences: Sequence[ScoredSentence], length_of: Callable[[ScoredSentence], int], width: int
) -> dict[int, list[ScoredSentence]]:
    """Buckets of `width` lengths each, by the longest length that belongs to them."""
    buckets: dict[int, list[ScoredSentence]] = {}
    for one in sorted(sentences, key=length_of):
        buckets.setdefault(-(-length_of(one) // width) * width, []).append(one)
    return buckets


MIN_FOR_BLEU = 10
"""The fewest sentences of a bucket: BLEU of fewer depends on them more than on their length."""


@dataclass(frozen=True)
class Bottleneck:
    """The length at which quality falls below half of what short sentences reach."""

    length: Estimate
    """Missing where short sentences are not clearly better than the blind guess."""
    never: bool
    """Whether quality stays above half: the length is then the longest tested, a lower bound."""
    above_blind: Estimate
    """By how many percentage points short sentences are better than the blind guess."""


def bottleneck(
    buckets: Mapping[int, Sequence[ScoredSentence]], quality: str = "token_accuracy"
) -> Bottleneck:
    """Compare quality with that of the shortest bucket, interpolating linearly between buckets.

    `quality` is token_accuracy or bleu. For running text it is BLEU: one extra word shifts all
    that follow, so right tokens are no longer at their own positions. There is a bottleneck
    only where the whole interval of `above_blind` is above zero. The intervals come from resampling
    the sentences of every bucket. A bucket is placed at the mean length of its sentences.
    """
    parts = list(buckets.values())
    above = above_blind(parts[0])
    if above.low is None or above.low <= 0:
        return Bottleneck(MISSING, never=False, above_blind=above)
    scores = _accuracies
    if quality == "bleu":
        scores = _bleus
        large = [parts[0]]
        for part in parts[1:]:  # a bucket of too few sentences joins the one before
            if len(part) < MIN_FOR_BLEU:
                large[-1] = [*large[-1], *part]
            else:
                large.append(part)
        parts = large
    lengths = numpy.asarray([fmean(one.source_words for one in part) for part in parts])
    curves = numpy.stack([scores(part, index) for index, part in enumerate(parts)])
    value = _half_at(lengths, curves[:, 0])
    resamples = [_half_at(lengths, curve) for curve in curves.T[1:]]
    low, high = _middle(numpy.asarray(resamples, dtype=float))
    n = sum(len(sentences) for sentences in parts)
    never = bool((curves[:, 0] >= curves[0, 0] / 2).all())
    return Bottleneck(Estimate(value, low, high, n), never, above)


def above_blind(sentences: Sequence[ScoredSentence]) -> Estimate:
    """Token accuracy less that of the blind guess on the same sentences, percentage points."""
    blind = blind_guess([one.reference for one in sentences])
    more = [one.right - agreeing(one.reference, blind) for one in sentences]
    return percent(more, [len(one.reference) for one in sentences])


def blind_guess(references: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The one output with the most tokens right over all references.

    1 2 3, 1 5 3, 4 2 → 1 2 3
    """
    longest = max(map(len, references), default=0)
    at = [Counter(r[place] for r in references if len(r) > place) for place in range(longest)]
    return tuple(tokens.most_common(1)[0][0] for tokens in at)


def _accuracies(sentences: Sequence[ScoredSentence], seed: int) -> Floats:
    """The accuracy, then that of every resample."""
    right = numpy.asarray([s.right for s in sentences], float)
    of = numpy.asarray([len(s.reference) for s in sentences], float)
    drawn = _resampled(len(sentences), seed)
    resamples = right[drawn].sum(1) / of[drawn].sum(1)
    return numpy.concatenate([[right.sum() / of.sum()], resamples])


def _bleus(sentences: Sequence[ScoredSentence], seed: int) -> Floats:
    """The corpus BLEU, then that of every resample."""
    return numpy.asarray(_corpus_scores(BLEU(lowercase=True), sentences, seed))


def _half_at(lengths: Floats, curve: Floats) -> float:
    """Where the curve first falls below half its first value; the last length if it never does."""
    half = curve[0] / 2
    below = numpy.flatnonzero(curve < half)
    if not len(below):
        return float(lengths[-1])
    index = int(below[0])
    share = (curve[index - 1] - half) / (curve[index - 1] - curve[index])
    return float(lengths[index - 1] + share * (lengths[index] - lengths[index - 1]))
