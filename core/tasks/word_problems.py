"""Word problems: after every token, the product of all tokens so far in a group. Without torch.

To answer after t steps, a model must follow a state step by step: with a product that is not
commutative, no summary of which tokens came how often will do (Merrill, Petty & Sabharwal 2024).

    parity         the bits 1 0 1 1 → 1 1 0 1      Z₂: whether the ones so far are odd
    counting       the same bits, modulo 5 → 1 1 2 3      Z₅
    s3             all orders of three things, 6 elements
    a5             the even orders of five things, 60 elements: the smallest group that is not
                   solvable, whose word problem is complete for NC¹ (Barrington 1989)

The new state is token · state. Tokens are drawn evenly.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

TaskName = Literal["parity", "counting", "s3", "a5"]

TASK_WORDS: dict[TaskName, str] = {
    "parity": "whether the ones so far are odd",
    "counting": "how many ones came so far, modulo {modulus}",
    "s3": "the product of all permutations of three things so far",
    "a5": "the product of all even permutations of five things so far",
}


@dataclass(frozen=True)
class WordProblem:
    """A group, and the elements that are tokens."""

    table: tuple[tuple[int, ...], ...]
    """table[a][b] = a · b, elements being numbers; 0 is the identity."""
    tokens: tuple[int, ...]
    """The element of each token."""

    @property
    def states(self) -> int:
        """The number of elements: of different answers."""
        return len(self.table)

    def answers(self, word: Sequence[int]) -> Iterator[int]:
        """The state after each token of a word."""
        state = 0
        for token in word:
            state = self.table[self.tokens[token]][state]
            yield state

    def chances(self, steps: int) -> list[float]:
        """Percent right, after 1 … `steps` tokens, of the best answer that reads nothing: that of
        the likeliest state."""
        return [100 * max(shares) for shares in self._distributions(steps)]

    def without_memory(self, steps: int) -> list[float]:
        """Likewise of the best answer that reads the last token alone. A token maps states one to
        one, so that is as good as the best guess of the state before it."""
        return [100.0, *self.chances(steps)][:steps]

    def _distributions(self, steps: int) -> Iterator[list[float]]:
        """The share of each state after each step."""
        shares = [1.0, *[0.0] * (self.states - 1)]
        for _ in range(steps):
            after = [0.0] * self.states
            for token in self.tokens:
                for state, share in enumerate(shares):
                    after[self.table[token][state]] += share / len(self.tokens)
            shares = after
            yield shares


@cache
def word_problem(task: TaskName, modulus: int = 5) -> WordProblem:
    """The problem of that name; `modulus` is that of counting."""
    if task in ("parity", "counting"):
        size = 2 if task == "parity" else modulus
        table = tuple(tuple((a + b) % size for b in range(size)) for a in range(size))
        return WordProblem(table, (0, 1))
    elements = [*itertools.permutations(range(3 if task == "s3" else 5))]
    if task == "a5":
        elements = [element for element in elements if _is_even(element)]
    number = {element: index for index, element in enumerate(elements)}
    table = tuple(tuple(number[tuple(a[place] for place in b)] for b in elements) for a in elements)
    return WordProblem(table, tuple(range(len(elements))))


def _is_even(order: Sequence[int]) -> bool:
    return sum(a > b for a, b in itertools.combinations(order, 2)) % 2 == 0
