"""Numbers, lists and names as text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.formatting import (
    DIRECTION_CONTROLS,
    END_ISOLATE,
    ISOLATE,
    as_number,
    counted,
    csv_cell,
    distinct_names,
    exact_number,
    inline_text,
    interval,
    listed,
    number,
    one_line,
    power_of_ten,
    quantity,
    range_in_words,
    read_estimate,
    shortened,
    shortened_list,
    spread,
)
from core.stats.estimates import MISSING, AtLeast, Estimate


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
        (2.656e-5, 3, "2.66 × 10⁻⁵"),
        (0.0, 2, "0.0"),
        (4e15, 2, "4 × 10¹⁵"),
        (math.inf, 3, "∞"),
        (math.nan, 3, "NaN"),
    ],
)
def test_numbers_keep_their_significant_digits(value: float, digits: int, text: str) -> None:
    assert number(value, digits) == text


def test_values_without_an_interval_say_how_far_apart_they_are() -> None:
    assert range_in_words([10.0, 7.0, 10.0]) == "7–10 in 3 seeds"
    assert range_in_words([7.0, AtLeast(20)]) == "≥ 7 in 2 seeds"
    assert range_in_words([10.0, 10.0], "launch") == "the same in all 2 launches"
    assert range_in_words([10.0]) == "one seed"


def test_an_interval_says_how_many_seeds_it_has() -> None:
    assert spread(Estimate(0.86, 0.85, 0.87, 8), 2) == "95% CI 0.85–0.87, n = 8"
    assert spread(Estimate(0.86, None, None, 1)) == "one seed: no interval"
    assert spread(Estimate(0.86, None, None, 3)) == "n = 3, no interval"


def test_counts_have_whole_intervals_and_a_lower_bound_is_said_once() -> None:
    assert spread(Estimate(7.0, 7.0, 10.0, 12)) == "95% CI 7–10, n = 12"
    assert interval(Estimate(7.5, 7.0, 10.0, 12)) == "7.00–10.0"
    bound = AtLeast(99.0)
    assert quantity(bound, "steps") == "≥ 99 steps"
    assert spread(Estimate(bound, bound, bound, 8)) == "n = 8"
    assert interval(Estimate(bound, AtLeast(70.0), bound, 8)) == "≥ 70"


def test_powers_of_ten_are_raised() -> None:
    assert [power_of_ten(x) for x in (28.62, -5, 4.0, 2.98)] == ["4 × 10²⁸", "10⁻⁵", "10⁴", "10³"]


def test_an_interval_below_zero_has_no_dash_beside_a_minus() -> None:
    assert interval(Estimate(-0.2, -0.3, -0.1, 3), 2) == "-0.30 to -0.10"
    assert interval(MISSING) == ""


def test_whole_numbers_are_shown_to_their_last_digit_and_others_to_three() -> None:
    values = [33280.0, 0.63215, 1e15, math.inf, None]
    assert [exact_number(v) for v in values] == ["33,280", "0.632", "1 × 10¹⁵", "∞", "–"]
    assert [quantity(12.34, "steps"), quantity(98.1, "%"), quantity(7.0, "")] == [
        "12.3 steps",
        "98.1%",
        "7",
    ]


SIZES = [f"LSTM · hidden size {size} · forget bias {bias}" for size in (16, 32) for bias in (0, 1)]


@pytest.mark.parametrize("letters", [40, 30, 28])
def test_short_labels_lose_what_they_share_and_keep_what_distinguishes_them(letters: int) -> None:
    names = distinct_names(SIZES, letters)
    assert list(names) == SIZES
    assert len({*names.values()}) == len(SIZES)
    assert all(len(name) <= letters for name in names.values())
    assert [name[-1] for name in names.values()] == ["0", "1", "0", "1"]
    assert names[SIZES[0]].startswith({40: "LSTM", 30: "hidden size 16 · f", 28: "hidden"}[letters])


def test_labels_that_fit_or_cannot_be_shortened_stay_whole() -> None:
    assert distinct_names(["LSTM", "LSTM · forget bias 1"]) == {
        "LSTM": "LSTM",
        "LSTM · forget bias 1": "LSTM · forget bias 1",
    }
    long = [f"{'x' * 10}{letter}{'y' * 60}" for letter in "ab"]
    assert {*distinct_names(long, 30).values()} == {*long}


def test_of_a_long_list_the_rest_is_counted() -> None:
    assert shortened_list(["a", "b", "c"], 3) == "a, b and c"
    assert shortened_list(["a", "b", "c", "d"], 3) == "a, b and 2 others"


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
    assert counted(3, "launch") == "3 launches"


def test_estimates_are_read_back_from_a_stores_columns() -> None:
    columns = {"span": 10.0, "span_low": math.nan, "span_high": None, "span_n": 1.0}
    assert read_estimate(columns, "span") == Estimate(10.0, None, None, 1)
    assert read_estimate({}, "span") == MISSING
    assert [as_number(value) for value in (None, math.nan, 3)] == [None, None, 3.0]


def test_what_fits_is_left_as_it_is() -> None:
    assert inline_text("bi-LSTM 64 · seed 0") == "bi-LSTM 64 · seed 0"


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert shortened("a" * 10_000 + " · seed 3", 40) == "a" * 19 + "…" + "a" * 11 + " · seed 3"


@given(st.text(), st.integers(25, 100))
def test_no_text_is_longer_than_asked_or_orders_a_direction(text: str, letters: int) -> None:
    assert len(shortened(text, letters)) <= letters
    assert not set(shortened(text, letters)) & {*DIRECTION_CONTROLS, "\n", "\r", "\t", "\x1b"}


def test_right_to_left_text_is_isolated() -> None:
    assert inline_text("שלום \u202eabc") == f"{ISOLATE}שלום abc{END_ISOLATE}"


def test_a_text_in_several_lines_becomes_one() -> None:
    assert one_line("two\nlines\t\x07 and\u2028more") == "two lines and more"


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1-1", "@SUM(A1)", "\t=1+1"])
def test_a_formula_is_text_in_a_spreadsheet(text: str) -> None:
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1.5", "-inf", "+3", "1e-5", "LSTM · a=b", ""])
def test_what_is_no_formula_is_left_as_it_is(text: str) -> None:
    assert csv_cell(text) == text
