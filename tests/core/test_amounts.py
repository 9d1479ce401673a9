"""Amounts as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.settings import BadSetting, parse_amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1 M", 1_000_000),
        ("1m", 1_000_000),
        (" 250k ", 250_000),
        ("1.5 M", 1_500_000),
        (".5k", 500),
        ("1e6", 1_000_000),
        ("2.5e3", 2_500),
        ("1,000,000", 1_000_000),
        ("12,345", 12_345),
        ("2 B", 2_000_000_000),
        ("7", 7),
    ],
)
def test_an_amount_is_understood(text: str, amount: int) -> None:
    assert parse_amount(text, "parameter_budget") == amount


@pytest.mark.parametrize(
    "text", ["", "M", "-5", "0", "1.5", "0.0001k", "1,00", "1 000 M x", "inf", "nan", "1e999", "٣"]
)
def test_anything_else_is_a_sentence(text: str) -> None:
    with pytest.raises(BadSetting, match=r"^parameter_budget is .*; give an amount such as"):
        parse_amount(text, "parameter_budget")


@given(st.integers(1, 10**12))
def test_every_way_to_write_a_number_means_the_same(amount: int) -> None:
    for text in (str(amount), f"{amount:,}", f"{amount / 1000:.3f}k", f"{amount}e0"):
        assert parse_amount(text, "x") == amount
