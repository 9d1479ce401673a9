"""Estimates of how long runs take, from runs that were made."""

from __future__ import annotations

import math
import os
import time
from dataclasses import replace
from typing import Any

import pytest

from core.store.records import TAG_STATE
from core.store.tracking import Store
from experiments import durations
from experiments.durations import estimate, time_left
from experiments.queue import submit
from tests.toy import TOY, ToyConfig


def measured(store: Store, seconds: float, **settings: Any) -> None:
    """Record a finished run that took so long."""
    (run_id,) = submit(store, TOY, [ToyConfig.from_flat(settings)])
    owner = {"host": os.uname().nodename, "pid": 1, "created": 1.0}
    store.take(run_id, {**owner, "started": time.time() - seconds}, {})
    store.end(run_id, "FINISHED")


def middle(found: tuple[float, float] | None) -> float:
    """Of a range that is as wide in both directions, as a factor."""
    assert found is not None
    return math.sqrt(found[0] * found[1])


def plan(*configs: ToyConfig) -> list[tuple[Any, Any]]:
    return [(TOY, config) for config in configs]


def test_without_a_run_of_this_machine_the_time_is_unknown(store: Store, toy) -> None:
    assert estimate([], []) == (0, 0)
    assert estimate(plan(ToyConfig()), []) is None
    measured(store, 50.0, count=10)
    assert estimate(plan(ToyConfig(count=20)), store.runs()) is not None
    assert estimate(plan(ToyConfig(count=20, device="cuda")), store.runs()) is None
    elsewhere = [replace(run, tags={}) for run in store.runs()]
    assert estimate(plan(ToyConfig()), elsewhere) is None


def test_time_grows_with_work_but_for_start_and_end_and_not_far_beyond_what_was_measured(
    store: Store, toy
) -> None:
    measured(store, 52.0, count=100)
    for count, seconds in ((200, 102), (100, 52), (10, 7)):
        found = estimate(plan(ToyConfig(count=count)), store.runs())
        assert middle(found) == pytest.approx(seconds, rel=0.1), count
    assert estimate(plan(ToyConfig(count=10_000)), store.runs()) is None


def test_many_short_runs_take_as_long_as_they_took(store: Store, toy) -> None:
    """Hardly any of a short run's time is work: 0.1 s for what took 1.6 s each was no estimate."""
    for seed in range(3):
        measured(store, 1.6, count=10, seed=seed)
    found = estimate(plan(ToyConfig(count=1, threads=64)), store.runs())
    assert middle(found) == pytest.approx(1.6, rel=0.2)


def test_the_less_a_run_is_like_those_that_were_made_the_wider_its_range(store: Store, toy) -> None:
    measured(store, 50.0, count=100)
    widths = []
    for config in (ToyConfig(count=100, seed=9), ToyConfig(count=120), ToyConfig(count=900)):
        low, high = estimate(plan(config), store.runs()) or (0, 0)
        widths.append(high / low)
    assert widths[0] == pytest.approx(1)
    assert 1 < widths[1] < 3 < widths[2] == pytest.approx(4)


def test_the_runs_that_are_most_alike_decide(store: Store, toy) -> None:
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
        found = estimate(plan(ToyConfig.from_flat(wanted)), store.runs())
        assert middle(found) == pytest.approx(seconds, rel=0.1), wanted


def test_runs_side_by_side_take_as_much_less_time_as_there_are_cores_for(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durations, "cores", lambda: 4)
    for threads in (1, 2, 9):
        measured(store, 50.0, threads=threads)

    def high(runs: int, threads: int = 1, *, timed: bool = False) -> float:
        asked = [ToyConfig(seed=seed, threads=threads) for seed in range(runs)]
        experiment = replace(TOY, timed=timed)
        (_, seconds) = estimate([(experiment, config) for config in asked], store.runs()) or (0, 0)
        return seconds

    alone = high(1)
    assert alone == pytest.approx(50, rel=0.1)
    assert high(2) == pytest.approx(alone), "no faster than one of them"
    assert high(8) == pytest.approx(2 * alone)
    assert high(8, threads=2) == pytest.approx(4 * alone)
    assert high(8, threads=9) == pytest.approx(8 * alone)
    assert high(8, timed=True) == pytest.approx(8 * alone)


def test_the_time_left_follows_what_is_done_of_the_active_runs(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durations, "cores", lambda: 1)
    running, queued = submit(store, TOY, [ToyConfig(seed=0), ToyConfig(seed=1)])
    assert time_left(store.active(), store.runs()) is None
    owner = {"host": os.uname().nodename, "pid": 1, "created": 1.0, "started": time.time() - 30}
    store.take(running, owner, {TAG_STATE: '{"fraction": 0.05}'})
    assert time_left(store.active(), store.runs()) is None, "too little of it to tell"
    store.set_tags(running, {TAG_STATE: '{"fraction": 0.5}'})
    assert time_left(store.active(), store.runs()) == pytest.approx((90, 90), rel=0.1)
    store.end(running, "FINISHED")
    left = time_left(store.active(), store.runs())
    assert left == pytest.approx((30, 30), rel=0.1), "the queued one, as long as the first"
    store.end(queued, "KILLED")
    assert time_left(store.active(), store.runs()) == (0, 0)
