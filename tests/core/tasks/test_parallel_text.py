"""Files that cannot be trusted are refused with their name and the line; downloads resume."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.tasks import parallel_text
from core.tasks.parallel_text import BadCorpus, Sides, joined, read_aligned, read_lines, read_tsv

TEXT = "ein Hund\nzwei Katzen\n"


def refusal(of, *arguments: object) -> str:
    with pytest.raises(BadCorpus) as caught:
        of(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_lines_are_read_from_plain_and_gzipped_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8-sig")
    (tmp_path / "a.gz").write_bytes(gzip.compress(TEXT.encode()))
    assert read_lines(tmp_path / "a.txt") == ["ein Hund", "zwei Katzen"]
    assert read_lines(tmp_path / "a.gz") == ["ein Hund", "zwei Katzen"]


def test_a_file_that_cannot_be_used_is_refused_with_its_name_and_the_reason(tmp_path: Path) -> None:
    files = {
        "cut.gz": gzip.compress(TEXT.encode() * 100)[:-12],
        "plain.gz": TEXT.encode(),
        "latin.txt": "ein\nzwei\nfünf\n".encode("latin-1"),
        "gap.txt": b"ein\n  \ndrei\n",
        "empty.txt": b"",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    for name, reason in {
        "missing.txt": " cannot be read: there is no such file",
        "folder": " cannot be read: Is a directory",
        "cut.gz": " ends too early; it was cut off, get it again",
        "plain.gz": " cannot be read: it is not a gzip file, or damaged",
        "latin.txt": ", line 3 is not valid UTF-8; save it as UTF-8",
        "gap.txt": ", line 2 is empty; give it a sentence",
        "empty.txt": " is empty; it needs one sentence a line",
    }.items():
        assert refusal(read_lines, tmp_path / name) == f"{tmp_path / name}{reason}"


def test_files_of_different_length(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1\n2\n3\n")
    (tmp_path / "b").write_text("1\n2\n")
    message = refusal(read_aligned, tmp_path / "a", tmp_path / "b")
    assert "has 3 lines and" in message
    assert "has 2; line n of one must translate line n of the other" in message


def test_a_tsv_has_two_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("ein Hund\ta dog\nzwei\ttwo\n")
    assert read_tsv(path) == (["ein Hund", "zwei"], ["a dog", "two"])
    lines = {
        "ein\ta\tone": "3 columns",
        "ein\t\tx": "3 columns",
        "ein": "1 column",
        "ein\t": "1 column",
        "\tone": "1 column",
    }
    for line, columns in lines.items():
        path.write_text(f"eins\tone\n{line}\n")
        expected = f"{path}, line 2 has {columns}; give source, tab, target"
        assert refusal(read_tsv, path) == expected


def test_consecutive_sentences_are_joined_on_both_sides() -> None:
    sides = Sides(["a", "b", "c", "d", "e"], ["1", "2", "3", "4", "5"])
    assert joined(sides, 2) == (["a b", "c d"], ["1 2", "3 4"])
    assert joined(sides, 1) == sides


class Home(http.server.BaseHTTPRequestHandler):
    """A server that breaks off, resumes, and can tell what it was asked for."""

    files: dict[str, bytes] = {}  # noqa: RUF012
    break_at: int | None = None
    ranges: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        content = type(self).files.get(self.path[1:])
        if content is None:
            self.send_error(404)
            return
        ranged = self.headers.get("Range")
        type(self).ranges.append(ranged)
        start = int(ranged.removeprefix("bytes=").rstrip("-")) if ranged else 0
        self.send_response(206 if ranged else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : type(self).break_at])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    files = {name: gzip.compress(f"{name} ä\n".encode() * 50) for name in parallel_text.SHA256}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(parallel_text, "SHA256", sums)
    Home.files, Home.break_at, Home.ranges = files, None, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Home)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def fetch(folder: Path, home: str) -> None:
    parallel_text.fetch(folder, "de", "en", home=home, report=lambda _: None)


class TestFetching:
    def test_what_is_fetched_can_be_read(self, tmp_path: Path, home: str) -> None:
        fetch(tmp_path / "new", home)
        sides = parallel_text.read(tmp_path / "new", "val", "de", "en")
        assert sides.source == ["val.de.gz ä"] * 50
        assert len(list((tmp_path / "new").iterdir())) == 6

    def test_what_is_there_is_not_fetched_again(self, tmp_path: Path, home: str) -> None:
        fetch(tmp_path, home)
        Home.ranges.clear()
        fetch(tmp_path, home)
        assert Home.ranges == []

    def test_a_download_that_broke_off_goes_on_where_it_was(
        self, tmp_path: Path, home: str
    ) -> None:
        Home.break_at = 40
        assert "could not be fetched" in refusal(fetch, tmp_path, home)
        assert [path.name for path in tmp_path.iterdir()] == ["train.de.gz.part"]
        Home.break_at = None
        fetch(tmp_path, home)
        assert Home.ranges[1] == "bytes=40-"
        assert parallel_text.read(tmp_path, "train", "de", "en").target[0] == "train.en.gz ä"

    def test_another_content_is_not_kept(self, tmp_path: Path, home: str) -> None:
        Home.files["train.de.gz"] = b"something else"
        assert "its SHA-256 differs" in refusal(fetch, tmp_path, home)
        assert list(tmp_path.iterdir()) == []

    def test_no_network_is_a_sentence(self, tmp_path: Path) -> None:
        message = refusal(fetch, tmp_path, "http://127.0.0.1:1/")
        assert "train.de.gz could not be fetched" in message
        assert "get the files by hand" in message

    def test_a_file_that_is_gone_from_its_home(self, tmp_path: Path, home: str) -> None:
        del Home.files["train.de.gz"]
        assert "Not Found" in refusal(fetch, tmp_path, home)

    def test_an_altered_and_a_missing_file_in_a_folder(self, tmp_path: Path, home: str) -> None:
        fetch(tmp_path, home)
        (tmp_path / "val.en.gz").write_bytes(gzip.compress(b"other\n"))
        assert "but the published file has" in refusal(
            parallel_text.read, tmp_path, "val", "de", "en"
        )
        (tmp_path / "val.en.gz").unlink()
        assert "is missing; name a folder" in refusal(
            parallel_text.read, tmp_path, "val", "de", "en"
        )
