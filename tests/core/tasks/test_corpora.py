"""Batches hold every pair once, unpadded on the source side, in an order that can be repeated."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

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
    Corpus,
    Pair,
    Subwords,
    Words,
    codecs,
    draw_pairs,
    normalised,
    padded_sources,
    split,
    synthetic_corpus,
    text_corpus,
    words_in,
)
from core.tasks.parallel_text import Sides

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


class TestSyntheticCorpus:
    SPANS: ClassVar[dict[str, int]] = {"shortest": 3, "longest_trained": 6, "longest_tested": 8}

    def corpus(self, training_pairs: int = 800, seed: int = 0) -> Corpus:
        pairs = {"training_pairs": training_pairs, "tested_pairs": 5}
        return synthetic_corpus("reverse", **self.SPANS, **pairs, seed=seed)

    def lengths(self, pairs: list[Pair]) -> Counter[int]:
        return Counter(len(pair.source) for pair in pairs)

    def test_every_trained_length_is_trained_and_validated_equally_often(self) -> None:
        corpus = self.corpus()
        assert self.lengths(corpus.train) == {3: 200, 4: 200, 5: 200, 6: 200}
        assert self.lengths(corpus.validation) == {3: 125, 4: 125, 5: 125, 6: 125}

    def test_fewer_training_pairs_do_not_shorten_the_validation(self) -> None:
        corpus = self.corpus(training_pairs=6)
        assert self.lengths(corpus.train) == {3: 2, 4: 2, 5: 1, 6: 1}
        assert len(corpus.validation) == len(self.corpus().validation)

    def test_every_length_is_tested_up_to_the_longest_on_new_pairs(self) -> None:
        corpus = self.corpus()
        assert self.lengths(corpus.test) == dict.fromkeys(range(3, 9), 5)
        assert len({*corpus.test}) == len(corpus.test)
        assert not {pair.source for pair in corpus.test} & {pair.source for pair in corpus.train}
        assert all(pair.target == pair.source[::-1] for pair in corpus.test)

    def test_what_was_trained_or_drawn_before_is_replaced_in_the_test(self) -> None:
        """Of two digits there are a hundred: among twenty some are drawn twice."""
        spans = {"shortest": 2, "longest_trained": 2, "longest_tested": 2}
        corpus = synthetic_corpus("copy", **spans, training_pairs=20, tested_pairs=20, seed=0)
        assert len({*corpus.test}) == 20

    def test_parts_are_drawn_apart_and_by_seed(self) -> None:
        corpus = self.corpus()
        assert corpus == self.corpus()
        assert corpus.train[:500] != corpus.validation
        assert corpus.test != self.corpus(seed=1).test


class TestTextCorpus:
    WORDS = "ein hund singt laut und schnell"

    def sides(self, *lengths: int) -> Sides:
        lines = [" ".join(self.WORDS.split()[:length]) for length in lengths]
        return Sides(lines, lines)

    def lengths(self, pairs: list[Pair], corpus: Corpus) -> list[int]:
        return [words_in(corpus.source, pair.source) for pair in pairs]

    def corpus(self, **more: int) -> Corpus:
        every = self.sides(1, 2, 3, 4, 5, 6)
        settings = {"training_pairs": 100, "shortest": 2, "longest_trained": 4}
        settings |= {"longest_tested": 5, "vocabulary": 30}
        return text_corpus(every, every, every, **{**settings, **more})

    def test_lengths_are_kept_from_the_shortest_to_the_longest(self) -> None:
        corpus = self.corpus()
        assert self.lengths(corpus.train, corpus) == [2, 3, 4]
        assert self.lengths(corpus.validation, corpus) == [2, 3, 4]
        assert self.lengths(corpus.test, corpus) == [2, 3, 4, 5]

    def test_consecutive_sentences_are_joined_up_to_as_many_as_asked_for(self) -> None:
        corpus = self.corpus(joined_sentences=3, longest_tested=15)
        # One by one from 2 words on; 1+2, 3+4, 5+6; 1+2+3, 4+5+6.
        assert self.lengths(corpus.test, corpus) == [2, 3, 4, 5, 6, 3, 7, 11, 6, 15]

    def test_at_most_so_many_pairs_are_trained_and_always_the_same(self) -> None:
        two, three = self.corpus(training_pairs=2), self.corpus(training_pairs=3)
        assert len(two.train) == 2
        assert two.train == self.corpus(training_pairs=2).train
        assert {*two.train} < {*three.train}
        assert three.train == self.corpus().train, "all of them, in their order"

    def test_a_part_without_a_sentence_is_named(self) -> None:
        settings = {"vocabulary": 30, "training_pairs": 9, "longest_trained": 4}
        parts = [self.sides(1, 2, 3, 4, 5, 6), self.sides(5), self.sides(3)]
        with pytest.raises(BadSetting, match="the validation text has no sentence of 1 words"):
            text_corpus(*parts, **settings, longest_tested=4)


@pytest.mark.parametrize(("pairs", "held_out"), [(20, 1), (39, 1), (40, 2), (100, 5)])
def test_a_twentieth_of_a_file_is_validated_on_and_another_tested(
    pairs: int, held_out: int
) -> None:
    lines = [f"line {n}" for n in range(pairs)]
    parts = split(Sides([*lines, lines[0]], [*lines, lines[0]]), "a file")
    assert [len(part.source) for part in parts] == [pairs - 2 * held_out, held_out, held_out]
    assert sorted(line for part in parts for line in part.source) == sorted(lines)
    assert all(part.source == part.target for part in parts)


def test_a_file_of_fewer_than_twenty_different_pairs_is_refused() -> None:
    lines = [f"line {n}" for n in range(19)]
    with pytest.raises(BadSetting, match="a file has 19 different pairs"):
        split(Sides(lines * 2, lines * 2), "a file")


def test_pairs_that_a_model_reads_alike_are_one_pair_and_never_tested_on() -> None:
    """In capitals, in full width, composed or not: the model has seen it in training."""
    plain = [(f"wort é{n} nummer", f"word é{n} number") for n in range(40)]
    spelled = [
        *plain,
        *((s.upper(), t.upper()) for s, t in plain),
        *((s.replace("é", "e\u0301"), t) for s, t in plain),
        *((s.replace(" ", "\u3000"), f" {t} ") for s, t in plain),
    ]
    parts = split(Sides([s for s, _ in spelled], [t for _, t in spelled]), "a file")
    assert sum(len(part.source) for part in parts) == 40
    read = [{normalised(source, cased=False) for source in part.source} for part in parts]
    assert not read[0] & read[2]
    assert not read[1] & read[2]
    cased = split(Sides([s for s, _ in spelled], [t for _, t in spelled]), "a file", cased=True)
    assert sum(len(part.source) for part in cased) == 80


def test_all_targets_of_one_source_stay_in_one_part() -> None:
    sources = [f"source {n // 2}" for n in range(100)]
    parts = split(Sides(sources, [f"target {n}" for n in range(100)]), "a file")
    assert sum(len(part.source) for part in parts) == 100, "both targets are kept"
    of_part = [set(part.source) for part in parts]
    assert not of_part[0] & of_part[1] | of_part[0] & of_part[2] | of_part[1] & of_part[2]
    assert all(of_part)


def test_a_file_of_one_source_is_refused() -> None:
    with pytest.raises(BadSetting, match="has sources with so many targets that none is left"):
        split(Sides(["a"] * 40, [f"b {n}" for n in range(40)]), "a file")
