"""Which learning rate a seed is judged at, where several were tried.

A rate that was chosen for its results on some seeds looks better on these seeds than on new ones. A
seed that has no say in its own rate is judged without that bias (leave-one-out cross-validation,
Stone 1974).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol, TypeVar

LEARNING_RATES = (1e-3, 3e-3, 1e-2)
"""Tried where no learning rate is set: half a decade apart."""

RATES_IN_WORDS = f"{', '.join(f'{r:g}' for r in LEARNING_RATES[:-1])} and {LEARNING_RATES[-1]:g}"


class OfSeed(Protocol):
    """What a seed came to at a learning rate."""

    @property
    def seed(self) -> int: ...

    @property
    def learning_rate(self) -> float: ...


A = TypeVar("A", bound=OfSeed)


def seed_rates(attempts: Sequence[A], best: Callable[[Sequence[A]], float]) -> dict[int, float]:
    """Seed → the rate that is best by the attempts of all other seeds; of a single seed its own."""
    seeds = dict.fromkeys(attempt.seed for attempt in attempts)
    others = {seed: [a for a in attempts if a.seed != seed] for seed in seeds}
    return {seed: best(others[seed] or attempts) for seed in seeds}


def leave_one_out(attempts: Sequence[A], best: Callable[[Sequence[A]], float]) -> list[A]:
    """The attempts of each seed at the rate that the other seeds choose, seed by seed."""
    chosen = seed_rates(attempts, best).items()
    return [a for own in chosen for a in attempts if (a.seed, a.learning_rate) == own]


@dataclass(frozen=True)
class Attempt:
    """What one seed came to with one learning rate, where a measure of the validation decides."""

    learning_rate: float
    seed: int
    validation: float | None
    """Percent right in validation, or bits; None where training diverged."""
    tested: tuple[float, ...]
    """The same in the test, at each place where it was taken."""


def rates_to_try(learning_rate: float | None) -> tuple[float, ...]:
    """The learning rate that is set, or else the usual ones."""
    return LEARNING_RATES if learning_rate is None else (learning_rate,)


def validation_by_rate(attempts: Sequence[Attempt], *, diverged: float = 0.0) -> dict[float, float]:
    """Learning rate → the median over the seeds of what they came to in validation. One that
    `diverged` counts as that: by itself as having none right."""
    rates = dict.fromkeys(attempt.learning_rate for attempt in attempts)
    return {
        rate: median(
            diverged if a.validation is None else a.validation
            for a in attempts
            if a.learning_rate == rate
        )
        for rate in rates
    }


def most_accurate_rate(attempts: Sequence[Attempt]) -> float:
    """The rate with the highest median validation accuracy; of equals, the one tried first."""
    accuracies = validation_by_rate(attempts)
    return max(accuracies, key=accuracies.__getitem__)


def fewest_bits_rate(attempts: Sequence[Attempt]) -> float:
    """The rate with the lowest median of validation bits; of equals, the one tried first."""
    bits = validation_by_rate(attempts, diverged=math.inf)
    return min(bits, key=bits.__getitem__)
