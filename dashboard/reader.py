"""Keeps up with a store of any size: what has ended is read once, only the rest again.

A look at the store asks for the active runs and for those that ended since the last look. A full
re-read in the background finds out now and then what somebody deleted or edited in MLflow.
"""

from __future__ import annotations

import dataclasses
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from io import BytesIO
from typing import TypeVar

import pandas

from core.settings import BadSetting
from core.store_folder import StoreError
from core.tracking import ACTIVE, TAG_CONFIG, RunRecord, Store

LOOK_SECONDS = 0.4
"""Looks closer together than this share one answer, however many people watch."""
OVERLAP_SECONDS = 10.0
"""Looks overlap: the clocks of the machines that end runs differ a little."""
FULL_SECONDS = 60.0
FULL_SHARE = 0.02
"""A full re-read takes at most this share of the time."""
TABLE_BYTES = 48 * 2**20
"""Of tables kept in memory."""

KEPT_METRICS = ("seconds",)
"""Results come from the tables; this one is for estimates of time."""
DROPPED_TAGS = (TAG_CONFIG, "unroll.traceback")
"""Long, and read again where they are shown."""

T = TypeVar("T")


class Reader:
    """All that the dashboard reads of one store. Safe to use from several sessions at once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.RLock()
        self._ended: dict[str, RunRecord] = {}
        self._active: list[RunRecord] = []
        self._looked = self._reread_at = 0.0
        self._rereading = False
        self._bytes = 0
        self._tables: OrderedDict[tuple[str, str], pandas.DataFrame | None] = OrderedDict()

    def runs(self, experiment: str | None = None) -> list[RunRecord]:
        """Every run as of now, oldest first. Raises `StoreError`."""
        with self._lock:
            self._keep_up()
            records = [*self._ended.values(), *self._active]
        chosen = (r for r in records if experiment is None or r.experiment == experiment)
        return sorted(chosen, key=lambda record: record.submitted)

    def active(self) -> list[RunRecord]:
        """The scheduled and running runs, in the order submitted."""
        with self._lock:
            self._keep_up()
            return list(self._active)

    def run(self, run_id: str) -> RunRecord | None:
        """One run with all that the store knows of it, or None if there is none of that id."""
        if all(record.run_id != run_id for record in self.runs()):
            return None
        return self._ask(lambda: self.store.run(run_id))

    def forget(self) -> None:
        """Something has just been submitted or cancelled: look again at the next question."""
        self._looked = 0.0

    def table(self, record: RunRecord, name: str) -> pandas.DataFrame | None:
        """A run's table, None if it has no row of it; of a run that is still going, what is there.

        The frame is shared: copy it before changing it.
        """
        if record.status in ACTIVE:
            return self._unfinished(record, name)
        key = (record.run_id, name)
        with self._lock:
            if key in self._tables:
                self._tables.move_to_end(key)
                return self._tables[key]
        table = self._ask(lambda: self.store.table(record.run_id, name))
        with self._lock:
            self._tables[key] = table
            self._bytes += _size(table)
            while self._bytes > TABLE_BYTES and len(self._tables) > 1:
                self._bytes -= _size(self._tables.popitem(last=False)[1])
        return table

    def reread(self) -> None:
        """Read every run again: what was deleted in MLflow vanishes, what was edited changes."""
        started = time.time()
        fresh = {r.run_id: _slim(r) for r in self.store.runs() if r.status not in ACTIVE}
        with self._lock:
            newer = {
                run_id: record
                for run_id, record in self._ended.items()
                if (record.ended or 0.0) >= started - OVERLAP_SECONDS
            }
            self._ended = fresh | newer
            cost = time.time() - started
            self._reread_at = time.time() + max(FULL_SECONDS, cost / FULL_SHARE)

    def _keep_up(self) -> None:
        now = time.time()
        if now - self._looked < LOOK_SECONDS:
            return
        if not self._reread_at:
            self._ask(self.reread)
        elif now > self._reread_at and not self._rereading:
            self._rereading = True
            threading.Thread(target=self._reread_behind, name="reread", daemon=True).start()
        self._ask(lambda: self._look(now))
        self._looked = time.time()

    def _look(self, now: float) -> None:
        # Active first: a run that ends between the two questions is then seen as ended.
        active = self.store.active()
        ended = self.store.runs(ended_since=(self._looked or now) - OVERLAP_SECONDS)
        self._ended.update((r.run_id, _slim(r)) for r in ended if r.status not in ACTIVE)
        self._active = [record for record in active if record.run_id not in self._ended]

    def _reread_behind(self) -> None:
        try:
            self.reread()
        except Exception:  # noqa: BLE001 - the next look at the store reports the same failure
            self._reread_at = time.time() + FULL_SECONDS
        finally:
            self._rereading = False

    def _unfinished(self, record: RunRecord, name: str) -> pandas.DataFrame | None:
        spooled = self.store.spool(record.run_id) / "tables" / f"{name}.csv"
        try:
            content = spooled.read_bytes()
        except OSError:
            return self._ask(lambda: self.store.table(record.run_id, name))
        whole = content[: content.rfind(b"\n") + 1]
        return pandas.read_csv(BytesIO(whole)) if whole else None

    def _ask(self, question: Callable[[], T]) -> T:
        """MLflow and its database raise what they like; people get a sentence."""
        try:
            return question()
        except (StoreError, BadSetting):
            raise
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise StoreError(
                f"the store {self.store.uri} does not answer ({reason}); check that it is there "
                "and that MLFLOW_TRACKING_URI points to it"
            ) from error


def _slim(record: RunRecord) -> RunRecord:
    """What lists and figures need of an ended run: a third of the memory, for good."""
    return dataclasses.replace(
        record,
        settings={sys.intern(name): value for name, value in record.settings.items()},
        metrics={name: record.metrics[name] for name in KEPT_METRICS if name in record.metrics},
        tags={sys.intern(name): v for name, v in record.tags.items() if name not in DROPPED_TAGS},
    )


def _size(table: pandas.DataFrame | None) -> int:
    return 0 if table is None else int(table.memory_usage(deep=True).sum())
