"""What a server keeps is copied once, whole, and not without end."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.store import copies
from core.store.copies import Copies


def test_what_is_kept_is_found_again_by_another_process(tmp_path: Path) -> None:
    Copies(tmp_path / "copies").keep_names("run", ["summary", "seeds"])
    Copies(tmp_path / "copies").keep("run", "summary", b"a\n1\n")
    again = Copies(tmp_path / "copies")
    assert again.names("run") == {"summary", "seeds"}
    assert again.table("run", "summary") == b"a\n1\n"
    assert again.has("run", "summary")
    assert again.table("run", "seeds") is None
    assert again.names("another run") is None


def test_a_folder_is_copied_as_a_whole_and_counts_with_its_files(tmp_path: Path) -> None:
    source, kept = tmp_path / "model", Copies(tmp_path / "copies")
    source.mkdir()
    (source / "weights.pt").write_bytes(b"w" * 1000)
    assert kept.folder_of("run", "model") is None
    kept.keep_folder("run", "model", source)
    kept.keep_folder("run", "model", source)  # by another process at the same time
    folder = Copies(tmp_path / "copies").folder_of("run", "model")
    assert folder is not None
    assert [file.name for file in folder.iterdir()] == ["weights.pt"]
    assert [file.name for file in folder.parent.iterdir()] == ["model"]
    kept.prune(most=999)
    assert kept.folder_of("run", "model") is None


def test_a_run_without_tables_is_known_to_have_none(tmp_path: Path) -> None:
    kept = Copies(tmp_path)
    kept.keep_names("run", [])
    assert kept.names("run") == frozenset()


def test_a_full_disk_costs_the_copy_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    kept = Copies(tmp_path)
    kept.keep("run", "summary", b"a\n1\n")
    assert kept.table("run", "summary") is None
    assert not list(tmp_path.rglob(".*"))


def test_nothing_is_copied_where_others_need_the_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=copies.FREE_BYTES - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    kept = Copies(tmp_path)
    kept.keep("run", "summary", b"a\n1\n")
    assert kept.table("run", "summary") is None


def test_the_oldest_copies_go_first_and_only_as_many_as_must(tmp_path: Path) -> None:
    kept = Copies(tmp_path)
    for age, run in enumerate(["newest", "older", "oldest"]):
        kept.keep(run, "summary", b"x" * 1000)
        os.utime(tmp_path / run, (1e9 - age, 1e9 - age))
    kept.prune(most=2500)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["newest", "older"]


def test_they_are_pruned_while_more_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "PRUNE_BYTES", 600)
    prune = Copies.prune
    monkeypatch.setattr(Copies, "prune", lambda self, most=10_000: prune(self, most))
    for run in range(40):  # every run is a process of its own
        Copies(tmp_path).keep(f"run {run:02d}", "summary", b"x" * 1000)
    assert 5 <= len(list(tmp_path.iterdir())) <= 11
    assert (tmp_path / "run 39").exists()
