"""A server's database read directly says what the server says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.store.folder import StoreError
from core.store.postgres import BACKEND_VARIABLE, PostgresDatabase, address_of
from core.store.recorder import Recorder
from core.store.tracking import Store, is_temporary, open_store
from tests.postgres import address, missing, postgresql, served
from tests.toy import TOY, ToyConfig, bytes_of

needs_postgresql = pytest.mark.skipif(bool(missing()), reason=missing())


def test_the_address_is_that_of_the_store_or_of_its_server() -> None:
    database = "postgresql+psycopg://unroll@here:5432/runs"
    plain = "postgresql://unroll@here:5432/runs"
    assert address_of(database, {}) == address_of(plain, {}) == plain
    assert address_of("http://mlflow:5000", {BACKEND_VARIABLE: database}) == plain
    assert address_of("http://mlflow:5000", {}) is None
    assert address_of("http://mlflow:5000", {BACKEND_VARIABLE: "mysql://u@here/runs"}) is None
    assert address_of("sqlite:///a.db", {BACKEND_VARIABLE: database}) is None


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with postgresql() as port:
        yield port


@pytest.mark.slow
@needs_postgresql
def test_the_database_says_what_the_server_says(
    port: int, tmp_path: Path, toy: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(address(port, "one"), tmp_path) as by_server:
        made = [by_server.create(TOY, ToyConfig(seed=seed), sweep="s") for seed in range(4)]
        recorder = Recorder(by_server, made[0], TOY)
        for event in TOY.measure(ToyConfig()):
            recorder.take(event)
        recorder.close()
        by_server.end(made[0], "FINISHED")
        by_server.end(made[1], "FAILED", "it's 100% <b>")
        by_server.delete(made[2])
        assert by_server.database is None
        monkeypatch.setenv(BACKEND_VARIABLE, address(port, "one"))
        direct = open_store(by_server.uri)
        assert isinstance(direct.database, PostgresDatabase)
        for record in (direct.run(run_id) for run_id in made):
            assert record == by_server.run(record.run_id)
        assert len(direct.runs()) == 3
        assert direct.runs() == by_server.runs()
        assert direct.runs(status="FINISHED", metrics=()) == by_server.runs(
            status="FINISHED", metrics=()
        )
        assert direct.runs(deleted=True) == by_server.runs(deleted=True)
        assert direct.active() == by_server.active()
        assert [*direct.waiting()] == [*by_server.waiting()]
        tables = []
        for store in (direct, by_server):
            shutil.rmtree(store.folder / "copies", ignore_errors=True)
            with monkeypatch.context() as away:  # listed, and not handed out: not taken for absent
                away.setattr(store, "_fetched", _refuse)
                with pytest.raises(StoreError, match="does not hand out its files just now"):
                    store.table(store.run(made[0]), "squares")
            tables.append(store.table(store.run(made[0]), "squares"))
            with monkeypatch.context() as away:  # what has been read once is on this disk
                away.setattr(store, "_fetched", _refuse)
                tables.append(store.table(store.run(made[0]), "squares"))
        by_server.client.log_text(made[0], "{}", "model/config.json")
        for store in (direct, by_server):
            shutil.rmtree(store.folder / "copies", ignore_errors=True)
            assert _model(store, made[0]) == _model(store, made[0]) == {"config.json": "{}"}
            with monkeypatch.context() as away:
                away.setattr(store, "_fetched", _refuse)
                assert _model(store, made[0]) == {"config.json": "{}"}
                assert _model(store, made[1]) is None
        assert len(tables[0]) > 0
        assert all(table.equals(tables[0]) for table in tables)
        assert bytes_of(direct, made[0], "tables/none.csv") is None
        for store in (direct, by_server):
            assert store.table(store.run(made[0]), "none") is None
            assert store.table(store.run(made[1]), "squares") is None  # it has recorded nothing
        _stamps_change_with_every_write(direct, made[3])
        monkeypatch.delenv(BACKEND_VARIABLE)
        with served(address(port, "three"), tmp_path):
            pass  # now it is another server's
        monkeypatch.setenv(BACKEND_VARIABLE, address(port, "three"))
        with pytest.raises(StoreError, match=f"{BACKEND_VARIABLE} names a database with other"):
            open_store(by_server.uri)


def _model(store: Store, run_id: str) -> dict[str, str] | None:
    with store.model(run_id) as folder:
        return None if folder is None else {f.name: f.read_text() for f in folder.iterdir()}


def _refuse(*_: object) -> Path:
    raise OSError("503")


def _stamps_change_with_every_write(store: Store, run_id: str) -> None:
    before = store.stamp()
    assert before is not None
    assert store.stamp() == before
    store.rename(run_id, "another name")
    renamed = store.stamp()
    assert renamed != before
    store.set_tags(run_id, {"a": "b"})
    assert store.stamp() not in (before, renamed)


@pytest.mark.slow
@needs_postgresql
def test_nothing_can_be_written_through_it_and_a_database_that_is_away_is_temporary(
    port: int,
) -> None:
    import psycopg

    database = PostgresDatabase(address(port, "two"))
    with database.connect() as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("CREATE TABLE written (a int)")
    assert is_temporary(psycopg.OperationalError("the connection is lost"))
