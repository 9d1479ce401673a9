from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import resource
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from io import FileIO
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from core.experiment import Artifact, Checkpoint, Event, Progress
from core.machine_lock import acquire_machine_slot
from core.processes import process_identity
from core.runner import _Heartbeat, execute
from core.settings import BadSetting
from core.stats.estimates import Estimate
from core.store.recorder import Recorder, salvage
from core.store.tracking import Store, insist
from experiments.queue import retry
from tests.toy import TOY, SquareRow, ToyConfig, ToySummary, bytes_of


def go(store: Store, **settings: object) -> str:
    run_id = store.create(TOY, ToyConfig.from_flat(settings), sweep="s", status="RUNNING")
    execute(store, run_id)
    return run_id


def test_a_finished_run_has_tables_metrics_note_and_log(store: Store, toy) -> None:
    run_id = go(store, count=5)
    record = store.run(run_id)
    assert record.status == "FINISHED"
    assert record.metrics["mean"] == 2.5
    assert record.metrics["mean_low"] == 1.0
    assert record.metrics["rows"] == 5
    assert record.metrics["seconds"] > 0
    assert record.note == "5 squares, 2.5 on average."
    assert record.state["fraction"] == 1.0
    assert record.state["rows"] == 6
    assert {"torch", "mlflow", "python", "host", "device", "chip", "threads"} <= set(record.tags)
    assert "number 4" in store.log_text(run_id)
    squares = store.table(store.run(run_id), "squares")
    assert squares["square"].tolist() == [0.0, 1.0, 4.0, 9.0, 16.0]
    history = store.client.get_metric_history(run_id, "squares/square")
    assert [(m.step, m.value) for m in history] == [(n, n**2.0) for n in range(5)]
    assert not store.spool(run_id).exists()


def test_a_failed_run_keeps_its_rows_and_its_traceback(store: Store, toy) -> None:
    run_id = go(store, fail_after=2)
    record = store.run(run_id)
    assert record.status == "FAILED"
    assert record.error == "RuntimeError: asked to fail"
    assert "asked to fail" in record.tags["unroll.traceback"]
    assert "Traceback" in store.log_text(run_id)
    assert store.table(store.run(run_id), "squares")["square"].tolist() == [0.0, 1.0]
    assert store.table(store.run(run_id), "summary") is None


def test_a_terminated_run_keeps_its_rows_and_restores_the_handlers(store: Store, toy) -> None:
    before = signal.getsignal(signal.SIGTERM)
    run_id = go(store, stop_after=3)
    record = store.run(run_id)
    assert record.status == "KILLED"
    assert "cancelled" in record.error
    assert store.table(store.run(run_id), "squares")["square"].tolist() == [0.0, 1.0, 4.0]
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_infinite_value_is_in_the_table_and_counted(store: Store, toy) -> None:
    run_id = go(store, infinite=True)
    assert store.table(store.run(run_id), "squares")["square"].iloc[-1] == float("inf")
    assert store.run(run_id).metrics["non_finite_values"] == 1


def test_a_config_that_this_version_refuses_fails_with_the_reason(store: Store, toy) -> None:
    run_id = store.create(TOY, ToyConfig(), sweep="s")
    store.set_tags(run_id, {"unroll.config": '{"cell": "rnn", "count": -1}'})
    assert execute(store, run_id) == "FAILED"
    assert "count is -1" in store.run(run_id).error


def test_a_run_cancelled_before_it_starts_never_runs(store: Store, toy) -> None:
    run_id = store.create(TOY, ToyConfig(), sweep="s")
    store.set_tags(run_id, {"unroll.cancel": "1"})
    assert execute(store, run_id) == "KILLED"
    assert store.table(store.run(run_id), "squares") is None


def test_a_folder_that_cannot_be_written_fails_the_run_with_the_reason(store: Store, toy) -> None:
    shutil.rmtree(store.folder / "spool")
    (store.folder / "spool").touch()  # nothing can be written there
    record = store.run(go(store))
    assert record.status == "FAILED"
    assert record.error.startswith("NotADirectoryError")


class HalfFullDisk(FileIO):
    """Takes half of what is written the first few times, and then says that there is no room."""

    refusals: ClassVar[int] = 3

    def write(self, content: Any, /) -> int:
        if HalfFullDisk.refusals > 0 and b"square" not in content:
            HalfFullDisk.refusals -= 1
            super().write(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(content)


def test_a_run_waits_for_room_on_the_disk_and_loses_and_doubles_no_row(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.store.recorder.FileIO", HalfFullDisk)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(HalfFullDisk, "refusals", 3)
    run_id = go(store, count=6)
    assert HalfFullDisk.refusals == 0
    assert store.run(run_id).status == "FINISHED"
    assert store.table(store.run(run_id), "squares")["number"].tolist() == list(range(6))
    assert "waiting for room on the disk" in store.log_text(run_id)


def test_a_run_that_waits_for_room_can_be_cancelled(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.store.recorder.FileIO", HalfFullDisk)
    monkeypatch.setattr(HalfFullDisk, "refusals", 10**9)
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("time.sleep", sleep)
    assert store.run(go(store)).status == "KILLED"
    assert len(waited) == 2


def test_a_run_keeps_to_its_time_limit_and_keeps_its_rows(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.runner.HEARTBEAT_SECONDS", 0.05)
    run_id = store.create(TOY, ToyConfig(time_limit=0.01), sweep="s", status="RUNNING")
    assert execute(store, run_id, lambda _: time.sleep(0.3)) == "FAILED"
    record = store.run(run_id)
    assert record.error.startswith("it took longer than its time_limit of 0.01 minutes; rows")
    assert len(store.table(record, "squares")) >= 1


def test_a_run_that_needs_more_memory_than_its_limit_fails_and_says_what_to_do(
    store: Store, toy
) -> None:
    def eat(event: Event) -> None:
        if isinstance(event, Progress):
            bytearray(2**40)

    before = resource.getrlimit(resource.RLIMIT_DATA)
    run_id = store.create(TOY, ToyConfig(memory_limit=64), sweep="s", status="RUNNING")
    assert execute(store, run_id, eat) == "FAILED"
    error = store.run(run_id).error
    assert "more memory than its memory_limit of 64 GiB" in error
    assert "raise memory_limit (MemoryError" in error
    assert len(store.table(store.run(run_id), "squares")) == 1
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_the_memory_limit_begins_when_the_heartbeat_beats(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that finds no memory never says that it has started, and would be waited for."""
    before, begin, seen = resource.getrlimit(resource.RLIMIT_DATA), _Heartbeat.__enter__, []

    def enter(heartbeat: _Heartbeat) -> _Heartbeat:
        seen.append(resource.getrlimit(resource.RLIMIT_DATA))
        return begin(heartbeat)

    monkeypatch.setattr(_Heartbeat, "__enter__", enter)
    run_id = store.create(TOY, ToyConfig(memory_limit=64), sweep="s", status="RUNNING")
    limits = []
    execute(store, run_id, lambda _: limits.append(resource.getrlimit(resource.RLIMIT_DATA)[0]))
    assert seen == [before]
    assert {*limits} == {64 * 2**30}


@pytest.mark.parametrize("away", ["take", "log_metrics", "set_note", "end", "upload"])
def test_a_store_that_is_away_at_the_start_or_the_end_ends_no_run(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    calls: list[str] = []
    method = getattr(store, away)

    def sometimes(*arguments: Any, **named: Any) -> Any:
        calls.append(away)
        if len(calls) <= 3:
            raise sqlite3.OperationalError("database is locked")
        return method(*arguments, **named)

    monkeypatch.setattr(store, away, sometimes)
    monkeypatch.setattr("time.sleep", lambda _: None)
    run_id = go(store)
    assert len(calls) > 3
    assert store.run(run_id).status == "FINISHED"
    assert len(store.table(store.run(run_id), "squares")) == 4


def test_an_error_that_would_come_again_is_not_waited_for() -> None:
    calls = []

    def refuse() -> None:
        calls.append(1)
        raise BadSetting("no")

    with pytest.raises(BadSetting):
        insist(refuse)
    assert len(calls) == 1


def test_of_two_processes_that_execute_a_run_at_once_one_does(store: Store, toy) -> None:
    """The second looked at the run before the first had taken it."""
    run_id = store.create(TOY, ToyConfig(), sweep="s")
    before = store.run(run_id)
    owner = {**process_identity(), "created": "of another process", "started": 1.0}
    assert store.take(run_id, owner, {})
    assert execute(store, run_id) == "RUNNING"
    assert not store.take(run_id, {**process_identity(), "started": 2.0}, {})
    assert not store.end(run_id, "FAILED", "lost", owner=before.owner)
    assert store.run(run_id).owner == owner
    assert store.end(run_id, "FINISHED", owner=owner)
    assert not store.end(run_id, "FAILED", "too late", owner=owner)
    assert store.run(run_id).status == "FINISHED"


def test_a_store_that_is_away_for_a_moment_costs_the_run_nothing(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.store.recorder.UPLOAD_SECONDS", 0.0)
    monkeypatch.setattr("core.store.recorder.UPLOAD_SHARE", 1.0)
    failures = iter(range(3))  # while rows are written, or as late as at the end
    upload = store.upload

    def sometimes(*arguments: object) -> None:
        if next(failures, None) is not None:
            raise ConnectionError("the store is away")
        upload(*arguments)

    monkeypatch.setattr(store, "upload", sometimes)
    run_id = go(store, count=10)
    assert store.run(run_id).status == "FINISHED"
    assert len(store.table(store.run(run_id), "squares")) == 10


def test_a_run_that_has_ended_or_is_somebody_elses_is_not_executed_again(store: Store, toy) -> None:
    run_id = go(store)
    ended = store.run(run_id).ended
    assert execute(store, run_id) == "FINISHED"
    assert store.run(run_id).ended == ended
    other = store.create(TOY, ToyConfig(), sweep="s")
    store.take(other, {"host": "elsewhere", "pid": 1, "created": 1.0, "started": 1.0}, {})
    assert execute(store, other) == "RUNNING"
    assert store.table(store.run(other), "squares") is None


def test_a_note_is_in_the_table_and_no_metric(store: Store, toy) -> None:
    run_id = go(store, count=2)
    assert store.table(store.run(run_id), "summary")["remark"].tolist() == ["all of them"]
    assert "remark" not in store.run(run_id).metrics


class TestOfATimedRun:
    @pytest.fixture(autouse=True)
    def timed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        timed = dataclasses.replace(TOY, timed=True)
        monkeypatch.setattr("core.experiments._registered", {timed.name: timed})

    def test_it_has_the_machine_to_itself_until_it_has_ended(self, store: Store) -> None:
        run_id = store.create(TOY, ToyConfig(), sweep="s", status="RUNNING")
        free: list[bool] = []
        execute(store, run_id, lambda _: free.append(_is_free(store)))
        assert free
        assert not any(free)
        assert _is_free(store)

    def test_it_waits_for_the_others_and_says_so(self, store: Store) -> None:
        run_id = store.create(TOY, ToyConfig(), sweep="s", status="RUNNING")
        reported = threading.Event()
        ended: list[float] = []

        def other() -> None:
            with acquire_machine_slot(store.folder, exclusive=False):
                ready.set()
                assert reported.wait(20)
                ended.append(time.time())

        def watch(event: Event) -> None:
            if isinstance(event, Progress) and event.message.startswith("waiting"):
                reported.set()

        ready = threading.Event()
        thread = threading.Thread(target=other)
        thread.start()
        assert ready.wait(20)
        execute(store, run_id, watch)
        thread.join()
        assert ended
        record = store.run(run_id)
        assert record.status == "FINISHED"
        assert record.owner["started"] >= ended[0]
        assert "waiting for other runs on this machine to end" in store.log_text(run_id)

    def test_it_starts_with_its_place_even_if_it_hardly_waited(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = store.create(TOY, ToyConfig(), sweep="s", status="RUNNING")
        taken: list[float] = []

        @contextlib.contextmanager
        def place(*_: Any, **__: Any) -> Iterator[None]:
            time.sleep(0.05)
            taken.append(time.time())
            yield

        monkeypatch.setattr("core.runner.acquire_machine_slot", place)
        execute(store, run_id)
        assert store.run(run_id).owner["started"] >= taken[0]

    def test_it_can_be_cancelled_while_it_waits(self, store: Store) -> None:
        run_id = store.create(TOY, ToyConfig(), sweep="s", status="RUNNING")

        def stop(event: Event) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

        with acquire_machine_slot(store.folder, exclusive=False):
            assert execute(store, run_id, stop) == "KILLED"
        assert store.table(store.run(run_id), "squares") is None


def _is_free(store: Store) -> bool:
    class Occupied(Exception):
        pass

    def give_up() -> None:
        raise Occupied

    try:
        with acquire_machine_slot(store.folder, exclusive=False, on_wait=give_up):
            return True
    except Occupied:
        return False


class TestOfARunThatCanGoOn:
    """Counts to `count`, leaves a checkpoint after each number, stops itself at `stop_after`."""

    @pytest.fixture(autouse=True)
    def resumable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def measure(config: ToyConfig, checkpoint: bytes | None) -> Iterator[Event]:
            first = int(checkpoint or 0)
            yield from (SquareRow(0, "whole", 0, n, n**2.0) for n in range(first))
            for number in range(first, config.count):
                if number == config.stop_after and first < number:
                    os.kill(os.getpid(), signal.SIGTERM)
                yield SquareRow(0, "whole", 0, number, number**2.0)
                yield Checkpoint(str(number + 1).encode())
            yield Artifact("model/weights.txt", b"heavy")
            yield Artifact("remark.txt", str(first).encode())
            yield ToySummary(Estimate(2.5, 1.0, 4.0, 3), config.count, "all")

        monkeypatch.setitem(sys.modules, "tests.resumable", SimpleNamespace(measure=measure))
        toy = dataclasses.replace(TOY, module="tests.resumable", resumable=True)
        monkeypatch.setattr("core.experiments._registered", {toy.name: toy})

    def test_its_files_are_kept_and_its_checkpoint_is_not(self, store: Store) -> None:
        run_id = go(store, count=3)
        for path, content in (("model/weights.txt", b"heavy"), ("remark.txt", b"0")):
            assert bytes_of(store, run_id, path) == content
        assert bytes_of(store, run_id, "checkpoint") is None

    def test_one_that_was_stopped_goes_on_when_it_is_repeated(self, store: Store) -> None:
        stopped = go(store, count=6, stop_after=4)
        assert store.run(stopped).status == "KILLED"
        again = retry(store, stopped)
        assert execute(store, again) == "FINISHED"
        squares = store.table(store.run(again), "squares")["square"].tolist()
        assert squares == [0.0, 1.0, 4.0, 9.0, 16.0, 25.0]
        assert bytes_of(store, again, "remark.txt") == b"4"
        assert f"resuming from the checkpoint of {stopped}" in store.log_text(again)

    def test_it_finds_the_checkpoint_of_the_run_before_the_one_before(self, store: Store) -> None:
        stopped = go(store, count=6, stop_after=4)
        between = retry(store, stopped)
        store.end(between, "KILLED", "cancelled before it started")
        again = retry(store, between)
        execute(store, again)
        assert bytes_of(store, again, "remark.txt") == b"4"

    def test_a_dead_ones_checkpoint_is_salvaged(self, store: Store, toy) -> None:
        run_id = store.create(TOY, ToyConfig(count=2), sweep="s", status="RUNNING")
        recorder = Recorder(store, run_id, TOY)
        recorder.take(Checkpoint(b"1"))
        salvage(store, run_id, TOY)
        assert bytes_of(store, run_id, "checkpoint") == b"1"
