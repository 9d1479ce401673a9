"""A restored backup equals the store that it was made of, and nothing is written over runs."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import mlflow.entities
import pytest
from alembic import command
from filelock import FileLock

from core.experiments.gradient_decay import GRADIENT_DECAY
from core.settings import BadSetting
from core.sqlite_copy import copy_before_upgrade, known_revisions, schema_revision
from core.store.database import SCHEMA_REVISION
from core.store.folder import PROJECT, StoreError
from core.store.tracking import Store, open_store
from experiments import backups, databases
from experiments.__main__ import main
from experiments.artifact_stores import BucketFiles, FolderFiles, artifact_store, regular_files
from experiments.backups import MANIFEST, backup, restore, upgrade, verify
from experiments.databases import (
    PostgresDatabase,
    SqliteDatabase,
    database_of,
)
from experiments.housekeeping import apply, edit_of

OLDER_REVISION = "6f8d9c3b2a1e"
"""Of an earlier MLflow, which has fewer tables."""


def silent(_: str) -> None: ...


def fill(store: Store, tmp_path: Path) -> list[str]:
    """Runs of every status, with all that a run can have."""
    ids = []
    for variant in ("rnn", "lstm", "gru", "bi-lstm"):
        (config,) = GRADIENT_DECAY.configs([variant], {})
        run_id = store.create(GRADIENT_DECAY, config, sweep="s · ünïcode")
        points = [("loss", 1 / (step + 1), step) for step in range(5)]
        store.log_metrics(run_id, points)
        nan = mlflow.entities.Metric("loss", math.nan, 1, 9)
        store.client.log_batch(run_id, metrics=[nan])
        table = tmp_path / "summary.csv"
        table.write_text(f"rate\n{variant}\n")
        store.upload(run_id, table, "tables")
        store.set_note(run_id, f"{variant} fades.")
        ids.append(run_id)
    store.end(ids[0], "FINISHED")
    store.end(ids[1], "FAILED", "it broke\non two lines\twith a tab and a \\")
    store.take(ids[2], {"host": "gone", "pid": 1, "created": "x", "started": 1.0}, {})
    apply(store, {ids[0]: edit_of(comment="no “noise”", star=True, tags={"paper": "2"})})
    apply(store, {ids[1]: edit_of(delete=True)})
    return ids


def everything(store: Store) -> dict[str, Any]:
    """All that MLflow itself says of a store's runs, and the content of their files."""
    view = mlflow.entities.ViewType.ALL
    experiments = [e.experiment_id for e in store.client.search_experiments(view)]
    found = {}
    for run in store.client.search_runs(experiments, run_view_type=view, max_results=1000):
        run_id = run.info.run_id
        history = {
            name: sorted(
                (m.step, repr(m.value), m.timestamp)
                for m in store.client.get_metric_history(run_id, name)
            )
            for name in run.data.metrics
        }
        with store.artifact(run_id, "tables") as folder:
            paths = [] if folder is None else regular_files(folder)
            files = {path.name: path.read_bytes() for path in paths}
        info = (run.info.status, run.info.lifecycle_stage, run.info.run_name, run.info.end_time)
        found[run_id] = (info, run.data.params, run.data.tags, history, files)
    return found


def test_a_restored_backup_equals_the_store(store: Store, tmp_path: Path) -> None:
    ids = fill(store, tmp_path)
    made = backup(store.uri, tmp_path / "copies" / "one", silent)
    sentence = restore(made, store.uri, tmp_path / "new", silent)
    assert "4 runs" in sentence
    assert "2 runs had not ended" not in sentence
    assert "1 run had not ended" in sentence
    other = open_store(f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}")
    assert everything(other) == everything(store)
    assert len(everything(store)) == 4
    assert verify(made, other.uri, None) == verify(made, store.uri, None) == []
    shutil.rmtree(store.folder)  # the restored store needs nothing of the old one
    assert other.table(other.run(ids[0]), "summary")["rate"].tolist() == ["rnn"]
    records = {record.run_id: record for record in other.runs()}
    assert records[ids[0]].note == "rnn fades."
    assert records[ids[0]].comment == "no “noise”"
    assert records[ids[0]].starred


def test_every_kind_of_difference_is_named(store: Store, tmp_path: Path) -> None:
    ids = fill(store, tmp_path)
    made = backup(store.uri, tmp_path / "one", silent)
    folder = store.folder / "artifacts" / "gradient-decay" / ids[0] / "artifacts" / "tables"

    def changed(statement: str) -> list[str]:
        with closing(sqlite3.connect(store.folder / "mlflow.db")) as connection, connection:
            connection.execute(statement)
        found = verify(made, store.uri, None)
        SqliteDatabase(store.folder / "mlflow.db").restore(made / "database.db", {})
        return found

    assert changed("UPDATE params SET value = 'x' WHERE key = 'layers'") == [
        "params: 4 rows of the backup not in the store",
        "params: 4 rows of the store not in the backup",
    ]
    assert changed("UPDATE metrics SET value = 7 WHERE step = 3 AND key = 'loss'")[0].startswith(
        "metrics: 4 rows"
    )
    (lost,) = changed("DELETE FROM tags WHERE key = 'mlflow.note.content'")
    assert lost == "tags: 4 rows of the backup not in the store"
    (table,) = changed("CREATE TABLE more (x)")
    assert table == "more is a table of the store alone"
    (folder / "summary.csv").write_text("other")
    (folder / "more.csv").write_text("more")
    (files,) = verify(made, store.uri, None)
    assert files.startswith("files of experiment 1: ")
    assert "summary.csv" in files
    assert "more.csv" in files


def test_nothing_is_written_over_runs(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path)
    made = backup(store.uri, tmp_path / "one", silent)
    before = everything(store)
    with pytest.raises(StoreError, match="has 4 runs; nothing is written over them"):
        restore(made, store.uri, None, silent)
    with pytest.raises(BadSetting, match=r"to is .* which is there already"):
        backup(store.uri, made, silent)
    assert everything(store) == before


def test_a_store_without_runs_is_filled_in_its_place(
    store: Store, tmp_path: Path, new_store: Callable[[Path], Store]
) -> None:
    fill(store, tmp_path)
    made = backup(store.uri, tmp_path / "one", silent)
    other = new_store(tmp_path / "other")
    assert other.runs() == []
    restore(made, other.uri, None, silent)
    assert everything(other) == everything(store)


@pytest.mark.parametrize("lock", ["worker", "serve"])
def test_a_store_in_use_is_not_restored(
    lock: str, store: Store, tmp_path: Path, new_store: Callable[[Path], Store]
) -> None:
    made = backup(store.uri, tmp_path / "one", silent)
    other = new_store(tmp_path / "other")
    with (
        FileLock(other.folder / f"{lock}.lock"),
        pytest.raises(StoreError, match=f"{lock} is running on the store"),
    ):
        restore(made, other.uri, None, silent)


def test_a_damaged_backup_is_refused_before_anything_is_written(
    store: Store, tmp_path: Path
) -> None:
    fill(store, tmp_path)
    made = backup(store.uri, tmp_path / "one", silent)

    def refused(sentence: str, damage: Callable[[Path], object]) -> None:
        copy, into = tmp_path / "copy", tmp_path / "into"
        shutil.copytree(made, copy)
        damage(copy)
        with pytest.raises((StoreError, BadSetting), match=sentence):
            restore(copy, store.uri, into, silent)
        assert not into.exists()
        shutil.rmtree(copy)

    def change(**values: object) -> Callable[[Path], object]:
        def edit(folder: Path) -> None:
            manifest = json.loads((folder / MANIFEST).read_text())
            (folder / MANIFEST).write_text(json.dumps(manifest | values))

        return edit

    table = next((made / "artifacts").rglob("summary.csv")).relative_to(made)
    refused("summary.csv", lambda folder: (folder / table).write_text("other"))
    refused("summary.csv", lambda folder: (folder / table).unlink())
    refused("extra", lambda folder: (folder / "extra").touch())
    refused("database.db", lambda folder: (folder / "database.db").write_bytes(b"x"))
    refused("no backup", lambda folder: (folder / MANIFEST).unlink())
    refused("cannot be read", lambda folder: (folder / MANIFEST).write_text("{"))
    refused("format 2", change(format=2))
    refused("are no numbers", change(locations={"../../x": "/x"}))
    refused("newer than those of the installed", change(schema_revision="fedcba987654"))
    refused("into is .*a backup of PostgreSQL is restored where", change(kind="postgresql"))


def test_an_interrupted_backup_leaves_no_folder(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, tmp_path)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FolderFiles, "download", interrupted)
    with pytest.raises(KeyboardInterrupt):
        backup(store.uri, tmp_path / "copies" / "one", silent)
    assert [*(tmp_path / "copies").iterdir()] == []


def test_what_a_killed_backup_leaves_is_no_backup(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path)
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from experiments import artifact_stores, backups\n"
        "artifact_stores.FolderFiles.download = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"backups.backup({store.uri!r}, Path({str(tmp_path / 'copies' / 'one')!r}), print)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.DEVNULL)
    assert done.returncode == -signal.SIGKILL
    (left,) = (tmp_path / "copies").iterdir()
    assert left.name.endswith(".partial")
    with pytest.raises(BadSetting, match="which is no backup"):
        restore(left, store.uri, tmp_path / "into", silent)


def test_a_backup_while_runs_are_recorded_is_whole(store: Store, tmp_path: Path) -> None:
    """Runs are made and ended all the time; in each backup, what has ended has its files."""
    stop = threading.Event()
    fill(store, tmp_path)
    table = tmp_path / "summary.csv"

    def record() -> None:
        (config,) = GRADIENT_DECAY.configs(["rnn"], {})
        while not stop.is_set():
            run_id = store.create(GRADIENT_DECAY, config, sweep="more", status="RUNNING")
            store.log_metrics(run_id, [("loss", 1.0, step) for step in range(20)])
            store.upload(run_id, table, "tables")
            store.end(run_id, "FINISHED")

    thread = threading.Thread(target=record)
    thread.start()
    try:
        made = [backup(store.uri, tmp_path / name, silent) for name in ("one", "two", "three")]
    finally:
        stop.set()
        thread.join()
    for number, folder in enumerate(made):
        into = tmp_path / f"into{number}"
        restore(folder, store.uri, into, silent)
        other = open_store(f"sqlite:///{into / 'mlflow.db'}")
        finished = other.runs(status="FINISHED")
        assert finished
        assert all(other.table(run, "summary") is not None for run in finished)


def test_the_commands_back_up_restore_and_compare(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = fill(store, tmp_path)
    assert main(["backup"]) == 0
    made = capsys.readouterr().out.strip()
    assert Path(made).parent == store.folder / "backups"
    assert main(["restore", made]) == 1
    assert "nothing is written over them" in capsys.readouterr().err
    into = str(tmp_path / "new")
    assert main(["restore", made, "--into", into]) == 0
    assert main(["restore", made, "--into", into, "--verify"]) == 0
    assert main(["restore", made, "--verify"]) == 0
    assert "are equal" in capsys.readouterr().err
    store.rename(ids[0], "another name")
    assert main(["restore", made, "--verify"]) == 1
    out, err = capsys.readouterr()
    assert "runs: 1 row" in out
    assert "differ" in err
    assert main(["restore", str(tmp_path)]) == 2
    assert "is no backup" in capsys.readouterr().err


def older(store: Store) -> None:
    """Let an earlier MLflow have made the store."""
    store.client._tracking_client.store.engine.dispose()
    config = mlflow.store.db.utils._get_alembic_config(store.uri)
    command.downgrade(config, OLDER_REVISION)


@pytest.mark.slow
def test_a_copy_is_kept_before_an_older_store_is_upgraded(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store, tmp_path)
    before = everything(store)
    path = store.folder / "mlflow.db"
    assert main(["upgrade"]) == 0
    assert "is up to date" in capsys.readouterr().err
    older(store)
    made = backup(store.uri, tmp_path / "old", silent)
    assert main(["upgrade"]) == 0
    assert f"was upgraded from {OLDER_REVISION} to {SCHEMA_REVISION}" in capsys.readouterr().err
    assert schema_revision(path) == SCHEMA_REVISION
    assert everything(open_store(store.uri)) == before
    (copy,) = store.folder.glob("mlflow.db.before-upgrade-*")
    assert schema_revision(copy) == OLDER_REVISION
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT COUNT(*) FROM runs").fetchone() == (4,)
    restore(made, store.uri, tmp_path / "new", silent)
    assert schema_revision(tmp_path / "new" / "mlflow.db") == OLDER_REVISION, "as it was"


def test_a_copy_is_made_once_of_what_was_not_written_to_since(store: Store, tmp_path: Path) -> None:
    path = store.folder / "mlflow.db"
    assert copy_before_upgrade(path, SCHEMA_REVISION) is None
    assert copy_before_upgrade(tmp_path / "none.db", SCHEMA_REVISION) is None
    first = copy_before_upgrade(path, "a newer one")
    assert first is not None
    assert copy_before_upgrade(path, "a newer one") == first
    os.utime(path, (1.0, 1.0))
    assert copy_before_upgrade(path, "a newer one") not in (None, first)


def test_a_store_of_a_newer_mlflow_is_not_upgraded(store: Store) -> None:
    with sqlite3.connect(store.folder / "mlflow.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'fedcba987654'")
    with pytest.raises(StoreError, match="a newer one made them; install that"):
        upgrade(store.uri, silent)


def test_an_upgrade_that_fails_says_where_the_copy_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    older(store)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(StoreError, match=r"could not upgrade.*put .*before-upgrade-"):
        upgrade(store.uri, silent)


def test_the_revision_that_is_read_is_one_that_mlflow_knows() -> None:
    assert {SCHEMA_REVISION, OLDER_REVISION} <= known_revisions()


# Databases and files elsewhere


def test_no_password_is_on_a_command_line_of_postgresql(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[list[str], dict[str, str]]] = []

    def run(words: list[str], env: dict[str, str], **_: object) -> object:
        asked.append((words, env))
        return subprocess.CompletedProcess(words, 0, "0\n", "")

    monkeypatch.setattr(databases.subprocess, "run", run)
    uri = "postgresql+psycopg2://unroll:p%40ss@db:5433/x?sslmode=require"
    database = PostgresDatabase(uri)
    database.dump(tmp_path / "d")
    database.restore(tmp_path / "d", {})
    assert database.runs() == 0
    for words, env in asked:
        assert not any("p@ss" in word or "p%40ss" in word for word in words)
        assert (env["PGHOST"], env["PGPORT"], env["PGDATABASE"]) == ("db", "5433", "x")
        assert (env["PGUSER"], env["PGPASSWORD"], env["PGSSLMODE"]) == ("unroll", "p@ss", "require")
    assert database.address == "postgresql+psycopg2:///x"
    assert "p%40ss" not in str(database)
    with pytest.raises(BadSetting, match="has colour; Unroll can pass on host"):
        PostgresDatabase("postgresql://u@db/x?colour=red")


def test_which_database_a_store_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_BACKEND_STORE_URI", raising=False)
    with pytest.raises(StoreError, match="give that of its database, too, in MLFLOW_BACKEND_STORE"):
        database_of("http://mlflow:5000")
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "postgresql://u:hunter22@db/x")
    assert database_of("http://mlflow:5000").kind == "postgresql"
    with pytest.raises(StoreError, match=r"u:\*\*\*@db/x; Unroll backs up SQLite"):
        database_of("mysql://u:hunter22@db/x")


def test_where_files_are_copied_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = "MLFLOW_ARTIFACTS_DESTINATION"
    monkeypatch.delenv(variable, raising=False)
    assert isinstance(artifact_store("sqlite:///x.db", str(tmp_path)), FolderFiles)
    with pytest.raises(StoreError, match="give the address of the MLflow server"):
        artifact_store("sqlite:///x.db", "mlflow-artifacts:/1")
    with pytest.raises(StoreError, match="Unroll copies those of a folder, of S3"):
        artifact_store("sqlite:///x.db", "gs://bucket/1")
    monkeypatch.setenv(variable, str(tmp_path))
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "a").write_text("x")
    served = artifact_store("http://mlflow:5000", "mlflow-artifacts:/1")
    assert [*served.hashes(set())] == ["a"]


def test_links_and_runs_of_later_are_not_copied(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for run_id in ("a" * 32, "b" * 32):
        (source / run_id).mkdir(parents=True)
        (source / run_id / "file").write_text(run_id)
    (source / ("a" * 32) / "link").symlink_to("/etc/passwd")
    (source / "models").mkdir()
    (source / "models" / "m").write_text("m")
    FolderFiles(source).download({"a" * 32}, target)
    there = {p.relative_to(target).as_posix() for p in regular_files(target)}
    assert there == {f"{'a' * 32}/file", "models/m"}


class Bucket:
    """What of boto3's client is used, over a dictionary."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects

    def get_paginator(self, _: str) -> Bucket:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        yield {"Contents": [{"Key": k} for k in self.objects if k.startswith(Prefix)]}
        yield {}

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_bytes(self.objects[key])

    def upload_file(self, path: str, bucket: str, key: str) -> None:
        self.objects[key] = Path(path).read_bytes()


def test_files_of_a_bucket_are_copied_and_put_back(tmp_path: Path) -> None:
    run_id = "a" * 32
    wanted = {f"artifacts/1/{run_id}/artifacts/tables/x.csv": b"1", "artifacts/1/model": b"2"}
    strange = {f"artifacts/1/{'b' * 32}/x": b"3", "artifacts/2/y": b"4", "artifacts/1/../z": b"5"}
    files = BucketFiles("unroll", "artifacts/1", Bucket(wanted | strange))
    files.download({run_id}, tmp_path)
    empty = Bucket({})
    BucketFiles("unroll", "artifacts/1", empty).upload(tmp_path)
    assert empty.objects == wanted
    assert len(files.hashes({run_id})) == 2


def test_a_full_disk_is_a_sentence(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backups, "sha256", full)
    with pytest.raises(StoreError, match=r"cannot be written \(No space left on device\)"):
        backup(store.uri, tmp_path / "copies" / "one", silent)
    assert [*(tmp_path / "copies").iterdir()] == []
