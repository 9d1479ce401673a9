"""Submit, cancel, retry. The queue is the set of SCHEDULED runs in the store, nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
import psutil

from core.experiment import Config, Experiment
from core.experiments import experiment_named
from core.names import among
from core.settings import BadSetting, Value
from core.store_folder import database_path
from core.tracking import ACTIVE, TAG_CANCEL, TAG_RETRY_OF, RunRecord, Store
from core.words import counted
from experiments.devices import require_devices
from experiments.suites import Suite

WHOLE_ID, FEWEST_LETTERS = 32, 4
"""Letters of a run's id, and of the beginning of one by which it can be named."""
MOST_QUEUED = 1000
"""More than anyone waits for; a slip in a sweep would otherwise fill the store."""


class QueueFull(BadSetting):
    """The queue takes no more runs."""


def submit(
    store: Store, experiment: Experiment, configs: Sequence[Config], sweep: str | None = None
) -> list[str]:
    """Queue one run per config, as one comparison; return the run ids.

    Raises `QueueFull`, or `BadSetting` for a device that is not there, before anything is recorded.
    """
    _require_room(store, len(configs))
    _require_devices(store, configs)
    sweep = sweep or new_sweep(experiment.name)
    run_ids = [store.create(experiment, config, sweep=sweep) for config in configs]
    wake(store)
    return run_ids


def _require_room(store: Store, number: int) -> None:
    queued = len(store.runs(status="SCHEDULED"))
    if queued + number > MOST_QUEUED:
        raise QueueFull(
            f"{counted(number, 'run')} cannot be queued: the queue holds {queued:,} of at most "
            f"{MOST_QUEUED:,}; wait until some are done, or cancel some"
        )


def _require_devices(store: Store, configs: Sequence[Config]) -> None:
    """Of a local store only: from a server, a run may be taken by a machine with other devices."""
    if database_path(store.uri) is not None:
        require_devices(configs)


def submit_suite(store: Store, suite: Suite) -> list[str]:
    """Queue every run of a suite, one comparison per part."""
    configs = [config for _, config in suite.configs()]
    _require_room(store, len(configs))
    _require_devices(store, configs)
    stamp = new_sweep(suite.name)
    run_ids = []
    for part in suite.parts:
        run_ids += submit(store, part.experiment, part.configs(), f"{stamp} {part.title}")
    return run_ids


@dataclass(frozen=True)
class Missing:
    """What a suite still lacks in a store."""

    plan: tuple[tuple[Experiment, Config, str], ...]
    """To be queued, each with the comparison that it belongs to."""
    waiting: tuple[str, ...]
    """Ids of its runs that are queued or running already: an interrupted suite leaves them."""
    done: int


def missing(store: Store, suite: Suite) -> Missing:
    """A run counts as done if the same config has finished, on this machine if it is timed."""
    records, here, stamp = store.runs(), socket.gethostname(), new_sweep(suite.name)
    known = {
        _sameness(r.experiment, r.settings, str(r.owner.get("host") or here)): r
        for r in sorted(records, key=lambda record: record.status == "FINISHED")
        if r.status in (*ACTIVE, "FINISHED")
    }
    sweeps = [record.sweep for record in records]
    plan, waiting, done = [], [], 0
    seen: set[tuple[str, str, str]] = set()
    for part in suite.parts:
        sweep = _begun(sweeps, suite.name, part.title) or f"{stamp} {part.title}"
        for config in part.configs():
            key = _sameness(part.experiment.name, config.flat(), here)
            if key in seen:
                continue  # two parts of a suite may share a run: the first one makes it
            seen.add(key)
            record = known.get(key)
            if record is None:
                plan.append((part.experiment, config, sweep))
            elif record.status == "FINISHED":
                done += 1
            else:
                waiting.append(record.run_id)
    return Missing(tuple(plan), tuple(waiting), done)


def submit_missing(store: Store, wanted: Missing) -> list[str]:
    """Queue what a suite lacks; return these runs and those that were on their way already."""
    _require_room(store, len(wanted.plan))
    _require_devices(store, [config for _, config, _ in wanted.plan])
    made = [store.create(experiment, config, sweep=s) for experiment, config, s in wanted.plan]
    wake(store)
    return [*wanted.waiting, *made]


def _begun(sweeps: Sequence[str], suite: str, part: str) -> str:
    """The comparison that an interrupted suite has begun, so that the rest joins it."""
    name = re.compile(rf"{re.escape(suite)} \S+ \S+ \S+ {re.escape(part)}")
    begun = [sweep for sweep in sweeps if name.fullmatch(sweep)]
    return begun[-1] if begun else ""


def _sameness(experiment: str, settings: Mapping[str, Value], host: str) -> tuple[str, str, str]:
    """What makes a run the same as another: where it was made too, if it measured time."""
    timed = experiment_named(experiment).timed
    return experiment, json.dumps(dict(settings)), host if timed else ""


def cancel(store: Store, run_id: str) -> str:
    """Stop a queued or running run; return what happened, in a sentence."""
    record = find(store, run_id)
    if record.status not in ACTIVE:
        return f"{among(record.name)} has already ended as {record.status}"
    store.set_tags(record.run_id, {TAG_CANCEL: str(time.time())})
    record = store.run(record.run_id)
    if record.status == "SCHEDULED":
        store.end(record.run_id, "KILLED", "cancelled before it started")
        return f"{among(record.name)} is taken off the queue"
    if is_here(record) and is_alive(record):
        os.kill(record.owner["pid"], signal.SIGTERM)
    wake(store)
    return f"{among(record.name)} is told to stop; the rows measured until then are kept"


def retry(store: Store, run_id: str) -> str:
    """Queue the config of an ended run again, in the same comparison; return the new run's id.

    Raises `BadSetting` for a run that has not ended, or whose device is not there.
    """
    record = find(store, run_id)
    if record.status in ACTIVE:
        raise BadSetting(f"run is {record.name!r}, which is {record.status}; only an ended run can")
    _require_devices(store, [record.config])
    return requeue(store, record)


def requeue(store: Store, record: RunRecord) -> str:
    """Queue a run's config again without asking whether it can be made; the new run's id."""
    new = store.create(
        experiment_named(record.experiment),
        record.config,
        sweep=record.sweep,
        tags={TAG_RETRY_OF: record.run_id},
    )
    wake(store)
    return new


def find(store: Store, text: str) -> RunRecord:
    """The run whose id is, or uniquely begins with, the text; `BadSetting` otherwise."""
    return find_all(store, [text])[0]


def find_all(store: Store, texts: Sequence[str]) -> list[RunRecord]:
    """The same of several, for which a store of any size is read once at most."""
    runs = [] if all(len(text) == WHOLE_ID for text in texts) else store.runs()
    return [store.run(text) if len(text) == WHOLE_ID else _found(runs, text) for text in texts]


def _found(runs: Sequence[RunRecord], text: str) -> RunRecord:
    found = [r for r in runs if r.run_id.startswith(text)] if len(text) >= FEWEST_LETTERS else []
    if len(found) == 1:
        return found[0]
    raise BadSetting(
        f"run is {text!r}, which fits {len(found)} runs; give the id, or at least the first four "
        "characters of it, as python -m experiments runs shows it"
    )


def estimate(
    finished: Sequence[RunRecord], experiment: Experiment, configs: Sequence[Config]
) -> tuple[float, float] | None:
    """Seconds (low, high) that the configs will take on this machine, from runs measured before.

    Time is taken as proportional to `Experiment.work`, at the rates of earlier runs on this
    machine: those of the same cell and nearest in size first. None while nothing is known.
    """
    here = socket.gethostname()
    known = [
        (record.settings.get("cell"), experiment.work(config), record.seconds)
        for record in finished
        if record.experiment == experiment.name
        and record.status == "FINISHED"
        and record.owner.get("host") == here
        and record.seconds is not None
        and (config := _config_or_none(record)) is not None
    ]
    if not known:
        return None
    low = high = 0.0
    for config in configs:
        cell, work = config.architecture.cell, experiment.work(config)
        same = [k for k in known if k[0] == cell] or known
        nearest = sorted(same, key=lambda k: abs(k[1] - work))[:20]
        rates = [seconds / known_work for _, known_work, seconds in nearest if seconds]
        low += work * float(numpy.quantile(rates, 0.1))
        high += work * float(numpy.quantile(rates, 0.9))
    side_by_side = min(len(configs), max(1, cores() // max(c.threads for c in configs)))
    if experiment.timed:
        side_by_side = 1
    return low / side_by_side, high / side_by_side


def new_sweep(name: str) -> str:
    """A name for the runs that are launched together: `gradient-decay 2026-11-23 04:30:12 7f3a`."""
    return f"{name} {time.strftime('%Y-%m-%d %H:%M:%S')} {secrets.token_hex(2)}"


def wake(store: Store) -> None:
    """Tell a worker on this machine to look now instead of at its next round."""
    (store.folder / "queue.wake").touch()


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_here(record: RunRecord) -> bool:
    """Whether the run is executed on this machine."""
    return record.owner.get("host") == socket.gethostname()


def is_alive(record: RunRecord) -> bool:
    """Whether the process that executes a run of this machine still exists."""
    return process_lives(record.owner.get("pid"), record.owner.get("created"))


def needs_worker(record: RunRecord) -> bool:
    """Whether nothing moves until a worker comes: it waits, or the process that it had is gone."""
    gone = bool(record.owner) and is_here(record) and not is_alive(record)
    return record.status == "SCHEDULED" or (record.status == "RUNNING" and gone)


def process_lives(pid: int | None, created: float | None) -> bool:
    """Whether this very process (not a later one with its number) is alive and no zombie."""
    if pid is None or created is None:
        return False
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return (
            abs(process.create_time() - created) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
        )
    return False


def _config_or_none(record: RunRecord) -> Config | None:
    try:
        return record.config
    except BadSetting:
        return None
