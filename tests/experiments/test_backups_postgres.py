"""Backups of a team's store: PostgreSQL behind an MLflow server that keeps the files.

PostgreSQL's own programs start one here, as another user, because it refuses to be root's.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from mlflow.tracking._tracking_service import utils

from core.store.folder import StoreError
from core.store.tracking import Store, open_store
from experiments import backups
from experiments.backups import backup, restore, upgrade, verify
from experiments.databases import PostgresDatabase, program
from tests.experiments.processes import until
from tests.experiments.test_backups import everything, fill, silent

PASSWORD = "p@ss/word%"


def missing() -> str:
    """What keeps PostgreSQL from being started here."""
    try:
        program("initdb")
    except StoreError as error:
        return str(error)
    if find_spec("psycopg2") is None:
        return "psycopg2 is not installed"
    if os.getuid() == 0 and "postgres" not in {entry.pw_name for entry in pwd.getpwall()}:
        return "PostgreSQL refuses to be run by root, and there is no user postgres"
    return ""


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A PostgreSQL server with the databases `one`, `two` and `three`."""
    folder = Path(tempfile.mkdtemp())  # another user must reach it
    data, chosen = folder / "data", free_port()
    user = "postgres" if os.getuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    words = ["-D", str(data), "-U", "unroll", "-A", "scram-sha-256", "-E", "UTF8"]
    words += ["--no-sync", "--pwfile", str(folder / "password")]
    quiet = {"user": user, "cwd": folder, "stdout": subprocess.DEVNULL}
    subprocess.run([program("initdb"), *words], check=True, **quiet)
    options = ["-D", str(data), "-p", str(chosen), "-h", "127.0.0.1", "-k", str(folder)]
    server = subprocess.Popen([program("postgres"), *options], stderr=subprocess.DEVNULL, **quiet)
    env = {**os.environ, "PGPASSWORD": PASSWORD, "PGHOST": "127.0.0.1", "PGPORT": str(chosen)}
    env |= {"PGUSER": "unroll"}

    def ready() -> bool:
        return subprocess.run([program("pg_isready"), "-q"], env=env).returncode == 0

    try:
        until(ready)
        for name in ("one", "two", "three"):
            subprocess.run([program("createdb"), name], env=env, check=True)
        yield chosen
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def address(port: int, name: str) -> str:
    return f"postgresql://unroll:p%40ss%2Fword%25@127.0.0.1:{port}/{name}"


@contextmanager
def served(database: str, artifacts: Path) -> Iterator[Store]:
    """An MLflow server over a database."""
    port = free_port()
    env = {**os.environ, "MLFLOW_BACKEND_STORE_URI": database, "MLFLOW_DISABLE_TELEMETRY": "true"}
    env |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--serve-artifacts", "--artifacts-destination", str(artifacts)]
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *words],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/health").status == 200
        except OSError:
            return False

    try:
        until(answers, 90)
        yield open_store(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(30)


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
