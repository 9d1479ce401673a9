"""Tagging: the worked examples, and chance is what the best blind answer really reaches."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict

import pytest
import torch

from core.tasks.tagging import OUTCOMES, UNCOUNTED, Rule, Tagging

RULES: tuple[Rule, ...] = ("ahead", "compare")


def tags(rule: Rule, tokens: list[int], look_ahead: int) -> list[int]:
    task = Tagging(rule, tokens=4)
    return task.tag(torch.tensor(tokens)[:, None], look_ahead)[:, 0].tolist()


def test_the_worked_examples() -> None:
    tokens = [3, 0, 2, 1, 1]
    assert tags("ahead", tokens, 2) == [2, 1, 1, UNCOUNTED, UNCOUNTED]
    smaller, equal, larger = range(len(OUTCOMES))
    assert tags("compare", tokens, 1) == [smaller, larger, smaller, equal, UNCOUNTED]


def test_with_nothing_ahead_needed_every_step_counts() -> None:
    tokens = [3, 0, 2, 1, 1]
    assert tags("ahead", tokens, 0) == tokens
    assert set(tags("compare", tokens, 0)) == {OUTCOMES.index("equal")}


@pytest.mark.parametrize("rule", RULES)
def test_a_tag_is_one_of_the_tags(rule: Rule) -> None:
    task = Tagging(rule, tokens=5)
    tokens_TB = task.draw(50, 40, torch.Generator().manual_seed(0))
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
    assert task.chance(look_ahead) == pytest.approx(100 * right / tokens**length)


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
    assert float(best) == pytest.approx(task.chance(2), abs=0.7)
