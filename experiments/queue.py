"""Submit, cancel, retry. The queue is the set of SCHEDULED runs in the store, nothing else."""

from __future__ import annotations

import functools
import json
import math
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.device import available_devices, choose_device
from core.experiment import Config, Experiment
from core.experiments import config_of, experiment_named
from core.formatting import counted, inline_text
from core.settings import BadSetting, Value
from core.store.folder import PROJECT, database_path
from core.store.records import (
    ACTIVE,
    TAG_CANCEL,
    TAG_LOOKS,
    TAG_RETRY_OF,
    TAG_SWEEP_NAME,
    RunRecord,
)
from core.store.tracking import Store
from experiments.liveness import is_alive, signal_owner
from experiments.suites import Suite

ID_LENGTH = 32

MIN_ID_LETTERS = 4
"""A run can be named by at least this many first letters of its id."""

MAX_QUEUED = 1000
"""More than anyone waits for; a mistyped sweep would otherwise fill the store."""

USUAL_RATES = (5e9, 2e10)
"""Multiply-accumulates per second, in slow runs and in fast ones, on a core of a current CPU."""


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


def missing(store: Store, suite: Suite) -> Missing:
    """A run counts as done if the same config has finished, on this machine if it is timed."""
    records, here, stamp = store.runs(), socket.gethostname(), new_sweep(suite.name)
    recorded = {
        _run_key(r.experiment, r.settings, str(r.owner.get("host") or here)): r
        for r in sorted(records, key=lambda record: record.status == "FINISHED")
        if r.status in (*ACTIVE, "FINISHED")
    }
    plan, waiting, done = [], [], 0
    for experiment, config, part in suite.plan():
        record = recorded.get(_run_key(experiment.name, config.flat(), here))
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

    Raises `QueueFull`, or `BadSetting` for a device that is not there, before anything is recorded.
    """
    queued, number = len(store.runs(status="SCHEDULED", metrics=())), len(wanted.plan)
    if queued + number > MAX_QUEUED:
        raise QueueFull(
            f"{counted(number, 'run')} cannot be queued: the queue holds {queued:,} of at most "
            f"{MAX_QUEUED:,}; wait until some are done, or cancel some"
        )
    _require_devices_of(store, [config for _, config, _ in wanted.plan])
    tags = {TAG_LOOKS: str(wanted.looks)} if wanted.looks > 1 else {}
    if wanted.name.strip():
        tags[TAG_SWEEP_NAME] = wanted.name.strip()
    run_ids = [
        store.create(experiment, config, sweep=sweep, tags=tags)
        for experiment, config, sweep in wanted.plan
    ]
    wake(store)
    return [*wanted.waiting, *run_ids]


def _run_key(experiment: str, settings: Mapping[str, Value], host: str) -> tuple[str, str, str]:
    """What identifies equal runs; the machine belongs to it if the run measured time."""
    named = experiment_named(experiment)
    text = json.dumps(named.complete(settings), sort_keys=True)
    return experiment, text, host if named.timed else ""


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
    name = inline_text(record.name)
    if record.status not in ACTIVE:
        return f"{name} has already ended as {record.status}"
    store.set_tags(record.run_id, {TAG_CANCEL: str(time.time())})
    record = store.run(record.run_id)
    if record.status == "SCHEDULED":
        store.end(record.run_id, "KILLED", "cancelled before it started")
        return f"{name} was removed from the queue"
    signal_owner(record, signal.SIGTERM)
    wake(store)
    return f"{name} is stopping; the rows measured until then are kept"


def retry(store: Store, run_id: str) -> str:
    """Queue the config of an ended run again, in the same sweep; return the new run's id.

    Raises `BadSetting` for a run that has not ended, or whose device is not there.
    """
    record = find(store, run_id)
    if record.status in ACTIVE:
        raise BadSetting(
            f"run is {record.name!r}, which is {record.status}; only an ended run can be retried"
        )
    _require_devices_of(store, [config_of(record)])
    return requeue(store, record)


def requeue(store: Store, record: RunRecord) -> str:
    """Queue a run's config again without checking its device; return the new run's id."""
    new = store.create(
        experiment_named(record.experiment),
        config_of(record),
        sweep=record.sweep,
        tags={TAG_RETRY_OF: record.run_id, TAG_LOOKS: str(record.looks)},
    )
    wake(store)
    return new


def find(store: Store, text: str) -> RunRecord:
    """The run whose id is, or uniquely begins with, the text; `BadSetting` otherwise."""
    return find_all(store, [text])[0]


def find_all(store: Store, texts: Sequence[str], *, deleted: bool = False) -> list[RunRecord]:
    """As `find`, for several runs, or for `deleted` ones; the store is read at most once."""
    whole = all(len(text) == ID_LENGTH for text in texts)
    runs = [] if whole else store.runs(deleted=deleted)
    records = []
    for text in texts:
        if len(text) == ID_LENGTH:
            records.append(store.run(text))
            continue
        long_enough = len(text) >= MIN_ID_LETTERS
        fitting = [r for r in runs if r.run_id.startswith(text)] if long_enough else []
        if len(fitting) != 1:
            raise BadSetting(
                f"run is {text!r}, which fits {len(fitting)} runs; give the id, or at least the "
                "first four characters of it, as python -m experiments runs shows it"
            )
        records += fitting
    return records


class _Measured(NamedTuple):
    """What a finished run tells about how long another one will take."""

    settings: Mapping[str, Value]
    work: float
    seconds: float


def estimate(
    finished: Sequence[RunRecord], experiment: Experiment, configs: Sequence[Config]
) -> tuple[float, float] | None:
    """Seconds (low, high) that the configs will take on this machine.

    Time is taken as proportional to `Experiment.work`, at the rates of the earlier runs on this
    machine that are nearest in size and settings. Before there are any, a CPU's usual rates are
    taken; None for another device, of which nothing is known then.
    """
    here = socket.gethostname()
    known = [
        _Measured(config.flat(), experiment.work(config), record.seconds)
        for record in finished
        if record.experiment == experiment.name
        and record.status == "FINISHED"
        and record.owner.get("host") == here
        and record.seconds
        and (config := _config_or_none(record)) is not None
    ]
    if not known and any(config.device not in ("auto", "cpu") for config in configs):
        return None
    low = high = 0.0
    repeats = Counter(config.model_copy(update={"seed": 0}) for config in configs)
    for config, runs in repeats.items():
        work = experiment.work(config)
        rates = _rates_nearby(known, config.flat(), work) or USUAL_RATES
        low += runs * work / max(rates)
        high += runs * work / min(rates)
    side_by_side = min(len(configs), max(1, cores() // max(c.threads for c in configs)))
    if experiment.timed:
        side_by_side = 1
    return low / side_by_side, high / side_by_side


def _rates_nearby(
    known: Sequence[_Measured], settings: Mapping[str, Value], work: float
) -> list[float]:
    """Work per second of the five runs that are most like this one, on its device if possible."""

    def distance(run: _Measured) -> float:
        different = sum(
            run.settings[name] != value for name, value in settings.items() if name != "seed"
        )
        # Five settings that differ are as far away as e times the work.
        return abs(math.log(run.work / work)) + 0.2 * different

    comparable = [run for run in known if run.settings["device"] == settings["device"]] or known
    return [run.work / run.seconds for run in sorted(comparable, key=distance)[:5]]


def new_sweep(name: str) -> str:
    """A name for the runs that are launched together: `gradient-decay 2026-11-23 04:30:12 7f3a`."""
    return f"{name} {time.strftime('%Y-%m-%d %H:%M:%S')} {secrets.token_hex(2)}"


def wake(store: Store) -> None:
    """Tell a worker on this machine to look now instead of at its next round."""
    (store.folder / "queue.wake").touch()


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def needs_worker(record: RunRecord) -> bool:
    """Whether nothing moves until a worker comes: the run waits, or its process is gone."""
    return record.status == "SCHEDULED" or (
        record.status == "RUNNING" and is_alive(record) is False
    )


def _config_or_none(record: RunRecord) -> Config | None:
    try:
        return config_of(record)
    except BadSetting:
        return None
