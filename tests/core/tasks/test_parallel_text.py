"""Files that cannot be trusted are refused with their name and the line; downloads resume."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import http.server
import io
import lzma
import os
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import files
from core.settings import BadSetting
from core.tasks import parallel_text
from core.tasks.parallel_text import Sides, count_words, joined, read_tsv, sentences

TEXT = "ein Hund\nzwei Katzen\n"


def refusal(of, *arguments: object) -> str:
    with pytest.raises(BadSetting) as caught:
        of(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_lines_are_read_from_plain_and_gzipped_text() -> None:
    for name, content in (
        ("a.txt", TEXT.encode("utf-8-sig")),
        ("a.gz", gzip.compress(TEXT.encode())),
    ):
        assert sentences("file", name, content) == ["ein Hund", "zwei Katzen"]


def test_a_text_that_cannot_be_used_is_refused_with_its_name_and_the_reason() -> None:
    for name, content, reason in (
        ("cut.gz", gzip.compress(TEXT.encode() * 100)[:-12], "which ends too early; it was cut"),
        ("plain.gz", TEXT.encode(), "which is not a gzip file, or damaged; get it again"),
        ("latin.txt", "ein\nzwei\nfünf\n".encode("latin-1"), "whose line 3 is not UTF-8; save it"),
        ("gap.txt", b"ein\n  \ndrei\n", "whose line 2 is empty; give it a sentence"),
        ("empty.txt", b"", "which is empty; give one sentence a line"),
    ):
        said = refusal(sentences, "file", name, content)
        assert said.startswith(f"file is '{name}', {reason}")


def archive(kind: str) -> bytes:
    """An archive with a text in it."""
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as zipped:
            zipped.writestr("a.tsv", "ein\ta\n")
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as tarred:
            member = tarfile.TarInfo("a.tsv")
            member.size = 6
            tarred.addfile(member, io.BytesIO(b"ein\ta\n"))
    return buffer.getvalue()


TWO = "ein\ta\nzwei\ttwo\n"
TWO_PAIRS = [("ein", "a"), ("zwei", "two")]

READ: dict[str, tuple[str, str | bytes, list[tuple[str, str]], int]] = {
    # what → (name, text, pairs, how many things are ignored)
    "two columns": (
        "a.tsv",
        "ein Hund\ta dog\nzwei\ttwo\n",
        [("ein Hund", "a dog"), ("zwei", "two")],
        0,
    ),
    "an attribution": (
        "a.tsv",
        "ein\ta\tCC-BY 2.0 #12\nzwei\ttwo\t\n",
        [("ein", "a"), ("zwei", "two")],
        1,
    ),
    "headings": ("a.tsv", "Source\tTarget\nein\ta\n", [("ein", "a")], 1),
    "headings of languages": ("a.tsv", "en\tde\tattribution\na\tein\tx\n", [("a", "ein")], 2),
    "a sentence like a heading": ("a.tsv", "text\tein Text\n", [("text", "ein Text")], 0),
    "ends of Windows": ("a.tsv", "ein\ta\r\nzwei\ttwo\r\n", [("ein", "a"), ("zwei", "two")], 0),
    "a mark of byte order": ("a.tsv", "\ufeffein\ta\n", [("ein", "a")], 0),
    "quotation marks of a sheet": (
        "a.tsv",
        '"er sagte ""ja"""\t"he said ""yes"""\n',
        [('er sagte "ja"', 'he said "yes"')],
        0,
    ),
    "quotation marks of the text": ("a.tsv", '"Ja."\t"Yes."\n', [('"Ja."', '"Yes."')], 0),
    "commas": (
        "a.csv",
        'ein,a\n"zwei, drei","two, three"\n',
        [("ein", "a"), ("zwei, drei", "two, three")],
        0,
    ),
    "semicolons": ("a.CSV", "ein;a, b\n", [("ein", "a, b")], 0),
    "semicolons within quotation marks": (
        "a.csv",
        '"Warte; nein","Wait; no"\n',
        [("Warte; nein", "Wait; no")],
        0,
    ),
    "tabs in a csv": ("a.csv", "ein\ta\n", [("ein", "a")], 0),
    "commas in a tsv": ("a.tsv", "ein, zwei\ta, b\n", [("ein, zwei", "a, b")], 0),
    "what looks like nothing": (
        "a.tsv",
        "null\tNA\nnan\tNone\n",
        [("null", "NA"), ("nan", "None")],
        0,
    ),
    "no end": ("a.tsv", "ein\ta", [("ein", "a")], 0),
    "Chinese": (
        "a.tsv",
        "狗看见猫。\tthe dog sees the cat\n",
        [("狗看见猫。", "the dog sees the cat")],
        0,
    ),
    "from right to left": ("a.tsv", "שלום\tpeace\n", [("שלום", "peace")], 0),
    "ends of old Macs": ("a.tsv", TWO.replace("\n", "\r"), TWO_PAIRS, 0),
    "ends of several kinds": ("a.tsv", "ein\ta\nzwei\ttwo\r\n", TWO_PAIRS, 0),
    "ends of line that are none": (
        "a.tsv",
        "ein\u2028x\u0085y\ta\x0cb\x0bc\x1cd\n",
        [("ein\u2028x\u0085y", "a\x0cb\x0bc\x1cd")],
        0,
    ),
    "gzip": ("a.tsv.gz", gzip.compress(TWO.encode()), TWO_PAIRS, 0),
    "gzip, appended to": (
        "a.tsv.gz",
        gzip.compress(b"ein\ta\n") + gzip.compress(b"zwei\ttwo\n"),
        TWO_PAIRS,
        0,
    ),
    "commas in gzip": (
        "a.csv.gz",
        gzip.compress(b'ein,a\n"zwei, drei","two, three"\n'),
        [("ein", "a"), ("zwei, drei", "two, three")],
        0,
    ),
    "the separator as a sheet names it": ("a.csv", "sep=;\nein;a\nzwei;two\n", TWO_PAIRS, 0),
    "two normal forms": (
        "a.tsv",
        "fu\u0308nf\tfive\nf\u00fcnf\tfive\n",
        [("fu\u0308nf", "five"), ("f\u00fcnf", "five")],
        0,
    ),
    "marks of direction": (
        "a.tsv",
        "\u200fשלום\u200f\t\u202apeace\u202c\n",
        [("\u200fשלום\u200f", "\u202apeace\u202c")],
        0,
    ),
    "pictures of several characters": (
        "a.tsv",
        "👩\u200d👩\u200d👧 da\tfamily 👍🏽\n",
        [("👩\u200d👩\u200d👧 da", "family 👍🏽")],
        0,
    ),
    "files put together": (
        "a.tsv",
        "ein\ta\n\ufeffzwei\ttwo\n",
        [TWO_PAIRS[0], ("\ufeffzwei", "two")],
        0,
    ),
    "blanks without a break": (
        "a.tsv",
        "ein\u00a0Hund\ta\u00a0dog\n",
        [("ein\u00a0Hund", "a\u00a0dog")],
        0,
    ),
    "blanks around": ("a.tsv", "  ein  \t a \n", [("ein", "a")], 0),
    "tabs at the ends": ("a.tsv", "ein\ta\t\nzwei\ttwo\t\n", TWO_PAIRS, 0),
    "thousands of columns": ("a.tsv", "ein\ta" + "\tx" * 5000 + "\n", [("ein", "a")], 1),
    "digits": ("a.tsv", "1 2\t2 1\n3 4\t4 3\n", [("1 2", "2 1"), ("3 4", "4 3")], 0),
    "what a model uses itself": (
        "a.tsv",
        "<s> ▁ein </s>\t<unk> ⁇\n",
        [("<s> ▁ein </s>", "<unk> ⁇")],
        0,
    ),
    "a formula": ("a.csv", "=cmd|x,a\n", [("=cmd|x", "a")], 0),
    "one quotation mark": ("a.tsv", '"ein\ta\nzwei\ttwo"\n', [('"ein', "a"), ("zwei", 'two"')], 0),
    "the same pair again": ("a.tsv", TWO * 2, TWO_PAIRS * 2, 0),
    "Thai": ("a.tsv", "สุนัขเห็นแมว\tthe dog\n", [("สุนัขเห็นแมว", "the dog")], 0),
    "Korean": ("a.tsv", "개가 본다\tit sees\n", [("개가 본다", "it sees")], 0),
    "a joiner within": ("a.tsv", "می\u200cخواهم\tI want\n", [("می\u200cخواهم", "I want")], 0),
}


@pytest.mark.parametrize("what", READ)
def test_the_usual_files_read_to_the_right_sentences(what: str, tmp_path: Path) -> None:
    name, text, pairs, ignored = READ[what]
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    table = read_tsv("file", str(path))
    assert list(zip(*table.sides, strict=True)) == pairs
    assert len(table.ignored) == ignored


REFUSED: dict[str, tuple[str, str | bytes, str]] = {
    "UTF-16": (
        "a.tsv",
        TWO.encode("utf-16"),
        "whose line 1 is not UTF-8: it is UTF-16 text; give a plain",
    ),
    "UTF-32": (
        "a.tsv",
        TWO.encode("utf-32"),
        "whose line 1 is not UTF-8: it is UTF-32 text; give a plain",
    ),
    "UTF-16 without a mark": ("a.tsv", TWO.encode("utf-16-be"), "line 1 has a zero byte"),
    "Windows' letters": ("a.tsv", "ein\ta\nfünf\tfive\n".encode("cp1252"), "line 2 is not UTF-8"),
    "Japanese of old": ("a.tsv", "犬\tdog\n".encode("shift-jis"), "line 1 is not UTF-8"),
    "Chinese of old": ("a.tsv", "狗\tdog\n".encode("gb18030"), "line 1 is not UTF-8"),
    "half a surrogate": ("a.tsv", b"ein\ta\n\xed\xa0\x80\tb\n", "line 2 is not UTF-8"),
    "more bytes than needed": ("a.tsv", b"\xc0\xaf\ta\n", "line 1 is not UTF-8"),
    "a zero byte": ("a.tsv", b"ein\ta\nzwei\x00\ttwo\n", "line 2 has a zero byte"),
    "an end of line within": ("a.tsv", "ein\ta\nzwei\rdrei\ttwo\n", "line 2 has an end of line"),
    "DOS's end": ("a.tsv", TWO + "\x1a", "line 3 has 1 column"),
    "a zip": (
        "a.tsv",
        archive("zip"),
        "whose line 1 is not UTF-8: it is a zip archive, or a spreadsheet; give a plain",
    ),
    "a spreadsheet": (
        "a.xlsx",
        archive("zip"),
        "whose line 1 is not UTF-8: it is a zip archive, or a spreadsheet",
    ),
    "gzip under another name": ("a.tsv", gzip.compress(TWO.encode()), "compressed by gzip ("),
    "gzip twice": ("a.gz", gzip.compress(gzip.compress(TWO.encode())), "compressed by gzip ("),
    "gzip of nothing": ("a.gz", gzip.compress(b""), "which is empty"),
    "gzip, cut": ("a.gz", gzip.compress(TWO.encode())[:-9], "ends too early; it was cut off"),
    "gzip with more behind": (
        "a.gz",
        gzip.compress(TWO.encode()) + b"x",
        "or damaged; get it again",
    ),
    "tar and gzip": ("a.tar.gz", archive("tar"), "line 1 has a zero byte"),
    "bzip2": (
        "a.tsv",
        bz2.compress(TWO.encode()),
        "whose line 1 is not UTF-8: it is compressed by bzip2",
    ),
    "xz": (
        "a.tsv",
        lzma.compress(TWO.encode()),
        "whose line 1 is not UTF-8: it is compressed by xz",
    ),
    "nothing": ("a.tsv", "", "which is empty"),
    "ends of line alone": ("a.tsv", "\n\r\n\n", "which is empty"),
    "JSON": ("a.tsv", '{"de": "ein", "en": "a"}\n', "line 1 has 1 column"),
    "a remark": ("a.tsv", TWO + "# a remark\n", "line 3 has 1 column"),
    "numbers before the text": (
        "a.tsv",
        "1276\tLet us try.\t77\tVersuchen wir es.\n1277\tI go.\t78\tIch gehe.\n",
        "whose first column has numbers alone; give source and target as its first two columns",
    ),
    "a tab in quotation marks": ("a.tsv", 'x\ty\n"ein\tzwei"\ta\n', "line 2 has a tab within"),
    "a line too long": ("a.tsv", "x\ty\n" + "wort " * 5000 + "\tx\n", "line 2 has 25,002 letters"),
    "a tab before": ("a.tsv", "\tein\ta\n", "line 1 has an empty source"),
    "one column": (
        "a.tsv",
        "eins\tone\nein\n",
        "whose line 2 has 1 column; give source, tab, target",
    ),
    "an empty target": ("a.tsv", "eins\tone\nein\t\n", "whose line 2 has an empty target"),
    "an empty source": ("a.tsv", "eins\tone\n\tone\n", "whose line 2 has an empty source"),
    "three, the second empty": (
        "a.tsv",
        "eins\tone\nein\t\tx\n",
        "whose line 2 has an empty target",
    ),
    "an empty line": ("a.tsv", "eins\tone\n\nzwei\ttwo\n", "whose line 2 is empty"),
    "no width": ("a.tsv", "eins\tone\n\u200b\ttwo\n", "whose line 2 has an empty source"),
    "a mark of byte order alone": (
        "a.tsv",
        "eins\tone\nzwei\t\ufeff\n",
        "whose line 2 has an empty target",
    ),
    "blanks of every kind": (
        "a.tsv",
        "eins\tone\n\u3000\u00a0\u2003\ttwo\n",
        "line 2 has an empty source",
    ),
    "a cell over two lines": (
        "a.csv",
        '"ein\nzwei",a\n',
        "cannot be read (a cell goes on in the next",
    ),
    "a comma within": (
        "a.csv",
        "eins,one\nGuten Tag,Hello, sir\n",
        "it has 3 columns, and the first line 2",
    ),
    "an open quotation": ("a.csv", 'eins,one\n"ein,a\n', "cannot be read (unexpected end of data)"),
    "one column of a csv": (
        "a.csv",
        "eins,one\nzwei\n",
        "line 2 has 1 column; give source, comma, target",
    ),
    "a word without end": (
        "a.tsv",
        f"eins\tone\n{'x' * 5000}\ttwo\n",
        "whose line 2 has a word of 5,000 letters; give at most 200",
    ),
    "headings alone": ("a.tsv", "source\ttarget\n", "has no sentences under its line of headings"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_such_text_is_refused_with_its_line(what: str, tmp_path: Path) -> None:
    name, text, reason = REFUSED[what]
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    said = refusal(read_tsv, "file", str(path))
    assert said.startswith("file is '")
    assert reason in said
    assert "\n" not in said


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
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def fetch(folder: Path | str, home: str) -> None:
    parallel_text.fetch(str(folder), "de", "en", home=home, report=lambda _: None)


class TestFetching:
    def test_what_is_fetched_can_be_read(self, tmp_path: Path, home: str) -> None:
        fetch(tmp_path / "new", home)
        sides = parallel_text.read(str(tmp_path / "new"), "val", "de", "en")
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
        assert parallel_text.read(str(tmp_path), "train", "de", "en").target[0] == "train.en.gz ä"

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
            parallel_text.read, str(tmp_path), "val", "de", "en"
        )
        (tmp_path / "val.en.gz").unlink()
        assert "; name a folder that has it, or let it be fetched" in refusal(
            parallel_text.read, str(tmp_path), "val", "de", "en"
        )

    def test_a_file_without_end_is_not_kept(
        self, tmp_path: Path, home: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parallel_text, "MAX_FETCHED", 10)
        assert "it is larger than what was published" in refusal(fetch, tmp_path, home)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 0

    def test_a_link_or_pipe_in_its_place_is_not_written_to(self, tmp_path: Path, home: str) -> None:
        part = tmp_path / "train.de.gz.part"
        (tmp_path / "other").write_text("mine")
        part.symlink_to(tmp_path / "other")
        assert "cannot be written (" in refusal(fetch, tmp_path, home)
        assert (tmp_path / "other").read_text() == "mine"
        part.unlink()
        os.mkfifo(part)
        assert "fetch is true, but" in refusal(fetch, tmp_path, home)

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path, home: str) -> None:
        (tmp_path / "file").touch()
        assert "cannot be written (" in refusal(fetch, tmp_path / "file" / "folder", home)


class TestFetchingOnASharedHost:
    def test_it_fills_one_folder_for_everybody(
        self, tmp_path: Path, home: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(files.CORPORA, str(tmp_path))
        fetch("", home)
        assert [path.name for path in tmp_path.iterdir()] == ["multi30k"]
        assert parallel_text.read("", "val", "de", "en").source == ["val.de.gz ä"] * 50
        assert parallel_text.read("multi30k", "val", "de", "en").source

    @pytest.mark.parametrize("folder", ["new", "../new", "/tmp/new", "multi30k"])
    def test_it_makes_no_folder_that_somebody_names(
        self, tmp_path: Path, home: str, folder: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "corpora").mkdir()
        monkeypatch.setenv(files.CORPORA, str(tmp_path / "corpora"))
        assert "leave folder out" in refusal(fetch, folder, home)
        assert list(tmp_path.rglob("*")) == [tmp_path / "corpora"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("the dog sees", 3),
        ("the dog , it sees .", 6),
        ("狗看见猫。", 4),
        ("我 love 你", 3),
        ("我love你", 3),
        ("犬がネコを見る", 7),
        ("สุนัขเห็นแมว", 12),
        ("개가 고양이를 본다", 3),
        ("שלום עולם", 2),
        ("", 0),
    ],
)
def test_a_script_without_spaces_is_counted_by_its_letters(text: str, words: int) -> None:
    assert count_words(text) == words
