"""Intervals over sentences cover 93 to 98% with 12, 30, 60 and 500 sentences, or there are none.

Samples are drawn from populations of invented sentences whose true value is known.
"""

from __future__ import annotations

import numpy
import pytest

from core.measure.text_quality import (
    CorpusParts,
    ScoredSentence,
    bleu_metric,
    chrf_metric,
    length_ratio,
    paired_difference,
    share_estimate,
)
from core.stats.estimates import Estimate
from tests.core.measure.invented import corrupted, sentences

TRIALS = 400
MARGIN = 2.2
"""Points: two standard errors of a coverage of 95% in 400 trials."""


def contains(estimate: Estimate, value: float) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= value <= estimate.high


@pytest.fixture(scope="module")
def populations() -> dict[str, tuple[CorpusParts, CorpusParts]]:
    """Name → two equally good systems: BLEU of about 25, 55 and 85, and chrF."""
    references = sentences(3000, seed=7)
    found = {}
    for name, rate, perfect in (("poor", 0.5, 0.05), ("middling", 0.3, 0.1), ("good", 0.1, 0.4)):
        first, second = (corrupted(references, rate, seed, perfect) for seed in (1, 2))
        for metric in (bleu_metric(), chrf_metric()):
            pair = (CorpusParts.of(metric, outputs, references) for outputs in (first, second))
            found[f"{name} {type(metric).__name__}"] = tuple(pair)
    return found  # type: ignore[return-value]


@pytest.mark.slow
@pytest.mark.parametrize("score", ["BLEU", "CHRF"])
@pytest.mark.parametrize("quality", ["poor", "middling", "good"])
@pytest.mark.parametrize("n", [12, 30, 60, 500])
def test_intervals_of_corpus_scores_and_of_paired_differences_cover(
    populations: dict[str, tuple[CorpusParts, CorpusParts]], quality: str, score: str, n: int
) -> None:
    one, other = populations[f"{quality} {score}"]
    value, difference = one.value, one.value - other.value
    random, trials = numpy.random.default_rng(n), TRIALS if n < 500 else TRIALS // 4
    single, paired = [], []
    for _ in range(trials):
        chosen = random.integers(len(one), size=n)
        first, second = one.of_sentences(chosen), other.of_sentences(chosen)
        without = first.without_each(), second.without_each()
        estimate = first.estimate(without[0])
        if estimate.low is not None:
            single.append(contains(estimate, value))
        found = paired_difference(first, second, without)
        if found.p_value is not None:
            paired.append(contains(found.estimate, difference))
            outside = not contains(found.estimate, 0.0)
            assert outside == (found.p_value < 0.05), "the test and its interval agree"
    if n < 60:
        assert not single, "none is given"
    elif len(single) > trials / 2:  # rarely given, they are of unusual samples
        assert 93 - MARGIN < 100 * numpy.mean(single) < 98 + MARGIN
    if len(paired) > trials / 2:
        assert 93 - MARGIN < 100 * numpy.mean(paired) < 98 + MARGIN


@pytest.mark.slow
@pytest.mark.parametrize("n", [12, 60, 500])
@pytest.mark.parametrize(
    ("perfect", "errors"),
    [(0.99, (1, 4)), (0.95, (1, 4)), (0.8, (1, 3)), (0.4, (1, 2)), (0.0, (3, 1)), (0.0, (19, 1))],
)
def test_intervals_of_token_accuracy_cover(
    perfect: float, errors: tuple[float, float], n: int
) -> None:
    """Shares from 5 to 99.8%: of the imperfect sentences, each has its own rate of errors."""
    random = numpy.random.default_rng(3)
    size = 100_000
    rates = numpy.where(random.random(size) < perfect, 0.0, random.beta(*errors, size))
    tokens = random.integers(8, 13, size)
    right = tokens - random.binomial(tokens, rates)
    value = 100 * right.sum() / tokens.sum()
    covered = []
    for _ in range(1000):
        chosen = random.integers(size, size=n)
        estimate = share_estimate(right[chosen], tokens[chosen])
        if estimate.low is not None:
            covered.append(contains(estimate, value))
    if n < 60:
        assert not covered, "none is given"
    else:
        assert 93 - 1.4 < 100 * numpy.mean(covered) < 98 + 1.4


@pytest.mark.slow
@pytest.mark.parametrize("n", [12, 60, 500])
@pytest.mark.parametrize(("rate", "perfect"), [(0.5, 0.05), (0.3, 0.1), (0.1, 0.4), (0.1, 0.9)])
def test_intervals_of_length_ratios_cover(rate: float, perfect: float, n: int) -> None:
    references = sentences(3000, seed=7)
    outputs = corrupted(references, rate, 1, perfect)
    population = [
        ScoredSentence(1, 1, tuple(range(len(r.split()))), tuple(range(len(o.split()))))
        for r, o in zip(references, outputs, strict=True)
    ]
    value = length_ratio(population).value
    assert value is not None
    random, covered = numpy.random.default_rng(n), []
    for _ in range(TRIALS):
        chosen = [population[i] for i in random.integers(len(population), size=n)]
        estimate = length_ratio(chosen)
        if estimate.low is not None:
            covered.append(contains(estimate, value))
    if n < 60:
        assert not covered, "none is given"
    elif len(covered) > TRIALS / 2:  # rarely given, they are of unusual samples
        assert 93 - MARGIN < 100 * numpy.mean(covered) < 98 + MARGIN
