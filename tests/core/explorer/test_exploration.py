"""Typed text as letters: as people count them, whatever they are made of."""

from __future__ import annotations

import time

import pytest

from core.explorer.exploration import MAX_CLUSTER, MAX_STEPS, split_letters

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"

HEART = "\u2764\ufe0f"


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("", ()),
        ("abc", ("a", "b", "c")),
        ("na\u00efve", ("n", "a", "\u00ef", "v", "e")),
        ("nai\u0308ve", ("n", "a", "i\u0308", "v", "e")),  # i, then a combining diaeresis
        (f"n {FAMILY}!", ("n", "␣", FAMILY, "!")),
        (HEART, (HEART,)),
        (
            "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7",
            ("\U0001f1e9\U0001f1ea", "\U0001f1eb\U0001f1f7"),
        ),
        ("\u05e9\u05dc\u05d5\u05dd", ("\u05e9", "\u05dc", "\u05d5", "\u05dd")),  # shalom, as typed
        ("\u0645\u064e\u0631", ("\u0645\u064e", "\u0631")),  # Arabic, with a vowel sign
        ("a\r\nb\tc\n", ("a", "\ufffd", "b", "⇥", "c", "⏎")),
        ("<b>&", ("<", "b", ">", "&")),
        ("\u0301", ("◌\u0301",)),  # an accent on nothing
        ("\x00\u202e", ("\ufffd", "\ufffd")),  # unprintable
    ],
)
def test_a_step_is_a_letter_as_people_count_them(text: str, letters: tuple[str, ...]) -> None:
    assert split_letters(text) == (letters, "")


def test_of_a_long_text_the_first_letters_are_read_and_it_is_said() -> None:
    assert split_letters("ab" * (MAX_STEPS // 2)) == (("a", "b") * (MAX_STEPS // 2), "")
    letters, remark = split_letters("ab" * (MAX_STEPS // 2) + "c")
    assert letters == ("a", "b") * (MAX_STEPS // 2)
    assert remark == "Only the first 200 letters are read."


def test_a_letter_under_a_thousand_accents_is_one_letter_and_stays_small() -> None:
    (letter,) = split_letters("a" + "\u0301" * 1000).letters
    assert letter == "a" + "\u0301" * (MAX_CLUSTER - 1)


@pytest.mark.parametrize("letter", ["a", FAMILY, "a" + 20 * "\u0301", "\u0301"])
def test_ten_thousand_letters_take_no_time(letter: str) -> None:
    start = time.process_time()
    result = split_letters(letter * 10_000)
    assert time.process_time() - start < 0.25
    assert len(result.letters) <= MAX_STEPS
    assert result.remark
