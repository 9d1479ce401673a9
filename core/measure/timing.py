"""Timing of subjects in turns, so that what slows the machine down affects all of them alike.

Each turn times every subject once, in an order of its own (`balanced_orders`): with one order for
all turns, what a subject leaves in the caches, and any drift within a turn, would always help or
harm the same neighbour. Ratios of two times of one turn are what a run measures well; the times
themselves are those of its moment.

Every subject is warmed up, the device is synchronised before and after each sample, and a fast
subject is called repeatedly until a sample lasts five milliseconds. While a turn is timed, garbage
collection and our own threads wait. Times are in seconds per call.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

import torch

from core.machine_lock import TIMING_LOCK

Call = Callable[[], object]

Name = TypeVar("Name", bound=str)

SHORTEST_SAMPLE_NS = 5_000_000
"""Long enough that the cost of switching back to a subject is negligible. With a millisecond, and
without an untimed call before, medians came out up to 7% above those of
torch.utils.benchmark."""

WARM_UP_CALLS = 10
"""The most calls that warm a subject up; fewer where the last three agree within 5%, or where they
have lasted a second: what is loaded or grown by then is there."""

WARM_UP_NS = 1_000_000_000

PATIENCE_SECONDS = 1.0
"""How long a turn waits for our own threads; then it is timed anyway, and counted as disturbed."""


class Stopwatch:
    """Times calls on one device; `clock` returns nanoseconds and can be replaced in tests."""

    def __init__(
        self, device: torch.device, clock: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        self.clock = clock
        self.synchronise: Callable[[], object] = lambda: None
        if device.type == "cuda":
            self.synchronise = lambda: torch.cuda.synchronize(device)
        elif device.type == "mps":
            self.synchronise = torch.mps.synchronize

    def nanoseconds(self, call: Call, times: int = 1) -> int:
        """The time of so many calls together, until the device has finished them."""
        self.synchronise()
        start = self.clock()
        for _ in range(times):
            call()
        self.synchronise()
        return self.clock() - start

    def warm_up(self, call: Call) -> int:
        """Call until times are stable; return how many calls make one sample."""
        samples: list[int] = []
        while len(samples) < WARM_UP_CALLS and sum(samples) < WARM_UP_NS:
            last = samples[-3:]
            if len(last) == 3 and max(last) <= 1.05 * min(last):
                break
            samples.append(self.nanoseconds(call))
        return max(1, math.ceil(SHORTEST_SAMPLE_NS / max(1, min(samples[-3:]))))


def balanced_orders(n: int, draw: random.Random) -> Iterator[tuple[int, ...]]:
    """Endless orders of 0 … n − 1, counterbalanced, the same for the same generator.

    Each order is followed by its reverse: after any even number of turns, every subject has the
    same mean position, and of any two each came first equally often. All orders of one round form a
    Williams square (1949; for odd n two of them): every subject has been at every position, and
    directly after every other, equally often. Subjects and orders are shuffled for each round.

    n = 4, one round before shuffling: 0 1 3 2 | 2 3 1 0 | 1 2 0 3 | 3 0 2 1
    """
    zigzag = [(step + 1) // 2 if step % 2 else -(step // 2) for step in range(n)]
    while True:
        subjects, shifts = list(range(n)), list(range(n if n % 2 else max(1, n // 2)))
        draw.shuffle(subjects)
        draw.shuffle(shifts)
        for shift in shifts:
            order = tuple(subjects[(place + shift) % n] for place in zigzag)
            yield from (order, order[::-1])


def nothing() -> None:
    """The empty call."""


class Turns(Generic[Name]):
    """Subjects (name → what to call) that are timed in turns.

    `context` (inference mode, say) surrounds every warm-up and turn, outside the timed region.
    `problem_of` describes an error that is no bug of ours in a few words, and returns '' for any
    other. A subject with a problem drops out and the others go on; other errors are raised.

    `seed` determines the order within each turn. `empty` is what an empty call looks like here: it
    is timed in every turn as the fastest subject is.

    With `singles`, a turn times so many calls of each subject one by one, after a few untimed ones
    that fill the caches: then `seconds` and `empty_seconds` hold as many samples per turn.
    """

    def __init__(
        self,
        calls: Mapping[Name, Call],
        stopwatch: Stopwatch,
        *,
        context: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext,
        problem_of: Callable[[Exception], str] = lambda _: "",
        singles: int = 0,
        seed: int = 0,
        empty: Call = nothing,
    ) -> None:
        self.calls = dict(calls)
        self.stopwatch = stopwatch
        self.problems: dict[Name, str] = {}
        self.seconds: dict[Name, list[float]] = {name: [] for name in calls}
        """Samples of the subjects without problems: index i is from turn i."""
        self.empty_seconds: list[float] = []
        """Samples of the empty call."""
        self.orders: list[tuple[Name, ...]] = []
        """The order of each turn, without those who had dropped out before it."""
        self.disturbed = 0
        """Turns that were timed while another thread of ours did not pause."""
        self._context, self._problem_of, self._singles = context, problem_of, singles
        self._empty = empty
        self._times: dict[Name, int] = {}
        names = tuple(calls)
        indices = balanced_orders(len(names), random.Random(seed))
        self._orders = (tuple(names[index] for index in order) for order in indices)

    def warm_up(self) -> Iterator[Name]:
        """Warm up one subject per step; yields its name."""
        for name, call in self.calls.items():
            with undisturbed(), self._context(), self._dropping_out(name):
                self._times[name] = self.stopwatch.warm_up(call)
            yield name

    def take(self, turns: int) -> Iterator[int]:
        """Take one turn per step; yields how many are done. No lock is held in between."""
        for done, planned in enumerate(itertools.islice(self._orders, turns), start=1):
            order = tuple(name for name in planned if name in self._times)
            with undisturbed() as alone, self._context():
                for name in order:
                    with self._dropping_out(name):
                        self.seconds[name] += self._samples(self.calls[name], self._times[name])
                longest = max(self._times.values(), default=1)
                self.empty_seconds += self._samples(self._empty, longest)
            self.orders.append(order)
            self.disturbed += not alone
            yield done

    def _samples(self, call: Call, times: int) -> list[float]:
        if not self._singles:
            if times > 1:
                call()
            return [self.stopwatch.nanoseconds(call, times) / times / 1e9]
        for _ in range(3):  # another subject had the caches
            call()
        return [self.stopwatch.nanoseconds(call) / 1e9 for _ in range(self._singles)]

    @contextlib.contextmanager
    def _dropping_out(self, name: Name) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            problem = self._problem_of(error)
            if not problem:
                raise
            self.problems[name] = problem
            self._times.pop(name, None)
            self.seconds.pop(name)

    @property
    def harness_share(self) -> float | None:
        """Time of an empty region over that of the fastest subject; None if there is none."""
        medians = [statistics.median(samples) for samples in self.seconds.values() if samples]
        return statistics.median(self.empty_seconds) / min(medians) if medians else None


@contextlib.contextmanager
def undisturbed() -> Iterator[bool]:
    """Keep garbage collection and our own threads waiting until the block is left.

    Yields whether our threads do wait: a heartbeat that is stuck in a store which does not answer
    must not delay a measurement by more than `PATIENCE_SECONDS`.
    """
    time.sleep(0.001)  # a waiting thread hardly ever gets a lock that is taken again at once
    collecting = gc.isenabled()
    alone = TIMING_LOCK.acquire(timeout=PATIENCE_SECONDS)
    gc.disable()
    try:
        yield alone
    finally:
        if collecting:
            gc.enable()
        if alone:
            TIMING_LOCK.release()
