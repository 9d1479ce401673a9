"""Ends what `serve` or `team` has started if that itself is killed and cannot.

It reads the numbers of its charges from standard input, one a line; a number with a minus sign is
no longer one of them. The end of the input means that whoever wrote them is gone; a line without a
number, that there is nothing left to end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from core.store.folder import PROJECT

PATIENCE = 20.0
"""Seconds that they have to end by themselves: a worker puts its runs back into the queue."""


class Guard:
    """The guard's process, seen from the one that it watches."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "experiments.guard"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is not for it
            text=True,
        )

    def watch(self, pid: int) -> None:
        """End this process and its group, too, if this one is gone."""
        self._write(f"{pid}\n")

    def forget(self, pid: int) -> None:
        """Leave this process alone: it has ended, and its number may become that of another one."""
        self._write(f"-{pid}\n")

    def dismiss(self) -> None:
        """Nothing is left to end."""
        self._write("\n")
        with contextlib.suppress(OSError):
            self._process.communicate(timeout=5)

    def _write(self, line: str) -> None:
        with contextlib.suppress(OSError):  # somebody killed the guard
            assert self._process.stdin is not None
            self._process.stdin.write(line)
            self._process.stdin.flush()


def main(lines: Sequence[str]) -> None:
    """Ask these processes to end, then end by force what is left of their groups."""
    pids: list[int] = []
    for number in map(int, lines):
        if number > 0:
            pids.append(number)
        elif -number in pids:
            pids.remove(-number)
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while any(map(_exists, pids)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in pids:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    read = []
    for text in sys.stdin:
        if not text.strip():
            sys.exit()
        read.append(text)
    main(read)
