"""What the buttons do: launch, cancel, run again; each asks the queue."""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from collections.abc import Callable, Sequence
from subprocess import Popen

import streamlit as st

from core.analysis.comparison import Comparison
from core.analysis.more_seeds import Plan
from core.experiment import Config, Experiment
from core.formatting import counted, inline_text
from core.settings import BadSetting
from core.store.folder import StoreError
from core.store.records import RunRecord
from dashboard import access
from dashboard.store import cache
from dashboard.ui.text import plain
from experiments import queue, worker
from experiments.suites import Suite

WORKER_PROBLEM = "worker problem"
"""The key in the session of why no worker could be started; it stands where one is missed."""


def launch(
    experiment: Experiment, configs: Sequence[Config], name: str = "", *, again: bool = False
) -> str | None:
    """Queue one sweep and make sure that a worker is running; its id, or None if refused. `again`:
    whether it repeats what is there."""
    sweep = queue.new_sweep(experiment.name)
    plan = tuple((experiment, config, sweep) for config in configs)
    queued = _submit(queue.Missing(plan, waiting=(), done=0, name=name, joins=False), again)
    return cache.store().run(queued[-1]).sweep if queued else None


def launch_suite(suite: Suite) -> str | None:
    """Queue what a suite lacks and make sure that a worker is running; the id of a sweep of it,
    or None if refused.
    """
    store = cache.store()
    with LAUNCHING:
        run_ids = _submit(queue.missing(store, suite))
    return store.run(run_ids[-1]).sweep if run_ids else None


def launch_together(name: str, plan: Sequence[tuple[Experiment, Config]]) -> bool:
    """Queue runs, maybe of several experiments, as one sweep; whether they were accepted."""
    sweep = queue.new_sweep(name)
    pairs = tuple((*pair, sweep) for pair in plan)
    wanted = queue.Missing(pairs, waiting=(), done=0, joins=False)
    return _submit(wanted) is not None


def launch_more_seeds(plan: Plan, looks: int) -> bool:
    """Queue runs that join the sweeps of a comparison; whether they were accepted."""
    return _submit(queue.Missing(tuple(plan), waiting=(), done=0, looks=looks)) is not None


def launch_until_decided(comparison: Comparison, limit: int) -> bool:
    """Add seeds, look, and add more until there is a verdict or so many of each; whether it began.

    The command line does it, in a process that goes on when the page is closed, and ends with the
    dashboard.
    """
    store = cache.store()
    try:
        store.person.require_launch()
    except BadSetting as error:
        st.error(plain(str(error)), icon=":material/block:")
        return False
    runs = [run.run_id for group in comparison.groups for run in group.runs]
    command = [sys.executable, "-m", "experiments", "compare", *runs]
    command += ["--until-decided", str(limit)]
    name = store.person.name
    earlier = _deciding.get(name)
    if earlier is not None and earlier.poll() is None:
        st.error("One comparison of yours is being decided; wait for it.", icon=":material/block:")
        return False
    file = hashlib.sha256(name.encode()).hexdigest()[:8]
    log = store.folder / f"until-decided-{file}.log"
    log.unlink(missing_ok=True)
    sweeps = {run.sweep for group in comparison.groups for run in group.runs}
    with st.spinner("Starting…"):
        env = {**worker.environment(store), **store.person.environment()}
        process = worker.start_process(command, env, log, detached=False)
        _deciding[name] = process
        while process.poll() is None:
            if any(run.sweep in sweeps for run in store.active()):
                wake()
                return True
            time.sleep(0.5)
    said = log.read_text().strip().splitlines()
    st.error(plain(said[-1] if said else f"it ended at once; see {log}"), icon=":material/block:")
    return False


_deciding: dict[str, Popen[bytes]] = {}
"""Person → the process that adds seeds for them; one at a time."""


LAUNCHING = threading.RLock()
"""Held from looking which runs there are until those that are missing are queued: a second click on
a button runs the page again while the first is still at work."""

SECOND_CLICK_SECONDS = 5.0
"""Whoever asks for the very same runs so soon after they were queued has clicked twice."""

_queued: dict[tuple[str, str, str], tuple[float, list[str]]] = {}
"""Store, person and what was asked for → when it was queued, and the runs."""


def _submit(wanted: queue.Missing, again: bool = False) -> list[str] | None:
    """Queue runs for the person at the page; their ids, or None and why not."""
    store = cache.store()
    plan = [(experiment.name, config.flat()) for experiment, config, _ in wanted.plan]
    asked = store.uri, store.person.name, repr((plan, wanted.name, again))
    with LAUNCHING:
        for key, (when, _) in [*_queued.items()]:
            if time.monotonic() - when > SECOND_CLICK_SECONDS:
                del _queued[key]
        if asked not in _queued:
            try:
                submitted = queue.submit_missing(store, wanted)
            except BadSetting as error:
                st.error(plain(str(error)), icon=":material/block:")
                return None
            _queued[asked] = time.monotonic(), submitted
        submitted = _queued[asked][1]
    wake()
    return submitted


def wake() -> None:
    """Start a worker if none is running; only for somebody who launches."""
    if not access.may_launch():
        return
    reader = cache.reader()
    reader.refresh()
    with st.spinner("Starting the worker…"):
        st.session_state.pop(WORKER_PROBLEM, None)
        try:
            worker.ensure_worker(reader.store)
        except StoreError as error:
            st.session_state[WORKER_PROBLEM] = f"The runs are queued, but {error}"


def cancel(record: RunRecord) -> None:
    """Stop a run (a button's callback)."""
    _say(lambda: queue.cancel(cache.store(), record.run_id))


def cancel_all(records: Sequence[RunRecord]) -> None:
    """Stop several runs (a button's callback)."""
    _say(lambda: queue.cancel_all(cache.store(), records))


def retry(record: RunRecord) -> None:
    """Queue a run's config again (a button's callback)."""

    def again() -> str:
        store = cache.store()
        new = queue.retry(store, record.run_id)
        worker.ensure_worker(store)
        st.query_params["run"] = new
        return f"{inline_text(record.name)} is queued again"

    _say(again)


def retry_failed(records: Sequence[RunRecord]) -> None:
    """Queue those again that failed and were not retried yet (a button's callback)."""

    def again() -> str:
        store = cache.store()
        new = queue.retry_failed(store, records)
        worker.ensure_worker(store)
        return f"{counted(len(new), 'failed run')} queued again"

    _say(again)


def retry_failed_button(runs: Sequence[RunRecord], key: str) -> None:
    """A button that queues what failed of some runs again, if nobody has yet."""
    if failed := queue.failed_of(runs, cache.reader().runs(archived=True)):
        st.button(
            f"Retry {counted(len(failed), 'failed run')}",
            key=f"{key}-retry",
            icon=":material/replay:",
            type="tertiary",
            disabled=not access.may_change(failed),
            on_click=retry_failed,
            args=(failed,),
        )


def cancel_button(record: RunRecord, key: str) -> None:
    """A button that cancels an active run."""
    st.button(
        "Cancel",
        key=f"{key}-{record.run_id}",
        icon=":material/stop_circle:",
        type="tertiary",
        disabled=record.cancelled or not access.may_change([record]),
        on_click=cancel,
        args=(record,),
    )


def _say(act: Callable[[], str]) -> None:
    try:
        st.toast(plain(act()))
    except (BadSetting, StoreError) as error:
        st.toast(plain(str(error)), icon=":material/block:")
    cache.reader().refresh()
