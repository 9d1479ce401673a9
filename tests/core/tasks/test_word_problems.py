"""The groups by their axioms, and the exact references against enumeration of all words."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from core.tasks.word_problems import TASK_WORDS, WordProblem, word_problem

PROBLEMS = [("parity", 5), ("counting", 5), ("counting", 2), ("counting", 12), ("s3", 5), ("a5", 5)]


@pytest.mark.parametrize(("task", "modulus"), PROBLEMS)
def test_the_table_is_a_group(task, modulus: int) -> None:
    problem = word_problem(task, modulus)
    table, elements = problem.table, range(problem.states)
    for a in elements:
        assert table[0][a] == table[a][0] == a, "0 is the identity"
        assert sorted(table[a]) == sorted(row[a] for row in table) == [*elements]
    for a, b, c in itertools.product(elements, repeat=3):
        assert table[table[a][b]][c] == table[a][table[b][c]]


def test_sizes_and_whether_they_commute() -> None:
    def commutes(problem: WordProblem) -> bool:
        size = range(problem.states)
        return all(problem.table[a][b] == problem.table[b][a] for a in size for b in size)

    sizes = {(task, n): word_problem(task, n).states for task, n in PROBLEMS}
    assert [*sizes.values()] == [2, 5, 2, 12, 6, 60]
    assert [commutes(word_problem(task, n)) for task, n in PROBLEMS] == [True] * 4 + [False] * 2


def test_a5_is_simple_and_s3_is_not() -> None:
    """A normal subgroup is a union of conjugacy classes. Those of A₅ have 1, 12, 12, 15 and 20
    elements, of which no sum but 1 and 60 divides 60; those of S₃ have 1, 2 and 3."""
    assert classes(word_problem("a5")) == [1, 12, 12, 15, 20]
    assert classes(word_problem("s3")) == [1, 2, 3]


def classes(problem: WordProblem) -> list[int]:
    table, elements = problem.table, range(problem.states)
    inverse = [row.index(0) for row in table]
    found = {frozenset(table[table[g][a]][inverse[g]] for g in elements) for a in elements}
    return sorted(map(len, found))


def test_the_examples_of_the_docstring() -> None:
    assert [*word_problem("parity").answers([1, 0, 1, 1])] == [1, 1, 0, 1]
    assert [*word_problem("counting", 5).answers([1, 0, 1, 1])] == [1, 1, 2, 3]
    assert [*word_problem("counting", 3).answers([1, 1, 1, 1])] == [1, 2, 0, 1]


def test_a_word_of_permutations_is_their_product_the_last_one_applied_last() -> None:
    orders = [*itertools.permutations(range(3))]
    word = [orders.index((1, 0, 2)), orders.index((0, 2, 1)), orders.index((2, 0, 1))]
    state, expected = [0, 1, 2], []
    for token in word:
        state = [orders[token][place] for place in state]
        expected.append(orders.index(tuple(state)))
    assert [*word_problem("s3").answers(word)] == expected


@pytest.mark.parametrize(("task", "modulus", "steps"), [
    ("parity", 5, 8), ("counting", 3, 8), ("counting", 5, 9), ("s3", 5, 4), ("a5", 5, 2),
])  # fmt: skip
def test_the_references_are_those_of_all_words(task, modulus: int, steps: int) -> None:
    problem = word_problem(task, modulus)
    words = [*itertools.product(range(len(problem.tokens)), repeat=steps)]
    answers = [[*problem.answers(word)] for word in words]
    for step in range(steps):
        states = Counter(answer[step] for answer in answers)
        assert problem.chances(steps)[step] == pytest.approx(
            100 * max(states.values()) / len(words)
        )
        by_token = Counter(
            (word[step], answer[step]) for word, answer in zip(words, answers, strict=True)
        )
        right = sum(
            max(count for (token, _), count in by_token.items() if token == one)
            for one in range(len(problem.tokens))
        )
        assert problem.without_memory(steps)[step] == pytest.approx(100 * right / len(words))


def test_every_task_has_words() -> None:
    assert TASK_WORDS["counting"].format(modulus=7).endswith("modulo 7")
    assert {task for task, _ in PROBLEMS} == {*TASK_WORDS}
