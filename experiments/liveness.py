"""When a run is considered lost.

1. The process that executes a run records itself as its owner (host, process id, start: see
   `core/processes.py`) before it starts, and a new heartbeat every few seconds: `core/runner.py`,
   with the names of the tags in `core/store/records.py`. A run has one owner at a time, and whoever
   ends it names the owner that it saw: `Store.take` and `Store.end`.
2. A run is lost when the executor knows that its owner is gone. It alone decides: `is_alive` is
   True, False, or None where this machine cannot tell, because the owner is on another machine.
3. A run of another machine is never ended for its silence, as that machine may be healthy and
   only cut off from the store. Once somebody cancels it, it is ended if no heartbeat comes. Silence
   is timed by this machine's clock alone, from when it first saw the newest heartbeat.
4. A run that stays without an owner was never started: its submitter was interrupted. One that
   has an owner which is gone, but is SCHEDULED still, waits in the queue again.
5. A run is never executed twice. What repeats a lost one is a run of its own, which goes on from
   its checkpoint: should the first one live after all, on a machine that was cut off, it finds that
   it has ended.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import time

from core.experiments import experiment_named
from core.formatting import counted
from core.processes import process_exists
from core.settings import BadSetting
from core.store.recorder import salvage
from core.store.records import (
    ACTIVE,
    TAG_HEARTBEAT,
    TAG_OWNER,
    TAG_STATE,
    RunRecord,
    Status,
)
from core.store.tracking import Store

UNSTARTED_SECONDS = 60.0
"""A run that is RUNNING without an owner for this long was never started."""

SILENT_SECONDS = 120.0
"""A cancelled run of another machine is ended after this long without a heartbeat."""

RETRY_HINT = "; retry runs it again"


class LostRuns:
    """Decides which RUNNING runs are lost; remembers when it last saw a new sign of life."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[tuple[str | None, ...], float]] = {}

    def reason(self, record: RunRecord, alive: bool | None) -> str:
        """Why the run is lost, or "" if it may go on; `alive` is what the executor knows."""
        if alive is not None:
            return "" if alive else "its process is gone"
        sign = tuple(record.tags.get(tag) for tag in (TAG_OWNER, TAG_HEARTBEAT, TAG_STATE))
        now = time.monotonic()
        newest, since = self._newest.get(record.run_id, (None, now))
        if sign != newest:
            since = now
            self._newest[record.run_id] = (sign, now)
        if not record.owner:
            if now - since > UNSTARTED_SECONDS:
                return "the run was created but never started (its submitter was interrupted)"
        elif record.cancelled and now - since > SILENT_SECONDS:
            host = record.owner.get("host", "its owner")
            return f"no heartbeat from {host} for {SILENT_SECONDS:g} s"
        return ""


class Cancellations:
    """Remembers when each request to stop was first seen: a time in a tag is of another clock."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}

    def seconds_since(self, record: RunRecord) -> float:
        """Since somebody asked the run to stop, as far as is known here; 0 if nobody did."""
        if not record.cancelled:
            return 0.0
        now = time.monotonic()
        return now - self._seen.setdefault(record.run_id, now)


def is_alive(record: RunRecord) -> bool | None:
    """Whether the process that executes the run exists; None unless it is on this machine."""
    if record.owner.get("host") != socket.gethostname():
        return None
    return process_exists(record.owner["pid"], record.owner["created"])


def signal_owner(record: RunRecord, number: signal.Signals) -> None:
    """Send a signal to the process that executes the run, if it is on this machine."""
    if is_alive(record):
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.owner["pid"], number)


def mark_lost(store: Store, record: RunRecord, how: str) -> str:
    """End a run that did not end itself, keeping what this machine has of its rows.

    Returns the reason that was recorded, or "" if the run has ended already, or belongs to another
    process by now.
    """
    spool, reason = store.spool(record.run_id), ""
    if record.status in ACTIVE:
        if spool.exists():
            with contextlib.suppress(OSError), (spool / "log.txt").open("a") as log:
                log.write(f"lost: {how}\n")
        try:
            rows = salvage(store, record.run_id, experiment_named(record.experiment))
            kept = f"; {counted(rows, 'row')} measured until then kept" if rows else ""
        except (ValueError, OSError) as error:  # a full disk leaves what no reader understands
            copy = store.folder / "unreadable" / record.run_id
            copy.parent.mkdir(exist_ok=True)
            shutil.copytree(spool, copy, dirs_exist_ok=True)
            kept = f"; its rows cannot be read ({error}) and are kept in {copy}"
        status: Status = "KILLED" if record.cancelled else "FAILED"
        reason = f"lost: {how}{kept}{RETRY_HINT}"
        if record.cancelled:
            reason = f"cancelled; {how}{kept}"
        if not store.end(record.run_id, status, reason, owner=record.owner):
            return ""  # the spool may be in use
    shutil.rmtree(spool, ignore_errors=True)
    return reason


def times_lost(store: Store, record: RunRecord) -> int:
    """How many runs before this one, each of which it repeats, were lost too."""
    times = 0
    while record.retry_of:
        try:
            record = store.run(record.retry_of)
        except BadSetting:  # it was deleted for good
            break
        if not record.error.startswith("lost"):
            break
        times += 1
    return times
