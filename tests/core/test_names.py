from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.names import END_ISOLATE, ISOLATE, ORDERS, among, cell, one_line, short


def test_what_fits_is_left_as_it_is() -> None:
    assert among("bi-LSTM 64 · seed 0") == "bi-LSTM 64 · seed 0"


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert short("a" * 10_000 + " · seed 3", 40) == "a" * 19 + "…" + "a" * 11 + " · seed 3"


@given(st.text(), st.integers(25, 100))
def test_no_text_is_longer_than_asked_or_orders_a_direction(text: str, letters: int) -> None:
    assert len(short(text, letters)) <= letters
    assert not set(short(text, letters)) & {*ORDERS, "\n", "\r", "\t", "\x1b"}


def test_letters_from_right_to_left_are_a_world_of_their_own() -> None:
    assert among("שלום \u202eabc") == f"{ISOLATE}שלום abc{END_ISOLATE}"


def test_a_text_in_several_lines_becomes_one() -> None:
    assert one_line("two\nlines\t\x07 and\u2028more") == "two lines and more"


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1-1", "@SUM(A1)", "\t=1+1"])
def test_a_formula_is_text_in_a_spreadsheet(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1.5", "-inf", "+3", "1e-5", "LSTM · a=b", ""])
def test_what_is_no_formula_is_left_as_it_is(text: str) -> None:
    assert cell(text) == text
