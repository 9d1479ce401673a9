"""The locks that keep a measurement of time undisturbed by our own runs and threads.

Every run holds a lock of the store's folder while it runs: ordinary runs share it, a timed run has
it alone. It belongs to the operating system, so a killed process holds nothing back. The load of
other programs cannot be locked out: a timed run measures and reports it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

TIMING_LOCK = threading.Lock()
"""Held while something is timed: our own threads (a heartbeat) wait until it is free."""


@contextlib.contextmanager
def acquire_machine_slot(
    folder: Path, *, alone: bool, waiting: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Wait for a place beside other runs of this machine, or with `alone` for the whole machine.

    `waiting` is called before each new try; it may raise to give up.
    """
    descriptor = os.open(folder / "machine.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waiting()
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
