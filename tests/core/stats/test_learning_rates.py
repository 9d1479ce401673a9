"""Leave one out: a seed has no say in the learning rate that it is judged at."""

from __future__ import annotations

from core.stats.learning_rates import (
    Attempt,
    leave_one_out,
    most_accurate_rate,
    seed_rates,
    validation_by_rate,
)


def attempt(rate: float, seed: int, validation: float | None) -> Attempt:
    return Attempt(rate, seed, validation, ())


MADE = [
    *(attempt(0.001, seed, 60) for seed in range(3)),
    *(attempt(0.003, seed, percent) for seed, percent in enumerate((100, 10, 90))),
    *(attempt(0.01, seed, 50) for seed in range(3)),
]


def test_each_seed_is_judged_at_the_rate_that_the_others_choose() -> None:
    assert most_accurate_rate(MADE) == 0.003
    # Without seed 0 the median at 0.003 is 50, without seed 1 it is 95, without seed 2 it is 55.
    assert seed_rates(MADE, most_accurate_rate) == {0: 0.001, 1: 0.003, 2: 0.001}
    own = leave_one_out(MADE, most_accurate_rate)
    assert [(one.seed, one.learning_rate) for one in own] == [(0, 0.001), (1, 0.003), (2, 0.001)]


def test_a_single_seed_chooses_for_itself() -> None:
    assert leave_one_out(MADE[:1], most_accurate_rate) == MADE[:1]


def test_what_diverged_has_nothing_right_and_of_equal_rates_the_first_is_taken() -> None:
    lost = [attempt(0.001, 0, None), attempt(0.003, 0, 0.0), attempt(0.01, 0, 0.0)]
    assert validation_by_rate(lost) == {0.001: 0.0, 0.003: 0.0, 0.01: 0.0}
    assert most_accurate_rate(lost) == 0.001
