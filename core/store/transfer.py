"""Runs carried from one store to another: out of a store into a bundle, and from there into one.

A run that was carried keeps its id of origin, by which it is recognised again, and by which files
and links name it everywhere. What a store sees of a run that is being imported is complete or
nothing: the tags by which Unroll knows a run are written last, in one step. A run without them is
one that an import is writing, or that a killed import has left, which the next import of that run
removes. A lock tells the two apart on one machine, and on a server's store, which several machines
write into, the time.
"""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from core.experiments import experiment_named
from core.formatting import counted, inline_text
from core.settings import BadSetting
from core.store.bundle import (
    FILES,
    BadBundle,
    Bundle,
    BundledRun,
    Point,
    Report,
    flat_settings,
    is_carried,
    read_bundle,
    write_bundle,
)
from core.store.folder import database_path
from core.store.records import (
    NOTE,
    TAG_COMMENT,
    TAG_CONFIG,
    TAG_DELETED,
    TAG_ORIGIN,
    TAG_SWEEP,
    TAG_USER,
    RunRecord,
    note_text,
    origin_of,
)
from core.store.tracking import MODEL, Store, load_mlflow

FOLDERS = ("tables", "cell")
"""The folders of a run's artifacts that a bundle always has."""

LOCK_SECONDS = 1.0
"""How long an import waits for another one into the same store."""

HALF_SECONDS = 3600.0
"""After which a half-imported run on a server is taken for what a killed import has left: the lock
is a file of this machine, and an import that runs on another one is not seen by it."""

POINTS = 1000
"""The most metrics that MLflow takes in one call; of tags and params it takes a tenth."""


# --- Out of a store


def pack(
    store: Store,
    records: Sequence[RunRecord],
    *,
    models: bool = False,
    report: Report = lambda share, words: None,
) -> bytes:
    """Finished runs as a bundle, with their trained models if `models`.

    Raises `BadSetting` for a run that has not finished, has no result or cannot be carried.
    """
    if not records:
        raise BadSetting("runs is empty; name finished runs")
    packed = []
    for number, record in enumerate(records):
        name = inline_text(record.name)
        report(number / (len(records) + 1), name)
        if record.status != "FINISHED":
            raise BadSetting(f"runs has {name!r}, which is {record.status}; give finished runs")
        packed.append(_packed(store, store.run(record.run_id), models=models))
    report(len(records) / (len(records) + 1), "checking")
    content = write_bundle(packed)
    try:
        read_bundle("", content)  # what cannot be read again is refused here, not there
    except BadBundle as error:
        raise BadSetting(
            "these runs cannot be bundled: a "
            + str(error).replace("bundle is '', ", "bundle would be one ", 1).partition(";")[0]
        ) from None
    return content


def _packed(
    store: Store, record: RunRecord, *, models: bool
) -> tuple[BundledRun, Mapping[str, bytes]]:
    files: dict[str, bytes] = {}
    places = [
        f"{folder}/{name}" for folder in FOLDERS for name in store.files(record.run_id, folder)
    ]
    if models:
        places += [f"{MODEL}/{name}" for name in store.files(record.run_id, MODEL)]
    for place in [*sorted(places), "log.txt"]:
        with store.artifact(record.run_id, place) as path:
            if path is not None and path.is_file() and FILES.fullmatch(place):
                files[place] = path.read_bytes()
    tags = {name: text for name, text in record.tags.items() if is_carried(name)}
    if NOTE in tags:
        tags[NOTE] = record.note  # below it stands a link to where it came from
    run = BundledRun(
        run_id=record.original_id,
        experiment=record.experiment,
        name=record.name,
        user=record.origin.get("user", record.user),
        submitted=round(1000 * record.submitted),
        ended=round(1000 * (record.ended or record.submitted)),
        settings=flat_settings(record.tags[TAG_CONFIG]),
        params=store.params(record.run_id),
        tags=tags,
        metrics=[Point(*point) for point in store.history(record.run_id)],
        files=list(files),
    )
    return run, files


# --- Into a store


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    run_ids: tuple[str, ...]
    """The runs that are new here, by their ids in this store."""
    restored: tuple[str, ...]
    """Those that had been imported before and deleted since."""
    known: int
    """Runs that were here already, and are as they were."""
    host: str
    """Where the bundle was made."""

    @property
    def sentence(self) -> str:
        """`12 runs imported from lab-7, 3 were here already.`"""
        parts = [f"{counted(len(self.run_ids), 'run')} imported from {inline_text(self.host)}"]
        if self.restored:
            parts.append(f"{len(self.restored)} restored that had been deleted")
        if self.known:
            parts.append(f"{self.known} {'was' if self.known == 1 else 'were'} here already")
        return f"{', '.join(parts)}."


def unpack(store: Store, bundle: Bundle, report: Report = lambda share, words: None) -> Imported:
    """Import the runs of a bundle that are not here yet, for the person who uses the store.

    Raises `NotAllowed` for somebody who may not record runs, and `BadSetting` while another import
    into this store is running.
    """
    store.person.require_launch()
    new: list[str] = []
    restored: list[str] = []
    with _only_import(store):
        names = {run.experiment for run in bundle.runs}
        known = {
            record.original_id
            for name in names
            for record in store.newest_first(name, metrics=(), unreadable=True)
        }
        deleted = {
            record.original_id: record
            for name in names
            for record in store.newest_first(name, metrics=(), deleted=True)
            if store.person.may_change(record.user)
        }
        missing = {run.run_id for run in bundle.runs} - known
        halves = _half_imported(store, names, missing)
        for number, run in enumerate(bundle.runs):
            report(number / len(bundle.runs), inline_text(run.name))
            if run.run_id in known:
                continue
            for half in halves.get(run.run_id, ()):
                store.client.delete_run(half)
            if run.run_id in deleted:
                record = deleted[run.run_id]
                store.restore(record.run_id)
                store.remove_tags(
                    record.run_id, [TAG_DELETED] if TAG_DELETED in record.tags else []
                )
                restored.append(record.run_id)
            else:
                new.append(_import(store, bundle, run))
    report(1.0, "done")
    there = len(bundle.runs) - len(new) - len(restored)
    return Imported(tuple(new), tuple(restored), there, bundle.manifest.host)


@contextlib.contextmanager
def _only_import(store: Store) -> Iterator[None]:
    """Held while runs are imported: two imports of one bundle would both find them missing. It
    is a file beside the store, or of a server's store in a folder of this machine alone."""
    try:
        with FileLock(store.folder / "import.lock", timeout=LOCK_SECONDS):
            yield
    except Timeout:
        raise BadSetting(
            "another import into this store is running; wait until it has finished, then try again"
        ) from None


def _half_imported(store: Store, experiments: set[str], wanted: set[str]) -> dict[str, list[str]]:
    """Id of origin → the runs that a killed import has left of it.

    Raises `BadSetting` where one may still be written from another machine.
    """
    halves: dict[str, list[str]] = {}
    of_this_machine = database_path(store.uri) is not None
    for name in experiments:
        for run in store.runs_of(name):
            origin = origin_of(run.tags) if TAG_CONFIG not in run.tags else {}
            if not origin or origin["run_id"] not in wanted:
                continue
            left = HALF_SECONDS - abs(time.time() - origin["imported"])
            if not of_this_machine and left > 0:
                raise BadSetting(
                    f"another import into this store is running: it has begun run "
                    f"{origin['run_id'][:8]}; wait until it has finished, or if it was "
                    f"killed, try again in {counted(math.ceil(left / 60), 'minute')}"
                )
            halves.setdefault(origin["run_id"], []).append(run.run_id)
    return halves


def _import(store: Store, bundle: Bundle, run: BundledRun) -> str:
    """Record a run with all that the bundle has of it; return its id here."""
    experiment = experiment_named(run.experiment)
    entities = load_mlflow(remote=store.is_remote).entities
    user, tags = store.person.name, dict(run.tags)
    origin = {"run_id": run.run_id, "user": run.user, "imported": time.time()}
    begun = store.client.create_run(
        store.experiment_number(experiment.name, experiment.question),
        start_time=run.submitted,
        run_name=run.name,
        tags={TAG_ORIGIN: json.dumps(origin), TAG_USER: user},
    )
    run_id = str(begun.info.run_id)
    params = [entities.Param(*pair) for pair in run.params.items()]
    for start in range(0, len(params), POINTS // 10):
        store.client.log_batch(run_id, params=params[start : start + POINTS // 10])
    points = [entities.Metric(p.name, p.value, p.at, p.step) for p in run.metrics]
    for start in range(0, len(points), POINTS):
        store.client.log_batch(run_id, metrics=points[start : start + POINTS])
    with tempfile.TemporaryDirectory(prefix="unroll-") as folder:
        for file in run.files:
            path = Path(folder, file)  # the names have been checked
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(bundle.file(run, file))
        store.client.log_artifacts(run_id, folder)
    store.client.set_terminated(run_id, "FINISHED", run.ended)
    tags[NOTE] = note_text(run_id, tags.get(NOTE, ""), tags.get(TAG_COMMENT, ""))
    known_by = {TAG_SWEEP: tags.pop(TAG_SWEEP, ""), TAG_CONFIG: json.dumps(run.settings)}
    others = [entities.RunTag(*pair) for pair in tags.items() if pair[1]]
    for start in range(0, len(others), POINTS // 10):
        store.client.log_batch(run_id, tags=others[start : start + POINTS // 10])
    store.client.log_batch(
        run_id, tags=[entities.RunTag(*pair) for pair in known_by.items() if pair[1]]
    )
    return run_id
