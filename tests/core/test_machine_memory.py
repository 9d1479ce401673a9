"""Memory of the machine and of control groups, which a container has."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import machine_memory
from core.machine_memory import MIB, _groups, free_bytes, total_bytes


def group(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("_dot_", ".")).write_text(text)
    return folder


def test_a_control_group_leaves_its_limit_less_what_cannot_make_way(tmp_path: Path) -> None:
    group(
        tmp_path / "job",
        memory_dot_max="1000\n",
        memory_dot_current="700\n",
        memory_dot_stat="anon 500\ninactive_file 150\n",
    )
    assert list(_groups(tmp_path, "job")) == [(1000, 450)]


def test_older_control_groups_and_those_without_a_limit(tmp_path: Path) -> None:
    group(
        tmp_path / "memory" / "job",
        memory_dot_limit_in_bytes="1000",
        memory_dot_usage_in_bytes="1200",
        memory_dot_stat="total_inactive_file 50",
    )
    assert list(_groups(tmp_path, "memory/job")) == [(1000, 0)]
    group(tmp_path / "free", memory_dot_max="max", memory_dot_current="7", memory_dot_stat="")
    assert list(_groups(tmp_path, "free")) == []
    assert list(_groups(tmp_path, "nowhere")) == []


def test_a_control_group_that_allows_less_than_the_machine_has_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert MIB < free_bytes() <= total_bytes()
    monkeypatch.setattr(machine_memory, "_groups", lambda: iter([(100, 7)]))
    assert (total_bytes(), free_bytes()) == (100, 7)
