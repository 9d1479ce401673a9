"""Files that people name, within bounds of time and memory that the system itself enforces."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import resource
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from core import files
from core.experiments import all_experiments
from core.experiments.length_quality.declaration import LengthQualityConfig
from core.settings import BadSetting, settings_of

MEMORY = 400 * files.MEBIBYTE
"""Beyond what the process has: five times the largest text."""

SECONDS = 10


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(BadSetting) as caught:
        action()
    sentence = str(caught.value)
    assert len(sentence) <= 400
    assert sentence.isprintable()
    return sentence


def within_bounds(action: Callable[[], object]) -> str:
    """The refusal of an action in a process that the system ends after `SECONDS`, waiting or not,
    and that gets no more memory than `MEMORY`."""
    ours, theirs = multiprocessing.Pipe(duplex=False)

    def act() -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        signal.alarm(SECONDS)
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - the parent judges it
            theirs.send((type(error).__name__, str(error)))
        else:
            theirs.send(("taken", ""))

    child = multiprocessing.get_context("fork").Process(target=act)
    child.start()
    child.join(2 * SECONDS)
    assert child.exitcode == 0, f"it was ended: {child.exitcode}"
    kind, sentence = ours.recv()
    assert kind == "BadSetting", (kind, sentence)
    assert len(sentence) <= 400
    assert sentence.isprintable()
    return str(sentence)


def lines_of(name: str) -> list[str]:
    return files.text_lines("file", name, files.read("file", name))


def sparse(path: Path, size: int) -> str:
    with path.open("wb") as file:
        file.truncate(size)
    return str(path)


class TestOneFile:
    """On one's own machine, where any file may be named."""

    def test_a_device_without_end(self) -> None:
        assert "file is '/dev/zero', which cannot be read (it is a device); give a file of" in (
            within_bounds(lambda: lines_of("/dev/zero"))
        )

    def test_a_pipe_that_nobody_writes_to(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert "(it is a pipe)" in within_bounds(lambda: lines_of(str(tmp_path / "pipe")))

    def test_a_socket(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)  # its address must be short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
            assert "(it is a socket)" in within_bounds(lambda: lines_of("socket"))

    def test_a_folder_and_no_file(self, tmp_path: Path) -> None:
        assert "(it is a folder)" in within_bounds(lambda: lines_of(str(tmp_path)))
        assert "(it is a folder)" in within_bounds(lambda: lines_of("/"))
        missing = str(tmp_path / "none")
        assert "(no such file or directory)" in within_bounds(lambda: lines_of(missing))
        (tmp_path / "file").touch()
        beyond = str(tmp_path / "file" / "more")
        assert "(not a directory)" in within_bounds(lambda: lines_of(beyond))

    @pytest.mark.parametrize("name", ["a\0b", "x" * 300, "~nobody at all/x", "a\ud800b"])
    def test_what_cannot_be_a_name(self, name: str) -> None:
        assert within_bounds(lambda: lines_of(name)).startswith("file is '")

    def test_links_in_a_circle(self, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to(tmp_path / "b")
        (tmp_path / "b").symlink_to(tmp_path / "a")
        assert "cannot be read" in within_bounds(lambda: lines_of(str(tmp_path / "a")))

    def test_a_terabyte_of_nothing(self, tmp_path: Path) -> None:
        name = sparse(tmp_path / "large", 2**40)
        assert "(it has 1,048,576 MiB); give a file of at most 64 MiB" in (
            within_bounds(lambda: lines_of(name))
        )

    def test_one_line_of_a_gigabyte(self, tmp_path: Path) -> None:
        name = sparse(tmp_path / "line", 2**30)
        assert "(it has 1,024 MiB)" in within_bounds(lambda: lines_of(name))
        name = sparse(tmp_path / "line", files.MAX_TEXT_BYTES)
        assert "whose line 1 has a zero byte" in within_bounds(lambda: lines_of(name))

    def test_as_many_lines_as_fit(self, tmp_path: Path) -> None:
        path = tmp_path / "lines"
        path.write_bytes(b"\n" * files.MAX_TEXT_BYTES)
        assert "has 67,108,864 lines; give at most 1,000,000" in (
            within_bounds(lambda: lines_of(str(path)))
        )

    def test_a_file_that_grows_while_it_is_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "log"
        path.write_bytes(b"a\nb\n")
        smaller = os.stat_result((0o100644, 1, 1, 1, 0, 0, 2, 0, 0, 0))
        monkeypatch.setattr(os, "fstat", lambda descriptor: smaller)
        assert "(it grows while it is read)" in refusal(lambda: files.read("file", str(path)))


class TestPacked:
    def test_a_bomb_is_not_unpacked(self) -> None:
        packed = gzip.compress(bytes(2**20)) * 1024  # a gigabyte
        sentence = within_bounds(lambda: files.unpacked("file", "a.gz", packed))
        assert sentence == (
            "file is 'a.gz', which has more than 64 MiB when it is unpacked; give at most that"
        )

    def test_a_million_empty_members(self) -> None:
        member = gzip.compress(b"")
        assert files.unpacked("file", "a.gz", member * 5000) == b""
        packed = member * 1_000_000
        sentence = within_bounds(lambda: files.unpacked("file", "a.gz", packed))
        assert "is not a gzip file, or damaged" in sentence

    def test_what_is_cut_off_or_not_packed(self) -> None:
        packed = gzip.compress(b"text\n" * 100)
        assert "ends too early" in refusal(lambda: files.unpacked("file", "a.gz", packed[:-12]))
        assert "is not a gzip file" in refusal(lambda: files.unpacked("file", "a.gz", b"text"))


class TestText:
    @pytest.mark.parametrize(
        ("content", "fault"),
        [
            (b"", "which is empty; give one sentence a line"),
            (b" \n\t\n", "which is empty; give one sentence a line"),
            (b"a\nb\xff\n", "whose line 2 is not UTF-8; save it as UTF-8"),
            (b"a\n\xed\xa0\x80\n", "whose line 2 is not UTF-8; save it as UTF-8"),
            (
                "a\nb".encode("utf-16"),
                "whose line 1 is not UTF-8: it is UTF-16 text; give a plain text",
            ),
            (b"a\nb\0c\n", "whose line 2 has a zero byte; give a text file"),
            ("a\n" + "ä" * 20_001, "whose line 2 has 20,001 letters; give at most 20,000"),
        ],
    )
    def test_what_is_no_text_of_sentences(self, content: bytes | str, fault: str) -> None:
        encoded = content.encode() if isinstance(content, str) else content
        said = refusal(lambda: files.text_lines("sources", "a.txt", encoded))
        assert said == f"sources is 'a.txt', {fault}"

    def test_lines_are_read_as_they_are(self) -> None:
        content = "\ufeffa b\r\n\u2028 ä\n".encode()
        assert files.text_lines("file", "x", content) == ["a b", "\u2028 ä"]
        assert files.text_lines("file", "x", b"a\nb") == ["a", "b"]


OUTSIDE = (
    "file is {name}, which is outside the folder that files may be read from here; give the name "
    "of a file in that folder, or upload it"
)


class TestBoundary:
    """On a shared host."""

    @pytest.fixture
    def corpora(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "data" / "corpora"
        (folder / "inner").mkdir(parents=True)
        (folder / "inner" / "pairs.tsv").write_text("a\tb\n")
        (tmp_path / "secret.tsv").write_text("a\tsecret\n")
        monkeypatch.setenv(files.CORPORA, str(folder))
        return folder

    def test_names_are_relative_to_it_or_in_full(self, corpora: Path, tmp_path: Path) -> None:
        for name in ("inner/pairs.tsv", "./inner//pairs.tsv", str(corpora / "inner/pairs.tsv")):
            assert files.read("file", name) == b"a\tb\n"
        (corpora / "link.tsv").symlink_to("inner/pairs.tsv")
        assert files.read("file", "link.tsv") == b"a\tb\n"

    def test_it_may_itself_be_a_link(
        self, corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "short").symlink_to(corpora)
        monkeypatch.setenv(files.CORPORA, str(tmp_path / "short"))
        for folder in (tmp_path / "short", corpora):
            assert files.read("file", str(folder / "inner/pairs.tsv")) == b"a\tb\n"

    def test_outside_one_sentence_says_nothing_of_what_is_there(
        self, corpora: Path, tmp_path: Path
    ) -> None:
        (corpora / "out.tsv").symlink_to(tmp_path / "secret.tsv")
        (corpora / "nowhere.tsv").symlink_to(tmp_path / "none.tsv")
        (corpora / "up").symlink_to(tmp_path)
        for name in (
            str(tmp_path / "secret.tsv"), str(tmp_path / "none.tsv"), str(tmp_path), "/", "~/x",
            "/dev/zero", "/proc/self/environ", "../../secret.tsv", "../../none.tsv", "..",
            "inner/../inner/pairs.tsv", f"{corpora}/../corpora/inner/pairs.tsv",
            f"{corpora}-other/x", "out.tsv", "nowhere.tsv", "up/secret.tsv", "up/none.tsv",
            "up/data/corpora/../../secret.tsv", "/none/../secret", "a\0b",
        ):  # fmt: skip
            if name == "~/x":  # a name like any other here
                assert "(no such file or directory)" in refusal(lambda: lines_of("~/x"))
                continue
            said = within_bounds(lambda name=name: lines_of(name))
            assert said == OUTSIDE.format(name=files.quoted(name)), name
            assert said == refusal(lambda name=name: files.resolve("file", name))

    def test_inside_it_says_what_is_wrong(self, corpora: Path) -> None:
        os.mkfifo(corpora / "pipe")
        assert "(it is a pipe)" in within_bounds(lambda: lines_of("pipe"))
        assert "(it is a folder)" in within_bounds(lambda: lines_of("inner"))
        assert "(it is a folder)" in within_bounds(lambda: lines_of(""))
        assert "(no such file or directory)" in within_bounds(lambda: lines_of("inner/none"))

    def test_a_file_or_folder_that_is_swapped_for_a_link_after_the_check(
        self, corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = files.resolve("file", "inner/pairs.tsv")
        monkeypatch.setattr(files, "resolve", lambda field, name: path)
        path.unlink()
        path.symlink_to(tmp_path / "secret.tsv")
        assert "(it was replaced by a link)" in refusal(lambda: files.read("file", "x"))
        path.unlink()
        (corpora / "inner").rmdir()
        (tmp_path / "pairs.tsv").write_text("secret")
        (corpora / "inner").symlink_to(tmp_path)
        assert "cannot be read (" in refusal(lambda: files.read("file", "x"))

    def test_a_file_that_is_swapped_between_the_look_and_the_opening(
        self, corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, looked = corpora / "inner" / "pairs.tsv", os.stat

        def swap(*arguments: object, **options: object) -> os.stat_result:
            status = looked(*arguments, **options)
            if arguments == ("pairs.tsv",):
                path.unlink()
                path.symlink_to(tmp_path / "secret.tsv")
            return status

        monkeypatch.setattr(os, "stat", swap)
        assert "cannot be read (" in refusal(lambda: files.read("file", "inner/pairs.tsv"))
        assert path.is_symlink()

    def test_without_the_folder_nothing_can_be_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(files.CORPORA, str(tmp_path / "none"))
        assert "cannot be read" in refusal(lambda: lines_of("pairs.tsv"))
        assert "outside" in refusal(lambda: lines_of("/etc/passwd"))

    def test_a_config_that_names_a_file_outside_is_refused_before_it_is_queued(
        self, corpora: Path
    ) -> None:
        def config(**settings: str) -> LengthQualityConfig:
            return LengthQualityConfig.from_flat(settings)

        files.require_inside(config(task="tsv", file="inner/pairs.tsv"))
        files.require_inside(config(task="tsv", file="not there yet.tsv"))
        outside = config(task="tsv", file="/etc/passwd")
        assert "file is '/etc/passwd'" in refusal(lambda: files.require_inside(outside))
        outside = config(task="multi30k", folder="..")
        assert "folder is '..'" in refusal(lambda: files.require_inside(outside))

    def test_a_look_makes_no_folder(self, corpora: Path) -> None:
        before = sorted(corpora.rglob("*"))
        files.require_inside(LengthQualityConfig.from_flat({"task": "multi30k", "folder": "new"}))
        refusal(lambda: files.read("folder", "new/val.de.gz"))
        assert sorted(corpora.rglob("*")) == before


def test_every_setting_that_takes_any_text_says_whether_it_names_a_file() -> None:
    free = {
        (experiment.name, setting.name): setting.reads
        for experiment in all_experiments()
        for setting in settings_of(experiment.config)
        if str in setting.types and not setting.choices and not setting.derived
    }
    assert free == {
        ("length-quality", "file"): "file",
        ("length-quality", "folder"): "folder",
        ("language-model", "file"): "text",
    }


def test_a_folder_of_the_program_is_read_without_its_links(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "model" / "weights.pt").symlink_to(tmp_path / "secret")
    (tmp_path / "model" / "config.json").write_text("{}")
    assert files.read_within(tmp_path / "model", "config.json", 2) == b"{}"
    for name, limit in (("weights.pt", 100), ("../secret", 100), ("config.json", 1), ("none", 1)):
        with pytest.raises(files.NotReadable):
            files.read_within(tmp_path / "model", name, limit)
