"""Nothing beside a measurement of time: no other run of the store here, no thread of our own.

Every run holds a lock while it runs: ordinary runs share it, a timed run has it alone. It belongs
to the operating system, so a killed process holds nothing back. What else the machine does is not
ours to stop: a timed run measures and reports it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

UNDISTURBED = threading.Lock()
"""Held while something is timed: our own threads (a heartbeat) wait until it is free."""
LOOK_SECONDS = 0.05
"""Between two tries for the lock."""


@contextlib.contextmanager
def place_on_machine(
    folder: Path, *, alone: bool, waiting: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Wait for a place beside other runs of this machine, or with `alone` for the whole machine.

    `waiting` is called at every look as long as there is none; it may raise to give up.
    """
    descriptor = os.open(folder / "machine.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        while not _taken(descriptor, kind):
            waiting()
            time.sleep(LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
