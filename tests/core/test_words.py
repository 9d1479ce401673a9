"""Numbers read aloud."""

from __future__ import annotations

import math

import pandas
import pytest

from core.experiments.gradient_decay import GradientDecayConfig
from core.statistics import MISSING, Estimate
from core.words import counted, known, listed, named_runs, number, read_estimate, spread


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


def test_estimates_are_read_back_from_a_stores_columns() -> None:
    columns = {"span": 10.0, "span_low": math.nan, "span_high": None, "span_n": 1.0}
    assert read_estimate(columns, "span") == Estimate(10.0, None, None, 1)
    assert read_estimate({}, "span") == MISSING
    assert [known(value) for value in (None, math.nan, 3)] == [None, None, 3.0]


def test_a_setting_that_is_left_out_in_one_run_is_named_as_none() -> None:
    """pandas makes it nan beside numbers."""
    flat = {**GradientDecayConfig().flat(), "label": "RNN 64"}
    runs = pandas.DataFrame([{**flat, "learning_rate": rate} for rate in (0.5, None)])
    names = named_runs(runs, GradientDecayConfig, ())
    assert list(names) == ["RNN 64 · learning rate 0.5", "RNN 64 · learning rate none"]


def test_a_setting_that_labels_say_themselves_is_not_named_again() -> None:
    flat = GradientDecayConfig().flat()
    runs = pandas.DataFrame(
        [{**flat, "label": f"RNN · batch size {size}", "batch_size": size} for size in (8, 16)]
    )
    assert list(named_runs(runs, GradientDecayConfig, ())) == list(runs["label"])
