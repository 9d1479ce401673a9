"""A run is called lost by what its executor knows of it, and never because of another machine."""

from __future__ import annotations

import errno
import io
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from core.processes import process_exists, process_identity
from core.store.records import TAG_CANCEL, TAG_CONFIG, TAG_HEARTBEAT, TAG_OWNER, RunRecord
from core.store.tracking import Store
from experiments import liveness
from experiments.executors.base import ResourceRequest
from experiments.liveness import LostRuns
from experiments.logs import log, set_up
from experiments.worker import MAX_REQUEUES, Worker
from tests.toy import TOY, ToyConfig

HERE = {**process_identity(), "started": 1.0}

GONE = {**HERE, "pid": 2**22 + 1}

LOG = logging.getLogger("unroll.test")

ELSEWHERE = {"host": "elsewhere", "pid": 1, "created": 1.0, "started": 1.0}


@dataclass
class FakeExecutor:
    """Executes nothing; `ended` is what it reports of its children."""

    ended: list[tuple[str, str]] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    running: tuple[str, ...] = ()
    requeues_lost: bool = False
    room: Callable[[ResourceRequest], bool] = lambda request: True

    def warm_up(self) -> None: ...

    def has_room(self, request: ResourceRequest, others: Sequence[ResourceRequest] = ()) -> bool:
        return self.room(request)

    def start(self, record: RunRecord) -> None:
        self.started.append(record.run_id)

    def wait(self, seconds: float) -> list[tuple[str, str]]:
        ended, self.ended = self.ended, []
        return ended

    def stop(self, run_id: str, *, force: bool = False) -> None: ...

    def is_alive(self, record: RunRecord) -> bool | None:
        return liveness.is_alive(record)


def look_once(store: Store, executor: FakeExecutor) -> None:
    Worker(store, LOG, executor).serve(watch=lambda: True)


def owned_by(store: Store, owner: dict[str, object]) -> str:
    run_id = store.create(TOY, ToyConfig(), sweep="s")
    store.take(run_id, owner, {TAG_HEARTBEAT: "1.0"})
    return run_id


def test_what_waits_is_started_by_the_executor_that_was_given(store: Store, toy) -> None:
    run_id = store.create(TOY, ToyConfig(), sweep="s")
    executor = FakeExecutor()
    look_once(store, executor)
    assert executor.started == [run_id]


def test_what_waits_for_room_is_not_overtaken(store: Store, toy) -> None:
    """Or else narrow runs would keep a wide or a timed one waiting for ever."""
    first, wide, last, sign = (
        store.create(TOY, ToyConfig(threads=threads), sweep="s") for threads in (1, 2, 1, 1)
    )
    store.set_tags(sign, {TAG_CANCEL: "1.0"})
    executor = FakeExecutor(room=lambda request: request.threads == 1)
    look_once(store, executor)
    assert executor.started == [first]
    executor = FakeExecutor()
    look_once(store, executor)
    assert executor.started == [first, wide, last], "and what was cancelled meanwhile is not"


def test_a_child_that_ended_does_not_end_a_run_that_lives_elsewhere(store: Store, toy) -> None:
    run_ids = [owned_by(store, owner) for owner in (ELSEWHERE, HERE)]
    how = "its process ended with exit status 0"
    look_once(store, FakeExecutor(ended=[(run_id, how) for run_id in run_ids]))
    assert {store.run(run_id).status for run_id in run_ids} == {"RUNNING"}


def test_a_child_that_ended_without_ending_its_run_is_lost(store: Store, toy) -> None:
    owned, unowned = owned_by(store, GONE), store.create(TOY, ToyConfig(), sweep="s")
    how = "its process ended with exit status 1"
    look_once(store, FakeExecutor(ended=[(owned, how), (unowned, how)]))
    for run_id in (owned, unowned):
        assert store.run(run_id).error == f"lost: {how}; retry runs it again"


def test_a_run_whose_process_on_this_machine_is_gone_is_lost(store: Store, toy) -> None:
    run_id = owned_by(store, GONE)
    look_once(store, FakeExecutor())
    assert "lost: its process is gone" in store.run(run_id).error


def test_a_run_that_is_lost_with_its_node_is_queued_again_but_not_for_ever(
    store: Store, toy
) -> None:
    lost = [owned_by(store, GONE)]
    for _ in range(MAX_REQUEUES + 1):
        look_once(store, FakeExecutor(requeues_lost=True))
        for record in store.runs(status="SCHEDULED"):
            assert record.retry_of == lost[-1]
            reason = f"lost: its process is gone; queued again as run {record.run_id[:8]}"
            assert store.run(lost[-1]).error == reason
            store.take(record.run_id, GONE, {})
            lost.append(record.run_id)
    assert len(lost) == MAX_REQUEUES + 1
    assert {store.run(run_id).status for run_id in lost} == {"FAILED"}
    assert store.run(lost[-1]).error == "lost: its process is gone; retry runs it again"


def test_a_lost_run_is_not_queued_again_if_somebody_cancelled_it(store: Store, toy) -> None:
    run_id = owned_by(store, GONE)
    store.set_tags(run_id, {TAG_CANCEL: "1.0"})
    look_once(store, FakeExecutor(requeues_lost=True))
    assert [record.status for record in store.runs()] == ["KILLED"]


def test_a_run_of_another_machine_is_not_ended_for_its_old_heartbeat(store: Store, toy) -> None:
    run_id = owned_by(store, ELSEWHERE)
    look_once(store, FakeExecutor())
    assert store.run(run_id).status == "RUNNING"


def test_a_waiting_run_that_another_machine_is_starting_is_left_to_it(store: Store, toy) -> None:
    run_id = owned_by(store, ELSEWHERE)
    store.client.update_run(run_id, status="SCHEDULED")
    executor = FakeExecutor()
    look_once(store, executor)
    assert executor.started == []
    assert store.run(run_id).status == "SCHEDULED"


@pytest.mark.parametrize(
    ("owner", "cancelled", "reason"),
    [
        (ELSEWHERE, True, "no heartbeat from elsewhere for 120 s"),
        (ELSEWHERE, False, ""),
        (
            None,
            False,
            "the run was created but never started (its submitter was interrupted)",
        ),
    ],
)
def test_silence_is_timed_from_when_it_was_first_seen(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch, owner, cancelled: bool, reason: str
) -> None:
    run_id = store.create(TOY, ToyConfig(), sweep="s", status="RUNNING")
    if owner is not None:
        store.take(run_id, owner, {TAG_HEARTBEAT: "1.0"})
    if cancelled:
        store.set_tags(run_id, {TAG_CANCEL: "1.0"})
    lost, now = LostRuns(), time.monotonic()
    answers = []
    for seconds in (0.0, 59.0, 121.0):
        monkeypatch.setattr(liveness.time, "monotonic", lambda now=now + seconds: now)
        answers.append(lost.reason(store.run(run_id), None))
    assert answers == ["", "", reason]
    store.set_tags(run_id, {TAG_HEARTBEAT: "2.0"})
    assert lost.reason(store.run(run_id), None) == ""


def test_an_owner_that_cannot_be_read_is_nobody_known(store: Store, toy) -> None:
    run_id = owned_by(store, HERE)
    store.set_tags(run_id, {TAG_OWNER: "edited"})
    record = store.run(run_id)
    assert liveness.is_alive(record) is None
    look_once(store, FakeExecutor())
    assert store.run(run_id).status == "RUNNING"


def test_a_later_process_of_the_same_number_is_not_the_owner() -> None:
    assert process_exists(os.getpid(), HERE["created"])
    assert not process_exists(os.getpid(), f"{HERE['created']}0")


def test_a_process_stays_the_same_when_somebody_sets_the_clock(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """psutil reckons a start from the time of the boot, which moves with the clock."""
    run_id = owned_by(store, HERE)
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: 1.0)
    monkeypatch.setattr("time.time", lambda: 7200.0)
    assert process_identity() == {name: HERE[name] for name in ("host", "pid", "created")}
    look_once(store, FakeExecutor())
    assert store.run(run_id).status == "RUNNING"


def test_a_request_to_stop_is_timed_by_this_machines_clock(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tag has a time of day, which may be an hour off."""
    run_id = owned_by(store, HERE)
    store.set_tags(run_id, {TAG_CANCEL: "edited"})
    cancellations, now = liveness.Cancellations(), time.monotonic()
    answers = []
    for seconds in (0.0, 9.0, 11.0):
        monkeypatch.setattr(liveness.time, "monotonic", lambda now=now + seconds: now)
        answers.append(cancellations.seconds_since(store.run(run_id)))
    assert answers == [0.0, 9.0, 11.0]


def test_a_run_whose_start_was_cut_short_waits_again(store: Store, toy) -> None:
    """Its owner was recorded, and then somebody killed it before it became RUNNING."""
    run_id = owned_by(store, GONE)
    store.client.update_run(run_id, status="SCHEDULED")
    executor = FakeExecutor()
    look_once(store, executor)
    assert store.run(run_id).owner == {}
    look_once(store, executor)
    assert executor.started == [run_id]


def test_a_run_that_nobody_can_read_ends_with_the_reason_and_the_queue_goes_on(
    store: Store, toy
) -> None:
    broken, fine = (store.create(TOY, ToyConfig(seed=seed), sweep="s") for seed in (0, 1))
    store.set_tags(broken, {TAG_CONFIG: "[1]"})
    executor = FakeExecutor()
    look_once(store, executor)
    record = store.run(broken, unreadable=True)
    assert (record.status, executor.started) == ("FAILED", [fine])
    assert record.error == (
        "it cannot be read: its tag unroll.config is '[1]', which names no settings"
    )


def test_what_a_killed_process_left_of_an_ended_run_is_removed(store: Store, toy) -> None:
    ended, active = owned_by(store, GONE), owned_by(store, HERE)
    store.end(ended, "FINISHED")
    for run_id in (ended, active):
        store.spool(run_id).mkdir()
    look_once(store, FakeExecutor())
    assert not store.spool(ended).exists()
    assert store.spool(active).exists()


def test_a_worker_whose_log_cannot_be_written_goes_on(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch, clean_logging: None
) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    run_id = store.create(TOY, ToyConfig(), sweep="s")
    executor = FakeExecutor()
    set_up("worker")
    monkeypatch.setattr(sys, "stderr", Full())
    Worker(store, log, executor).serve(watch=lambda: True)
    assert executor.started == [run_id]


def test_a_worker_gives_the_signals_back(store: Store, toy) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    look_once(store, FakeExecutor())
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_worker_of_a_server_says_that_it_must_be_the_only_one(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("experiments.worker.database_path", lambda _: None)
    caplog.set_level(logging.INFO)
    look_once(store, FakeExecutor())
    assert "start no worker for this store on another machine" in caplog.text
