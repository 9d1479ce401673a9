"""What else keeps this machine busy: the load of other programs while something is timed.

Our own runs wait for a timed one (`machine_lock`); other programs cannot be made to wait, so their
load is measured, and said before and after.
"""

from __future__ import annotations

import time

import psutil

MAX_LOAD = 0.2
"""More cores than this in use by others make times noisy."""


class OtherLoad:
    """Processor time that others have used since creation: other processes and, as far as it is
    reported, other guests of a virtual machine's host."""

    def __init__(self) -> None:
        self._started, self._others = time.monotonic(), self._others_seconds()

    def cores(self) -> float:
        """The average since creation. The system counts in hundredths of a second."""
        passed = time.monotonic() - self._started
        return max(0.0, (self._others_seconds() - self._others) / passed) if passed > 0 else 0.0

    @staticmethod
    def _others_seconds() -> float:
        system = psutil.cpu_times()
        # A guest's time is in `user` already.
        idle = sum(getattr(system, name, 0.0) for name in ("idle", "iowait", "guest", "guest_nice"))
        own = psutil.Process().cpu_times()
        return float(sum(system) - idle - own.user - own.system)


def busy_cores(seconds: float = 0.25) -> float:
    """The cores that other programs keep busy now, over so many seconds."""
    load = OtherLoad()
    time.sleep(seconds)
    return load.cores()


def busy_sentence(cores: float) -> str:
    """What is said before times are measured on a busy machine; empty for a quiet one."""
    if cores <= MAX_LOAD:
        return ""
    return (
        f"This machine is busy: other programs use {cores:.1f} cores now. Times that are measured "
        "meanwhile are noisy, so that differences may stay undecided. Start on an idle machine."
    )
