"""Backups of a team's store: PostgreSQL behind an MLflow server that keeps the files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.tracking._tracking_service import utils

from core.store.folder import StoreError
from experiments import backups
from experiments.backups import backup, restore, upgrade, verify
from experiments.databases import PostgresDatabase
from tests.experiments.test_backups import everything, fill, silent
from tests.postgres import address, missing, postgresql, served

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with postgresql() as port:
        yield port


def test_a_restored_store_of_a_server_equals_the_first(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable, destination = "MLFLOW_BACKEND_STORE_URI", "MLFLOW_ARTIFACTS_DESTINATION"
    monkeypatch.delenv(destination, raising=False)
    one, two = address(port, "one"), address(port, "two")
    with served(one, tmp_path / "files") as store:
        monkeypatch.setenv(variable, one)
        fill(store, tmp_path)
        before = everything(store)
        assert all(files for *_, files in before.values())
        made = backup(store.uri, tmp_path / "one", silent)
        monkeypatch.setenv(destination, str(tmp_path / "files"))
        direct = backup(store.uri, tmp_path / "direct", silent)
        monkeypatch.delenv(destination)
        assert verify(made, store.uri, None) == verify(direct, store.uri, None) == []
        store.rename(next(iter(before)), "another name")
        with pytest.raises(StoreError, match="has 4 runs; nothing is written over them"):
            restore(made, store.uri, None, silent)
        assert verify(made, store.uri, None)[0].startswith("runs: 1 row")
    # MLflow remembers where it found a run's files, and these runs move to another server.
    utils._artifact_repos_cache.clear()
    with served(two, tmp_path / "other") as store:
        monkeypatch.setenv(variable, two)
        assert store.runs() == []
        assert "4 runs" in restore(made, store.uri, None, silent)
        assert everything(store) == before
        # One that was interrupted between database and files goes on.
        shutil.rmtree(tmp_path / "other")
        assert any("files of" in line for line in verify(made, store.uri, None))
        restore(made, store.uri, None, silent)
        assert everything(store) == before


def test_a_wrong_password_is_a_sentence_without_it(port: int, tmp_path: Path) -> None:
    database = PostgresDatabase(f"postgresql://unroll:wrongword@127.0.0.1:{port}/one")
    with pytest.raises(StoreError, match="pg_dump failed at") as refused:
        database.dump(tmp_path / "dump")
    assert "wrongword" not in str(refused.value)


def test_an_older_database_is_upgraded_after_a_dump(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = address(port, "three")
    database = PostgresDatabase(uri)
    code = (
        "import os, sys; from alembic import command\n"
        "from mlflow.store.db import utils\n"
        "uri = os.environ['URI']\n"
        "utils._initialize_tables(utils.create_sqlalchemy_engine_with_retry(uri))\n"
        "command.downgrade(utils._get_alembic_config(uri), '75868b020152')\n"
    )
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "URI": uri}, check=True)
    monkeypatch.setattr(backups, "folder_of", lambda _: tmp_path)
    said: list[str] = []
    assert "was upgraded from 75868b020152 to" in upgrade(uri, said.append)
    (copy,) = tmp_path.glob("before-upgrade-*.dump")
    assert str(copy) in said[0]
    assert database.content(copy).revision == "75868b020152"
    assert "is up to date" in upgrade(uri, silent)
    assert [*tmp_path.glob("before-upgrade-*.dump")] == [copy]
