"""Files that cannot be trusted are refused with their name and the line; downloads resume."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.tasks import multi30k
from core.tasks.parallel_text import BadCorpus, joined, read_aligned, read_lines, read_tsv
from core.tasks.subwords import Subwords

TEXT = "ein Hund\nzwei Katzen\n"


def refusal(of, *arguments: object) -> str:
    with pytest.raises(BadCorpus) as caught:
        of(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestFiles:
    def test_lines_are_read_from_plain_and_gzipped_text(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8-sig")
        (tmp_path / "a.gz").write_bytes(gzip.compress(TEXT.encode()))
        assert read_lines(tmp_path / "a.txt") == ["ein Hund", "zwei Katzen"]
        assert read_lines(tmp_path / "a.gz") == ["ein Hund", "zwei Katzen"]

    def test_a_missing_file(self, tmp_path: Path) -> None:
        assert refusal(read_lines, tmp_path / "no.txt").endswith("there is no such file")

    def test_a_folder(self, tmp_path: Path) -> None:
        assert "cannot be read: Is a directory" in refusal(read_lines, tmp_path)

    def test_a_truncated_gzip_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gz"
        path.write_bytes(gzip.compress(TEXT.encode() * 100)[:-12])
        assert refusal(read_lines, path) == f"{path} ends too early; it was cut off, get it again"

    def test_what_is_no_gzip_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gz"
        path.write_text(TEXT)
        assert "it is no gzip file" in refusal(read_lines, path)

    def test_a_wrong_encoding_is_named_with_its_line(self, tmp_path: Path) -> None:
        path = tmp_path / "a.txt"
        path.write_bytes("ein\nzwei\nfünf\n".encode("latin-1"))
        assert f"{path}, line 3 is no UTF-8 text" in refusal(read_lines, path)

    def test_an_empty_line_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "a.txt"
        path.write_text("ein\n  \ndrei\n")
        assert f"{path}, line 2 is empty" in refusal(read_lines, path)

    def test_an_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("")
        assert "is empty; it needs one sentence a line" in refusal(read_lines, tmp_path / "a.txt")

    def test_files_of_different_length(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("1\n2\n3\n")
        (tmp_path / "b").write_text("1\n2\n")
        said = refusal(read_aligned, tmp_path / "a", tmp_path / "b")
        assert "has 3 lines and" in said
        assert "has 2; line n of one must translate line n of the other" in said

    def test_a_tsv(self, tmp_path: Path) -> None:
        (tmp_path / "a.tsv").write_text("ein Hund\ta dog\nzwei\ttwo\n")
        assert read_tsv(tmp_path / "a.tsv") == (["ein Hund", "zwei"], ["a dog", "two"])

    @pytest.mark.parametrize(
        ("line", "said"),
        [("ein\ta\tone", "3 columns"), ("ein", "1 column"), ("ein\t\tx", "3 columns")],
    )
    def test_a_tsv_with_other_columns(self, tmp_path: Path, line: str, said: str) -> None:
        (tmp_path / "a.tsv").write_text(f"eins\tone\n{line}\n")
        expected = f"{tmp_path / 'a.tsv'}, line 2 has {said}; give source, tab, target"
        assert refusal(read_tsv, tmp_path / "a.tsv") == expected

    def test_consecutive_sentences_are_joined_on_both_sides(self) -> None:
        from core.tasks.parallel_text import Sides

        sides = Sides(["a", "b", "c", "d", "e"], ["1", "2", "3", "4", "5"])
        assert joined(sides, 2) == (["a b", "c d"], ["1 2", "3 4"])
        assert joined(sides, 1) == sides


class Home(http.server.BaseHTTPRequestHandler):
    """A server that breaks off, resumes, and can tell what it was asked for."""

    files: dict[str, bytes] = {}  # noqa: RUF012
    break_at: int | None = None
    asked: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        content = type(self).files.get(self.path[1:])
        if content is None:
            self.send_error(404)
            return
        ranged = self.headers.get("Range")
        type(self).asked.append(ranged)
        start = int(ranged.removeprefix("bytes=").rstrip("-")) if ranged else 0
        self.send_response(206 if ranged else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : type(self).break_at])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    files = {name: gzip.compress(f"{name} ä\n".encode() * 50) for name in multi30k.SHA256}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(multi30k, "SHA256", sums)
    Home.files, Home.break_at, Home.asked = files, None, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Home)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def fetch(folder: Path, home: str) -> None:
    multi30k.fetch(folder, "de", "en", home=home, tell=lambda _: None)


class TestFetching:
    def test_what_is_fetched_can_be_read(self, tmp_path: Path, home: str) -> None:
        fetch(tmp_path / "new", home)
        sides = multi30k.read(tmp_path / "new", "val", "de", "en")
        assert sides.source == ["val.de.gz ä"] * 50
        assert len(list((tmp_path / "new").iterdir())) == 6

    def test_what_is_there_is_not_fetched_again(self, tmp_path: Path, home: str) -> None:
        fetch(tmp_path, home)
        Home.asked.clear()
        fetch(tmp_path, home)
        assert Home.asked == []

    def test_a_download_that_broke_off_goes_on_where_it_was(
        self, tmp_path: Path, home: str
    ) -> None:
        Home.break_at = 40
        assert "could not be fetched" in refusal(fetch, tmp_path, home)
        assert [path.name for path in tmp_path.iterdir()] == ["train.de.gz.part"]
        Home.break_at = None
        fetch(tmp_path, home)
        assert Home.asked[1] == "bytes=40-"
        assert multi30k.read(tmp_path, "train", "de", "en").target[0] == "train.en.gz ä"

    def test_another_content_is_not_kept(self, tmp_path: Path, home: str) -> None:
        Home.files["train.de.gz"] = b"something else"
        assert "its SHA-256 differs" in refusal(fetch, tmp_path, home)
        assert list(tmp_path.iterdir()) == []

    def test_no_network_is_a_sentence(self, tmp_path: Path) -> None:
        said = refusal(fetch, tmp_path, "http://127.0.0.1:1/")
        assert "train.de.gz could not be fetched" in said
        assert "get the files by hand" in said

    def test_a_file_that_is_gone_from_its_home(self, tmp_path: Path, home: str) -> None:
        del Home.files["train.de.gz"]
        assert "Not Found" in refusal(fetch, tmp_path, home)

    def test_an_altered_and_a_missing_file_in_a_folder(self, tmp_path: Path, home: str) -> None:
        fetch(tmp_path, home)
        (tmp_path / "val.en.gz").write_bytes(gzip.compress(b"other\n"))
        assert "but the published file has" in refusal(multi30k.read, tmp_path, "val", "de", "en")
        (tmp_path / "val.en.gz").unlink()
        assert "is missing; name a folder" in refusal(multi30k.read, tmp_path, "val", "de", "en")


class TestSubwords:
    LINES = ("der kleine hund schläft", "die kleine katze schläft", "ein kind singt") * 20

    def test_a_text_comes_back_lowercased(self) -> None:
        subwords = Subwords.learn(self.LINES, 60)
        assert subwords.decode(subwords.encode("Der kleine Hund singt")) == "der kleine hund singt"
        assert subwords.size == 60
        assert subwords.pieces(subwords.encode("hund"))[0].startswith("▁")

    def test_learning_twice_gives_the_same_and_a_saved_model_reads_the_same(self) -> None:
        first, second = (Subwords.learn(self.LINES, 60) for _ in range(2))
        assert first.model == second.model
        again = Subwords(first.model)
        assert again.encode("das kind") == first.encode("das kind")

    def test_a_vocabulary_that_the_text_does_not_give_is_a_sentence(self) -> None:
        from core.settings import BadSetting

        with pytest.raises(BadSetting, match="vocabulary is 6000, which this text does not give"):
            Subwords.learn(self.LINES, 6000)
