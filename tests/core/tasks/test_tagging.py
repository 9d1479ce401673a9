"""Tagging: the worked examples, and chance is what the best blind answer really reaches."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from typing import get_args

import pytest
import torch

from core.tasks.tag_rules import OUTCOMES, Rule, chance, chance_without_memory
from core.tasks.tagging import UNCOUNTED, Tagging

RULES: tuple[Rule, ...] = get_args(Rule)


def tags(rule: Rule, tokens: list[int], look_ahead: int) -> list[int]:
    task = Tagging(rule, tokens=4)
    return task.tag(torch.tensor(tokens)[:, None], look_ahead)[:, 0].tolist()


def test_the_worked_examples() -> None:
    tokens = [3, 0, 2, 1, 1]
    assert tags("ahead", tokens, 2) == [2, 1, 1, UNCOUNTED, UNCOUNTED]
    assert tags("pair", tokens, 2) == [3 * 4 + 2, 1, 2 * 4 + 1, UNCOUNTED, UNCOUNTED]
    smaller, equal, larger = range(len(OUTCOMES))
    assert tags("compare", tokens, 1) == [smaller, larger, smaller, equal, UNCOUNTED]


def test_with_nothing_ahead_needed_every_step_counts() -> None:
    tokens = [3, 0, 2, 1, 1]
    assert tags("ahead", tokens, 0) == tokens
    assert tags("pair", tokens, 0) == [5 * token for token in tokens]
    assert set(tags("compare", tokens, 0)) == {OUTCOMES.index("equal")}


@pytest.mark.parametrize("rule", RULES)
def test_a_tag_is_one_of_the_tags(rule: Rule) -> None:
    task = Tagging(rule, tokens=5)
    tokens_TB = task.draw(50, 200, torch.Generator().manual_seed(0))
    assert set(tokens_TB.unique().tolist()) == set(range(5))
    tag_TB = task.tag(tokens_TB, 3)
    assert (tag_TB[-3:] == UNCOUNTED).all()
    assert set(tag_TB[:-3].unique().tolist()) == set(range(task.tags))


@pytest.mark.parametrize("look_ahead", [0, 1, 2])
@pytest.mark.parametrize("tokens", [2, 3, 4, 7])
@pytest.mark.parametrize("rule", RULES)
def test_chance_is_exactly_what_the_best_blind_answer_reaches(
    rule: Rule, tokens: int, look_ahead: int
) -> None:
    """Over every sequence there is: for each past, the tag that follows it most often."""
    task = Tagging(rule, tokens)
    length = look_ahead + 2
    every = torch.tensor(list(itertools.product(range(tokens), repeat=length))).T
    tag_B = task.tag(every, look_ahead)[1]
    seen: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for past, tag in zip(every[:2].T.tolist(), tag_B.tolist(), strict=True):
        seen[tuple(past)][tag] += 1
    right = sum(max(counts.values()) for counts in seen.values())
    assert chance(rule, tokens, look_ahead) == pytest.approx(100 * right / tokens**length)


@pytest.mark.parametrize("look_ahead", [0, 1, 2])
@pytest.mark.parametrize("tokens", [2, 3, 4, 7])
@pytest.mark.parametrize("rule", RULES)
def test_chance_of_answering_later_without_memory_is_exactly_what_the_last_token_tells(
    rule: Rule, tokens: int, look_ahead: int
) -> None:
    """Over every sequence: for each token read at the step of the answer, its commonest tag."""
    every = torch.tensor(list(itertools.product(range(tokens), repeat=look_ahead + 1))).T
    tag_B = Tagging(rule, tokens).tag(every, look_ahead)[0]
    seen: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for read, tag in zip(every[look_ahead].tolist(), tag_B.tolist(), strict=True):
        seen[read][tag] += 1
    right = sum(max(counts.values()) for counts in seen.values())
    expected = pytest.approx(100 * right / tokens ** (look_ahead + 1))
    assert chance_without_memory(rule, tokens, look_ahead) == expected


def test_only_the_rule_ahead_can_be_answered_later_without_memory() -> None:
    without = {rule: chance_without_memory(rule, 4, 3) for rule in RULES}
    assert without == {"pair": 25.0, "ahead": 100.0, "compare": 62.5}
    assert {rule: chance(rule, 4, 3) for rule in RULES} == {**without, "ahead": 25.0}


@pytest.mark.parametrize("rule", ["pair", "compare"])
def test_answering_later_is_the_backward_halfs_task_read_backwards(rule: Rule) -> None:
    """Exchange the two tokens of a pair (and smaller with larger): the same tags at every step."""
    task = Tagging(rule, tokens=4)
    tokens_TB = task.draw(12, 30, torch.Generator().manual_seed(0))
    later_TB = task.tag(tokens_TB, 3)[:-3]  # answered after reading the token ahead
    backward_TB = task.tag(tokens_TB.flip(0), 3)[:-3].flip(0)
    exchanged = {
        "pair": later_TB % 4 * 4 + later_TB // 4,
        "compare": len(OUTCOMES) - 1 - later_TB,
    }
    assert torch.equal(backward_TB, exchanged[rule])


@pytest.mark.parametrize("rule", RULES)
def test_the_generator_allows_no_better_guess_than_chance(rule: Rule) -> None:
    task = Tagging(rule, tokens=4)
    tokens_TB = task.draw(400, 500, torch.Generator().manual_seed(1))
    tag_TB = task.tag(tokens_TB, 2)
    counts = torch.zeros(4, 4, task.tags)
    past = tokens_TB[1:-2] * 4 + tokens_TB[:-3]  # this token and the one before it
    counts.view(16, -1).index_put_(
        (past.flatten(), tag_TB[1:-2].flatten()), torch.tensor(1.0), accumulate=True
    )
    best = 100 * counts.amax(-1).sum() / counts.sum()
    assert float(best) == pytest.approx(chance(rule, 4, 2), abs=0.7)
