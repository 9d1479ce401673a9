"""Reading a store incrementally: what has ended is read once, what is deleted vanishes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from core.experiments import EXPERIMENTS
from core.store_folder import StoreError
from core.tracking import RunRecord, Store
from dashboard import reader as module
from dashboard.reader import Reader
from tests.dashboard.scenes import POINTS, record

EXPERIMENT = EXPERIMENTS[0]
CURVE = EXPERIMENT.rows[0].table


@pytest.fixture
def asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many runs and tables the store has given out."""
    given: Counter[str] = Counter()
    runs, table = store.runs, store.table

    def count_runs(*a: Any, **k: Any) -> list[RunRecord]:
        found = runs(*a, **k)
        given["runs"] += len(found)
        return found

    def count_tables(*a: Any) -> Any:
        given["tables"] += 1
        return table(*a)

    monkeypatch.setattr(store, "runs", count_runs)
    monkeypatch.setattr(store, "table", count_tables)
    return given


def put(store: Store, status: Any = "FINISHED", variant: str = "rnn") -> str:
    (config,) = EXPERIMENT.configs([variant], {})
    return record(store, EXPERIMENT, config, "one", status)


def test_ended_runs_are_read_once(
    store: Store, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OVERLAP_SECONDS", -3600.0)
    put(store)
    put(store)
    reader = Reader(store)
    assert len(reader.runs()) == 2
    asked.clear()
    assert len(reader.runs()) == 2
    assert asked["runs"] == 0


def test_runs_that_end_between_two_looks_are_seen(store: Store) -> None:
    reader = Reader(store)
    assert reader.runs() == []
    waiting, finished = put(store, "SCHEDULED"), put(store)
    assert [run.run_id for run in reader.runs()] == [waiting, finished]
    assert [run.run_id for run in reader.active()] == [waiting]
    store.end(waiting, "KILLED", "cancelled")
    assert reader.active() == []
    assert reader.runs()[0].error == "cancelled"


def test_a_run_deleted_in_mlflow_vanishes_with_the_next_full_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OVERLAP_SECONDS", -1.0)
    kept, deleted = put(store), put(store)
    reader = Reader(store)
    assert len(reader.runs()) == 2
    store.client.delete_run(deleted)
    reader.reread()
    assert [run.run_id for run in reader.runs()] == [kept]


def test_a_deleted_waiting_run_vanishes_at_once(store: Store) -> None:
    run_id = put(store, "SCHEDULED")
    reader = Reader(store)
    assert len(reader.runs()) == 1
    store.client.delete_run(run_id)
    assert reader.runs() == []


def test_the_full_read_happens_in_the_background(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(store)
    reader.runs()
    put(store)
    reader._reread_at = 1.0
    reader.runs()
    for thread in module.threading.enumerate():
        if thread.name == "reread":
            thread.join()
    assert reader._reread_at > 1.0
    assert len(reader.runs()) == 1


def test_tables_of_ended_runs_are_read_once_even_when_there_are_none(
    store: Store, asked: Counter[str]
) -> None:
    put(store)
    reader = Reader(store)
    (run,) = reader.runs()
    assert reader.table(run, CURVE) is reader.table(run, CURVE)
    assert reader.table(run, "no such table") is None
    assert reader.table(run, "no such table") is None
    assert asked["tables"] == 2


def test_tables_in_memory_are_bounded(
    store: Store, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TABLE_BYTES", 1)
    put(store)
    put(store)
    reader = Reader(store)
    first, second = reader.runs()
    for run in (first, second, first):
        assert reader.table(run, CURVE) is not None
    assert asked["tables"] == 3
    assert len(reader._tables) == 1


def test_rows_of_a_run_that_is_going_are_read_up_to_the_last_whole_line(store: Store) -> None:
    run_id = put(store, "RUNNING")
    reader = Reader(store)
    (run,) = reader.runs()
    whole = reader.table(run, CURVE)
    assert whole is not None
    assert len(whole) == POINTS + 3
    with (store.spool(run_id) / "tables" / f"{CURVE}.csv").open("a") as file:
        file.write("1,1,0,3,0.12")
    again = reader.table(run, CURVE)
    assert again is not None
    assert len(again) == POINTS + 3


def test_what_is_kept_of_a_run_is_enough_for_lists_and_the_rest_is_read_when_shown(
    store: Store,
) -> None:
    run_id = put(store, "FAILED")
    reader = Reader(store)
    (kept,) = reader.runs()
    full = reader.run(run_id)
    assert full is not None
    assert "unroll.traceback" not in kept.tags
    assert "unroll.traceback" in full.tags
    assert (kept.error, kept.settings, kept.metrics["seconds"]) == (full.error, full.settings, 2.0)
    assert reader.run("0" * 32) is None


def test_whatever_the_database_raises_becomes_a_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk on fire\nand more")

    reader = Reader(store)
    monkeypatch.setattr(store, "active", fail)
    with pytest.raises(StoreError, match=r"does not answer \(disk on fire\); check"):
        reader.runs()


def test_looks_close_together_share_one_answer(
    store: Store, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 60.0)
    reader = Reader(store)
    assert reader.runs() == []
    put(store)
    assert reader.runs() == []
    reader.forget()
    assert len(reader.runs()) == 1
