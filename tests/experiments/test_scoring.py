"""`python -m experiments score`: its formats, and bad files in one line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas
import pytest

from core.settings import BadSetting
from experiments.__main__ import main
from experiments.scoring import decoded, unique_names
from tests.core.measure.invented import REFERENCES, corrupted

Files = dict[str, str]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("texts")
    texts = {
        "good": corrupted(REFERENCES, 0.15, 1),
        "poor": corrupted(REFERENCES, 0.4, 2),
        "references": REFERENCES,
        "sources": [f"{text} x" for text in REFERENCES],
    }
    paths = {}
    for name, lines in texts.items():
        path = folder / f"{name}.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        paths[name] = str(path)
    return paths


def words(files: Files, *more: str) -> list[str]:
    hypotheses = ["--hypotheses", files["good"], files["poor"]]
    return ["score", *hypotheses, "--references", files["references"], *more]


def test_the_terminal_says_who_is_better_first_and_progress_goes_to_the_other_stream(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(files)) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Overall good.txt is better than poor.txt: BLEU (lowercased, 13a tokens)")
    assert "case:lc|eff:no|tok:13a" in out
    assert "counting n-grams of good.txt" in err
    assert "corrected by Holm's method" in err


def test_every_format_has_the_scores_by_length(
    files: Files,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.measure.text_quality.RESAMPLES", 50)
    asked = words(files, "--sources", files["sources"], "--cased", "--bucket-width", "4")
    assert main([*asked, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["options"] == {"bucket_width": 4, "cased": True, "tokenise": "13a"}
    assert {place["by"] for place in content["lengths"]} == {"source", "reference"}
    (bleu,) = [d for d in content["overall"]["differences"] if d["score"] == "bleu"]
    assert bleu["finding"] == "better"
    assert bleu["low"] < bleu["value"] < bleu["high"]
    assert main([*asked, "--format", "csv"]) == 0
    frame = pandas.read_csv(io.StringIO(capsys.readouterr().out))
    scores = frame[(frame["kind"] == "score") & (frame["by"] == "all")]
    assert "BLEU (cased, 13a tokens)" in set(scores["measure"])
    assert main([*asked, "--format", "latex"]) == 0
    assert r"\textbf{" in capsys.readouterr().out
    page = tmp_path / "scores.html"
    assert main([*asked, "--format", "html", "--output", str(page)]) == 0
    html = page.read_text()
    assert "By length of the source" in html
    assert "<svg" in html
    assert "case:mixed" in html


def test_faults_in_files_are_one_line_and_exit_2(
    files: Files, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made = {
        "short": b"a b\n",
        "empty": b"",
        "blank": b"\n\n",
        "latin": "a\nfür\n".encode("latin-1"),
        "gap": b"a\n\nb\n",
        "zero": b"a\nb\0\n",
        "long": b"a\n" + b"b" * 20_001,
        "lines": b"a\n" * 200_001,
        "large": b"a" * (16 * 2**20 + 1),
    }
    path = {name: str(tmp_path / name) for name in (*made, "none")}
    for name, content in made.items():
        Path(path[name]).write_bytes(content)
    references = ["--references", files["references"]]
    cases = {
        ("--hypotheses", path["none"], *references): "which cannot be read (no such file or",
        ("--hypotheses", str(tmp_path), *references): "which cannot be read (it is a folder)",
        ("--hypotheses", path["empty"], *references): "which is empty; give one sentence a line",
        ("--hypotheses", path["blank"], *references): "which is empty; give one sentence a line",
        ("--hypotheses", path["latin"], *references): "whose line 2 is not UTF-8; save it as UTF-8",
        ("--hypotheses", path["zero"], *references): "whose line 2 has a zero byte; give a text",
        ("--hypotheses", path["long"], *references): "whose line 2 has 20,001 letters; give at",
        ("--hypotheses", path["lines"], *references): "which has 200,001 lines; give at most 200",
        ("--hypotheses", path["large"], *references): "(it has 17 MiB); give a file of at most 16",
        ("--hypotheses", "/dev/zero", *references): "which cannot be read (it is a device)",
        ("--hypotheses", path["short"], *references): "has 1 line, but references has 300",
        ("--hypotheses", path["short"], path["short"], *references): "twice; give each file once",
        ("--hypotheses", path["short"], "--references", path["gap"]): "whose line 2 is empty",
        ("--references", path["short"]): "the following arguments are required: --hypotheses",
        ("--hypotheses", path["short"], *references, "--bucket-width", "0"): "bucket_width is 0",
        ("--hypotheses", path["short"], *references, "--bucket-width", "x"): "bucket_width is 'x'",
        ("--hypotheses", path["short"], *references, "--tokenise", "x"): "tokenise is 'x'; choose",
    }
    for arguments, sentence in cases.items():
        assert main(["score", *arguments]) == 2, arguments
        out, err = capsys.readouterr()
        assert out == ""
        last = err.strip().splitlines()[-1]
        assert last.startswith("error: "), arguments
        assert sentence in last, arguments


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    assert unique_names(["a/out.txt", "b/out.txt"]) == ["a/out.txt", "b/out.txt"]
    assert unique_names(["a/one.txt", "b/two.txt"]) == ["one.txt", "two.txt"]


def test_a_line_separator_inside_a_sentence_ends_no_line(tmp_path: Path, capsys) -> None:
    for name in ("h", "r"):
        (tmp_path / name).write_text("one\u2028two\r\nthree four\n", encoding="utf-8-sig")
    arguments = ["--hypotheses", str(tmp_path / "h"), "--references", str(tmp_path / "r")]
    assert main(["score", *arguments, "--json"]) == 0
    overall = json.loads(capsys.readouterr().out)["overall"]
    assert overall["sentences"] == 2
    assert overall["systems"]["h"]["exact_match"]["value"] == 100


def test_an_upload_is_refused_by_its_size_before_anything_is_done_with_it() -> None:
    with pytest.raises(BadSetting) as caught:
        decoded("references", "r.txt", b"a" * (16 * 2**20 + 1))
    assert str(caught.value) == (
        "references is 'r.txt', which has 16,777,217 bytes; give at most 16,777,216 (16 MiB)"
    )
