"""The locks that keep a measurement of time undisturbed by our own runs and threads.

Every run holds a lock file in the store's folder while it runs: ordinary runs share the lock, a
timed run holds it exclusively. The operating system releases the lock of a killed process. The load
of other programs cannot be locked out: a timed run measures and reports it.
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
    folder: Path, *, exclusive: bool, on_wait: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Wait until a run may use this machine: beside other runs, or alone if `exclusive`.

    `on_wait` is called before each new try; it may raise to give up.
    """
    descriptor = os.open(folder / "machine.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                on_wait()
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
