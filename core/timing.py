"""How long does it take? Subjects in turns (A B C A B C), so that drift hits all of them alike.

Every subject is warmed up, the device is synchronised before and after each sample, and a fast one
is called so often that a sample lasts five milliseconds. While a turn is timed, garbage collection
and our own threads wait. Times are in seconds per call.
"""

from __future__ import annotations

import contextlib
import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

import psutil
import torch

from core.alone import UNDISTURBED

Call = Callable[[], object]
Clock = Callable[[], int]
"""Nanoseconds since whenever."""

Name = TypeVar("Name", bound=str)

SHORTEST_SAMPLE_NS = 5_000_000
"""Then what coming back to a subject costs at first is lost in it. With a millisecond, and without
an untimed call before, medians came out up to 7% above those of torch.utils.benchmark."""
WARM_UP_CALLS = 10
"""At most; fewer where the last three agree within `STABLE`."""
STABLE = 0.05
SINGLES_UNTIMED = 3
"""Calls before single ones are timed in a turn: another subject had the caches."""
PAUSE_SECONDS = 0.001
"""Between turns. A lock that is taken again at once is hardly ever got by a waiting thread."""

PATIENCE_SECONDS = 1.0
"""How long a turn waits for our own threads to be done."""


class Stopwatch:
    """Times calls on one device; `clock` may be another one for tests."""

    def __init__(self, device: torch.device, clock: Clock = time.perf_counter_ns) -> None:
        self.clock = clock
        self.synchronise = synchroniser(device)

    def nanoseconds(self, call: Call, times: int = 1) -> int:
        """Of so many calls together, until the device has finished them."""
        self.synchronise()
        start = self.clock()
        for _ in range(times):
            call()
        self.synchronise()
        return self.clock() - start

    def warm_up(self, call: Call) -> int:
        """Call until times are stable; how many calls make one sample."""
        taken: list[int] = []
        while len(taken) < WARM_UP_CALLS and not _stable(taken):
            taken.append(self.nanoseconds(call))
        return max(1, math.ceil(SHORTEST_SAMPLE_NS / max(1, min(taken[-3:]))))


def synchroniser(device: torch.device) -> Callable[[], object]:
    """What waits until a device has done all that it was asked to."""
    waits: dict[str, Callable[[], object]] = {
        "cuda": lambda: torch.cuda.synchronize(device),
        "mps": torch.mps.synchronize,
    }
    return waits.get(device.type, lambda: None)


def _stable(taken: Sequence[int]) -> bool:
    last = taken[-3:]
    return len(last) == 3 and max(last) <= (1 + STABLE) * min(last)


class Turns(Generic[Name]):
    """Subjects (name → what to call) that are timed in turns.

    `context` surrounds every warm-up and turn, outside the time that is taken: inference mode, for
    one. `problem_of` says in a few words why an error is no fault of ours, or ''; such a subject
    drops out with that problem and the others go on. Any other error is raised.

    With `singles`, a turn times so many calls of each subject one by one, after a few that bring
    it back into the caches: then `seconds` holds as many samples per turn.
    """

    def __init__(
        self,
        calls: Mapping[Name, Call],
        stopwatch: Stopwatch,
        *,
        context: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext,
        problem_of: Callable[[Exception], str] = lambda _: "",
        singles: int = 0,
    ) -> None:
        self.calls = dict(calls)
        self.stopwatch = stopwatch
        self.problems: dict[Name, str] = {}
        self.seconds: dict[Name, list[float]] = {name: [] for name in calls}
        """Samples of the subjects without problems: index i is from turn i."""
        self.empty_seconds: list[float] = []
        """Samples of an empty region, timed as the fastest subject is."""
        self._context, self._problem_of, self._singles = context, problem_of, singles
        self._times: dict[Name, int] = {}

    def warm_up(self) -> Iterator[Name]:
        """Warm one subject up per step; yields its name."""
        for name, call in self.calls.items():
            time.sleep(PAUSE_SECONDS)
            with undisturbed(), self._context(), self._dropping_out(name):
                self._times[name] = self.stopwatch.warm_up(call)
            yield name

    def take(self, turns: int) -> Iterator[int]:
        """One turn per step; yields how many are done. Nothing is held in between."""
        for done in range(1, turns + 1):
            time.sleep(PAUSE_SECONDS)
            with undisturbed(), self._context():
                self._turn()
            yield done

    def _turn(self) -> None:
        for name, times in list(self._times.items()):
            with self._dropping_out(name):
                self.seconds[name] += self._samples(self.calls[name], times)
        self.empty_seconds += self._samples(_nothing, max(self._times.values(), default=1))

    def _samples(self, call: Call, times: int) -> list[float]:
        if not self._singles:
            if times > 1:
                call()
            return [self.stopwatch.nanoseconds(call, times) / times / 1e9]
        for _ in range(SINGLES_UNTIMED):
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
        medians = [statistics.median(taken) for taken in self.seconds.values() if taken]
        return statistics.median(self.empty_seconds) / min(medians) if medians else None


def _nothing() -> None:
    """The empty region."""


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """No garbage collection and none of our own threads until the block is left."""
    collecting = gc.isenabled()
    # A heartbeat that waits for a store which does not answer must not hold a measurement up.
    alone = UNDISTURBED.acquire(timeout=PATIENCE_SECONDS)
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
        if alone:
            UNDISTURBED.release()


class OtherLoad:
    """Processor time that is not ours, from creation on: other processes, and other guests of a
    virtual machine's host as far as it tells."""

    def __init__(self) -> None:
        self._started, self._others = time.monotonic(), _others_seconds()

    def cores(self) -> float:
        """On average since then. The system counts in hundredths of a second."""
        passed = time.monotonic() - self._started
        return max(0.0, (_others_seconds() - self._others) / passed) if passed > 0 else 0.0


def _others_seconds() -> float:
    system = psutil.cpu_times()
    # A guest's time is in `user` already.
    idle = sum(getattr(system, name, 0.0) for name in ("idle", "iowait", "guest", "guest_nice"))
    own = psutil.Process().cpu_times()
    return float(sum(system) - idle - own.user - own.system)
