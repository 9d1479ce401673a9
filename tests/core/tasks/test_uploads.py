"""Texts that people upload: kept inside, under safe names, within a quota, readable for a run."""

from __future__ import annotations

import gzip
import threading
from pathlib import Path

import pytest

from core import files
from core.settings import BadSetting
from core.tasks import uploads
from core.tasks.parallel_text import read_tsv
from core.tasks.uploads import MAX_NAME, Uploads, safe_name

TEXT = b"ein Hund\ta dog\nzwei\ttwo\n"


@pytest.fixture
def corpora(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "corpora"
    folder.mkdir()
    monkeypatch.setenv(files.CORPORA, str(folder))
    return folder


def of(person: str, tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "store", person)


def refusal(kept: Uploads, name: str, content: bytes) -> str:
    with pytest.raises(BadSetting) as caught:
        kept.keep(name, content)
    return str(caught.value)


def test_an_upload_can_be_read_by_a_run_on_a_shared_host(corpora: Path, tmp_path: Path) -> None:
    name = of("ana", tmp_path).keep("../../my pairs.tsv", TEXT)
    assert name.startswith("uploads/")
    assert name.endswith("/my_pairs.tsv")
    assert read_tsv("file", name).sides.target == ["a dog", "two"]
    assert "ana" not in name
    assert not (tmp_path / "store").exists()


def test_on_ones_own_machine_it_lies_beside_the_store(tmp_path: Path) -> None:
    name = of("ana", tmp_path).keep("pairs.tsv", TEXT)
    assert Path(name).is_relative_to(tmp_path / "store" / "uploads")
    assert read_tsv("file", name).sides.source == ["ein Hund", "zwei"]


def test_the_same_content_is_kept_once_for_a_person(corpora: Path, tmp_path: Path) -> None:
    ana, ben = of("ana", tmp_path), of("ben", tmp_path)
    first = ana.keep("a.tsv", TEXT)
    assert ana.keep("b.tsv", TEXT) == first
    packed = ana.keep("a.gz", gzip.compress(TEXT))
    assert {one.name for one in ana.files()} == {first, packed}
    assert ben.keep("a.tsv", TEXT) != first
    assert len(ben.files()) == 1
    assert read_tsv("file", packed) == read_tsv("file", first)


def test_another_content_of_the_same_name_overwrites_nothing(corpora: Path, tmp_path: Path) -> None:
    ana = of("ana", tmp_path)
    first, second = ana.keep("a.tsv", TEXT), ana.keep("a.tsv", TEXT + b"x\ty\n")
    assert len(read_tsv("file", first).sides.source) == 2
    assert len(read_tsv("file", second).sides.source) == 3


def test_what_is_no_training_text_is_not_kept(corpora: Path, tmp_path: Path) -> None:
    ana = of("ana", tmp_path)
    assert "has 1 column; give source, tab, target" in refusal(ana, "a.tsv", b"one column\n")
    assert "whose line 1 is not UTF-8: it is compressed by gzip" in refusal(
        ana, "a.tsv", gzip.compress(TEXT)
    )
    assert "which has 16,777,217 bytes; give at most 16,777,216 (16 MiB)" in (
        refusal(ana, "a.tsv", b"a\tb\n" * 4_194_304 + b"x")
    )
    assert list(corpora.rglob("*")) == []


def test_a_person_may_keep_so_much(
    corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_PERSON_FILES", 2)
    ana = of("ana", tmp_path)
    names = [ana.keep("a.tsv", TEXT + b"%d\tx\n" % n) for n in range(2)]
    assert "your uploads would be 3 files of 1 MiB; at most 2 of 200 MiB are kept: remove some" in (
        refusal(ana, "a.tsv", TEXT)
    )
    of("ben", tmp_path).keep("a.tsv", TEXT)
    ana.remove(names[0])
    ana.keep("a.tsv", TEXT)
    monkeypatch.setattr(uploads, "MAX_PERSON_FILES", 9)
    monkeypatch.setattr(uploads, "MAX_PERSON_BYTES", 60)
    assert "remove some" in refusal(ana, "a.tsv", TEXT + b"y\tz\n")


def test_any_text_is_kept_where_it_is_asked_for(corpora: Path, tmp_path: Path) -> None:
    ana = of("ana", tmp_path)
    kept = ana.keep("book.txt", b"A line.\n\nAnother one.\n", any_text=True)
    assert kept.endswith("book.txt")
    with pytest.raises(BadSetting, match="UTF-8"):
        ana.keep("book.txt", b"\xff\xfe", any_text=True)


@pytest.mark.parametrize("name", ["", "..", "uploads", "/etc/passwd", "uploads/../x", "."])
def test_only_an_upload_of_ones_own_is_removed(name: str, corpora: Path, tmp_path: Path) -> None:
    theirs = of("ben", tmp_path).keep("a.tsv", TEXT)
    for asked in (name, theirs):
        with pytest.raises(BadSetting, match="which is not one of your uploads"):
            of("ana", tmp_path).remove(asked)
    assert (corpora / theirs).exists()


def test_two_at_once_do_not_exceed_what_a_person_may_keep(
    corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_PERSON_FILES", 3)
    refused = []

    def keep(number: int) -> None:
        try:
            of("ana", tmp_path).keep("a.tsv", TEXT + b"%d\tx\n" % number)
        except BadSetting as error:
            refused.append(error)

    threads = [threading.Thread(target=keep, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(of("ana", tmp_path).files()), len(refused)) == (3, 5)


def test_a_disk_that_is_nearly_full_takes_no_upload(
    corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.tasks.uploads.MIN_FREE_BYTES", 2**62)
    assert "and the disk has only" in refusal(of("ana", tmp_path), "a.tsv", TEXT)
    assert of("ana", tmp_path).files() == []


def test_a_folder_that_cannot_be_written_is_a_sentence(corpora: Path, tmp_path: Path) -> None:
    (corpora / "uploads").write_text("in the way")
    assert "uploads cannot be changed (" in refusal(of("ana", tmp_path), "a.tsv", TEXT)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("pairs.tsv", "pairs.tsv"),
        ("../Übung (1).tsv", "Ubung__1_.tsv"),
        ("..\\..\\x.gz", "x.gz"),
        ("a/../../b.tsv", "b.tsv"),
        ("", "text.tsv"),
        ("..", "text.tsv"),
        (".htaccess", "htaccess.tsv"),
        ("日本語.tsv", "tsv.tsv"),
        ("a\0b\n.tsv", "a_b_.tsv"),
        ("a.tsv.gz", "a.tsv.gz"),
    ],
)
def test_names_are_made_safe(name: str, kept: str) -> None:
    assert safe_name(name) == kept
    assert len(safe_name(name * 500)) <= MAX_NAME
