from __future__ import annotations

import json
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psutil
import pytest

from core.chapter.claim import Measurement
from core.processes import started_at
from core.settings import BadSetting
from core.store.people import Person, current_user
from core.store.records import STATUSES, TAG_ARCHIVED, TAG_OWNER, TAG_PINNED
from core.store.tracking import Store
from experiments import queue
from experiments.__main__ import main
from experiments.queue import (
    Missing,
    QueueFull,
    cancel,
    find,
    missing,
    requeue,
    retry,
    submit,
    submit_missing,
)
from experiments.suites import Suite
from tests.toy import TOY, ToyConfig


def configs(*seeds: int) -> list[ToyConfig]:
    return [ToyConfig(seed=seed) for seed in seeds]


def test_runs_of_one_submission_are_one_comparison_in_order(store: Store, toy) -> None:
    run_ids = submit(store, TOY, configs(0, 1, 2))
    records = store.runs(status="SCHEDULED")
    assert [record.run_id for record in records] == run_ids
    assert len({record.sweep for record in records}) == 1
    assert records[0].sweep.startswith("toy 20")


def test_a_full_queue_takes_nothing_and_says_so(store: Store, toy, monkeypatch) -> None:
    monkeypatch.setattr(queue, "MAX_QUEUED", 3)
    submit(store, TOY, configs(0, 1))
    with pytest.raises(QueueFull, match="2 runs cannot be queued: the queue holds 2 of at most 3"):
        submit(store, TOY, configs(2, 3))
    assert len(store.runs()) == 2


def test_cancelling_a_queued_run_takes_it_off_the_queue(store: Store, toy) -> None:
    (run_id,) = submit(store, TOY, configs(0))
    assert cancel(store, run_id) == "RNN 64 · seed 0 was removed from the queue"
    assert store.run(run_id).status == "KILLED"
    assert cancel(store, run_id) == "RNN 64 · seed 0 has already ended as KILLED"


def test_cancelling_a_running_run_signals_the_process_that_executes_it(store: Store, toy) -> None:
    child = psutil.Popen(["sleep", "60"])
    (run_id,) = submit(store, TOY, configs(0))
    host = os.uname().nodename
    owner = {"host": host, "pid": child.pid, "created": child.create_time(), "started": time.time()}
    store.take(run_id, owner, {})
    assert "is stopping" in cancel(store, run_id)
    assert child.wait(5) == -15
    assert store.run(run_id).cancelled


def test_a_process_that_only_has_the_same_number_is_not_signalled(store: Store, toy) -> None:
    child = psutil.Popen(["sleep", "60"])
    (run_id,) = submit(store, TOY, configs(0))
    owner = {"host": os.uname().nodename, "pid": child.pid, "created": 1.0, "started": 1.0}
    store.client.set_tag(run_id, TAG_OWNER, json.dumps(owner))
    store.client.update_run(run_id, status="RUNNING")
    cancel(store, run_id)
    assert child.is_running()
    child.kill()
    child.wait()


def test_retry_queues_the_same_config_in_the_same_comparison(store: Store, toy) -> None:
    (run_id,) = submit(store, TOY, [ToyConfig(count=9)])
    with pytest.raises(BadSetting, match="SCHEDULED; only an ended run"):
        retry(store, run_id)
    cancel(store, run_id)
    again = store.run(retry(store.by(Person("ana")), run_id))
    before = store.run(run_id)
    assert (again.user, before.user) == ("ana", current_user())
    assert again.status == "SCHEDULED"
    assert again.settings == before.settings
    assert again.sweep == before.sweep
    assert again.retry_of == run_id


def test_a_run_is_retried_once_and_then_its_retry(store: Store, toy) -> None:
    (run_id,) = submit(store, TOY, configs(0))
    cancel(store, run_id)
    again = retry(store, run_id)
    with pytest.raises(BadSetting, match=rf"retried already, as run {again[:8]} \(SCHEDULED\)"):
        retry(store, run_id)
    cancel(store, again)
    third = retry(store, again)
    assert store.run(third).retry_of == again
    store.delete(third)
    assert store.run(retry(store, again)).retry_of == again, "the deleted one does not count"


def test_a_worker_and_a_person_who_want_a_run_again_at_once_get_the_same_one(
    store: Store, toy
) -> None:
    (run_id,) = submit(store, TOY, configs(0))
    cancel(store, run_id)
    record = store.run(run_id)
    with ThreadPoolExecutor(4) as both:
        again = {*both.map(lambda _: requeue(store, record), range(4))}
    assert len(again) == 1
    assert len(store.runs()) == 2


def test_what_failed_of_a_sweep_is_queued_again_but_for_what_was_retried(store: Store, toy) -> None:
    failed, retried, cancelled, finished = submit(store, TOY, configs(0, 1, 2, 3))
    store.end(failed, "FAILED")
    store.end(retried, "FAILED")
    store.end(cancelled, "KILLED")
    store.end(finished, "FINISHED")
    retry(store, retried)
    (again,) = queue.retry_failed(store, store.runs())
    assert store.run(again).retry_of == failed
    assert queue.retry_failed(store, store.runs()) == []


def test_a_run_that_starts_while_it_is_cancelled_is_not_removed_but_signalled(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = psutil.Popen(["sleep", "60"])
    (run_id,) = submit(store, TOY, configs(0))
    owner = {"host": os.uname().nodename, "pid": child.pid, "created": started_at(child.pid)}
    mark, taken = store.set_tags, []

    def start_meanwhile(of: str, tags: dict[str, str]) -> None:
        mark(of, tags)
        if not taken:
            taken.append(of)
            mark(of, {TAG_OWNER: json.dumps({**owner, "started": 1.0})})

    monkeypatch.setattr(store, "set_tags", start_meanwhile)
    assert "is stopping" in cancel(store, run_id)
    assert child.wait(5) == -15
    assert store.run(run_id).status == "SCHEDULED"


def test_a_run_is_found_by_the_beginning_of_its_id(store: Store, toy) -> None:
    first, _ = submit(store, TOY, configs(0, 1))
    assert find(store, first[:8]).run_id == first
    with pytest.raises(BadSetting, match="fits 0 runs"):
        find(store, first[:3])


def test_equal_runs_are_found_whatever_became_of_their_launch(store: Store, toy) -> None:
    finished, failed, queued, archived = submit(store, TOY, configs(0, 1, 2, 3))
    store.end(finished, "FINISHED")
    store.end(failed, "FAILED")
    store.end(archived, "FINISHED")
    store.set_tags(archived, {TAG_ARCHIVED: "1"})
    (again,) = submit(store, TOY, configs(0))
    plan = [(TOY, config) for config in configs(0, 1, 2, 3, 4)]
    found = [run and run.run_id for run in queue.equal_runs(store.runs(), plan)]
    assert found == [finished, None, queued, None, None], "not what is queued again, or put away"
    assert again


def test_a_name_stands_on_every_run_also_when_it_is_retried(store: Store, toy) -> None:
    run_ids = submit(store, TOY, configs(0, 1), name="  biases\n and widths ")
    assert {run.sweep_name for run in store.runs()} == {"biases and widths"}
    store.set_tags(run_ids[0], {TAG_PINNED: "1"})
    cancel(store, run_ids[0])
    again = store.run(retry(store, run_ids[0]))
    assert (again.sweep_name, again.pinned) == ("biases and widths", True)
    joining = tuple((TOY, config, again.sweep) for config in configs(7))
    (added,) = submit_missing(store, Missing(joining, waiting=(), done=0))
    assert store.run(added).sweep_name == "biases and widths", "seeds are added to it, say"
    with pytest.raises(BadSetting, match=r"name is .xxx.* of 201 characters; give at most 200"):
        submit(store, TOY, configs(2), name="x" * 201)
    assert len(store.runs()) == 4


def test_a_whole_launch_is_cancelled_at_once_and_nothing_starts_meanwhile(
    store: Store, toy
) -> None:
    child = psutil.Popen(["sleep", "60"])
    running, *queued = submit(store, TOY, configs(0, 1, 2))
    host = os.uname().nodename
    owner = {"host": host, "pid": child.pid, "created": child.create_time(), "started": time.time()}
    store.take(running, owner, {})
    said = queue.cancel_all(store, store.active())
    assert said.startswith("2 runs removed from the queue, 1 run stopping")
    assert child.wait(5) == -15
    assert [store.run(run_id).status for run_id in queued] == ["KILLED"] * 2
    assert store.run(running).cancelled
    store.end(running, "KILLED")
    assert queue.cancel_all(store, store.runs()) == "These runs had already ended"


def test_the_sweeps_of_a_suite_are_one_launch() -> None:
    sweep = queue.new_sweep("first-look")
    assert queue.launch_id(sweep) == sweep
    assert queue.launch_id(f"{sweep} six variants") == sweep
    assert queue.launch_id("by hand") == "by hand"


def test_a_queue_may_be_filled_to_its_limit_and_takes_no_more(
    store: Store, toy, monkeypatch
) -> None:
    monkeypatch.setattr(queue, "MAX_QUEUED", 3)
    submit(store, TOY, configs(0))
    (second, _) = submit(store, TOY, configs(1, 2))
    with pytest.raises(QueueFull, match="1 run cannot be queued: the queue holds 3 of at most 3"):
        submit(store, TOY, configs(3))
    cancel(store, second)
    submit(store, TOY, configs(3))
    assert len(store.runs(status="SCHEDULED")) == 3


def test_what_a_suite_lacks_is_told_from_what_waits_and_from_what_is_done(
    store: Store, toy
) -> None:
    settings = {"seed": (0, 1, 2, 3, 4)}
    suite = Suite("five", "Five", "Five runs.", (Measurement("all", TOY, ("rnn",), settings),))
    *finished, failed, queued = submit(store, TOY, configs(0, 1, 2, 3))
    for run_id in finished:
        store.end(run_id, "FINISHED")
    store.end(failed, "FAILED")
    lacking = missing(store, suite)
    assert lacking.done == 2
    assert lacking.waiting == (queued,)
    assert [config.seed for _, config, _ in lacking.plan] == [2, 4], "a failed run is made again"
    first, *others = submit_missing(store, lacking)
    assert first == queued
    assert [store.run(run_id).settings["seed"] for run_id in others] == [2, 4]


def test_a_run_that_is_queued_again_after_it_finished_is_done(store: Store, toy) -> None:
    suite = Suite("one", "One", "One run.", (Measurement("all", TOY, ("rnn",)),))
    (run_id,) = submit(store, TOY, configs(0))
    store.end(run_id, "FINISHED")
    submit(store, TOY, configs(0))
    assert missing(store, suite).done == 1


def test_as_many_letters_of_an_id_as_are_asked_for_are_enough(store: Store, toy) -> None:
    (run_id,) = submit(store, TOY, configs(0))
    assert find(store, run_id[: queue.MIN_ID_LETTERS]).run_id == run_id
    with pytest.raises(BadSetting, match="fits 0 runs"):
        find(store, run_id[: queue.MIN_ID_LETTERS - 1])


def test_only_what_waits_or_has_lost_its_process_needs_a_worker(
    store: Store, toy, monkeypatch
) -> None:
    (run_id,) = submit(store, TOY, configs(0))
    record = store.run(run_id)
    for alive in (True, False, None):
        monkeypatch.setattr(queue, "is_alive", lambda record, alive=alive: alive)
        needing = {s for s in STATUSES if queue.needs_worker(replace(record, status=s))}
        assert needing == ({"SCHEDULED", "RUNNING"} if alive is False else {"SCHEDULED"}), alive


def test_a_killed_process_is_known_without_a_worker(store: Store, toy, capsys) -> None:
    """`kill -9` of `python -m experiments run`: nobody is there who records the end."""
    child = psutil.Popen(["sleep", "60"])
    owner = {
        "host": socket.gethostname(),
        "pid": child.pid,
        "created": started_at(child.pid),
        "started": time.time(),
    }
    runs = [store.create(TOY, ToyConfig(seed=s), sweep="s", status="RUNNING") for s in (0, 1)]
    for run_id in runs:
        store.set_tags(run_id, {TAG_OWNER: json.dumps(owner)})
    assert main(["runs"]) == 0
    assert store.run(runs[0]).status == "RUNNING", "it lives"
    with pytest.raises(BadSetting, match="which is RUNNING; only an ended run can be retried"):
        retry(store, runs[0])
    child.kill()
    child.wait()
    again = retry(store, runs[0])
    assert store.run(again).retry_of == runs[0]
    assert store.run(runs[0]).status == "FAILED"
    assert main(["runs"]) == 0
    assert "lost: its process is gone" in store.run(runs[1]).error
    assert store.run(runs[1]).status == "FAILED"
