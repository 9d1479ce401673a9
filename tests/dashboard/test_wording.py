"""Numbers, times and states in words; and text that Markdown leaves alone."""

from __future__ import annotations

import math
import time

import pytest

from core.formatting import counted
from core.models.architecture import variant_title
from core.models.registry import variants
from core.store.records import STATUSES
from dashboard.ui import text
from dashboard.ui.text import first_sentence


def test_every_status_has_a_sign_a_word_and_a_colour() -> None:
    assert set(text.STATUS_WORDS) == set(text.STATUS_COLOURS) == set(STATUSES)
    for word in text.STATUS_WORDS.values():
        sign, _, rest = word.partition(" ")
        assert len(sign) == 1
        assert rest


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0.84, "0.8 s"), (42, "42 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert text.duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (math.nan, "–"), (math.inf, "∞"), (0.6371, "0.637"), (-2.5, "−2.50")],
)
def test_numbers(value: float | None, words: str) -> None:
    assert text.number(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(13_827, "13,800"), (1_283_456, "1,280,000"), (-1234.5, "−1,230"), (2e15, "2 × 10¹⁵")],
)
def test_large_numbers_have_no_exponent_that_people_must_read(value: float, words: str) -> None:
    assert text.number(value) == words


@pytest.mark.parametrize(
    ("value", "whole", "words"),
    [
        (13_107_200, True, "13,107,200"),
        (13_107_199.999999998, True, "13,107,200"),
        (0, True, "0"),
        (12_345.6, False, "12,346"),
        (0.63712, False, "0.6371"),
        (-1.5e-25, False, "−1.5 × 10⁻²⁵"),
        (math.inf, True, "∞"),
        (None, True, "–"),
    ],
)
def test_exact_numbers_are_whole_or_have_four_digits(
    value: float | None, whole: bool, words: str
) -> None:
    assert text.exact(value, whole=whole) == words


def test_an_interval_is_left_out_where_there_is_none() -> None:
    assert text.interval(None, None) == ""
    assert text.interval(0.5, 0.75) == "0.500 to 0.750"
    assert text.interval(7.0, 10.0) == "7 to 10"


def test_ago() -> None:
    assert text.ago(time.time() - 5) == "5 s ago"
    assert text.ago(time.time() - 3 * 3600) == "3 h ago"


def test_counts() -> None:
    assert (counted(1, "run"), counted(1200, "run")) == ("1 run", "1,200 runs")


def test_the_first_sentence_may_hold_numbers() -> None:
    text = "Half is gone after 1.5 steps (8 seeds), no more. It fades fastest in RNN. So there."
    first, rest = first_sentence(text)
    assert first == "Half is gone after 1.5 steps (8 seeds), no more."
    assert rest == "It fades fastest in RNN. So there."
    assert first_sentence("No more than this") == ("No more than this", "")
    for name in map(variant_title, variants()):
        assert first_sentence(f"RNN has 2 steps. {name} differs.")[1] == f"{name} differs."


def test_plain_text_has_no_unescaped_markdown() -> None:
    nasty = "*a* _b_ `c` [d](e) <f> $g$ :material/home: # h ~i~ |j|"
    plain = text.plain(nasty)
    assert plain.replace("\\", "") == nasty
    for sign in "*_`[]()<>$:#~|":
        assert plain.count(sign) == plain.count(f"\\{sign}")
