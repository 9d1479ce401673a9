"""Reading a store incrementally: what has ended is read once, what is deleted vanishes."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from core.experiments import all_experiments
from core.store.folder import StoreError
from core.store.people import Person
from core.store.records import RunRecord
from core.store.tracking import Store
from dashboard.store import reader as module
from dashboard.store.reader import Reader
from experiments.housekeeping import edit_of
from experiments.queue import submit
from tests.dashboard.scenes import POINTS, record
from tests.toy import TOY, ToyConfig

EXPERIMENT = all_experiments()[0]

ME = Person("ana")

CURVE = EXPERIMENT.rows[0].table


@pytest.fixture
def asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many runs and tables the store has given out."""
    given: Counter[str] = Counter()
    newest_first, table = store.newest_first, store.table

    def count_runs(*a: Any, **k: Any) -> Iterator[RunRecord]:
        for run in newest_first(*a, **k):
            given["runs"] += 1
            yield run

    def count_tables(*a: Any) -> Any:
        given["tables"] += 1
        return table(*a)

    monkeypatch.setattr(store, "newest_first", count_runs)
    monkeypatch.setattr(store, "table", count_tables)
    return given


def put(store: Store, status: Any = "FINISHED", variant: str = "rnn") -> str:
    (config,) = EXPERIMENT.configs([variant], {})
    return record(store, EXPERIMENT, config, "one", status)


def join_rereading() -> None:
    for thread in threading.enumerate():
        if thread.name == "reread":
            thread.join()


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
    join_rereading()
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


def test_a_table_that_is_asked_for_often_stays_as_large_as_it_is(store: Store) -> None:
    put(store)
    reader = Reader(store)
    (run,) = reader.runs()
    held = []
    for turn in range(300):
        table = reader.table(run, CURVE)
        assert table is not None
        for name in table:
            column = table[name]
            if turn == 0:
                held.append(column)
    noted = sum(len(block.refs.referenced_blocks) for block in table._mgr.blocks)
    assert noted <= table._mgr.nblocks * (module.MAX_NOTED + table.shape[1])
    held[0].iloc[0] = -1  # what somebody still holds is known to be shared, and copied
    assert table.iloc[0, 0] != -1


def test_tables_in_memory_are_bounded(
    store: Store, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_TABLE_BYTES", 1)
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
    reader.refresh()
    assert len(reader.runs()) == 1


def test_a_run_that_ended_unseen_is_still_listed_after_a_refresh(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OVERLAP_SECONDS", 0.05)
    monkeypatch.setattr(module, "LOOK_SECONDS", 60.0)
    run_id = put(store, "SCHEDULED")
    reader = Reader(store)
    assert [run.status for run in reader.runs()] == ["SCHEDULED"]
    store.end(run_id, "KILLED")
    time.sleep(0.2)  # longer than looks overlap
    reader.refresh()
    assert [run.status for run in reader.runs()] == ["KILLED"]


def test_while_one_session_waits_for_the_store_the_others_read_what_is_known(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store)
    reader = Reader(store)
    assert len(reader.runs()) == 1
    active, asked, answer = store.active, threading.Event(), threading.Event()

    def slowly() -> list[RunRecord]:
        asked.set()
        assert answer.wait(20)
        return active()

    put(store)  # something to see
    monkeypatch.setattr(store, "active", slowly)
    with ThreadPoolExecutor() as sessions:
        first = sessions.submit(reader.runs)
        try:
            assert asked.wait(20)
            assert sessions.submit(reader.runs).result(5)
            assert not first.done()
        finally:
            answer.set()


def test_nothing_is_asked_until_somebody_has_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store)
    reader = Reader(store)
    reader.runs()
    active, asked = store.active, []
    monkeypatch.setattr(store, "active", lambda: (asked.append(1), active())[1])
    reader.runs()
    reader.runs()
    assert asked == []
    put(store)
    assert len(reader.runs()) == 2
    assert asked == [1]
    reader.refresh()
    assert asked == [1, 1]


def test_a_refresh_of_a_store_that_does_not_answer_leaves_the_message_to_the_page(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no network")

    reader = Reader(store)
    reader.runs()
    monkeypatch.setattr(store, "active", fail)
    reader.refresh()
    with pytest.raises(StoreError, match="no network"):
        reader.runs()


def test_libraries_are_exempt_from_garbage_collection_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MLFLOW_AFTER_SECONDS", 0.0)
    frozen = threading.Semaphore(0)
    monkeypatch.setattr(module.gc, "freeze", frozen.release)
    module._loading_later.clear()
    module._loaded.clear()
    module.open_reader(store.uri)
    assert frozen.acquire(timeout=30)
    module._reader_of.cache_clear()
    module.open_reader(store.uri)
    module.load_mlflow_once(remote=False)
    assert not frozen.acquire(timeout=0.2)


def test_the_newest_runs_are_shown_while_older_ones_are_still_being_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(module, "SHOWN_AT_ONCE", 1)
    monkeypatch.setattr(module, "OVERLAP_SECONDS", -3600.0)
    older, newer, waiting = put(store), put(store), put(store, "SCHEDULED")
    newest_first, go_on, shown = store.newest_first, threading.Event(), threading.Event()

    def slowly(*a: Any, **k: Any) -> Iterator[RunRecord]:
        for run in newest_first(*a, **k):
            if run.run_id == older:
                shown.set()
                assert go_on.wait(20)
            yield run

    monkeypatch.setattr(store, "newest_first", slowly)
    reader = Reader(store)
    reader.runs()
    assert shown.wait(20)
    assert [run.run_id for run in reader.runs()] == [newer, waiting]
    assert not reader.complete
    go_on.set()
    join_rereading()
    assert [run.run_id for run in reader.runs()] == [older, newer, waiting]
    assert reader.complete


def test_a_first_read_that_fails_is_said_and_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no disk")

    put(store)
    reader = Reader(store)
    with monkeypatch.context() as patch:
        patch.setattr(store, "newest_first", fail)
        with pytest.raises(StoreError, match="no disk"):
            reader.runs()
    assert len(reader.runs()) == 1


def test_the_list_is_the_same_one_until_something_changes(store: Store) -> None:
    put(store)
    waiting = put(store, "SCHEDULED")
    reader = Reader(store)
    listed = reader.runs()
    assert reader.runs() is listed
    assert reader.runs(EXPERIMENT.name) is reader.runs(EXPERIMENT.name)
    store.end(waiting, "KILLED")
    assert [run.status for run in reader.runs()] == ["FINISHED", "KILLED"]
    assert [run.status for run in listed] == ["FINISHED", "SCHEDULED"]


def test_what_was_edited_or_deleted_elsewhere_is_seen_with_the_next_look(store: Store) -> None:
    renamed, deleted = put(store), put(store)
    reader = Reader(store)
    assert len(reader.runs()) == 2
    reader._taken.clear()  # as if it had been read long ago
    reader._rested_at = 0.0
    time.sleep(0.01)
    store.client.update_run(renamed, name="the best")
    store.client.delete_run(deleted)
    reader.refresh()
    assert [run.name for run in reader.runs()] == ["the best"]


def test_a_store_that_nobody_writes_to_is_not_read_again(
    store: Store, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OVERLAP_SECONDS", -3600.0)
    put(store)
    reader = Reader(store)
    listed = reader.runs()
    for _ in range(3):  # reading makes and removes files beside a database, and writes nothing
        reader._rested_at = 0.0
        reader.refresh()
    assert asked["runs"] == 1
    reader.reread()
    assert reader.runs() is listed


def test_an_edit_is_seen_at_once_even_while_everything_is_being_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    starred, deleted = put(store), put(store)
    reader = Reader(store)
    reader.runs()
    newest_first, go_on, read = store.newest_first, threading.Event(), threading.Event()

    def slowly(*a: Any, **k: Any) -> Iterator[RunRecord]:
        yield from list(newest_first(*a, **k))
        read.set()
        assert go_on.wait(20)

    with monkeypatch.context() as patch:
        patch.setattr(store, "newest_first", slowly)
        behind = reader._reread_behind()
        assert read.wait(20)
    undo = reader.edit(ME, {starred: edit_of(star=True), deleted: edit_of(delete=True)})
    assert [(run.run_id, run.starred) for run in reader.runs()] == [(starred, True)]
    go_on.set()
    behind.result(20)
    assert [(run.run_id, run.starred) for run in reader.runs()] == [(starred, True)]
    assert [run.run_id for run in reader.deleted()] == [deleted]
    reader.edit(ME, undo)
    assert [run.starred for run in reader.runs()] == [False, False]


def test_archived_runs_are_listed_only_if_asked_for(store: Store) -> None:
    run_id = put(store)
    reader = Reader(store)
    reader.edit(ME, {run_id: edit_of(archive=True)})
    assert reader.runs() == reader.runs(EXPERIMENT.name) == []
    assert [run.run_id for run in reader.runs(archived=True)] == [run_id]
    found = reader.run(run_id)
    assert found is not None
    assert found.archived


def test_a_run_that_waits_or_runs_elsewhere_is_not_asked_for_its_rows_by_everybody(
    store: Store, toy, asked: Counter[str]
) -> None:
    """Of ten looks in a second none asks for a waiting run's tables, and one for a remote run's."""
    (run_id,) = submit(store, TOY, [ToyConfig()])
    reader = Reader(store)
    assert [reader.table(store.run(run_id), "squares") for _ in range(10)] == [None] * 10
    assert asked["tables"] == 0
    assert store.take(run_id, {"host": "elsewhere", "pid": 1, "created": "then"}, {})
    assert [reader.table(store.run(run_id), "squares") for _ in range(10)] == [None] * 10
    assert asked["tables"] == 1
