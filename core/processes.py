"""Which process is which: a number alone is used again once its process has ended."""

from __future__ import annotations

import contextlib
import os
import socket
from functools import cache
from pathlib import Path
from typing import Any

import psutil


def process_identity() -> dict[str, Any]:
    """This process's host, id and start, which together name it for good."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "created": started_at(os.getpid())}


def started_at(pid: int) -> str | None:
    """When the process of that number started; None if there is none, or only a zombie.

    Counted in clock ticks from a boot that is named. A time of day would not do: psutil's adds the
    ticks to the time of the boot, and that moves when somebody sets the clock.
    """
    if (boot := _boot()) is None:  # a system without Linux's /proc
        with contextlib.suppress(psutil.Error, ValueError, OverflowError):
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE:
                return str(process.create_time())
        return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (OSError, ValueError):
        return None
    # The name of the program, in brackets, may hold blanks and brackets of its own.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else f"{boot}+{fields[18]}"


def process_exists(pid: int, created: str | float) -> bool:
    """Whether this very process (not a later one with its number) is alive and no zombie."""
    if isinstance(created, str):
        return started_at(pid) == created
    with contextlib.suppress(psutil.Error, ValueError, OverflowError):
        # A run of an earlier version has recorded a time of day.
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    return False


@cache
def _boot() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
