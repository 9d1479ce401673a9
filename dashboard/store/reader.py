"""Keeps up with a store of any size: ended runs are read once, only active ones again.

A look at the store asks for the active runs and for those that ended since the last look. What
somebody deleted or edited elsewhere is noticed by a full read, soon after a local database has been
written to. A page waits for the first full read, but not for long: the newest runs come first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar, cast

import pandas

from core.settings import BadSetting
from core.store.folder import StoreError
from core.store.people import Person
from core.store.records import ACTIVE, TAG_CONFIG, RunRecord
from core.store.saved import Saved, saved
from core.store.tables import read_table, row_of
from core.store.tracking import Store, load_mlflow, open_store
from experiments import housekeeping
from experiments.housekeeping import Edit

LOOK_SECONDS = 0.4
"""Questions closer together than this share one answer, however many people watch."""

OVERLAP_SECONDS = 10.0
"""Looks overlap, because the clocks of the machines that end runs differ a little."""

FIRST_SECONDS = 2.0
"""A page waits at most this long for the first full read; 10,000 local runs take one second."""

SHOWN_AT_ONCE = 250
"""Runs that are shown together while the first full read goes on."""

FULL_SECONDS = 30.0
"""A full read comes at the latest after this time, because a server does not say what changed …"""

FULL_SHARE = 0.02
"""… and full reads take at most this share of the time …"""

SHORT_SECONDS = 0.1
"""… those that take less than this happen within the look that finds the store changed."""

MAX_FETCHERS = 8
"""Tables that are asked for from a server at once."""

MAX_TABLE_BYTES = 16 * 2**20
"""Tables kept in memory."""

FRAME_BYTES, COLUMN_BYTES, VALUE_BYTES = 2_000, 750, 8
"""What pandas takes around the numbers of a table: 30 kB of one row of 40 columns; and each value.
To ask pandas takes longer than to read a small table."""

MAX_NOTED = 16
"""Columns of a table that were handed out, of which pandas keeps a note."""

MLFLOW_AFTER_SECONDS = 15.0
"""By then the first page has been drawn; the first button that needs MLflow comes later."""

ACCURACY = "token_accuracy"
"""The percentage of tokens that a translator got right in its test."""

KEPT_METRICS = ("seconds", ACCURACY)
"""Results come from the tables; these are for estimates of time, and for lists of translators, of
which a store may have hundreds."""

DROPPED_TAGS = (TAG_CONFIG, "unroll.traceback")
"""These are long, and read again where they are shown."""

UPLOADED_SECONDS = 3.0
"""How long the rows of a run that is executed elsewhere are kept, before they are read again."""

MAX_UPLOADS = 500

SAVED_SECONDS = 5.0
"""How long the list of saved views is kept before it is read again."""

READER = Person("the dashboard", "viewer")
"""Writes nothing: every change is made by the person at a page."""

T = TypeVar("T")

Frame = TypeVar("Frame", bound="pandas.DataFrame | None")

V = TypeVar("V")


class Reader:
    """All that the dashboard reads of one store. Safe to use from several sessions at once.

    No lock that sessions need is held while the store is asked: one session looks, and the others
    read what is known meanwhile.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        """Guards what is known; held for moments only."""
        self._looking = threading.Lock()
        """Held by the session that asks the store."""
        self._ended: dict[str, RunRecord] = {}
        self._active: list[RunRecord] | None = None
        self._unreadable: list[RunRecord] = []
        self._listed: dict[tuple[str | None, bool], list[RunRecord]] = {}
        self._next_look = 0.0
        self._seen_until = time.time()
        self._rereading = threading.Lock()
        """Held by whoever reads everything."""
        self._reread_at = 0.0
        """When everything is read again at the latest; 0 until it has been read once."""
        self._rested_at = 0.0
        """When it may be read again."""
        self._cost = 0.0
        """Seconds that the last full read took."""
        self._stamp: tuple[int, ...] | None = None
        """The store's stamp at that time."""
        self._looked_at: tuple[int, ...] | None = None
        """The store's stamp at the last look."""
        self._taken: dict[str, float] = {}
        """Runs that were read one by one → when: a full read that was going on does not know."""
        self._full: Future[None] | None = None
        self._patience_until = 0.0
        self._uploads: dict[tuple[str, str], tuple[float, pandas.DataFrame | None]] = {}
        self._fetching: dict[Hashable, threading.Lock] = {}
        self._saved: list[Saved] = []
        self._saved_until = 0.0
        self._bytes = 0
        self._tables: OrderedDict[Hashable, pandas.DataFrame | None] = OrderedDict()

    @property
    def complete(self) -> bool:
        """Whether every run has been read, the oldest too."""
        return self._reread_at > 0.0

    def runs(self, experiment: str | None = None, *, archived: bool = False) -> list[RunRecord]:
        """Every run as of now, oldest first; archived ones only if asked for. Raises `StoreError`.

        The list is shared, and the same one until something has changed: copy it to change it.
        """
        self._keep_up()
        key = experiment, archived
        with self._lock:
            if key not in self._listed:
                chosen = (
                    record
                    for record in (*self._ended.values(), *(self._active or ()))
                    if experiment in (None, record.experiment) and (archived or not record.archived)
                )
                self._listed[key] = sorted(chosen, key=lambda record: record.submitted)
            return self._listed[key]

    def active(self) -> list[RunRecord]:
        """The scheduled and running runs, in the order submitted. Raises `StoreError`."""
        self._keep_up()
        with self._lock:
            return list(self._active or ())

    def run(self, run_id: str) -> RunRecord | None:
        """One run, deleted or not, with all that the store knows of it; None if it is not there."""
        try:
            record = self._ask(lambda: self.store.run(run_id, unreadable=True))
        except BadSetting:
            return None
        return record if record.experiment else None

    def deleted(self) -> list[RunRecord]:
        """The runs that somebody deleted and that can be restored. Raises `StoreError`."""
        return self._ask(lambda: self.store.runs(metrics=KEPT_METRICS, deleted=True))

    def unreadable(self) -> list[RunRecord]:
        """The runs of which nobody can say any more what was run. Raises `StoreError`."""
        self._keep_up()
        with self._lock:
            return list(self._unreadable)

    def refresh(self) -> None:
        """Look again now, because something has just been submitted or cancelled.

        If the store does not answer, the next question says so.
        """
        with contextlib.suppress(StoreError, BadSetting), self._looking:
            self._looked_at = None
            self._look()

    def edit(self, person: Person, edits: Mapping[str, Edit]) -> dict[str, Edit]:
        """Write somebody's edits of runs, which are seen at once; return those that undo them.

        Raises `BadSetting` and `StoreError`.
        """
        try:
            return self._ask(lambda: housekeeping.apply(self.store.by(person), edits))
        finally:
            self.reload(edits)

    def saved(self) -> list[Saved]:
        """The saved views, the newest first; read again every few seconds."""
        with self._lock:
            if time.monotonic() < self._saved_until:
                return self._saved
        found = self._ask(lambda: saved(self.store))
        with self._lock:
            self._saved, self._saved_until = found, time.monotonic() + SAVED_SECONDS
        return found

    def forget_saved(self) -> None:
        """Read the saved views again: one has just been added or removed."""
        with self._lock:
            self._saved_until = 0.0

    def reload(self, run_ids: Iterable[str]) -> None:
        """Read these runs again now, because they have just been edited. Raises `StoreError`."""
        records = self._ask(lambda: [self.store.run(run_id) for run_id in run_ids])
        with self._lock:
            for record in records:
                self._ended.pop(record.run_id, None)
            self._take(_slim(r) for r in records if not r.deleted and r.status not in ACTIVE)
            self._taken |= {record.run_id: time.monotonic() for record in records}
            self._listed.clear()
        self.refresh()

    def table(self, record: RunRecord, name: str) -> pandas.DataFrame | None:
        """A run's table, None if it has no row of it; of an active run, the rows so far.

        The frame is shared: copy it before changing it.
        """
        if record.status in ACTIVE:
            return self._unfinished(record, name)
        key = (record.run_id, name)
        return self.kept(key, lambda: self._ask(lambda: self.store.table(record, name)))

    def fetch(self, reads: Iterable[Callable[[], object]]) -> None:
        """Do several readings at once where each asks a server, so that what is asked for after
        this is at hand; nothing else."""
        if self.store.is_remote:
            for done in [_fetchers().submit(read) for read in reads]:
                done.exception()  # whoever asks for it again is told

    def away(self, runs: Iterable[RunRecord], name: str) -> list[RunRecord]:
        """The runs of which only a server has this table."""
        return [run for run in runs if not self.store.is_at_hand(run.run_id, name)]

    def kept(self, key: Hashable, make: Callable[[], Frame]) -> Frame:
        """A table that stays what it is, made once for all sessions, and again if it has been long
        since somebody wanted it.

        The frame is shared: copy it before changing it.
        """
        with self._lock:
            if key in self._tables:
                self._tables.move_to_end(key)
                _forget_views(self._tables[key])
                return cast("Frame", self._tables[key])
            fetching = self._fetching.setdefault(key, threading.Lock())
        with fetching:  # of several sessions that want it one asks, and the others wait
            with self._lock:
                if key in self._tables:
                    return cast("Frame", self._tables[key])
            table = make()
            with self._lock:
                self._fetching.pop(key, None)
                self._bytes += _size(table)
                self._tables[key] = table
                while self._bytes > MAX_TABLE_BYTES and len(self._tables) > 1:
                    self._bytes -= _size(self._tables.popitem(last=False)[1])
        return table

    def reread(self) -> None:
        """Read every run again: what was deleted in MLflow vanishes, what was edited is updated."""
        with self._rereading:
            self._reread()

    def _reread(self) -> None:
        started, stamp = time.monotonic(), self.store.stamp()
        fresh: dict[str, RunRecord] = {}
        unseen: list[RunRecord] = []
        unreadable: list[RunRecord] = []
        for record in self.store.newest_first(metrics=KEPT_METRICS, unreadable=True):
            if record.unreadable:
                unreadable.append(record)
            elif record.status not in ACTIVE:
                fresh[record.run_id] = _slim(record)
                unseen.append(fresh[record.run_id])
            if len(unseen) == SHOWN_AT_ONCE and not self.complete:
                with self._lock:
                    self._take(unseen)
                unseen.clear()
        with self._lock:
            self._taken = {i: at for i, at in self._taken.items() if at >= started}
            for run_id in self._taken:
                fresh.pop(run_id, None)
                if run_id in self._ended:
                    fresh[run_id] = self._ended[run_id]
            self._unreadable = unreadable
            if fresh != self._ended:
                self._ended = fresh
                self._listed.clear()
            now = time.monotonic()
            self._stamp, self._cost = stamp, now - started
            self._rested_at = now + self._cost / FULL_SHARE
            self._reread_at = now + max(FULL_SECONDS, self._cost / FULL_SHARE)

    def _keep_up(self) -> None:
        """Look at the store if it is time and nobody else does; wait only for the first look."""
        if not self.complete:
            self._begin()
        if time.monotonic() < self._next_look:
            return
        if self._looking.acquire(blocking=self._active is None):
            try:
                if time.monotonic() >= self._next_look:
                    self._look()
            finally:
                self._looking.release()

    def _begin(self) -> None:
        """Start the first full read and wait for it a little. Raises `StoreError` if it failed."""
        with self._lock:
            if self.complete:
                return
            if self._full is None or self._full.done():
                self._full = self._reread_behind()
                self._patience_until = time.monotonic() + FIRST_SECONDS
            full = self._full
        wait([full], max(0.0, self._patience_until - time.monotonic()))
        if full.done():
            self._ask(full.result)

    def _look(self) -> None:
        looked_at, now = time.time(), time.monotonic()
        stamp = self.store.stamp()
        changed = now > self._rested_at and stamp != self._stamp
        if self.complete and (changed or now > self._reread_at):
            # If it fails in the background, this look at the store reports the same failure.
            self._rested_at = self._reread_at = now + FULL_SECONDS
            if self._cost < SHORT_SECONDS and not self._rereading.locked():
                self._ask(self.reread)
            else:
                self._reread_behind()
        if stamp is None or stamp != self._looked_at:  # else nobody has written anything
            self._look_for_news()
            self._looked_at = stamp
        self._seen_until = looked_at
        self._next_look = time.monotonic() + LOOK_SECONDS

    def _look_for_news(self) -> None:
        # Active first: a run that ends between the two questions is then seen as ended.
        active = self._ask(self.store.active)
        since = self._seen_until - OVERLAP_SECONDS
        ended = self._ask(lambda: self.store.runs(ended_since=since, metrics=KEPT_METRICS))
        slim = [_slim(record) for record in ended if record.status not in ACTIVE]
        with self._lock:
            self._take(slim)
            active = [record for record in active if record.run_id not in self._ended]
            if active != self._active:
                self._active = active
                self._listed.clear()

    def _take(self, ended: Iterable[RunRecord]) -> None:
        for record in ended:
            if self._ended.get(record.run_id) != record:
                self._ended[record.run_id] = record
                self._taken[record.run_id] = time.monotonic()
                self._listed.clear()

    def _reread_behind(self) -> Future[None]:
        done: Future[None] = Future()

        def read() -> None:
            try:
                self.reread()
            except Exception as error:  # noqa: BLE001 - whoever waits gets it
                done.set_exception(error)
            else:
                done.set_result(None)

        threading.Thread(target=read, name="reread", daemon=True).start()
        return done

    def _unfinished(self, record: RunRecord, name: str) -> pandas.DataFrame | None:
        if record.status == "SCHEDULED":
            return None
        spooled = self.store.spool(record.run_id) / "tables" / f"{name}.csv"
        try:
            content = spooled.read_bytes()
        except OSError:  # it is executed on another machine, which uploads its rows now and then
            return self._uploaded(record, name)
        whole = content[: content.rfind(b"\n") + 1]
        return read_table(whole, row_of(record.experiment, name)) if whole else None

    def _uploaded(self, record: RunRecord, name: str) -> pandas.DataFrame | None:
        """What a run has uploaded so far; many people look at it, and the store is asked once."""
        key = (record.run_id, name)
        with self._lock:
            at, table = self._uploads.get(key, (0.0, None))
            if time.monotonic() < at + UPLOADED_SECONDS:
                return table
            self._uploads[key] = (time.monotonic(), table)  # meanwhile others see what was there
        table = self._ask(lambda: self.store.table(record, name))
        with self._lock:
            self._uploads[key] = (time.monotonic(), table)
            while len(self._uploads) > MAX_UPLOADS:
                del self._uploads[next(iter(self._uploads))]
        return table

    def _ask(self, question: Callable[[], T]) -> T:
        """Ask the store; turn whatever MLflow and its database raise into a `StoreError`."""
        try:
            return question()
        except (StoreError, BadSetting):
            raise
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise StoreError(
                f"the store {self.store.uri} does not answer ({reason}); check that it exists "
                "and that MLFLOW_TRACKING_URI points to it"
            ) from error


def open_reader(uri: str) -> Reader:
    """The reader of a store, shared by all sessions. Raises `StoreError`."""
    with _open_lock:
        reader = _reader_of(uri)
        _load_later(remote=reader.store.is_remote)
        return reader


_open_lock = threading.Lock()


@functools.lru_cache(maxsize=2)
def _reader_of(uri: str) -> Reader:
    return Reader(open_store(uri).by(READER))


@functools.cache
def _fetchers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MAX_FETCHERS, "fetch")


_loading_later, _loaded = threading.Event(), threading.Event()

_loading = threading.Lock()


def _load_later(*, remote: bool) -> None:
    if _loading_later.is_set():
        return
    _loading_later.set()
    later = threading.Timer(MLFLOW_AFTER_SECONDS, load_mlflow_once, kwargs={"remote": remote})
    later.daemon = True
    later.start()


def load_mlflow_once(*, remote: bool) -> None:
    """Load MLflow before a button needs it. Early, too: sessions that are open now become exempt
    from collection."""
    with _loading:
        if not _loaded.is_set():
            load_mlflow(remote=remote)
            exempt_from_collection()
            _loaded.set()


def exempt_from_collection() -> None:
    """Exempt from garbage collection what is there now: libraries, and runs that were read.

    Streamlit collects garbage after every run of a page, and 300,000 objects of libraries take it
    0.3 s. Only at the start: a session that is open then is never freed.
    """
    gc.collect()
    gc.freeze()


def _slim(record: RunRecord) -> RunRecord:
    """What lists and figures need of an ended run, in a third of the memory."""
    tags = {name: text for name, text in record.tags.items() if name not in DROPPED_TAGS}
    return dataclasses.replace(
        record,
        settings=_shared(record.settings),
        tags=_shared(tags),
        metrics={name: record.metrics[name] for name in KEPT_METRICS if name in record.metrics},
    )


def _shared(values: Mapping[str, V]) -> dict[str, V]:
    """The same values, each text in memory once: most runs share machine, cell and commit."""
    return {
        sys.intern(name): sys.intern(value) if isinstance(value, str) else value  # type: ignore[misc]
        for name, value in values.items()
    }


def _forget_views(table: pandas.DataFrame | None) -> None:
    """Drop what pandas notes of columns that a table has handed out and nobody holds any more: up
    to 500 for each block, which is more than most tables take themselves.

    pandas needs the notes only to copy a table before it is changed, and these never are.
    """
    for block in () if table is None else table._mgr.blocks:
        noted = block.refs.referenced_blocks
        if len(noted) > MAX_NOTED:
            noted[:] = [note for note in noted if note() is not None]


def _size(table: pandas.DataFrame | None) -> int:
    """About what a table takes, with the objects around its numbers: most of a table of one row."""
    if table is None:
        return FRAME_BYTES
    return FRAME_BYTES + COLUMN_BYTES * table.shape[1] + VALUE_BYTES * table.size
