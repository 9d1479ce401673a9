"""Health, metrics and retention: what those who keep Unroll running ask of it."""

from __future__ import annotations

import dataclasses
import json
import os
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.processes import process_identity
from core.settings import BadSetting
from core.store.records import TAG_ARCHIVED, TAG_PINNED, TAG_STARRED, RunRecord
from core.store.tracking import Store
from experiments import operations
from experiments.__main__ import main
from experiments.operations import (
    DAY,
    HOUR,
    LATE_SECONDS,
    archivable,
    metrics_text,
    parse_age,
    store_health,
    worker_health,
)
from experiments.worker import START_SECONDS, status_path
from tests.experiments.test_housekeeping import made

NOW = 1_800_000_000.0


def run(status: str, **values: object) -> RunRecord:
    fields = {
        "run_id": "0" * 32,
        "experiment_id": "1",
        "experiment": "gradient-decay",
        "name": "RNN",
        "settings": {},
        "sweep": "s",
        "submitted": NOW - 5,
        "ended": None,
        "metrics": {},
        "tags": {},
    }
    return RunRecord(status=status, **(fields | values))  # type: ignore[arg-type]


def announce(store: Store, *, started: float, ready: bool, beat: float) -> None:
    """A worker of this process's number."""
    status = {**process_identity(), "started": started, "ready": ready}
    path = status_path(store)
    path.write_text(json.dumps(status))
    os.utime(path, (beat, beat))


def test_a_worker_is_healthy_while_it_looks_at_its_queue(store: Store) -> None:
    now = time.time()
    assert not worker_health(store).healthy
    for started, ready, beat, healthy in (
        (now - 900, True, now - 1, True),
        (now - 900, True, now - LATE_SECONDS - 9, False),
        (now - 9, False, now - 9, True),
        (now - START_SECONDS - 9, False, now, False),
    ):
        announce(store, started=started, ready=ready, beat=beat)
        assert worker_health(store).healthy is healthy
    assert "process" in worker_health(store).sentence


def test_health_is_an_exit_status_and_a_sentence(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["health", "store"]) == 0
    assert capsys.readouterr().out == f"the store {store.uri} answers\n"
    assert main(["health"]) == 1
    assert "no worker is running here" in capsys.readouterr().out
    assert main(["health", "worker", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["part"] == "worker"


def test_asking_after_a_store_makes_none(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    health = store_health(f"sqlite:///{tmp_path / 'no' / 'mlflow.db'}")
    assert not health.healthy
    assert not (tmp_path / "no").exists()
    (tmp_path / "mlflow.db").write_text("this is no database, but it is long enough to be one")
    assert not store_health(f"sqlite:///{tmp_path / 'mlflow.db'}").healthy
    away = store_health("http://ana:hunter22@127.0.0.1:9")
    assert not away.healthy
    assert "hunter22" not in away.sentence


def test_metrics_say_what_is_waiting_running_and_failing(store: Store) -> None:
    announce(store, started=NOW, ready=True, beat=time.time())
    records = [
        run("SCHEDULED", submitted=NOW - 30),
        run("SCHEDULED", submitted=NOW - 70),
        run("RUNNING"),
        run("FAILED", ended=NOW - HOUR / 2),
        run("FAILED", ended=NOW - 2 * HOUR),
        run("FINISHED", ended=NOW, experiment='of "another"\nversion'),
    ]
    families = {
        f.name: f for f in text_string_to_metric_families(metrics_text(store, records, NOW))
    }
    value = {name: f.samples[0].value for name, f in families.items() if len(f.samples) == 1}
    assert value["unroll_queue_length"] == 2
    assert value["unroll_queue_oldest_age_seconds"] == 70
    assert value["unroll_running_runs"] == 1
    assert value["unroll_failed_runs_last_hour"] == 1
    assert value["unroll_worker_up"] == 1
    assert value["unroll_worker_heartbeat_age_seconds"] < 60
    assert value["unroll_database_bytes"] > 0
    assert value["unroll_disk_free_bytes"] > 0
    runs = {
        (s.labels["experiment"], s.labels["status"]): s.value
        for s in families["unroll_runs"].samples
    }
    assert runs["gradient-decay", "failed"] == 2
    assert runs["memory-span", "finished"] == 0
    assert runs['of "another"\nversion', "finished"] == 1
    assert families["unroll_build_info"].samples[0].labels["mlflow"]


def test_what_is_not_known_is_left_out_of_the_metrics(store: Store) -> None:
    remote = Store("http://127.0.0.1:9")
    text = metrics_text(remote, [])
    assert "unroll_database_bytes" not in text
    assert "unroll_worker_heartbeat_age_seconds" not in text
    assert "unroll_worker_up 0.0" in text


def test_the_metrics_of_ten_thousand_runs_take_a_blink(store: Store) -> None:
    records = [run(s, ended=NOW - i) for i in range(2_500) for s in ("FAILED", "FINISHED") * 2]
    metrics_text(store, [], NOW)  # asks git for the commit
    started = time.perf_counter()
    metrics_text(store, records, NOW)
    assert time.perf_counter() - started < 0.5


def test_metrics_can_be_printed(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    made(store, "rnn")
    assert main(["metrics"]) == 0
    line = 'unroll_runs{experiment="gradient-decay",status="finished"} 1.0\n'
    assert line in capsys.readouterr().out


def test_ages_are_days_or_weeks() -> None:
    assert parse_age("180d") == 180 * DAY
    assert parse_age("2 weeks") == 14 * DAY
    for text in ("", "180", "0d", "-3d", "1.5d", "3h", "d"):
        with pytest.raises(BadSetting, match="older_than is"):
            parse_age(text)


def test_only_old_ended_runs_that_nobody_marked_are_archived() -> None:
    old = run("FINISHED", ended=NOW - 10 * DAY)
    kept = [
        run("FINISHED", ended=NOW - 1 * DAY),
        run("RUNNING", submitted=NOW - 20 * DAY),
        run("SCHEDULED", submitted=NOW - 20 * DAY),
        dataclasses.replace(old, tags={TAG_ARCHIVED: "ana"}),
    ]
    marked = [
        dataclasses.replace(old, tags={TAG_STARRED: "ana"}),
        dataclasses.replace(old, tags={TAG_PINNED: "1.0"}),
    ]
    failed = dataclasses.replace(old, status="FAILED")
    assert archivable([old, *kept, *marked, failed], 5 * DAY, None, NOW) == ([old, failed], 2)
    assert archivable([old, *kept, *marked, failed], 5 * DAY, "FAILED", NOW) == ([failed], 0)


def test_archiving_says_how_many_and_can_be_undone(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third = made(store, "rnn", "lstm", "gru")
    store.set_tags(first, {TAG_STARRED: "ana"})
    store.set_tags(second, {TAG_ARCHIVED: "ana"})
    later = time.time() + 200 * DAY
    monkeypatch.setattr(operations.time, "time", lambda: later)

    def archived() -> list[str]:
        return [run.run_id for run in store.runs() if run.archived]

    assert main(["archive", "--older-than", "180d", "--dry-run"]) == 0
    assert "1 run would be archived; 1 run of that age stay" in capsys.readouterr().err
    assert archived() == [second]
    assert main(["archive", "--older-than", "180d"]) == 0
    assert "1 run archived" in capsys.readouterr().err
    assert sorted(archived()) == sorted([second, third])
    assert main(["archive", "--undo"]) == 0
    assert "1 run back" in capsys.readouterr().err
    assert archived() == [second], "what a person archived stays so"
    for words in ("archive", "archive --undo --older-than 3d", "archive --undo --status failed"):
        assert main(words.split()) == 2
