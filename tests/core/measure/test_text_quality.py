"""Scores against sums by hand and against sacrebleu; where a curve falls below half."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu import corpus_bleu, corpus_chrf
from scipy.stats import binom

from core.measure.text_quality import (
    ScoredSentence,
    above_blind,
    agreeing,
    bleu,
    bleu_metric,
    blind_guess,
    bottleneck,
    by_length,
    chrf,
    exact_match,
    length_ratio,
    ratio,
    share_estimate,
    signature,
    token_accuracy,
)
from core.stats.estimates import success_estimate

OUTPUTS = ["the cat sat on the mat", "a dog barks at the tree", "birds sing"]

REFERENCES = ["the cat sat on the mat", "the dog barks at a tree", "the birds sing loudly"]


def judged(reference: tuple[int, ...], output: tuple[int, ...], length: int = 3) -> ScoredSentence:
    return ScoredSentence(length, length, reference, output)


def translations() -> list[ScoredSentence]:
    return [
        ScoredSentence(5, 5, (), (), reference_text=r, output_text=o)
        for o, r in zip(OUTPUTS, REFERENCES, strict=True)
    ]


def test_accuracies_are_the_sums_by_hand() -> None:
    result = [
        judged((1, 2, 3), (1, 2, 3)),
        judged((1, 2, 3, 4, 5), (1, 9, 3)),
        judged((7,), (7, 8)),
    ]
    assert token_accuracy(result).value == pytest.approx(100 * (3 + 2 + 1) / 9)
    assert exact_match(result).value == pytest.approx(100 / 3)
    assert length_ratio(result).value == pytest.approx(8 / 9)
    assert token_accuracy(result).n == 3


@pytest.mark.parametrize("n", [60, 500])
@pytest.mark.parametrize("p", [0.05, 0.5, 0.9, 0.98, 0.99])
def test_the_interval_of_exact_match_covers_its_probability(n: int, p: float) -> None:
    """By enumeration: the probability of every count, where the interval holds the true share."""
    covered = 0.0
    for count in range(n + 1):
        probability = float(binom.pmf(count, n, p))
        if probability > 1e-6:
            outputs = [(1,)] * count + [(2,)] * (n - count)
            estimate = exact_match([judged((1,), output) for output in outputs])
            assert estimate.low < estimate.high
            covered += probability * (estimate.low <= 100 * p <= estimate.high)
    assert 0.93 < covered < 0.985


def test_a_shifted_output_is_wrong_at_every_position() -> None:
    assert token_accuracy([judged((1, 2, 3), (9, 1, 2, 3))]).value == 0.0


def test_one_sentence_has_no_interval_and_none_no_value() -> None:
    assert ratio([1.0], [2.0]).low is None
    assert share_estimate([1.0], [2.0]).low is None
    assert ratio([], []).value is None


@given(st.lists(st.booleans(), min_size=60, max_size=100))
def test_the_interval_holds_the_value_and_is_never_empty(right: list[bool]) -> None:
    estimate = share_estimate(right, [1] * len(right))
    assert (estimate.low is None) == (len(set(right)) == 1), "none where all are right, or wrong"
    if estimate.low is None:
        return
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 100
    assert estimate.low < estimate.high


def test_of_one_token_a_sentence_accuracy_has_about_wilsons_interval() -> None:
    estimate = share_estimate([1] * 50 + [0] * 150, [1] * 200)
    exact = success_estimate(50, 200)
    assert estimate.low == pytest.approx(exact.low, abs=0.1)
    assert estimate.high == pytest.approx(exact.high, abs=0.1)


def test_tokens_that_err_together_count_as_fewer() -> None:
    """Sixty sentences of 20 tokens, half of them wrong: as 60 trials, not as 1,200."""
    together = share_estimate([20] * 30 + [0] * 30, [20] * 60)
    single = share_estimate([9, 11] * 30, [20] * 60)
    assert together.high - together.low > 20 > 12 > single.high - single.low


def test_quality_of_few_sentences_has_no_interval() -> None:
    few = [judged((1, 2, 3), (1, 2, 3)), judged((1, 2, 3), (1, 2)), judged((1, 2), (2, 1))] * 19
    for measured in (token_accuracy, exact_match, length_ratio):
        assert (measured(few).low, measured(few).n) == (None, 57)
        assert measured([*few, *few]).low is not None


def test_a_length_ratio_that_hardly_varies_has_no_interval() -> None:
    same = [judged((1, 2, 3), (1, 2, 3))] * 30
    assert (length_ratio(same).value, length_ratio(same).low) == (1.0, None)
    varied = [*same, *same, *[judged((1, 2, 3), (1, 2))] * 10]
    assert length_ratio(varied).low < length_ratio(varied).value < length_ratio(varied).high


def test_bleu_and_chrf_are_sacrebleus() -> None:
    result = bleu(translations())
    assert result.value == pytest.approx(corpus_bleu(OUTPUTS, [REFERENCES], lowercase=True).score)
    expected = corpus_chrf(OUTPUTS, [REFERENCES]).score
    assert chrf(translations()).value == pytest.approx(expected)
    assert signature(bleu_metric()).startswith("nrefs:1|case:lc|eff:no|tok:13a|smooth:exp|version:")
    assert "case:mixed|eff:no|tok:intl" in signature(bleu_metric(cased=True, tokenise="intl"))


def test_case_counts_only_where_it_is_kept() -> None:
    shouted = [
        ScoredSentence(5, 5, (), (), one.reference_text, one.reference_text.upper())
        for one in translations()
    ]
    assert bleu(shouted).value == pytest.approx(100)
    assert bleu(shouted, cased=True).value == 0


def test_bleu_of_few_sentences_has_no_interval() -> None:
    """Percentiles of the bootstrap of five sentences cover 77%."""
    assert bleu(translations()).low is None
    enough = texts(10, 60, 30)
    assert bleu(enough).low < bleu(enough).value < bleu(enough).high
    assert bleu(texts(10, 60, 58)).low is None, "two wrong sentences do not show a spread"
    assert bleu(enough[:29]).low is None


def test_a_bucket_is_named_after_its_longest_length() -> None:
    result = [judged((), (), length) for length in (1, 2, 3, 4, 6, 7)]
    buckets = by_length(result, lambda one: one.source_words, 3)
    assert {k: [j.source_words for j in v] for k, v in buckets.items()} == {
        3: [1, 2, 3],
        6: [4, 6],
        9: [7],
    }


N = range(100)

TOKENS = st.integers(1, 3)

SENTENCES = st.lists(TOKENS, min_size=1, max_size=4).map(tuple)


def curve(*accuracies: float) -> dict[int, list[ScoredSentence]]:
    """Buckets of lengths 5, 10, … in which that share of 100 one-token sentences is right.

    All references differ, so a blind guess has 1% of them.
    """
    return {
        5 * place: [judged((i,), (i if i < 100 * share else -1,), 5 * place) for i in range(100)]
        for place, share in enumerate(accuracies, start=1)
    }


def test_the_bottleneck_is_where_the_line_crosses_half_of_what_is_above_the_guess() -> None:
    """Above the guess of 1% the curve is .99, .79, .39, .09: half of .99 is crossed after 10."""
    result = bottleneck(curve(1.0, 0.8, 0.4, 0.1))
    assert result.length.value == pytest.approx(10 + 5 * (0.79 - 0.495) / (0.79 - 0.39))
    assert result.longest == 20


def test_half_is_of_what_short_sentences_have_above_chance() -> None:
    """Of two tokens a guess has 50%: 74% is half way from it to 98%, 49% would be half of 98%."""
    halves = {
        5 * place: [judged((i % 2,), (i % 2 if i < right else 1 - i % 2,), 5 * place) for i in N]
        for place, right in enumerate((98, 80, 60, 50), start=1)
    }
    result = bottleneck(halves)
    assert result.above_blind.value == pytest.approx(48)
    assert result.length.value == pytest.approx(10 + 5 * (30 - 24) / (30 - 10))


def test_a_curve_that_stays_up_reaches_the_longest_tested() -> None:
    result = bottleneck(curve(1.0, 1.0, 0.9))
    assert result.length.value == result.longest == 15


def texts(length: int, number: int, right: int) -> list[ScoredSentence]:
    """Sentences of that length, of which the first few are right and the others all wrong."""
    sentences = []
    for index in range(number):
        words = [f"w{length}x{index}x{place}" for place in range(length)]
        output = words if index < right else ["nothing"] * length
        tokens = tuple(range(index * length, (index + 1) * length))
        written = tokens if index < right else (-1,) * length
        sentences.append(
            ScoredSentence(length, length, tokens, written, " ".join(words), " ".join(output))
        )
    return sentences


def test_of_running_text_bleu_decides_whatever_the_positions() -> None:
    """One word too many: every token is right, and none at its own position."""
    shifted = [
        ScoredSentence(
            20, 20, one.reference, (-1, *one.output), one.reference_text, f"so {one.output_text}"
        )
        for one in texts(20, 20, 20)
    ]
    buckets = {10: texts(10, 20, 20), 20: shifted}
    assert bottleneck(buckets, "token_accuracy").length.value < 20
    kept = bottleneck(buckets, "bleu")
    assert kept.length.value == kept.longest == 20
    fallen = bottleneck({10: texts(10, 20, 20), 20: texts(20, 20, 4)}, "bleu")
    assert 10 < fallen.length.value < fallen.longest


def test_too_few_sentences_for_bleu_join_the_bucket_before() -> None:
    lone = {10: texts(10, 20, 20), 20: texts(20, 20, 20), 30: texts(30, 1, 0)}
    result = bottleneck(lone, "bleu")
    assert result.length.value == result.longest == pytest.approx((20 * 20 + 30) / 21), (
        "one wrong sentence is no bottleneck"
    )


def test_the_blind_guess_has_the_commonest_token_at_each_position() -> None:
    assert blind_guess([(1, 2, 3), (1, 5, 3), (4, 2)]) == (1, 2, 3)
    assert blind_guess([]) == ()


@given(st.lists(SENTENCES, min_size=1, max_size=8), SENTENCES)
def test_no_other_output_that_is_always_the_same_is_better(
    references: list[tuple[int, ...]], output: tuple[int, ...]
) -> None:
    blind = blind_guess(references)
    assert sum(agreeing(r, output) for r in references) <= sum(
        agreeing(r, blind) for r in references
    )


@given(st.lists(SENTENCES, min_size=1, max_size=8), SENTENCES)
def test_a_model_that_ignores_its_source_has_no_bottleneck(
    references: list[tuple[int, ...]], output: tuple[int, ...]
) -> None:
    result = bottleneck({3: [judged(reference, output) for reference in references]})
    assert result.above_blind.value <= 0
    assert result.length.value is None


def test_above_the_blind_guess_is_the_difference_on_the_same_sentences() -> None:
    result = [judged((1, 2), (1, 2)), judged((1, 3), (1, 3)), judged((4, 3), (1, 3))]
    above = above_blind(result)  # 5 of 6 tokens are right, the guess 1 3 has 4
    assert above.value == pytest.approx(100 * (5 - 4) / 6)
    assert above.n == 3


def test_what_may_be_noise_is_not_above_the_blind_guess() -> None:
    lucky = [judged((i % 10,), (i % 10 if i < 14 else -1,)) for i in range(100)]
    above = above_blind(lucky)
    assert above.value == pytest.approx(4)
    assert above.low < 0
    result = bottleneck({5: lucky, 10: [judged((1,), (2,))] * 100})
    assert result.length.value is None
    assert (result.above_blind.value, result.above_blind.low) == (above.value, None)


def test_a_single_sentence_proves_nothing() -> None:
    assert bottleneck({3: [judged((1, 2, 3), (1, 2, 3))]}).length.value is None
