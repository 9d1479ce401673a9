"""What whoever keeps Unroll running asks of it: is it healthy, what is it doing, what can go.

Everything here is read from the store and this machine; nothing is kept for it.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.experiments import all_experiments
from core.formatting import counted
from core.runner import provenance
from core.secrets import without_secrets
from core.settings import BadSetting
from core.store.folder import database_path, tracking_uri
from core.store.records import ENDED, STATUSES, TAG_ARCHIVED, RunRecord
from core.store.sqlite import SqliteFile, check_database
from core.store.tracking import Store, open_store
from experiments import housekeeping
from experiments.worker import LATE_SECONDS, START_SECONDS, status_path, worker_status

HOUR = 3600.0

DAY = 86400.0

AGE = re.compile(r"(\d+)\s*(d|days?|w|weeks?)", re.IGNORECASE)

PREFIX = "unroll_"

Labels = tuple[tuple[str, str], ...]
"""Name and text of each label of a metric."""


@dataclass(frozen=True)
class Health:
    """Whether a part works, and a sentence about it."""

    part: str
    healthy: bool
    sentence: str


def worker_health(store: Store) -> Health:
    """Whether the worker of a store is alive on this machine, and looks at its queue."""
    status, age = worker_status(store), heartbeat_age(store)
    if status is None or age is None:
        return Health("worker", False, "no worker is running here")
    process = f"the worker (process {status.pid})"
    if not status.ready:
        seconds = time.time() - status.started
        return Health("worker", seconds < START_SECONDS, f"{process} has begun {seconds:.0f} s ago")
    if age > LATE_SECONDS:
        late = f"{process} is alive, but has not looked at its queue for {age:.0f} s"
        return Health("worker", False, late)
    return Health("worker", True, f"{process} looked at its queue {age:.0f} s ago")


def store_health(uri: str) -> Health:
    """Whether a store answers; none is made where there is none."""
    path, shown = database_path(uri), without_secrets(uri)
    if path is not None and not path.exists():
        return Health("store", False, f"there is no store at {path} yet")
    try:
        if path is not None:
            check_database(path)
        if SqliteFile.at(path) is None:
            next(open_store(uri).waiting(), None)
    except Exception as error:  # noqa: BLE001 - whatever it is, the store cannot be used
        return Health("store", False, f"the store does not answer: {without_secrets(str(error))}")
    return Health("store", True, f"the store {shown} answers")


def health(part: str) -> list[Health]:
    """The health of the `worker`, the `store`, or of `all` parts."""
    uri = tracking_uri()
    found = []
    if part in ("store", "all"):
        found.append(store_health(uri))
    if part in ("worker", "all"):
        found.append(worker_health(Store(uri)))
    return found


def heartbeat_age(store: Store) -> float | None:
    """Seconds since the last sign of life of the store's worker; None if there is none.

    The file is seen by whoever shares the store's folder, a container for instance.
    """
    try:
        return max(0.0, time.time() - status_path(store).stat().st_mtime)
    except OSError:
        return None


def metrics_text(store: Store, records: Iterable[RunRecord], now: float | None = None) -> str:
    """What a store's worker is doing, as Prometheus reads it (text format 0.0.4).

    `records` are the runs that count, archived ones too; they are gone through once.
    """
    now = time.time() if now is None else now
    counts: Counter[tuple[str, str]] = Counter()
    oldest: float | None = None
    failed = 0
    for record in records:
        counts[record.experiment, record.status] += 1
        if record.status == "SCHEDULED":
            oldest = record.submitted if oldest is None else min(oldest, record.submitted)
        elif record.status == "FAILED" and now - (record.ended or 0.0) <= HOUR:
            failed += 1
    waiting = sum(n for (_, status), n in counts.items() if status == "SCHEDULED")
    running = sum(n for (_, status), n in counts.items() if status == "RUNNING")
    runs: dict[Labels, float] = {
        (("experiment", name), ("status", status.lower())): float(counts[name, status])
        for name in sorted({e.name for e in all_experiments()} | {name for name, _ in counts})
        for status in STATUSES
    }
    text = Exposition()
    text.gauge("runs", "Recorded runs by experiment and status.", runs)
    text.gauge("queue_length", "Runs that wait for the worker.", waiting)
    age = 0.0 if oldest is None else max(0.0, now - oldest)
    text.gauge("queue_oldest_age_seconds", "Age of the run that waits longest, 0 if none.", age)
    text.gauge("running_runs", "Runs that are executed.", running)
    text.gauge("failed_runs_last_hour", "Runs that failed within the last hour.", failed)
    text.gauge("worker_up", "Whether a live worker is seen from here.", worker_seen(store))
    text.gauge("worker_heartbeat_age_seconds", "Since its sign of life.", heartbeat_age(store))
    text.gauge("database_bytes", "Size of a local store's database.", database_bytes(store))
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(store.folder).free
        text.gauge("disk_free_bytes", "Free bytes where the store's folder is.", free)
    known = provenance()
    versions = {name: known[name] for name in ("torch", "mlflow", "numpy")}
    versions["commit"] = known.get("mlflow.source.git.commit", "")
    text.gauge("build_info", "What is installed; always 1.", {tuple(versions.items()): 1.0})
    return str(text)


class Exposition:
    """Metrics in Prometheus' text format 0.0.4."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def gauge(
        self,
        name: str,
        explanation: str,
        values: float | Mapping[Labels, float] | None,
    ) -> None:
        """Add a gauge: one value, or labels → value; one that is not known is left out."""
        if values is None:
            return
        name = PREFIX + name
        self._lines += [f"# HELP {name} {explanation}", f"# TYPE {name} gauge"]
        if not isinstance(values, Mapping):
            values = {(): float(values)}
        for labels, value in values.items():
            pairs = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
            self._lines.append(f"{name}{{{pairs}}} {value!r}" if pairs else f"{name} {value!r}")

    def __str__(self) -> str:
        return "\n".join([*self._lines, ""])


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def worker_seen(store: Store) -> bool:
    """Whether a worker gives signs of life: its process, or its file where that is elsewhere."""
    age = heartbeat_age(store)
    return worker_status(store) is not None or (age is not None and age <= LATE_SECONDS)


def database_bytes(store: Store) -> int | None:
    """The size of a local store's database and its write-ahead log."""
    path = database_path(store.uri)
    if path is None:
        return None
    size = 0
    for file in (path, path.with_name(f"{path.name}-wal")):
        with contextlib.suppress(OSError):
            size += file.stat().st_size
    return size


def parse_age(text: str) -> float:
    """`180d`, `26 weeks` → seconds; `BadSetting` for anything else."""
    found = AGE.fullmatch(text.strip())
    if not found or not int(found[1]):
        raise BadSetting(f"older_than is {text!r}; give days or weeks: 180d, 26w")
    return int(found[1]) * DAY * (7 if found[2].lower().startswith("w") else 1)


def archivable(
    records: Sequence[RunRecord], age: float, status: str | None, now: float | None = None
) -> tuple[list[RunRecord], int]:
    """The runs that ended so many seconds ago, or earlier, and that nobody wants to keep in sight;
    and how many of that age are starred or pinned.
    """
    before = (time.time() if now is None else now) - age
    old = [
        run
        for run in records
        if run.status in ENDED
        and run.status == (status or run.status)
        and (run.ended or run.submitted) <= before
        and not run.archived
    ]
    chosen = [run for run in old if not (run.starred or run.pinned)]
    return chosen, len(old) - len(chosen)


RETENTION = "retention"
"""Who has archived, of the runs that `archive` put away and that `archive --undo` brings back."""


def archive(store: Store, age: float, status: str | None, *, dry_run: bool) -> str:
    """Archive what is old; return what happened, in a sentence. Nothing is deleted."""
    chosen, kept = archivable(store.runs(), age, status)
    if not dry_run:
        edit = housekeeping.edit_of(archive=True, user=RETENTION)
        housekeeping.apply(store, {run.run_id: edit for run in chosen})
    done = "would be archived" if dry_run else "archived"
    spared = f"; {counted(kept, 'run')} of that age stay, starred or pinned" if kept else ""
    return f"{counted(len(chosen), 'run')} {done}{spared}"


def unarchive(store: Store, *, dry_run: bool) -> str:
    """Bring back what `archive` put away, and nobody else did; return what happened."""
    chosen = [run for run in store.runs() if run.tags.get(TAG_ARCHIVED) == RETENTION]
    if not dry_run:
        edit = housekeeping.edit_of(archive=False)
        housekeeping.apply(store, {run.run_id: edit for run in chosen})
    return f"{counted(len(chosen), 'run')} {'would be ' if dry_run else ''}back from the archive"
