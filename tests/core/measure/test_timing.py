"""The harness: turns in order, exact with a fake clock, and nothing left behind."""

from __future__ import annotations

import contextlib
import gc
import itertools
import math
import random
import statistics
import threading
import time
from collections import Counter, namedtuple
from collections.abc import Callable

import pytest
import torch

from core.machine_load import OtherLoad, busy_sentence
from core.machine_lock import TIMING_LOCK
from core.measure.timing import Stopwatch, Turns, balanced_orders

CPU = torch.device("cpu")


class Clock:
    """Moves on only when somebody works; in nanoseconds."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now

    def working(self, nanoseconds: int, done: Callable[[], object] = lambda: None):
        def work() -> None:
            done()
            self.now += nanoseconds

        return work


def exhausted(steps) -> list:
    return list(steps)


def test_subjects_are_timed_in_turns_after_each_has_been_warmed_up() -> None:
    clock, calls = Clock(), []
    turns = Turns(
        {name: clock.working(5_000_000, lambda n=name: calls.append(n)) for name in "ABC"},
        Stopwatch(CPU, clock),
    )
    assert exhausted(turns.warm_up()) == ["A", "B", "C"]
    assert "".join(calls) == "AAABBBCCC"
    calls.clear()
    assert exhausted(turns.take(4)) == [1, 2, 3, 4]
    assert ["".join(order) for order in turns.orders] == [
        "".join(calls[start : start + 3]) for start in range(0, 12, 3)
    ]
    assert all(sorted(order) == ["A", "B", "C"] for order in turns.orders)
    assert turns.orders[1] == turns.orders[0][::-1]
    assert turns.orders[3] == turns.orders[2][::-1]


def orders_of(n: int, turns: int, seed: int = 0) -> list[tuple[int, ...]]:
    return list(itertools.islice(balanced_orders(n, random.Random(seed)), turns))


@pytest.mark.parametrize("n", range(1, 9))
def test_after_an_even_number_of_turns_nobody_has_been_earlier_than_another(n: int) -> None:
    for turns in (2, 4, 6, 10):
        orders = orders_of(n, turns)
        places = {subject: sum(order.index(subject) for order in orders) for subject in range(n)}
        assert len({*places.values()}) == 1
        for a, b in itertools.combinations(range(n), 2):
            assert sum(order.index(a) < order.index(b) for order in orders) == turns / 2


@pytest.mark.parametrize("n", range(2, 9))
def test_in_a_round_everybody_has_every_place_and_follows_everybody_equally_often(n: int) -> None:
    """Williams (1949): n orders for an even number of subjects, 2n for an odd one."""
    turns = n if n % 2 == 0 else 2 * n
    orders = orders_of(n, 2 * turns)
    for one_round in (orders[:turns], orders[turns:]):
        places = Counter((place, s) for order in one_round for place, s in enumerate(order))
        assert {*places.values()} == {turns // n}
        assert len(places) == n * n
        followers = Counter(pair for order in one_round for pair in itertools.pairwise(order))
        assert {*followers.values()} == {turns // n}
        assert len(followers) == n * (n - 1)


def test_orders_are_those_of_their_seed() -> None:
    assert orders_of(6, 12, seed=1) == orders_of(6, 12, seed=1) != orders_of(6, 12, seed=2)
    assert orders_of(0, 3) == [(), (), ()]


def test_what_follows_a_subject_that_spoils_the_caches_is_not_always_the_same() -> None:
    """B and C are the same, and whoever comes after A takes 3 ms longer: in one order for all
    turns that is always B, whose ratio to C would be 2.5."""
    clock, last = Clock(), [""]

    def subject(name: str) -> Callable[[], None]:
        def work() -> None:
            clock.now += 5_000_000 if last[0] == "A" else 2_000_000
            last[0] = name

        return work

    stopwatch = Stopwatch(CPU, clock)
    turns = Turns(
        {name: subject(name) for name in "ABC"}, stopwatch, empty=lambda: last.__setitem__(0, "")
    )
    turns._samples = lambda call, times: [stopwatch.nanoseconds(call) / 1e9]  # type: ignore[method-assign]
    exhausted(turns.warm_up())
    exhausted(turns.take(12))
    ratios = [b / c for b, c in zip(turns.seconds["B"], turns.seconds["C"], strict=True)]
    assert math.exp(statistics.fmean(map(math.log, ratios))) == pytest.approx(1.0)
    assert len({*ratios}) == 3, "it is after A in some turns, and before it in others"


def test_times_are_those_of_the_turns_and_not_of_the_warm_up() -> None:
    clock = Clock()
    durations = iter([9_000_000, 6_000_000, 6_000_000, 6_000_000, 3_000_000, 4_000_000])

    def slow_at_first() -> None:
        clock.now += next(durations)

    turns = Turns({"A": slow_at_first}, Stopwatch(CPU, clock))
    exhausted(turns.warm_up())
    exhausted(turns.take(2))
    assert turns.seconds == {"A": [0.003, 0.004]}


def test_warming_up_ends_after_ten_calls_if_times_never_settle() -> None:
    clock, calls = Clock(), []
    durations = iter(1_000_000 * 2**index for index in range(20))

    def unsettled() -> None:
        calls.append(1)
        clock.now += next(durations)

    Stopwatch(CPU, clock).warm_up(unsettled)
    assert len(calls) == 10


@pytest.mark.parametrize(("seconds", "calls"), [(0.2, 3), (0.4, 3), (0.6, 2), (3.0, 1)])
def test_a_second_is_enough_to_warm_up(seconds: float, calls: int) -> None:
    clock, made = Clock(), []
    Stopwatch(CPU, clock).warm_up(clock.working(int(seconds * 1e9), lambda: made.append(1)))
    assert len(made) == calls


@pytest.mark.parametrize(
    ("nanoseconds", "times"), [(10, 500_000), (300_000, 17), (5_000_000, 1), (9_000_000, 1)]
)
def test_a_sample_lasts_five_milliseconds_and_is_told_per_call(
    nanoseconds: int, times: int
) -> None:
    clock, calls = Clock(), []
    call = clock.working(nanoseconds, lambda: calls.append(1))
    turns = Turns({"A": call}, Stopwatch(CPU, clock))
    exhausted(turns.warm_up())
    calls.clear()
    exhausted(turns.take(1))
    assert len(calls) == times + (times > 1), "several begin with an untimed one"
    assert turns.seconds["A"] == [pytest.approx(nanoseconds / 1e9, rel=1e-12)]


def test_the_device_is_synchronised_before_and_after_each_sample() -> None:
    clock, events = Clock(), []
    stopwatch = Stopwatch(CPU, clock)
    stopwatch.synchronise = lambda: events.append("wait")
    assert stopwatch.nanoseconds(clock.working(5, lambda: events.append("work")), 2) == 10
    assert events == ["wait", "work", "work", "wait"]


def test_single_calls_are_timed_one_by_one_after_a_few_untimed_ones() -> None:
    clock, calls = Clock(), []
    turns = Turns(
        {"A": clock.working(7_000, lambda: calls.append(1))}, Stopwatch(CPU, clock), singles=4
    )
    exhausted(turns.warm_up())
    calls.clear()
    exhausted(turns.take(2))
    assert turns.seconds["A"] == [7e-6] * 8
    assert len(calls) == 2 * (3 + 4)


def test_the_empty_call_is_timed_as_the_subjects_are_in_every_turn() -> None:
    clock = Clock()
    turns = Turns(
        {"A": clock.working(7_000)}, Stopwatch(CPU, clock), singles=4, empty=clock.working(2_000)
    )
    exhausted(turns.warm_up())
    exhausted(turns.take(3))
    assert turns.empty_seconds == [2e-6] * 12


def test_nothing_of_ours_runs_inside_a_turn_and_everything_may_between() -> None:
    seen = []

    def look() -> None:
        seen.append((gc.isenabled(), TIMING_LOCK.locked()))

    turns = Turns({"A": look}, Stopwatch(CPU))
    between = [(gc.isenabled(), TIMING_LOCK.locked()) for _ in turns.warm_up()]
    between += [(gc.isenabled(), TIMING_LOCK.locked()) for _ in turns.take(2)]
    assert set(seen) == {(False, True)}
    assert set(between) == {(True, False)}


def test_a_waiting_thread_gets_its_chance_between_turns() -> None:
    beats = []

    def heartbeat() -> None:
        for _ in range(3):
            with TIMING_LOCK:
                beats.append(1)

    thread = threading.Thread(target=heartbeat)
    turns = Turns({"A": lambda: time.sleep(0.002)}, Stopwatch(CPU))
    exhausted(turns.warm_up())
    thread.start()
    exhausted(turns.take(20))
    assert len(beats) == 3
    thread.join()


def test_turns_beside_a_thread_that_does_not_pause_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A heartbeat in a slow store call holds the lock: the turn is taken all the same."""
    monkeypatch.setattr("core.measure.timing.PATIENCE_SECONDS", 0.01)
    turns = Turns({"A": lambda: None}, Stopwatch(CPU))
    exhausted(turns.warm_up())
    taking = turns.take(4)
    next(taking)
    assert turns.disturbed == 0
    with TIMING_LOCK:
        next(taking)
        next(taking)
        assert TIMING_LOCK.locked(), "the lock is still the other thread's"
    next(taking)
    assert turns.disturbed == 2
    assert len(turns.seconds["A"]) == 4
    assert not TIMING_LOCK.locked()


def test_garbage_collection_and_the_lock_are_restored_after_a_failure() -> None:
    def fail() -> None:
        raise ZeroDivisionError("a bug of ours")

    turns = Turns({"A": fail}, Stopwatch(CPU), problem_of=lambda _: "")
    with pytest.raises(ZeroDivisionError):
        exhausted(turns.warm_up())
    assert gc.isenabled()
    assert not TIMING_LOCK.locked()


def test_garbage_collection_stays_off_where_it_was_off() -> None:
    gc.disable()
    try:
        exhausted(Turns({"A": lambda: None}, Stopwatch(CPU)).warm_up())
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "fails_at", [1, 2, 4, 5], ids=["first call", "warm-up", "turn 1", "turn 2"]
)
def test_who_fails_drops_out_and_the_others_keep_their_times(fails_at: int) -> None:
    clock, count = Clock(), []

    def fails() -> None:
        count.append(1)
        if len(count) == fails_at:
            raise MemoryError
        clock.now += 5_000_000

    turns = Turns(
        {"A": clock.working(5_000_000), "B": fails, "C": clock.working(6_000_000)},
        Stopwatch(CPU, clock),
        problem_of=lambda error: "no memory" if isinstance(error, MemoryError) else "",
    )
    exhausted(turns.warm_up())
    exhausted(turns.take(3))
    assert turns.problems == {"B": "no memory"}
    assert turns.seconds == {"A": [0.005] * 3, "C": [0.006] * 3}


def test_the_context_surrounds_calls_but_not_what_is_between() -> None:
    inside = []

    @contextlib.contextmanager
    def context():
        inside.append(1)
        yield
        inside.pop()

    seen = []
    turns = Turns({"A": lambda: seen.append(len(inside))}, Stopwatch(CPU), context=context)
    between = [len(inside) for _ in (*turns.warm_up(), *turns.take(2))]
    assert set(seen) == {1}
    assert set(between) == {0}


def test_the_harness_is_an_empty_region_over_the_fastest_subject() -> None:
    clock = Clock()
    stopwatch = Stopwatch(CPU, clock)
    stopwatch.synchronise = clock.working(500)
    turns = Turns({"A": clock.working(100_000), "B": clock.working(10_000_000)}, stopwatch)
    exhausted(turns.warm_up())
    exhausted(turns.take(3))
    calls = 50
    per_call = (100_000 * calls + 500) / calls
    assert turns.harness_share == pytest.approx((500 / calls) / per_call)


def test_without_subjects_there_is_no_share() -> None:
    turns = Turns({}, Stopwatch(CPU))
    assert exhausted(turns.warm_up()) == []
    exhausted(turns.take(1))
    assert turns.harness_share is None


def test_our_own_work_is_not_the_load_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    system = {"user": 100.0, "nice": 1.0, "system": 10.0, "idle": 500.0, "iowait": 5.0}
    own = {"user": 50.0, "system": 5.0}
    now = [0.0]
    monkeypatch.setattr(
        "core.machine_load.psutil.cpu_times", lambda: namedtuple("S", system)(*system.values())
    )
    process = type("P", (), {"cpu_times": lambda self: namedtuple("O", own)(*own.values())})
    monkeypatch.setattr("core.machine_load.psutil.Process", process)
    monkeypatch.setattr("core.measure.timing.time.monotonic", lambda: now[0])
    load = OtherLoad()
    now[0] = 10.0
    system.update(user=112.0, system=11.0, idle=507.0)
    own.update(user=59.0, system=6.0)
    assert load.cores() == pytest.approx((13 - 10) / 10)


def test_a_busy_machine_is_said_before_times_are_measured_and_a_quiet_one_is_not() -> None:
    assert busy_sentence(0.1) == ""
    assert "other programs use 1.4 cores now" in busy_sentence(1.4)
