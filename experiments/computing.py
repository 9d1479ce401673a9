"""What claims compute on the spot, from a process of its own: `python -m experiments.computing`.

It needs torch, which would cost whoever asks its memory and seconds for good.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from core.claims import compute_all
from core.claims.claim import Facts
from core.store_folder import PROJECT

SECONDS = 300
"""Enough for a machine that is busy with runs."""


class NotComputed(RuntimeError):
    """The process ended without an answer. The message says why."""


def compute_apart() -> dict[int, Facts]:
    """Claim number → facts. Raises `NotComputed`."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "experiments.computing"],
            capture_output=True,
            cwd=PROJECT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            timeout=SECONDS,
            check=False,
            text=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotComputed(str(error)) from error
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise NotComputed(reason)
    return {int(number): facts for number, facts in json.loads(done.stdout).items()}


if __name__ == "__main__":
    json.dump(compute_all(), sys.stdout)
