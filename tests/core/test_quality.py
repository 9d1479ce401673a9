"""Scores against sums by hand and against sacrebleu."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu import corpus_bleu, corpus_chrf

from core.quality import (
    Judged,
    bleu,
    bleu_signature,
    by_length,
    chrf,
    exact_match,
    length_ratio,
    ratio,
    token_accuracy,
)

OUTPUTS = ["the cat sat on the mat", "a dog barks at the tree", "birds sing"]
REFERENCES = ["the cat sat on the mat", "the dog barks at a tree", "the birds sing loudly"]


def judged(reference: tuple[int, ...], output: tuple[int, ...], length: int = 3) -> Judged:
    return Judged(length, length, reference, output)


def texts() -> list[Judged]:
    return [
        Judged(5, 5, (), (), reference_text=r, output_text=o)
        for o, r in zip(OUTPUTS, REFERENCES, strict=True)
    ]


def test_accuracies_are_the_sums_by_hand() -> None:
    found = [judged((1, 2, 3), (1, 2, 3)), judged((1, 2, 3, 4, 5), (1, 9, 3)), judged((7,), (7, 8))]
    assert token_accuracy(found).value == pytest.approx(100 * (3 + 2 + 1) / 9)
    assert exact_match(found).value == pytest.approx(100 / 3)
    assert length_ratio(found).value == pytest.approx(8 / 9)
    assert token_accuracy(found).n == 3


def test_a_shifted_output_is_wrong_at_every_position() -> None:
    assert token_accuracy([judged((1, 2, 3), (9, 1, 2, 3))]).value == 0.0


def test_what_is_the_same_for_all_sentences_has_no_width() -> None:
    estimate = ratio([1.0] * 10, [2.0] * 10)
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (0.5, 0.5, 0.5, 10)


def test_one_sentence_has_no_interval_and_none_no_value() -> None:
    assert ratio([1.0], [2.0]).low is None
    assert ratio([], []).value is None


@given(st.lists(st.booleans(), min_size=2, max_size=60))
def test_the_interval_holds_the_value(right: list[bool]) -> None:
    estimate = ratio(right, [1] * len(right))
    assert estimate.low <= estimate.value <= estimate.high
    assert estimate == ratio(right, [1] * len(right)), "resampling is always the same"


def test_the_bootstrap_interval_is_about_the_binomial_one() -> None:
    estimate = ratio([1] * 50 + [0] * 150, [1] * 200)
    assert estimate.low == pytest.approx(0.25 - 1.96 * (0.25 * 0.75 / 200) ** 0.5, abs=0.01)
    assert estimate.high == pytest.approx(0.25 + 1.96 * (0.25 * 0.75 / 200) ** 0.5, abs=0.01)


def test_bleu_and_chrf_are_sacrebleus() -> None:
    found = bleu(texts())
    assert found.value == pytest.approx(corpus_bleu(OUTPUTS, [REFERENCES], lowercase=True).score)
    assert found.low < found.value < found.high
    expected = corpus_chrf(OUTPUTS, [REFERENCES]).score
    assert chrf(texts()).value == pytest.approx(expected)
    assert bleu_signature().startswith("nrefs:1|case:lc|eff:no|tok:13a|smooth:exp|version:")


def test_a_bucket_is_named_after_its_longest_length() -> None:
    found = [judged((), (), length) for length in (1, 2, 3, 4, 6, 7)]
    buckets = by_length(found, lambda one: one.source_words, 3)
    assert {k: [j.source_words for j in v] for k, v in buckets.items()} == {
        3: [1, 2, 3],
        6: [4, 6],
        9: [7],
    }
