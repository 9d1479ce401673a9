"""Batches hold every pair once, unpadded on the source side, in an order that can be repeated."""

from __future__ import annotations

import pytest
import torch

from core.settings import BadSetting
from core.tasks.corpora import (
    BEGIN,
    DIGITS,
    END,
    GERMAN,
    PADDING,
    UNKNOWN,
    Batches,
    Pair,
    Subwords,
    Words,
    codecs,
    draw_pairs,
    padded_sources,
)

PAIRS = [Pair((4,) * (n % 3 + 1), tuple(range(4, 5 + n))) for n in range(20)]


def unpacked(batches: Batches, epoch: int) -> list[Pair]:
    pairs = []
    for batch in batches.epoch(epoch):
        for source, wanted in zip(
            batch.source_SB.T.tolist(), batch.target_TB.T.tolist(), strict=True
        ):
            pairs.append(Pair(tuple(source), tuple(wanted[: wanted.index(END)])))
    return pairs


def test_an_epoch_has_every_pair_once() -> None:
    batches = Batches(PAIRS, 4, seed=0)
    assert sorted(unpacked(batches, 0)) == sorted(PAIRS)
    assert len(list(batches.epoch(0))) == len(batches) == 2 + 2 + 2


def test_no_source_is_padded_and_targets_are_shifted_by_one() -> None:
    for batch in Batches(PAIRS, 4, seed=0).epoch(0):
        assert not (batch.source_SB == PADDING).any()
        assert (batch.input_TB[0] == BEGIN).all()
        assert not (batch.input_TB == END).any()
        real_TB = batch.target_TB != PADDING
        assert real_TB.any(-1).all(), "a step of padding alone"
        assert torch.equal(
            batch.input_TB[1:],
            torch.where(batch.target_TB[:-1] == END, PADDING, batch.target_TB[:-1]),
        )


def test_an_epoch_is_the_same_whenever_it_is_read_and_no_two_are_alike() -> None:
    first = unpacked(Batches(PAIRS, 4, seed=0), 3)
    again = Batches(PAIRS, 4, seed=0)
    list(again.epoch(0))
    assert unpacked(again, 3) == first
    assert unpacked(again, 4) != first
    assert unpacked(Batches(PAIRS, 4, seed=1), 3) != first


def test_words_that_are_not_known_become_unknown() -> None:
    words = Words(["a", "b"])
    assert words.encode("b x a") == (5, UNKNOWN, 4)
    assert words.decode((5, UNKNOWN, 4)) == "b <unknown> a"
    assert words.size == 6


def test_sources_side_by_side() -> None:
    tokens_SB, lengths_B = padded_sources([(5,), (6, 7)])
    assert tokens_SB.tolist() == [[5, 6], [PADDING, 7]]
    assert lengths_B.tolist() == [1, 2]


def test_the_tasks_are_what_they_are_called() -> None:
    (copy,) = draw_pairs("copy", [5], "0")
    assert copy.source == copy.target
    (backwards,) = draw_pairs("reverse", [5], "0")
    assert backwards.target == backwards.source[::-1]
    assert len(DIGITS.decode(backwards.source)) == 9
    for pair in draw_pairs("grammar", list(range(3, 30)), "0"):
        assert UNKNOWN not in (*pair.source, *pair.target)
    assert codecs("grammar")[1] is GERMAN


def test_lengths_are_those_asked_for_and_a_seed_can_be_repeated() -> None:
    for name in ("copy", "reverse", "grammar"):
        pairs = draw_pairs(name, [7, 3, 12], "5")  # type: ignore[arg-type]
        assert [len(pair.source) for pair in pairs] == [7, 3, 12]
        assert pairs == draw_pairs(name, [7, 3, 12], "5")  # type: ignore[arg-type]
        assert pairs != draw_pairs(name, [7, 3, 12], "6")  # type: ignore[arg-type]


class TestSubwords:
    LINES = ("der kleine hund schläft", "die kleine katze schläft", "ein kind singt") * 20

    def test_a_text_comes_back_lowercased(self) -> None:
        subwords = Subwords.learn(self.LINES, 60)
        assert subwords.decode(subwords.encode("Der kleine Hund singt")) == "der kleine hund singt"
        assert subwords.size == 60
        assert subwords.pieces(subwords.encode("hund"))[0].startswith("▁")

    def test_learning_twice_gives_the_same_and_a_saved_model_reads_the_same(self) -> None:
        first, second = (Subwords.learn(self.LINES, 60) for _ in range(2))
        assert first.model == second.model
        again = Subwords(first.model)
        assert again.encode("das kind") == first.encode("das kind")

    def test_a_vocabulary_that_the_text_does_not_give_is_a_sentence(self) -> None:
        with pytest.raises(
            BadSetting, match="vocabulary is 6000, which this text does not support"
        ):
            Subwords.learn(self.LINES, 6000)
