"""Where a curve falls below half, and when there is nothing to halve."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bottleneck import above_blind, blind_guess, bottleneck
from core.quality import Judged, agreeing

TOKENS = st.integers(1, 3)
SENTENCES = st.lists(TOKENS, min_size=1, max_size=4).map(tuple)


def judged(reference: tuple[int, ...], output: tuple[int, ...], length: int = 3) -> Judged:
    return Judged(length, length, reference, output)


def curve(*accuracies: float) -> dict[int, list[Judged]]:
    """Buckets of lengths 5, 10, … in which that share of 100 one-token sentences is right.

    All references differ, so a blind guess has 1% of them.
    """
    return {
        5 * place: [judged((i,), (i if i < 100 * share else -1,), 5 * place) for i in range(100)]
        for place, share in enumerate(accuracies, start=1)
    }


def test_the_bottleneck_is_where_the_line_crosses_half_of_the_start() -> None:
    found = bottleneck(curve(1.0, 0.8, 0.4, 0.1))
    assert found.length.value == pytest.approx(10 + 5 * (0.8 - 0.5) / (0.8 - 0.4))
    assert not found.never
    assert found.length.low < found.length.value < found.length.high


def test_half_is_of_what_short_sentences_reach() -> None:
    assert bottleneck(curve(0.6, 0.4, 0.2)).length.value == pytest.approx(12.5)


def test_a_curve_that_stays_up_has_no_bottleneck() -> None:
    found = bottleneck(curve(1.0, 1.0, 0.9))
    assert found.never
    assert found.length.value == 15


def texts(length: int, number: int, right: int) -> list[Judged]:
    """Sentences of that length, of which the first few are right and the others all wrong."""
    found = []
    for index in range(number):
        words = [f"w{length}x{index}x{place}" for place in range(length)]
        output = words if index < right else ["nothing"] * length
        tokens = tuple(range(index * length, (index + 1) * length))
        written = tokens if index < right else (-1,) * length
        texts = (" ".join(words), " ".join(output))
        found.append(Judged(length, length, tokens, written, *texts))
    return found


def test_of_running_text_bleu_decides_whatever_the_positions() -> None:
    """One word too many: every token is right, and none at its own position."""
    shifted = [
        Judged(
            20, 20, one.reference, (-1, *one.output), one.reference_text, f"so {one.output_text}"
        )
        for one in texts(20, 20, 20)
    ]
    buckets = {10: texts(10, 20, 20), 20: shifted}
    assert bottleneck(buckets, "token_accuracy").length.value < 20
    assert bottleneck(buckets, "bleu").never
    fallen = bottleneck({10: texts(10, 20, 20), 20: texts(20, 20, 4)}, "bleu")
    assert 10 < fallen.length.low <= fallen.length.value <= fallen.length.high <= 20
    assert not fallen.never


def test_too_few_sentences_for_bleu_join_the_bucket_before() -> None:
    lone = {10: texts(10, 20, 20), 20: texts(20, 20, 20), 30: texts(30, 1, 0)}
    found = bottleneck(lone, "bleu")
    assert found.never, "one wrong sentence is no bottleneck"
    assert found.length.value == pytest.approx((20 * 20 + 30) / 21)


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
    found = bottleneck({3: [judged(reference, output) for reference in references]})
    assert found.above_blind.value <= 0
    assert found.length.value is None
    assert not found.never


def test_above_the_blind_guess_is_the_difference_on_the_same_sentences() -> None:
    found = [judged((1, 2), (1, 2)), judged((1, 3), (1, 3)), judged((4, 3), (1, 3))]
    above = above_blind(found)  # 5 of 6 tokens are right, the guess 1 3 has 4
    assert above.value == pytest.approx(100 * (5 - 4) / 6)
    assert above.n == 3


def test_what_may_be_noise_is_not_above_the_blind_guess() -> None:
    lucky = [judged((i % 10,), (i % 10 if i < 14 else -1,)) for i in range(100)]
    above = above_blind(lucky)
    assert above.value == pytest.approx(4)
    assert above.low < 0
    found = bottleneck({5: lucky, 10: [judged((1,), (2,))] * 100})
    assert found.length.value is None
    assert found.above_blind == above


def test_a_single_sentence_proves_nothing() -> None:
    assert bottleneck({3: [judged((1, 2, 3), (1, 2, 3))]}).length.value is None
