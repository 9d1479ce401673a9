from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from typing import Any

import psutil
import pytest

from core.chapter.claim import Measurement
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from core.models import registry
from core.settings import BadSetting
from core.store.records import STATUSES, TAG_OWNER
from core.store.tracking import Store
from experiments import queue
from experiments.queue import (
    QueueFull,
    cancel,
    estimate,
    find,
    missing,
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
    store.mark_running(run_id, owner, {})
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
    again = store.run(retry(store, run_id))
    before = store.run(run_id)
    assert again.status == "SCHEDULED"
    assert again.settings == before.settings
    assert again.sweep == before.sweep
    assert again.retry_of == run_id


def test_a_run_is_found_by_the_beginning_of_its_id(store: Store, toy) -> None:
    first, _ = submit(store, TOY, configs(0, 1))
    assert find(store, first[:8]).run_id == first
    with pytest.raises(BadSetting, match="fits 0 runs"):
        find(store, first[:3])


def measured(store: Store, seconds: float, **settings: Any) -> None:
    """Record a finished run that took so long."""
    (run_id,) = submit(store, TOY, [ToyConfig.from_flat(settings)])
    owner = {"host": os.uname().nodename, "pid": 1, "created": 1.0}
    store.mark_running(run_id, {**owner, "started": time.time() - seconds}, {})
    store.end(run_id, "FINISHED")


def test_time_is_estimated_from_finished_runs_of_this_machine(store: Store, toy) -> None:
    rough = estimate([], TOY, configs(0))
    assert rough is not None
    assert 0 < 4 * rough[0] == pytest.approx(rough[1])
    assert estimate([], TOY, [ToyConfig(device="cuda")]) is None
    submit(store, TOY, [ToyConfig(count=10)])
    assert estimate(store.runs(), TOY, configs(0)) == rough
    measured(store, 5.0, count=10)
    assert estimate(store.runs(), TOY, [ToyConfig(count=20)]) == pytest.approx((10, 10), rel=0.1)
    elsewhere = [replace(run, tags={}) for run in store.runs()]
    assert estimate(elsewhere, TOY, configs(0)) == rough


def test_time_is_estimated_from_the_runs_that_are_most_alike(store: Store, toy) -> None:
    """One second per square of an RNN, two of an LSTM; five times as much in long runs."""
    for count, factor in ((10, 1), (1000, 5)):
        for seed in range(5):
            measured(store, factor * count, count=count, seed=seed)
            measured(store, 2 * factor * count, count=count, seed=seed, cell="lstm")
    for wanted, seconds in (
        ({"count": 10}, 10),
        ({"count": 12, "cell": "lstm"}, 24),
        ({"count": 800}, 4000),
        ({"count": 800, "cell": "lstm"}, 8000),
    ):
        found = estimate(store.runs(), TOY, [ToyConfig.from_flat(wanted)])
        assert found == pytest.approx((seconds, seconds), rel=0.1), wanted


def test_a_cell_that_nobody_has_timed_has_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    rnn = registry.cell_kind("rnn")
    mine = replace(rnn, name="mine", weight_blocks=("gate", "candidate"))  # type: ignore[arg-type]
    monkeypatch.setattr(registry, "_KINDS", (*registry._KINDS, mine))
    for experiment in (GRADIENT_DECAY, PARAMETER_COUNT, THROUGHPUT):
        config = experiment.config()
        unknown = config.architecture.model_copy(update={"cell": "mine"})
        (low, high) = estimate([], experiment, [config]) or (0, 0)
        more = estimate([], experiment, [config.model_copy(update={"architecture": unknown})])
        assert more is not None
        assert 0 < low < more[0] < high < more[1]


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


def test_runs_side_by_side_take_as_much_less_time_as_there_are_cores_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue, "cores", lambda: 4)

    def high(runs: int, threads: int = 1, *, timed: bool = False) -> float:
        asked = [ToyConfig(seed=seed, threads=threads) for seed in range(runs)]
        (_, seconds) = estimate([], replace(TOY, timed=timed), asked) or (0, 0)
        return seconds

    alone = high(1)
    assert high(2) == pytest.approx(alone), "no faster than one of them"
    assert high(8) == pytest.approx(2 * alone)
    assert high(8, threads=2) == pytest.approx(4 * alone)
    assert high(8, threads=9) == pytest.approx(8 * alone)
    assert high(8, timed=True) == pytest.approx(8 * alone)
