"""Submit, cancel, retry. The queue is the set of SCHEDULED runs in the store, nothing else."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from filelock import FileLock, Timeout

from core.device import available_devices, choose_device
from core.experiment import MAX_RUNS, Config, Experiment
from core.experiments import config_of, experiment_named
from core.files import require_inside
from core.formatting import counted, inline_text
from core.settings import BadSetting, Value
from core.store.folder import PROJECT, database_path
from core.store.people import NotAllowed
from core.store.records import (
    ACTIVE,
    TAG_CANCEL,
    TAG_LOOKS,
    TAG_PINNED,
    TAG_RETRY_OF,
    TAG_SWEEP_NAME,
    TAG_USER,
    RunRecord,
)
from core.store.tracking import Store
from experiments.liveness import is_alive, mark_lost, signal_owner
from experiments.suites import Suite

ID_LENGTH = 32

MIN_ID_LETTERS = 4
"""A run can be named by at least this many first letters of its id."""

MAX_QUEUED = MAX_RUNS
"""A mistyped sweep would otherwise fill the store."""

LAUNCH_SECONDS = 60.0
"""How long a launch waits for another one, where a person's runs are counted."""

MAX_NAME = 200
"""Characters of a sweep's name."""

SWEEP_TAGS = (TAG_SWEEP_NAME, TAG_PINNED)
"""What stands on each run of a sweep."""

LAUNCH_ID = re.compile(r".+? \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [0-9a-f]{4}")
"""What `new_sweep` makes; a suite puts the title of each part behind it."""


RunKey = tuple[str, str]
"""Experiment and settings."""


class QueueFull(BadSetting):
    """The queue takes no more runs."""


def submit(
    store: Store,
    experiment: Experiment,
    configs: Sequence[Config],
    sweep: str | None = None,
    *,
    name: str = "",
) -> list[str]:
    """Queue one run per config, as one sweep that people call `name`; raises as `submit_missing`
    does.
    """
    sweep = sweep or new_sweep(experiment.name)
    plan = tuple((experiment, config, sweep) for config in configs)
    return submit_missing(store, Missing(plan, waiting=(), done=0, name=name))


def submit_suite(store: Store, suite: Suite) -> list[str]:
    """Queue every run of a suite, one sweep per part; raises as `submit_missing` does."""
    stamp = new_sweep(suite.name)
    plan = tuple(
        (experiment, config, f"{stamp} {part}") for experiment, config, part in suite.plan()
    )
    return submit_missing(store, Missing(plan, waiting=(), done=0))


def equal_runs(
    records: Iterable[RunRecord], plan: Iterable[tuple[Experiment, Config]]
) -> list[RunRecord | None]:
    """For each planned run the recorded one with the same settings that has finished, or else is
    queued or running; None where there is none.

    If the experiment measures time, only a run of this machine counts, which none is that was
    imported.
    """
    here = socket.gethostname()

    def key(experiment: str, settings: Mapping[str, Value], host: str) -> tuple[RunKey, str]:
        return run_key(experiment, settings), host if experiment_named(experiment).timed else ""

    recorded = {
        key(r.experiment, r.settings, "" if r.origin else str(r.owner.get("host") or here)): r
        for r in sorted(records, key=lambda record: record.status == "FINISHED")
        if r.status in (*ACTIVE, "FINISHED") and not r.archived
    }
    return [recorded.get(key(e.name, config.flat(), here)) for e, config in plan]


@dataclass(frozen=True)
class Missing:
    """What a suite still lacks in a store."""

    plan: tuple[tuple[Experiment, Config, str], ...]
    """To be queued, each with the sweep that it belongs to."""
    waiting: tuple[str, ...]
    """Ids of its runs that are queued or running already: an interrupted suite leaves them."""
    done: int
    looks: int = 1
    """How often the comparison that they belong to is looked at while seeds are added."""
    name: str = ""
    """What people call the sweep, if they gave it a name."""
    joins: bool = True
    """Whether its sweeps may have runs already, whose tags these must have, too."""


def missing(store: Store, suite: Suite) -> Missing:
    """What a suite lacks in a store: the runs that have no equal there."""
    return missing_of(store.runs(), suite)


def missing_of(records: Sequence[RunRecord], suite: Suite) -> Missing:
    """As `missing`, among these runs."""
    stamp, suite_plan = new_sweep(suite.name), suite.plan()
    equal = equal_runs(records, [(experiment, config) for experiment, config, _ in suite_plan])
    plan, waiting, done = [], [], 0
    for (experiment, config, part), record in zip(suite_plan, equal, strict=True):
        if record is None:
            # The sweep that an interrupted suite has begun is completed.
            name = re.compile(rf"{re.escape(suite.name)} \S+ \S+ \S+ {re.escape(part)}")
            earlier = [other.sweep for other in records if name.fullmatch(other.sweep)]
            plan.append((experiment, config, earlier[-1] if earlier else f"{stamp} {part}"))
        elif record.status == "FINISHED":
            done += 1
        else:
            waiting.append(record.run_id)
    return Missing(tuple(plan), tuple(waiting), done)


def submit_missing(store: Store, wanted: Missing) -> list[str]:
    """Queue what a suite lacks; return these runs and those that were queued or running already.

    Raises `QueueFull`, `NotAllowed` for somebody who may not launch these, or `BadSetting` for a
    device that is not there or a name that is too long, before anything is recorded.
    """
    tags = name_tags(wanted.name)
    if wanted.looks > 1:
        tags[TAG_LOOKS] = str(wanted.looks)
    plan = [
        (experiment, _limited(store, config), sweep) for experiment, config, sweep in wanted.plan
    ]
    _require_devices_of(store, [config for _, config, _ in plan])
    joined = {experiment.name for experiment, _, _ in plan} if wanted.joins else set()
    of_sweeps = _tags_of_sweeps(store, joined)
    with _room_in_queue(store, len(plan)):
        run_ids = [
            store.create(experiment, config, sweep=sweep, tags={**of_sweeps.get(sweep, {}), **tags})
            for experiment, config, sweep in plan
        ]
    wake(store)
    return [*wanted.waiting, *run_ids]


def _limited(store: Store, config: Config) -> Config:
    """The config within the limits of who launches it; `NotAllowed` if it exceeds them."""
    store.person.require_launch()
    require_inside(config)
    flat = config.flat()
    limited = store.person.limits.of_settings(flat, type(config)().flat())
    return config if limited == flat else type(config).from_flat(limited)


@contextlib.contextmanager
def _room_in_queue(store: Store, number: int) -> Iterator[None]:
    """Held while so many runs are queued: two launches at once must not exceed the limits."""
    most = store.person.limits.queued
    lock = FileLock(store.folder / "launch.lock", timeout=LAUNCH_SECONDS)
    with contextlib.ExitStack() as stack:
        try:
            if most is not None:
                stack.enter_context(lock)
        except Timeout:
            raise QueueFull(
                "another launch is just being queued, and takes long; try again in a moment"
            ) from None
        waiting = store.runs(status="SCHEDULED", metrics=())
        if len(waiting) + number > MAX_QUEUED:
            raise QueueFull(
                f"{counted(number, 'run')} cannot be queued: the queue holds {len(waiting):,} of "
                f"at most {MAX_QUEUED:,}; wait until some are done, or cancel some"
            )
        theirs = sum(record.user == store.person.name for record in waiting)
        if most is not None and theirs + number > most:
            raise NotAllowed(
                f"{counted(number, 'run')} cannot be queued: {theirs:,} of yours wait already, and "
                f"one person may have {most:,} (queued); wait until some are done, or cancel some"
            )
        yield


def _tags_of_sweeps(store: Store, experiments: Iterable[str]) -> dict[str, dict[str, str]]:
    """Sweep → what each of its runs has of it, and so must those that join it."""
    every = (run for name in experiments for run in store.runs(name, metrics=()))
    return {run.sweep: {t: run.tags[t] for t in SWEEP_TAGS if t in run.tags} for run in every}


def name_tags(name: str) -> dict[str, str]:
    """What each run of a sweep records of the name that people give it, if they give it one.

    Raises `BadSetting` for a name that is too long.
    """
    words = " ".join(name.split())
    if len(words) > MAX_NAME:
        raise BadSetting(
            f"name is {words[:40] + '…'!r} of {len(words):,} characters; give at most {MAX_NAME}"
        )
    return {TAG_SWEEP_NAME: words} if words else {}


def run_key(experiment: str, settings: Mapping[str, Value]) -> RunKey:
    """What is equal for a config and its runs, whatever limits they were launched within."""
    named = experiment_named(experiment)
    limits = {setting.name for setting in named.settings if setting.role == "limit"}
    decisive = {n: v for n, v in named.complete(settings).items() if n not in limits}
    return experiment, json.dumps(decisive, sort_keys=True)


def _require_devices_of(store: Store, configs: Sequence[Config]) -> None:
    """Check a local store only: a server's runs may be executed on a machine with other devices."""
    if database_path(store.uri) is not None:
        require_devices(configs)


def require_devices(configs: Iterable[Config]) -> None:
    """Raise `BadSetting` with a sentence for the first config whose device is not here."""
    for config in configs:
        if config.device not in ("auto", "cpu"):
            choose_device(config.device, config.precision, devices_here())


@functools.cache
def devices_here() -> Mapping[str, bool]:
    """Which devices this machine has.

    Another process is asked unless torch is loaded: it would stay in the dashboard's memory.
    """
    if "torch" in sys.modules:
        return available_devices()
    code = (
        "import json; from core.device import available_devices; "
        "print(json.dumps(available_devices()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, check=True
    )
    devices: dict[str, bool] = json.loads(done.stdout)
    return devices


def cancel(store: Store, run_id: str) -> str:
    """Stop a queued or running run; return what happened, in a sentence."""
    record = find(store, run_id)
    store.require_change([record])
    name = inline_text(record.name)
    if record.status not in ACTIVE:
        return f"{name} has already ended as {record.status}"
    store.set_tags(record.run_id, {TAG_CANCEL: str(time.time())})
    record = store.run(record.run_id, unreadable=True)
    if record.status == "SCHEDULED" and _remove_from_queue(store, record):
        return f"{name} was removed from the queue"
    signal_owner(store.run(record.run_id, unreadable=True), signal.SIGTERM)
    wake(store)
    return f"{name} is stopping; the rows measured until then are kept"


def cancel_all(store: Store, records: Sequence[RunRecord]) -> str:
    """Stop queued and running runs; return what happened, in a sentence.

    All of them are marked first, the queued ones before those that run: no queued run starts in
    the place of one that stops.
    """
    store.require_change(records)
    asked = {TAG_CANCEL: str(time.time())}
    for record in sorted(records, key=lambda record: record.status == "RUNNING"):
        store.set_tags(record.run_id, asked)
    active = {record.run_id: record for record in store.active()}
    queued = running = 0
    for record in records:
        now = active.get(record.run_id)
        if now is None:
            continue
        if now.status == "SCHEDULED" and _remove_from_queue(store, now):
            queued += 1
        else:
            signal_owner(store.run(now.run_id), signal.SIGTERM)
            running += 1
    wake(store)
    parts = [f"{counted(queued, 'run')} removed from the queue"] if queued else []
    if running:
        parts.append(f"{counted(running, 'run')} stopping; the rows measured until then are kept")
    return ", ".join(parts) or "These runs had already ended"


def _remove_from_queue(store: Store, record: RunRecord) -> bool:
    """End a run that has not begun; False if it has meanwhile."""
    return store.end(record.run_id, "KILLED", "cancelled before it started", owner={})


def retry(store: Store, run_id: str) -> str:
    """Queue the config of an ended run again, in the same sweep; return the new run's id.

    Raises `BadSetting` for a run that has not ended, that was retried already, or whose device is
    not there, and `NotAllowed` for somebody else's.
    """
    record = find(store, run_id)
    store.require_change([record])
    if end_gone(store, [record]):
        record = store.run(record.run_id)
    if record.status in ACTIVE:
        raise BadSetting(
            f"run is {record.name!r}, which is {record.status}; only an ended run can be retried"
        )
    again = retries_of(store.runs(record.experiment)).get(record.run_id)
    if again is not None:
        raise BadSetting(
            f"run is {record.name!r}, which was retried already, as run {again.run_id[:8]} "
            f"({again.status}); retry that one once it has ended"
        )
    return _retry_all(store, [record])[0]


def end_gone(store: Store, records: Iterable[RunRecord]) -> int:
    """End those whose process on this machine is gone, as a worker would if one were here: killed,
    it could not record its end. Returns how many there were."""
    gone = [r for r in records if r.status == "RUNNING" and r.owner and is_alive(r) is False]
    return sum(bool(mark_lost(store, record, "its process is gone")) for record in gone)


def retry_failed(store: Store, records: Sequence[RunRecord]) -> list[str]:
    """Queue those again that failed and were not retried yet; return the ids of the new runs."""
    failed = failed_of(records, store.runs(metrics=()))
    store.require_change(failed)
    return _retry_all(store, failed)


def _retry_all(store: Store, records: Sequence[RunRecord]) -> list[str]:
    _require_devices_of(store, [_limited(store, config_of(record)) for record in records])
    with _room_in_queue(store, len(records)):
        return requeue_all(store, records, store.person.name)


def failed_of(records: Sequence[RunRecord], every: Iterable[RunRecord]) -> list[RunRecord]:
    """The runs that failed and that none of all the runs repeats."""
    again = retries_of(every)
    return [r for r in records if r.status == "FAILED" and r.run_id not in again]


def retries_of(records: Iterable[RunRecord]) -> dict[str, RunRecord]:
    """Id of a run → the run that repeats it, of those that were retried or queued again."""
    return {record.retry_of: record for record in records if record.retry_of}


def requeue(store: Store, record: RunRecord, user: str = "") -> str:
    """Queue a run's config again without checking its device; return the new run's id."""
    return requeue_all(store, [record], user)[0]


def requeue_all(store: Store, records: Sequence[RunRecord], user: str = "") -> list[str]:
    """As `requeue`, for several runs. What is repeated already is not repeated once more: the run
    that does is returned. A worker that stops and a person may want the same at the same time.
    """
    with FileLock(store.folder / "retry.lock"):
        again = retries_of(store.runs(metrics=()))
        ids = [
            again[record.run_id].run_id if record.run_id in again else _repeat(store, record, user)
            for record in records
        ]
    wake(store)
    return ids


def _repeat(store: Store, record: RunRecord, user: str) -> str:
    kept = (*SWEEP_TAGS, TAG_USER)
    tags = {name: record.tags[name] for name in kept if name in record.tags}
    if user:
        tags[TAG_USER] = user
    return store.create(
        experiment_named(record.experiment),
        _limited(store, config_of(record)),
        sweep=record.sweep,
        tags={**tags, TAG_RETRY_OF: record.run_id, TAG_LOOKS: str(record.looks)},
    )


def find(store: Store, text: str) -> RunRecord:
    """The run whose id is, or uniquely begins with, the text; `BadSetting` otherwise."""
    return find_all(store, [text])[0]


def find_all(store: Store, texts: Sequence[str], *, deleted: bool = False) -> list[RunRecord]:
    """As `find`, for several runs, or for `deleted` ones; the store is read at most once."""
    whole = all(len(text) == ID_LENGTH for text in texts)
    runs = [] if whole else store.runs(deleted=deleted, unreadable=True)
    records = []
    for text in texts:
        if len(text) == ID_LENGTH:
            records.append(_whole(store, text, deleted=deleted))
            continue
        long_enough = len(text) >= MIN_ID_LETTERS
        fitting = [r for r in runs if r.is_called(text)] if long_enough else []
        if len(fitting) != 1:
            raise BadSetting(
                f"run is {text!r}, which fits {len(fitting)} runs; give the id, or at least the "
                "first four characters of it, as python -m experiments runs shows it"
            )
        records += fitting
    return records


def _whole(store: Store, run_id: str, *, deleted: bool) -> RunRecord:
    """The run of that id, here or where it was made."""
    try:
        return store.run(run_id, unreadable=True)
    except BadSetting:
        for record in store.runs(deleted=deleted, unreadable=True):
            if record.original_id == run_id:
                return record
        raise


def new_sweep(name: str) -> str:
    """A name for the runs that are launched together: `gradient-decay 2026-11-23 04:30:12 7f3a`."""
    return f"{name} {time.strftime('%Y-%m-%d %H:%M:%S')} {secrets.token_hex(2)}"


@functools.lru_cache(maxsize=10_000)
def launch_id(sweep: str) -> str:
    """What the ids of all sweeps of one launch begin with: a suite has a sweep for each part."""
    found = LAUNCH_ID.match(sweep)
    return found.group() if found else sweep


def wake(store: Store) -> None:
    """Tell a worker on this machine to look now instead of at its next round."""
    (store.folder / "queue.wake").touch()


def needs_worker(record: RunRecord) -> bool:
    """Whether nothing moves until a worker comes: the run waits, or its process is gone."""
    return record.status == "SCHEDULED" or (
        record.status == "RUNNING" and is_alive(record) is False
    )
