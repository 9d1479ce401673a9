"""A file with a cell is checked apart, kept by its content, and only an admin may add one."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from core.experiments import experiment_named
from core.models import own_cells
from core.models.architecture import Architecture, variant_title
from core.models.own_cells import CELLS_VARIABLE, NotLoaded
from core.models.registry import cell_kind, cell_kinds, full_variant, is_cell, variants
from core.settings import BadSetting
from core.store.people import NotAllowed, Person
from experiments import cells
from tests.core.models.test_cell_check import RIGHT, returning

pytestmark = pytest.mark.usefixtures("own")


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files are taken for right, in no time; their names are gathered."""
    seen: list[str] = []

    def check(name: str, content: bytes) -> dict[str, str]:
        seen.append(name)
        found = dict(re.findall(r'(name|title) = "(.+)"', content.decode()))
        return {"name": found["name"], "title": found["title"]}

    monkeypatch.setattr(cells, "_check", check)
    return seen


def written(folder: Path, name: str = "mine.py", text: str = RIGHT) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_right_file_is_checked_in_another_process_and_kept(tmp_path: Path) -> None:
    version = cells.add(written(tmp_path))
    assert re.fullmatch(r"leaky@[0-9a-f]{8}", version.name)
    assert version.shown == f"Leaky ({version.name[6:10]})"
    kind = cell_kinds()[version.name]
    assert kind.parameters(3, 4) == {"W": (4, 3), "U": (4, 4)}
    assert kind.step_cell is not None
    assert kind.step_cell.name == version.name
    assert {version.name, f"bi-{version.name}"} < set(variants())
    assert full_variant("bi-leaky") == f"bi-{version.name}"
    for experiment in ("gradient-decay", "parameter-count"):
        (config,) = experiment_named(experiment).configs(["leaky"], {})
        assert config.architecture.cell == version.name
        assert config.architecture.label == f"{version.shown} 64"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (returning("(h[:, :2],)"), r"mine\.py, line 12: step returns h as 3 × 2; it must be 3 × 6"),
        (
            "while True:\n    pass\n",
            r"mine\.py was still being checked after 4 seconds; look for a",
        ),
        (
            "import os\nos._exit(7)\n",
            r"mine\.py ended the process that checked it \(exit status 7\)",
        ),
    ],
    ids=["wrong", "without end", "gone"],
)
def test_a_wrong_file_is_refused_in_one_sentence_and_harms_nothing(
    text: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: Path
) -> None:
    if "while True" in text:  # nothing else depends on how fast the machine is
        monkeypatch.setattr(cells, "CHECK_SECONDS", 4.0)
    before = dict(variants())
    with pytest.raises(BadSetting, match=sentence) as caught:
        cells.add(written(tmp_path, text=text))
    assert "\n" not in str(caught.value)
    assert dict(variants()) == before
    assert not list(own.rglob("*.py"))


@pytest.mark.slow
def test_a_file_that_eats_memory_ends_alone(tmp_path: Path) -> None:
    text = "kept = []\nwhile True:\n    kept.append(bytearray(2**28))\n"
    with pytest.raises(BadSetting, match=r"mine\.py, line 3: MemoryError|at most 4 GiB"):
        cells.add(written(tmp_path, text=text))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("absent.py", "which does not exist; give a Python file with one cell"),
        (".", "which is no Python file"),
        ("notes.txt", "which is no Python file"),
        ("large.py", "which has 262,145 bytes; a cell takes at most 262,144"),
    ],
)
def test_what_is_no_file_with_a_cell_is_refused(name: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(RIGHT)
    (tmp_path / "large.py").write_text("#" * (own_cells.MAX_BYTES + 1))
    with pytest.raises(BadSetting, match=sentence):
        cells.add(tmp_path / name)


@pytest.mark.parametrize("role", ["viewer", "runner"])
def test_only_an_admin_adds_code(role: str, tmp_path: Path, unchecked: list[str]) -> None:
    person = Person("ann", role)  # type: ignore[arg-type]
    with pytest.raises(NotAllowed, match=f"ann is a {role} here: only an admin adds cells"):
        cells.add(written(tmp_path), person)
    assert unchecked == []


def test_an_edited_file_is_another_cell_and_the_earlier_one_remains(
    tmp_path: Path, unchecked: list[str]
) -> None:
    first = cells.add(written(tmp_path))
    second = cells.add(written(tmp_path, text=RIGHT.replace("0.5", "0.25")))
    assert first.name != second.name
    assert full_variant("leaky") == second.name
    assert first.name not in variants()
    assert is_cell(first.name)
    assert cell_kind(first.name).title == first.shown
    assert Architecture(cell=first.name).label == f"{first.shown} 64"
    again = cells.add(written(tmp_path))
    assert full_variant("leaky") == first.name == again.name


def test_the_same_content_is_checked_once(tmp_path: Path, unchecked: list[str]) -> None:
    cells.add(written(tmp_path))
    cells.add(written(tmp_path, "copied.py"))
    assert unchecked == ["mine.py"]


def test_the_folder_is_checked_and_one_wrong_file_leaves_the_others(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(own, "a.py")
    written(own, "b.py", RIGHT.replace('"leaky"', '"other"'))

    def check(name: str, content: bytes) -> dict[str, str]:
        if name == "a.py":
            raise BadSetting("a.py, line 1: no")
        return {"name": "other", "title": "Other"}

    monkeypatch.setattr(cells, "_check", check)
    found = cells.add_all()
    assert [(s.file.name, s.problem) for s in found] == [("a.py", "a.py, line 1: no"), ("b.py", "")]
    assert [version.short for version in own_cells.offered().values()] == ["other"]
    (own / "b.py").unlink()  # taken out of the folder: not offered, and its runs are still read
    own_cells._listed.cache_clear()
    assert own_cells.offered() == {}
    assert found[1].version is not None
    assert is_cell(found[1].version.name)


def test_a_run_whose_file_is_gone_still_has_a_name(tmp_path: Path, unchecked: list[str]) -> None:
    version = cells.add(written(tmp_path))
    own_cells.file_of(version.name).unlink()
    own_cells._listed.cache_clear()
    assert not is_cell(version.name)
    assert variant_title(f"bi-{version.name}") == f"bi-leaky ({version.name[6:10]})"
    with pytest.raises(BadSetting, match=f"cell is '{version.name}', whose file is not on this"):
        Architecture.from_flat({"cell": version.name})
    with pytest.raises(NotLoaded, match="is not on this machine; add it again"):
        own_cells.load(version.name)


def test_a_copy_that_somebody_changed_is_not_executed(tmp_path: Path, unchecked: list[str]) -> None:
    version = cells.add(written(tmp_path))
    own_cells.file_of(version.name).write_text(RIGHT + "\nraise SystemExit\n")
    with pytest.raises(NotLoaded, match="was changed after it was checked; add the file again"):
        own_cells.load(version.name)


@pytest.mark.parametrize("name", ["../../etc/passwd", "leaky@../../x", "leaky@3F2A9C12", "a@b", ""])
def test_a_name_leads_to_no_other_place(name: str) -> None:
    assert own_cells.version(name) is None
    assert not is_cell(name)


def test_a_damaged_description_offers_nothing(
    own: Path, tmp_path: Path, unchecked: list[str]
) -> None:
    version = cells.add(written(tmp_path))
    for text in ("", "[]", "{}", json.dumps({"name": "x"})):
        own_cells.file_of(version.name, "json").write_text(text)
        own_cells._listed.cache_clear()
        assert own_cells.offered() == {}
        assert not is_cell(version.name)


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, unchecked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CELLS_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(BadSetting, match="cannot be written"):
        cells.add(written(tmp_path))
    assert os.environ[CELLS_VARIABLE]
