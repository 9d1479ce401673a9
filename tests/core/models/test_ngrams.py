"""Counting models: probabilities that sum to one, and a hand example."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy
import pytest

from core.models.ngrams import counted_bits

GENERATOR = numpy.random.default_rng(0)


def probability(training: list[int], context: list[int], char: int, vocabulary: int) -> float:
    """Witten & Bell's, by its definition."""
    shorter = probability(training, context[1:], char, vocabulary) if context else 1 / vocabulary
    k = len(context)
    after = [training[at] for at in range(k, len(training)) if training[at - k : at] == context]
    followers = Counter(after)
    if not after:
        return shorter
    return (followers[char] + len(followers) * shorter) / (len(after) + len(followers))


def numbers(values: Any) -> Any:
    return numpy.array(values, numpy.int64)


def test_a_hand_example() -> None:
    # a b a b a: after a came b twice, and nothing else; a thrice and b twice in all; c never.
    bits = counted_bits(numbers([0, 1, 0, 1, 0]), numbers([0, 1]), 3, 1)
    unigram = {0: (3 + 2 / 3) / 7, 1: (2 + 2 / 3) / 7}
    assert bits[0] == pytest.approx([-math.log2(unigram[0]), -math.log2(unigram[1])])
    assert bits[1] == pytest.approx([-math.log2(unigram[0]), -math.log2((2 + unigram[1]) / 3)])


@pytest.mark.parametrize("order", [0, 1, 2, 5])
def test_probabilities_of_all_characters_sum_to_one_also_after_an_unseen_context(
    order: int,
) -> None:
    training = GENERATOR.integers(0, 4, 200)
    for context in ([0, 1, 2, 3, 0], [4, 4, 4, 4, 4]):  # 4 never comes
        texts = [numbers([*context, char]) for char in range(5)]
        total = sum(2 ** -counted_bits(training, text, 5, order)[order, -1] for text in texts)
        assert total == pytest.approx(1, abs=1e-12)


def test_all_orders_at_once_are_the_definition_one_by_one() -> None:
    training, text = GENERATOR.integers(0, 3, 60).tolist(), GENERATOR.integers(0, 4, 15).tolist()
    bits = counted_bits(numbers(training), numbers(text), 4, 3)
    for k in range(4):
        for at, char in enumerate(text):
            p = probability(training, text[max(0, at - k) : at], char, 4)
            assert bits[k, at] == pytest.approx(-math.log2(p), abs=1e-12)


def test_a_training_text_shorter_than_the_order_is_enough() -> None:
    assert numpy.isfinite(counted_bits(numbers([0, 1]), numbers([1, 0, 1, 1]), 2, 5)).all()
