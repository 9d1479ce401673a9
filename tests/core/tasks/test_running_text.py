"""Texts to be read character by character: how they are divided, numbered and refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy
import pytest

from core.settings import BadSetting
from core.tasks.running_text import (
    FAMILIES,
    LICENCES,
    REPEATED,
    UNKNOWN,
    Parts,
    RunningText,
    Side,
    divided,
    file_parts,
    joined,
    licences,
)

TEXT = RunningText.of(licences(), 80)


def test_passages_have_one_blank_between_words_and_a_line_feed_at_the_end() -> None:
    assert joined(["a  b\tc ", " \n ", "d"]) == "a b c\nd\n"


def test_the_licences_are_small_and_each_is_named_with_its_permission() -> None:
    there = {path.name for path in LICENCES.iterdir()} - {"README.md"}
    assert there == {name for names in FAMILIES.values() for name in names}
    assert sum(path.stat().st_size for path in LICENCES.iterdir()) < 2**20
    notice = (LICENCES / "README.md").read_text()
    for name in there:
        assert f"`{name}`" in notice
    for name in FAMILIES["training"]:
        text = " ".join((LICENCES / name).read_text().split())
        assert "permitted to copy and distribute verbatim copies of this license document" in text


def grams(text: str) -> set[str]:
    return {text[at : at + REPEATED] for at in range(len(text) - REPEATED + 1)}


def test_hardly_anything_of_the_held_out_licences_stands_in_those_of_training() -> None:
    parts = licences()
    known = grams(parts.training)
    for held_out in (parts.validation, parts.test):
        shared = [at for at in grams(held_out) if at in known]
        assert len(shared) < 0.02 * len(grams(held_out))


def test_training_alone_decides_which_characters_are_told_apart() -> None:
    text = RunningText.of(Parts("ab" * 12 + "c" * 9 + "d" * 30, "z", "abcd"), 4)
    assert text.characters == "abd"  # c comes less than ten times
    assert text.test.tolist() == [1, 2, UNKNOWN, 3]
    assert text.validation.tolist() == [UNKNOWN]
    assert RunningText.of(Parts("ab" * 12 + "d" * 30, "", "abd"), 3).characters == "ad"
    assert max(TEXT.training) < 80


def test_windows_begin_evenly_from_the_first_character_to_the_last_that_has_room() -> None:
    text = RunningText("", *(numpy.arange(n) for n in (3, 10, 21)))
    assert text.windows("test", 5, 5).tolist() == [[*range(n, n + 5)] for n in (0, 4, 8, 12, 16)]
    with pytest.raises(BadSetting, match="the validation part of the text has 10 characters"):
        text.starts("validation", 5, 7)


def test_what_is_repeated_is_counted() -> None:
    line = numpy.arange(40) % 7
    text = RunningText("", line, line, numpy.concatenate([line[:REPEATED], line[::-1]]))
    windows = text.windows("test", REPEATED, 41)
    expected = [
        row.tolist() in [line[a : a + REPEATED].tolist() for a in range(9)] for row in windows
    ]
    assert text.repeated(windows) == 100 * sum(expected) / 41 > 0
    assert text.repeated(windows[:, :5]) == 0


def test_a_text_is_divided_in_its_order_and_what_comes_again_is_left_out() -> None:
    lines = [f"line {number:03}" for number in range(100)]
    parts = divided([*lines[:50], "LINE  007", *lines[50:]], 10_000)
    assert "".join(parts) == joined(lines)
    assert [part.count("\n") for part in parts] == [90, 5, 5]
    assert divided(lines, 20).training == joined(lines)[:20]


def write(path: Path, content: str) -> str:
    path.write_text(content)
    return str(path)


@pytest.mark.parametrize(("side", "word"), [("source", "ein"), ("target", "one")])
def test_a_side_of_a_file_with_two_columns_is_read(tmp_path: Path, side: Side, word: str) -> None:
    name = write(tmp_path / "pairs.tsv", "".join(f"ein {n}\tone {n}\n" for n in range(40)))
    assert file_parts(name, side, 10_000).training.startswith(f"{word} 0\n{word} 1\n")


def test_a_plain_text_may_have_empty_lines_and_be_compressed(tmp_path: Path) -> None:
    content = "".join(f"line {n}\n\n" for n in range(40))
    packed = tmp_path / "text.txt.gz"
    packed.write_bytes(gzip.compress(content.encode()))
    plain = file_parts(write(tmp_path / "text.txt", content), "whole", 10_000)
    assert plain == file_parts(str(packed), "whole", 10_000)
    assert plain.training.startswith("line 0\nline 1\n")


@pytest.mark.parametrize(
    ("content", "side", "sentence"),
    [
        ("a\tb\n\nc\td\n", "whole", "side is 'whole', but every line of .* has a tab"),
        ("a\n", "source", "line 1 has 1 column"),
        ("\n \n", "whole", "is empty"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(
    tmp_path: Path, content: str, side: Side, sentence: str
) -> None:
    with pytest.raises(BadSetting, match=sentence):
        file_parts(write(tmp_path / "text.txt", content), side, 10_000)
