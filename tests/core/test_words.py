"""Numbers read aloud."""

from __future__ import annotations

import math

import pytest

from core.statistics import MISSING, Estimate
from core.words import counted, listed, number, spread


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.8604, 2, "0.86"),
        (1.0, 3, "1.00"),
        (0.9996, 3, "1.00"),
        (4.0, 2, "4.0"),
        (99.4, 2, "99"),
        (130.4, 2, "130"),
        (13780.6, 5, "13,781"),
        (2.656e-5, 3, "2.66e-05"),
        (0.0, 2, "0.0"),
        (4e15, 2, "4e+15"),
        (math.inf, 3, "∞"),
    ],
)
def test_numbers_keep_their_significant_digits(value: float, digits: int, text: str) -> None:
    assert number(value, digits) == text


def test_an_interval_says_how_many_seeds_it_has() -> None:
    assert spread(Estimate(0.86, 0.85, 0.87, 8), 2) == "95% interval 0.85 to 0.87, 8 seeds"
    assert spread(Estimate(0.86, None, None, 1)) == "one seed: no interval"
    assert spread(Estimate(0.86, None, None, 3)) == "3 seeds: too few for an interval"


def test_nothing_measured_is_said_as_such() -> None:
    assert spread(MISSING) == "not measured"


def test_lists_end_with_and() -> None:
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == [
        "a",
        "a and b",
        "a, b and c",
    ]


def test_one_has_no_plural() -> None:
    assert [counted(1, "run"), counted(2000, "run")] == ["1 run", "2,000 runs"]
