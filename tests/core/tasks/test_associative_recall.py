"""The task's exact references against enumeration, and its sequences against the generator of
Arora et al. (2023): pairs, slots by a power law without replacement, one query for each key."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from typing import Any

import numpy
import pytest
import torch
from scipy.stats import chi2_contingency

from core.experiments.recall.declaration import Place, RecallConfig
from core.experiments.recall.measure import draw_sequences
from core.tasks.associative_recall import BLANK, AssociativeRecall


def config(**settings: Any) -> RecallConfig:
    small = {"most_pairs": 4, "sequence_length": 32, "vocabulary": 12}
    return RecallConfig.from_flat({**small, **settings})


def sequences(asked: RecallConfig, place: Place, count: int, seed: int = 0) -> list[Any]:
    """Tokens BT, steps BN and values BN, as arrays."""
    tokens_TB, steps_BN, values_BN = draw_sequences(
        asked, place, count, torch.Generator().manual_seed(seed)
    )
    return [tokens_TB.T.numpy(), steps_BN.numpy(), values_BN.numpy()]


def test_the_vocabulary_is_a_blank_keys_and_values() -> None:
    task = AssociativeRecall(12)
    assert (BLANK, [*task.keys], [*task.values]) == (0, [1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11])
    assert task.most_pairs == 5
    assert AssociativeRecall(13).most_pairs == 5, "the odd token is a value"


@pytest.mark.parametrize(("vocabulary", "pairs"), [(6, 1), (8, 2), (9, 3), (12, 2)])
def test_the_best_answers_without_memory_and_from_the_values_are_exact(
    vocabulary: int, pairs: int
) -> None:
    """Over all pairs that can be drawn, and every query: how often the likeliest value is right."""
    task = AssociativeRecall(vocabulary)
    blind: Counter[int] = Counter()
    by_query: defaultdict[int, Counter[int]] = defaultdict(Counter)
    by_values: defaultdict[tuple[int, frozenset[int]], Counter[int]] = defaultdict(Counter)
    for keys in itertools.permutations(task.keys, pairs):
        for values in itertools.permutations(task.values, pairs):
            for key, value in zip(keys, values, strict=True):
                blind[value] += 1
                by_query[key][value] += 1
                by_values[key, frozenset(values)][value] += 1
    asked = blind.total()

    def best(counts: Any) -> float:
        return 100 * sum(max(answers.values()) for answers in counts) / asked

    assert best([blind]) == pytest.approx(task.chance)
    assert best(by_query.values()) == pytest.approx(task.without_memory)
    assert best(by_values.values()) == pytest.approx(task.values_alone(pairs))


def test_slots_follow_a_power_law_and_must_suffice() -> None:
    even = AssociativeRecall(12, power=1.0).slots(2, 12)
    assert even == pytest.approx([1 / 4] * 4)
    steep = AssociativeRecall(12, power=0.01).slots(2, 10)
    weights = [1, 2**-0.99, 3**-0.99]
    assert steep == pytest.approx([weight / sum(weights) for weight in weights])
    with pytest.raises(ValueError, match="3 pairs need a length of 12, and it is 10"):
        AssociativeRecall(12).slots(3, 10)


@pytest.mark.parametrize("fillers", ["blank", "random"])
def test_every_key_comes_twice_and_asks_for_its_value(fillers: str) -> None:
    asked, (pairs, length) = config(fillers=fillers), Place(3, 20)
    tokens_BT, steps_BN, values_BN = sequences(asked, Place(pairs, length), 200)
    for tokens, steps, values in zip(tokens_BT, steps_BN, values_BN, strict=True):
        keys = tokens[0 : 2 * pairs : 2]
        assert {*keys} <= {*asked.task.keys}
        assert {*values} <= {*asked.task.values}
        assert len({*keys}) == len({*values}) == len({*steps}) == pairs
        assert [*tokens[1 : 2 * pairs : 2]] == [*values]
        assert [*tokens[steps]] == [*keys]
        assert all(step >= 2 * pairs and step % 2 == 0 for step in steps)
        others = [t for t in range(2 * pairs, length) if t not in {*steps}]
        if fillers == "blank":
            assert {*tokens[others]} == {BLANK}
    if fillers == "random":
        free = numpy.ones_like(tokens_BT, bool)
        free[:, : 2 * pairs] = False
        numpy.put_along_axis(free, steps_BN, False, axis=1)
        counts = Counter(tokens_BT[free].tolist())
        expected = free.sum() / asked.vocabulary
        assert set(counts) == set(range(asked.vocabulary))
        assert all(abs(n - expected) < 4.5 * math.sqrt(expected) for n in counts.values())


def test_one_sequence_token_by_token() -> None:
    """Pairs 5 8 and 3 9, four slots of two tokens: 3 asks in the first, 5 in the second."""
    tokens_BT, steps_BN, values_BN = sequences(config(), Place(2, 12), 1, seed=1)
    assert tokens_BT.tolist() == [[5, 8, 3, 9, 3, 0, 5, 0, 0, 0, 0, 0]]
    assert (steps_BN.tolist(), values_BN.tolist()) == ([[6, 4]], [[8, 9]])


def test_keys_and_values_are_drawn_evenly() -> None:
    tokens_BT, _, _ = sequences(config(), Place(2, 8), 6000)
    for column, among in ((0, 5), (2, 5), (1, 6), (3, 6)):
        counts = Counter(tokens_BT[:, column].tolist())
        assert len(counts) == among
        assert all(abs(n - 6000 / among) < 4.5 * math.sqrt(6000 / among) for n in counts.values())
    together = Counter(zip(tokens_BT[:, 0].tolist(), tokens_BT[:, 2].tolist(), strict=True))
    assert len(together) == 20
    assert all(abs(n - 300) < 4.5 * math.sqrt(300) for n in together.values())


@pytest.mark.parametrize("power", [0.01, 1.0])
def test_slots_are_those_of_draws_one_after_the_other_without_replacement(power: float) -> None:
    """As numpy's `choice` draws them, which the generator of Arora et al. calls, in its order; and
    the first two by their exact probabilities."""
    count, (pairs, length) = 8000, Place(3, 16)
    asked = config(power=power)
    _, steps_BN, _ = sequences(asked, Place(pairs, length), count)
    ours = Counter(map(tuple, ((steps_BN - 2 * pairs) // 2).tolist()))
    p, random = asked.task.slots(pairs, length), numpy.random.default_rng(0)
    draws = (random.choice(len(p), pairs, replace=False, p=p).tolist() for _ in range(count))
    theirs = Counter(map(tuple, draws))
    table = [[c[order] for order in itertools.permutations(range(5), 3)] for c in (ours, theirs)]
    filled = numpy.array(table)[:, numpy.sum(table, 0) > 10]
    assert chi2_contingency(filled).pvalue > 1e-3
    for first, second in itertools.permutations(range(5), 2):
        share = p[first] * p[second] / (1 - p[first])
        found = sum(n for order, n in ours.items() if order[:2] == (first, second))
        assert abs(found - count * share) < 4.5 * math.sqrt(count * share)
