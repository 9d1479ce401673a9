"""Stores and corpora in folders whose names mean something to a shell, a URI or SQL."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.experiments.length_quality import LENGTH_QUALITY
from core.store.folder import StoreError
from core.store.recorder import Recorder
from core.store.tracking import Store, open_store
from core.tasks.parallel_text import read_tsv
from experiments.backups import backup, restore
from tests.toy import TOY, ToyConfig

NAMES = [
    *("a b", "q'uote", 'd"ouble', "$HOME", "s;emi", "am&p", "ha#sh", "100%"),
    *("pl+us", "über", "[br]", "{cu}", "st*ar", "back\\slash", "tick`", "~", "-dash"),
    *("co:lon", "at@home", "eq=ual", "com,ma", "ex!", "pi|pe", "a=b&c=d", "l\nine"),
    *("'; DROP TABLE runs; --", "$(touch x)", "%s%n", "..", " "),
]
USUAL = ("a b", "q'uote", "ha#sh", "100%", "über", "'; DROP TABLE runs; --")
"""The others are slow tests."""
SQUARES = [0, 1, 4, 9]


def opened(folder: Path) -> Store:
    return open_store(f"sqlite:///{folder / 'mlflow.db'}")


def record(store: Store) -> str:
    """A finished run with its table."""
    run_id = store.create(TOY, ToyConfig.from_flat({"cell": "lstm"}), sweep="s")
    recorder = Recorder(store, run_id, TOY)
    for event in TOY.measure(ToyConfig()):
        recorder.take(event)
    recorder.close()
    return run_id


def squares(store: Store, run_id: str) -> list[int]:
    return list(store.table(store.run(run_id), "squares")["square"])


def files(folder: Path) -> dict[str, bytes]:
    """Every artifact under a folder."""
    found = (path for path in folder.rglob("*") if path.is_file() and "artifacts" in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """A folder beside which nothing else may be written."""
    (tmp_path / "places").mkdir()
    return tmp_path / "places"


def odd(places: Path, name: str) -> Path:
    return places / (f"in {name}" if name in ("..", " ") else name)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name not in USUAL)) for name in NAMES],
)
def test_a_store_is_where_its_address_says_and_nowhere_else(
    name: str, places: Path, new_store: Callable[[Path], Store], toy
) -> None:
    folder = odd(places, name)
    shutil.copytree(new_store(places / "first").folder, folder)
    shutil.rmtree(places / "first")
    store = opened(folder)
    assert store.folder == folder
    run_id = record(store)
    assert squares(store, run_id) == SQUARES
    assert len(files(folder)) > 1
    assert [*places.iterdir()] == [folder]
    text = folder / "my data.tsv"
    text.write_text("".join(f"quelle {n}\tsource {n}\n" for n in range(30)))
    (config,) = LENGTH_QUALITY.configs(
        ["lstm"], {"task": ["tsv"], "file": [str(text)], "seeds": [1]}
    )
    assert read_tsv("file", str(config.flat()["file"])).sides.target[-1] == "source 29"


@pytest.mark.parametrize("name", ["a b", "100%", "'; DROP TABLE runs; --", "ha#sh"])
def test_a_copy_a_move_and_a_backup_are_stores_of_their_own(
    name: str, places: Path, new_store: Callable[[Path], Store], toy
) -> None:
    first = new_store(places / "first")
    run_id = record(first)
    before = files(first.folder)
    copied = odd(places, name)
    shutil.copytree(first.folder, copied)
    copy = opened(copied)
    assert squares(copy, run_id) == SQUARES
    again = record(copy)
    assert files(first.folder) == before, "what the copy records is its own"
    assert len(files(copied)) > len(before)

    copy.client._tracking_client.store.engine.dispose()
    moved = places / f"moved {name}"
    copied.rename(moved)
    there = opened(moved)
    assert squares(there, run_id) == squares(there, again) == SQUARES
    assert not copied.exists()

    kept = backup(there.uri, places / f"backup {name}", lambda _: None)
    restore(kept, there.uri, places / f"restored {name}", lambda _: None)
    restored = opened(places / f"restored {name}")
    assert squares(restored, run_id) == squares(restored, again) == SQUARES
    assert {run.run_id for run in restored.runs()} == {run_id, again}


def test_of_a_database_that_was_copied_alone_the_old_runs_are_still_read(
    places: Path, new_store: Callable[[Path], Store], toy
) -> None:
    first = new_store(places / "first")
    run_id = record(first)
    before = files(first.folder)
    (places / "second").mkdir()
    first.client._tracking_client.store.engine.dispose()
    shutil.copy(first.folder / "mlflow.db", places / "second")
    second = opened(places / "second")
    assert squares(second, run_id) == SQUARES
    assert squares(second, record(second)) == SQUARES
    assert files(first.folder) == before


def test_a_folder_for_artifacts_that_somebody_chose_stays(
    places: Path, new_store: Callable[[Path], Store], toy
) -> None:
    elsewhere = places / "disk" / "artifacts" / "toy"
    elsewhere.mkdir(parents=True)
    store = new_store(places / "first")
    store.client.create_experiment("toy", artifact_location=str(elsewhere))
    again = opened(places / "first")
    run_id = record(again)
    assert squares(again, run_id) == SQUARES
    assert files(places / "disk")
    assert not files(places / "first")


@pytest.mark.parametrize("name", ["que?ry", "x?mode=ro", "p%20c", "%41"])
def test_a_path_that_is_another_one_in_an_address_is_refused(name: str, places: Path) -> None:
    (places / name).mkdir()
    with pytest.raises(StoreError, match=r"in an address \? begins options and %20 is a blank"):
        opened(places / name)
    assert [*places.iterdir()] == [places / name]
    assert not any((places / name).iterdir())
