"""A local database read directly says what MLflow says; tables not checked are left to MLflow."""

from __future__ import annotations

import math
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from core.store import database
from core.store.recorder import Recorder
from core.store.sqlite import SqliteFile
from core.store.tracking import Store
from tests.toy import TOY, ToyConfig, bytes_of

Pair = tuple[Store, Store]


@pytest.fixture
def pair(store: Store, toy: object) -> Pair:
    """A store with every kind of run, and the same as MLflow reads it."""
    made = [
        store.create(TOY, ToyConfig(seed=seed), sweep=f"“s” {seed}", status="RUNNING")
        for seed in range(7)
    ]
    finished, failed, killed, deleted, renamed, unnamed, _running = made
    recorder = Recorder(store, finished, TOY)
    for event in TOY.measure(ToyConfig()):
        recorder.take(event)
    recorder.close()
    store.log_metrics(finished, [("seconds", 2.0, 0), ("seconds", 3.0, 1)])
    store.client.log_metric(failed, "seconds", math.inf)
    store.end(finished, "FINISHED")
    store.end(failed, "FAILED", "it's <b>" + "x" * 6000)
    store.end(killed, "KILLED")
    store.client.delete_run(deleted)
    store.client.update_run(renamed, name="renamed ' \" עברית")
    store.client.create_run(store.client.get_run(finished).info.experiment_id)  # somebody else's
    store.create(TOY, ToyConfig(seed=9), sweep="")
    with closing(sqlite3.connect(store.folder / "mlflow.db")) as connection, connection:
        connection.execute("UPDATE runs SET name = NULL WHERE run_uuid = ?", (unnamed,))
    by_mlflow = Store(store.uri)
    by_mlflow.__dict__["database"] = None
    return store, by_mlflow


def test_the_database_says_what_mlflow_says(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BATCH_RUNS", 3)
    direct, by_mlflow = pair
    assert direct.database is not None
    records = direct.runs()
    assert len(records) == 7
    assert records == by_mlflow.runs()
    assert [r.run_id for r in records] == [r.run_id for r in reversed([*direct.newest_first()])]
    assert any("squares/square" in record.metrics for record in records)
    for record in records:
        assert direct.run(record.run_id) == by_mlflow.run(record.run_id) == record
    asked: list[dict[str, object]] = [
        {"experiment": "toy", "status": "FAILED"},
        {"status": "SCHEDULED"},
        {"metrics": ["seconds"]},
        {"ended_since": records[0].ended, "metrics": []},
        {"ended_since": 1e10},
    ]
    for question in asked:
        assert direct.runs(**question) == by_mlflow.runs(**question)  # type: ignore[arg-type]
    assert {len(direct.runs(**q)) for q in asked} == {1, 7, 3, 0}  # type: ignore[arg-type]
    assert direct.active() == by_mlflow.active()
    assert [*direct.waiting()] == [*by_mlflow.waiting()] == direct.runs(status="SCHEDULED")


def test_a_deleted_run_is_known_by_its_id_only(pair: Pair) -> None:
    direct, by_mlflow = pair
    (deleted,) = by_mlflow.client.search_runs(["1"], run_view_type=2)
    assert direct.run(deleted.info.run_id) == by_mlflow.run(deleted.info.run_id)
    assert direct.run(deleted.info.run_id).deleted
    assert all(record.run_id != deleted.info.run_id for record in direct.runs())


def test_artifacts_are_read_where_mlflow_finds_them(pair: Pair) -> None:
    direct, by_mlflow = pair
    (finished,) = direct.runs(status="FINISHED")
    for path in ("tables/squares.csv", "log.txt"):
        read = [bytes_of(store, finished.run_id, path) for store in pair]
        assert read[0] == read[1] is not None
    assert direct.files(finished.run_id, "tables") == by_mlflow.files(finished.run_id, "tables")
    assert {*direct.files(finished.run_id, "tables")} == {"squares.csv", "summary.csv"}
    assert direct.files(finished.run_id, "model") == by_mlflow.files(finished.run_id, "model") == {}
    for reader in pair:
        assert bytes_of(reader, finished.run_id, "tables/none.csv") is None
        assert bytes_of(reader, "0" * 32, "log.txt") is None


def test_nothing_is_left_of_what_was_fetched(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each table that a page asked a server for stayed in the temporary folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    direct, by_mlflow = pair
    (finished,) = direct.runs(status="FINISHED")
    table = by_mlflow.table(finished, "squares")
    assert table is not None
    assert by_mlflow.log_text(finished.run_id)
    assert [*folder.iterdir()] == []


def test_tables_of_another_version_are_left_to_mlflow(store: Store, toy: object) -> None:
    store.create(TOY, ToyConfig(), sweep="s")
    path = store.folder / "mlflow.db"
    assert SqliteFile.at(path) is not None
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'of another one'")
    newer = Store(store.uri)
    assert newer.database is None
    newer.client = store.client  # a client of its own would refuse these tables
    assert [record.sweep for record in newer.runs()] == ["s"]


def test_there_is_no_database_before_mlflow_made_it(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    assert SqliteFile.at(None) is SqliteFile.at(path) is None
    assert not path.exists()
    path.touch()
    assert SqliteFile.at(path) is None


def test_a_folder_with_odd_characters_can_hold_a_store(store: Store) -> None:
    there = store.folder.rename(store.folder.with_name("what? 100% #1"))
    assert SqliteFile.at(there / "mlflow.db") is not None


def test_a_run_is_called_by_its_name_else_by_its_tag_else_by_its_id(
    store: Store, toy: object
) -> None:
    named, tagged, nameless = (
        store.create(TOY, ToyConfig(seed=seed), sweep="s") for seed in range(3)
    )
    with closing(sqlite3.connect(store.folder / "mlflow.db")) as connection, connection:
        rename = "UPDATE runs SET name = ? WHERE run_uuid = ?"
        connection.executemany(rename, [("by hand", named), (None, tagged), ("", nameless)])
        connection.execute(
            "DELETE FROM tags WHERE key = 'mlflow.runName' AND run_uuid = ?", (nameless,)
        )
    assert store.run(named).name == "by hand"
    assert store.run(tagged).name == "RNN 64 · seed 1"
    assert store.run(nameless).name == nameless[:8]


def test_what_a_run_has_not_recorded_is_none(store: Store, toy: object) -> None:
    run_id = store.create(TOY, ToyConfig(), sweep="s")
    by_mlflow = Store(store.uri)
    by_mlflow.__dict__["database"] = None
    for reader in (store, by_mlflow):
        assert bytes_of(reader, run_id, "model/weights.pt") is None
        assert reader.table(reader.run(run_id), "squares") is None
        assert reader.log_text(run_id) == ""
