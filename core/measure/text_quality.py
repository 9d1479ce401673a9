"""Quality of outputs: by sentence and by length, with 95% intervals over the sentences.

The sentence is what varies; its tokens err together. Intervals cover 93 to 98% in simulations with
60 and 500 sentences (`tests/core/measure/test_coverage.py`). Of fewer than 60 there is none, since
none covers.

- A share of sentences (exact match) has Wilson's interval (1927), a share of tokens (accuracy) the
  same interval with the *effective* number of trials (Dean & Pagano 2015): as many independent
  tokens as would spread like the sentences do. Where all are right there is none.
- A ratio of other sums (the length ratio) has the t interval of its linearised variance.
- A corpus score (BLEU, chrF) is computed anew without each sentence in turn (the jackknife, Tukey
  1958); the interval is Student's on the scale of log odds, and for the difference of two systems
  on the same sentences Student's of the paired differences. Percentiles of the bootstrap are too
  narrow: of 12 sentences they cover 90%, of 5 sentences 77%.

`bottleneck` is the length from which on less than half is left of what short sentences have above
the *blind guess*: the best output that is the same for all sentences of a bucket, with the token at
each position that most of their references have there. No model that ignores its source can do
better. Where the shortest sentences are not clearly above it there is no such length.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median_low
from typing import Literal, TypeVar

import numpy
import scipy  # its submodules are loaded when they are first used
from numpy.typing import NDArray
from sacrebleu.metrics.base import Metric
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from core.measure.tokenisation import Tokenisation
from core.stats.estimates import CONFIDENCE, MIN_TRIALS, MISSING, Estimate, success_estimate

Floats = NDArray[numpy.float64]
Item = TypeVar("Item", str, int)


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


# --- Shares and ratios.

MIN_SENTENCES = MIN_TRIALS
"""The fewest whose quality has an interval."""
FEW_ERRORS = 5
"""With fewer wrong sentences (or fewer right ones) their spread is not known: until then a sentence
counts as at most one trial."""


def share_estimate(right: Sequence[float], of: Sequence[float]) -> Estimate:
    """100 Σ right / Σ of with Wilson's interval at the effective number of trials; none while the
    sentences are too few, or all of them right, or all wrong."""
    above, below = numpy.asarray(right, float), numpy.asarray(of, float)
    n = len(above)
    if not n or below.sum() == 0:
        return MISSING
    share = float(above.sum() / below.sum())
    if n < MIN_SENTENCES or not 0 < share < 1:
        return Estimate(100 * share, None, None, n)
    variance = _ratio_variance(above, below)
    trials = share * (1 - share) / variance if variance > 0 else float(n)
    few = min(numpy.count_nonzero(above < below), numpy.count_nonzero(above > 0)) < FEW_ERRORS
    trials = min(trials, float(n) if few else float(below.sum()))
    z = _student(n)
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
    half /= 1 + z * z / trials
    low, high = max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
    return Estimate(100 * share, 100 * low, 100 * high, n)


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Estimate:
    """Σ numerators / Σ denominators with Student's interval; n is the number of sentences."""
    above, below = numpy.asarray(numerators, float), numpy.asarray(denominators, float)
    n = len(above)
    if not n or below.sum() == 0:
        return MISSING
    value = float(above.sum() / below.sum())
    if n < 2:
        return Estimate(value, None, None, n)
    half = _student(n) * math.sqrt(_ratio_variance(above, below))
    return Estimate(value, value - half, value + half, n)


def _ratio_variance(above: Floats, below: Floats) -> float:
    """Of Σ above / Σ below, linearised: n/(n-1) Σ (aᵢ - r bᵢ)² / (Σ b)²."""
    n, value = len(above), above.sum() / below.sum()
    return float(n / (n - 1) * ((above - value * below) ** 2).sum() / below.sum() ** 2)


def _student(n: int) -> float:
    """Student's two-sided 95% quantile for n values."""
    return float(scipy.special.stdtrit(n - 1, (1 + CONFIDENCE) / 2))


def token_accuracy(sentences: Sequence[ScoredSentence]) -> Estimate:
    """Percent of the reference's tokens at their own positions."""
    return share_estimate([s.right for s in sentences], [len(s.reference) for s in sentences])


def exact_match(sentences: Sequence[ScoredSentence]) -> Estimate:
    """Percent of the sentences without any error."""
    return success_estimate(sum(s.exact for s in sentences), len(sentences))


def length_ratio(sentences: Sequence[ScoredSentence]) -> Estimate:
    """Tokens written over tokens of the reference; no interval while the sentences are too few, or
    hardly any has a ratio of its own."""
    estimate = ratio([len(s.output) for s in sentences], [len(s.reference) for s in sentences])
    ratios = Counter(len(s.output) / max(1, len(s.reference)) for s in sentences)
    own = len(sentences) - max(ratios.values(), default=0)
    if len(sentences) < MIN_SENTENCES or own < FEW_ERRORS:
        return Estimate(estimate.value, None, None, estimate.n)
    return estimate


# --- Corpus scores: BLEU and chrF, through sacrebleu (Post 2018).

MIN_IMPERFECT = 10
"""How many sentences must differ from their references: else a score's spread is not known."""
MIN_FOUR_GRAMS = 10
"""How many four-grams must be right: BLEU of fewer depends on how zero counts are smoothed."""
MIN_PAIRED = 12
"""The fewest sentences on which two systems are compared."""
MIN_DIFFERING = 5
"""On how many of them the outputs must differ."""


def bleu_metric(*, cased: bool = False, tokenise: Tokenisation = "13a") -> BLEU:
    """BLEU of a corpus (Papineni et al. 2002)."""
    return BLEU(lowercase=not cased, tokenize=tokenise)


def chrf_metric(*, cased: bool = False) -> CHRF:
    """chrF2 of a corpus (Popović 2015): n-grams of letters, so it needs no tokenisation."""
    return CHRF(lowercase=not cased)


def signature(metric: Metric) -> str:
    """What sacrebleu asks to be reported beside a score: case, tokenisation, smoothing, version."""
    metric.corpus_score(["a"], [["a"]])
    return str(metric.get_signature())


@dataclass(frozen=True, eq=False)
class CorpusParts:
    """The counts of each sentence, from whose sums over the corpus sacrebleu computes a score."""

    metric: Metric
    counts: Floats
    """A row for each sentence."""
    perfect: NDArray[numpy.bool_]
    """Whether the output equals its reference, as the metric reads them."""

    @classmethod
    def of(cls, metric: Metric, outputs: Sequence[str], references: Sequence[str]) -> CorpusParts:
        """Count in every output and its one reference."""
        counts = numpy.asarray(
            metric._extract_corpus_statistics([*outputs], [[*references]]), float
        )
        read = metric._preprocess_segment
        perfect = [read(o) == read(r) for o, r in zip(outputs, references, strict=True)]
        return cls(metric, counts, numpy.asarray(perfect, bool))

    def __len__(self) -> int:
        return len(self.counts)

    def of_sentences(self, indices: Sequence[int]) -> CorpusParts:
        """Those of some sentences."""
        return CorpusParts(self.metric, self.counts[indices], self.perfect[indices])

    def score(self, sums: Floats) -> float:
        """The score of a corpus with these sums."""
        return float(self.metric._compute_score_from_stats(sums.tolist()).score)

    @property
    def value(self) -> float:
        """The score of all sentences together."""
        return self.score(self.counts.sum(0))

    def without_each(self) -> Floats:
        """The score without the first sentence, without the second, …"""
        return numpy.asarray([self.score(sums) for sums in self.counts.sum(0) - self.counts])

    def four_grams(self) -> float:
        """How many four-grams are right; infinite for a metric that does not count them."""
        if not isinstance(self.metric, BLEU):
            return math.inf
        return float(self.counts[:, 1 + self.metric.max_ngram_order].sum())

    @property
    def applies(self) -> bool:
        """Whether a perfect output would score 100: BLEU of references without a four-gram, of
        short sentences or of a script without spaces, is 0 whatever is written."""
        if not isinstance(self.metric, BLEU):
            return True
        reference_words = self.counts[:, 1]
        return bool((reference_words >= self.metric.max_ngram_order).any())

    def estimate(self, without_each: Floats | None = None) -> Estimate:
        """The score with its interval, where there is one; missing where it does not apply."""
        n = len(self)
        if not n or not self.applies:
            return MISSING
        value = self.value
        imperfect = n - numpy.count_nonzero(self.perfect)
        few = n < MIN_SENTENCES or imperfect < MIN_IMPERFECT or self.four_grams() < MIN_FOUR_GRAMS
        if few or not 0 < value < 100:
            return Estimate(value, None, None, n)
        scores = self.without_each() if without_each is None else without_each
        half = _student(n) * _jackknife_error(scipy.special.logit(scores / 100))
        middle = scipy.special.logit(value / 100)
        low, high = 100 * scipy.special.expit((middle - half, middle + half))
        return Estimate(value, float(low), float(high), n)


def _jackknife_error(without_each: Floats) -> float:
    """The standard error of what was computed without each of n values in turn."""
    n = len(without_each)
    return float(numpy.sqrt((n - 1) / n * ((without_each - without_each.mean()) ** 2).sum()))


@dataclass(frozen=True)
class PairedDifference:
    """How much a first system scores above a second on the same sentences."""

    estimate: Estimate
    p_value: float | None
    """Two-sided; None where the sentences are too few, or the outputs hardly differ."""


def paired_difference(
    first: CorpusParts,
    second: CorpusParts,
    without_each: tuple[Floats, Floats] | None = None,
) -> PairedDifference:
    """The difference of two corpus scores, with Student's interval and test of the jackknife."""
    n = len(first)
    value = first.value - second.value
    differing = numpy.count_nonzero((first.counts != second.counts).any(1))
    four_grams = min(first.four_grams(), second.four_grams())
    if n < MIN_PAIRED or differing < MIN_DIFFERING or four_grams < MIN_FOUR_GRAMS:
        return PairedDifference(Estimate(value, None, None, n), None)
    one, other = without_each or (first.without_each(), second.without_each())
    error = _jackknife_error(one - other)
    if error == 0:
        return PairedDifference(Estimate(value, None, None, n), None)
    half = _student(n) * error
    p_value = 2 * float(scipy.special.stdtr(n - 1, -abs(value) / error))
    return PairedDifference(Estimate(value, value - half, value + half, n), p_value)


RESAMPLES = 1000
RESAMPLING_SEED = 12345
"""The one of sacrebleu, which so draws the same resamples."""


def resampled_scores(systems: Sequence[CorpusParts]) -> Floats:
    """The score of every system on the same thousand resamples of the sentences (Koehn 2004).

    Returns an array of systems × resamples. Sentences are drawn with replacement.
    """
    n = len(systems[0])
    random = numpy.random.default_rng(RESAMPLING_SEED)
    counts = numpy.concatenate([system.counts for system in systems], axis=1)
    ends = numpy.cumsum([system.counts.shape[1] for system in systems])[:-1]
    scores: list[list[float]] = []
    for _ in range(RESAMPLES):
        times = numpy.bincount(random.integers(n, size=n), minlength=n)
        sums = numpy.split(times @ counts, ends)
        scores.append([system.score(part) for system, part in zip(systems, sums, strict=True)])
    return numpy.asarray(scores).T


def bleu(
    sentences: Sequence[ScoredSentence], *, cased: bool = False, tokenise: Tokenisation = "13a"
) -> Estimate:
    """Corpus BLEU of the outputs."""
    return _corpus(bleu_metric(cased=cased, tokenise=tokenise), sentences)


def chrf(sentences: Sequence[ScoredSentence], *, cased: bool = False) -> Estimate:
    """Corpus chrF2 of the outputs."""
    return _corpus(chrf_metric(cased=cased), sentences)


def _corpus(metric: Metric, sentences: Sequence[ScoredSentence]) -> Estimate:
    if not sentences:
        return MISSING
    outputs, references = zip(*((s.output_text, s.reference_text) for s in sentences), strict=True)
    return CorpusParts.of(metric, outputs, references).estimate()


def by_length(
    sentences: Sequence[ScoredSentence], length_of: Callable[[ScoredSentence], int], width: int
) -> dict[int, list[ScoredSentence]]:
    """Buckets of `width` lengths each, by the longest length that belongs to them."""
    buckets: dict[int, list[ScoredSentence]] = {}
    for one in sorted(sentences, key=length_of):
        buckets.setdefault(bucket_of(length_of(one), width), []).append(one)
    return buckets


def bucket_of(length: int, width: int) -> int:
    """The longest length of the bucket that a length belongs to: 1 … 3 → 3 if the width is 3."""
    return -(-length // width) * width


# --- The bottleneck.

MIN_IN_BUCKET = 10
"""The fewest sentences of a bucket: quality of fewer depends on them more than on their length, and
a blind guess of few sentences is right by chance."""


@dataclass(frozen=True)
class Bottleneck:
    """The length from which on less than half is left of what short sentences have above chance."""

    length: Estimate
    """The longest tested if quality stays above; missing where short sentences are not clearly
    above the blind guess. It has no interval: that is over models, not over sentences of one."""
    longest: float | None
    """Mean length of the longest sentences: a length that reached it is a lower bound."""
    above_blind: Estimate
    """By how many percentage points short sentences are better than the blind guess; without an
    interval, because a guess that knows its sentences does too well: of 60 one covers 87 to 95%."""


BottleneckQuality = Literal["token_accuracy", "bleu", "chrf"]


def bleu_applies(sentences: Sequence[ScoredSentence], tokenise: Tokenisation = "13a") -> bool:
    """Whether the references of these sentences have a four-gram."""
    references = [one.reference_text for one in sentences]
    return CorpusParts.of(bleu_metric(tokenise=tokenise), references, references).applies


def bottleneck(
    buckets: Mapping[int, Sequence[ScoredSentence]],
    quality: BottleneckQuality = "token_accuracy",
    *,
    cased: bool = False,
    tokenise: Tokenisation = "13a",
) -> Bottleneck:
    """Where quality above the blind guess first falls below half of its value at the shortest.

    Let q(ℓ) be the quality of the sentences of length ℓ and b(ℓ) that of the blind guess for them.
    The bottleneck is the first ℓ with q(ℓ) - b(ℓ) < (q(ℓ₁) - b(ℓ₁)) / 2, ℓ₁ being the shortest,
    interpolated linearly between buckets, each placed at the mean length of its sentences.

    For running text the quality is BLEU: one extra word shifts all that follow, so right tokens
    are no longer at their own positions; or chrF, where BLEU does not apply. There is a
    bottleneck only where the whole interval of the shortest is above zero.
    """
    parts = _large_enough(list(buckets.values()))
    shortest = above_blind(parts[0])
    above = Estimate(shortest.value, None, None, shortest.n)
    if shortest.low is None or shortest.low <= 0:
        return Bottleneck(MISSING, None, above)
    in_words = bleu_metric(cased=cased, tokenise=tokenise)
    metric = in_words if quality == "bleu" else chrf_metric(cased=cased)
    excess = [
        above_blind(part).value or 0.0
        if quality == "token_accuracy"
        else _score_above_blind(part, metric, in_words)
        for part in parts
    ]
    lengths = [fmean(one.source_words for one in part) for part in parts]
    if excess[0] <= 0:
        return Bottleneck(MISSING, None, above)
    return Bottleneck(Estimate(_half_at(lengths, excess), None, None, 1), lengths[-1], above)


def _large_enough(parts: Sequence[Sequence[ScoredSentence]]) -> list[list[ScoredSentence]]:
    """Buckets in order of length, of which small ones join their neighbour."""
    joined: list[list[ScoredSentence]] = []
    for part in parts:
        if joined and min(len(joined[-1]), len(part)) < MIN_IN_BUCKET:
            joined[-1] += part
        else:
            joined.append([*part])
    return joined


def above_blind(sentences: Sequence[ScoredSentence]) -> Estimate:
    """Token accuracy less that of the blind guess on the same sentences, percentage points. The
    guess was made from them: value and interval are too low, and what is above zero is so."""
    blind = blind_guess([one.reference for one in sentences])
    more = [one.right - agreeing(one.reference, blind) for one in sentences]
    return ratio(more, [len(one.reference) for one in sentences]).transformed(lambda x: 100 * x)


def blind_accuracy(sentences: Sequence[ScoredSentence]) -> float:
    """Token accuracy of the blind guess, percent."""
    blind = blind_guess([one.reference for one in sentences])
    right = sum(agreeing(one.reference, blind) for one in sentences)
    return 100 * right / max(1, sum(len(one.reference) for one in sentences))


def blind_guess(references: Sequence[Sequence[Item]]) -> tuple[Item, ...]:
    """The one output with the most tokens right over all references.

    1 2 3, 1 5 3, 4 2 → 1 2 3
    """
    longest = max(map(len, references), default=0)
    at = [Counter(r[place] for r in references if len(r) > place) for place in range(longest)]
    return tuple(tokens.most_common(1)[0][0] for tokens in at)


def _score_above_blind(
    sentences: Sequence[ScoredSentence], metric: Metric, words_of: BLEU
) -> float:
    """A corpus score less that of the blind guess in the words that a BLEU reads, which is as long
    as the median reference."""
    references = [one.reference_text for one in sentences]
    words = [words_of._preprocess_segment(reference).split() for reference in references]
    blind = " ".join(blind_guess(words)[: median_low(map(len, words))])
    outputs = [one.output_text for one in sentences]
    score, chance = (
        CorpusParts.of(metric, texts, references).value
        for texts in (outputs, [blind] * len(sentences))
    )
    return score - chance


def _half_at(lengths: Sequence[float], curve: Sequence[float]) -> float:
    """Where the curve first falls below half its first value; the last length if it never does."""
    half = curve[0] / 2
    for index in range(1, len(curve)):
        if curve[index] < half:
            share = (curve[index - 1] - half) / (curve[index - 1] - curve[index])
            return lengths[index - 1] + share * (lengths[index] - lengths[index - 1])
    return lengths[-1]
