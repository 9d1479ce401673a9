"""How good is an output? By sentence, by length, with intervals from resampling the sentences.

Resampling (Efron 1979) draws as many sentences with replacement, a thousand times; the interval
holds the middle 95% of what they come to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
from sacrebleu.metrics.base import Metric
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from core.statistics import MISSING, Estimate

RESAMPLES = 1000
Floats = NDArray[numpy.float64]


@dataclass(frozen=True)
class Judged:
    """One output beside its reference."""

    source_words: int
    reference_words: int
    reference: tuple[int, ...]
    output: tuple[int, ...]
    reference_text: str = ""
    output_text: str = ""
    score: float = 0.0
    finished: bool = True
    """Whether the model ended it itself: at its greatest length an output is cut off."""

    @property
    def exact(self) -> bool:
        """Whether every token is right and none is too many."""
        return self.reference == self.output

    @property
    def right(self) -> int:
        """Tokens of the reference that stand at their own position in the output."""
        return agreeing(self.reference, self.output)


def agreeing(reference: Sequence[int], output: Sequence[int]) -> int:
    """How many tokens of the one stand at their own position in the other."""
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
    drawn = resampled(len(above))
    low, high = middle(above[drawn].sum(1) / below[drawn].sum(1))
    return Estimate(value, low, high, len(above))


def resampled(count: int, seed: int = 0) -> NDArray[numpy.intp]:
    """RESAMPLES rows of `count` indices drawn with replacement; always the same ones."""
    return numpy.random.default_rng(seed).integers(count, size=(RESAMPLES, count))


def middle(values: Floats) -> tuple[float, float]:
    """The ends of the middle 95%."""
    low, high = numpy.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def token_accuracy(judged: Sequence[Judged]) -> Estimate:
    """Percent of the reference's tokens at their own positions."""
    return percent([j.right for j in judged], [len(j.reference) for j in judged])


def exact_match(judged: Sequence[Judged]) -> Estimate:
    """Percent of the sentences without any error."""
    return percent([j.exact for j in judged], [1] * len(judged))


def length_ratio(judged: Sequence[Judged]) -> Estimate:
    """Tokens written over tokens of the reference."""
    return ratio([len(j.output) for j in judged], [len(j.reference) for j in judged])


def bleu(judged: Sequence[Judged]) -> Estimate:
    """Corpus BLEU, lowercased (Papineni et al. 2002; Post 2018)."""
    return _corpus(BLEU(lowercase=True), judged)


def chrf(judged: Sequence[Judged]) -> Estimate:
    """Corpus chrF2 (Popović 2015)."""
    return _corpus(CHRF(lowercase=True), judged)


def _corpus(metric: Metric, judged: Sequence[Judged]) -> Estimate:
    """A corpus score, and that of every resample.

    A corpus score is computed from sums over sentences. sacrebleu's own bootstrap does the same
    with the same two methods, but fails on some scores of exactly zero (2.6.0).
    """
    if not judged:
        return MISSING
    value, *resamples = corpus_scores(metric, judged)
    if len(judged) < 2:
        return Estimate(value, None, None, 1)
    return Estimate(value, *middle(numpy.asarray(resamples)), len(judged))


def corpus_scores(metric: Metric, judged: Sequence[Judged], seed: int = 0) -> list[float]:
    """The score of the corpus, then that of every resample."""
    outputs, references = [j.output_text for j in judged], [[j.reference_text for j in judged]]
    parts = numpy.asarray(metric._extract_corpus_statistics(outputs, references), float)
    sums = [parts.sum(0), *parts[resampled(len(judged), seed)].sum(1)]
    return [float(metric._compute_score_from_stats(row.tolist()).score) for row in sums]


def bleu_signature() -> str:
    """What sacrebleu asks to be reported beside a BLEU score."""
    metric = BLEU(lowercase=True)
    metric.corpus_score(["a"], [["a"]])
    return str(metric.get_signature())


def by_length(
    judged: Sequence[Judged], length_of: Callable[[Judged], int], width: int
) -> dict[int, list[Judged]]:
    """Buckets of `width` lengths each, by the longest length that belongs to them."""
    buckets: dict[int, list[Judged]] = {}
    for one in sorted(judged, key=length_of):
        buckets.setdefault(-(-length_of(one) // width) * width, []).append(one)
    return buckets
