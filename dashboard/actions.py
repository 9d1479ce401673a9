"""What the buttons do: launch, cancel, run again. The queue does the work."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core.experiment import Config, Experiment
from core.names import among
from core.settings import BadSetting
from core.store_folder import StoreError
from core.tracking import RunRecord
from dashboard import data
from dashboard.wording import plain
from experiments import queue, worker
from experiments.suites import Suite


def launch(experiment: Experiment, configs: Sequence[Config]) -> str | None:
    """Queue one comparison and see to it that a worker takes it; its name, or None if refused."""
    reader = data.reader()
    try:
        run_ids = queue.submit(reader.store, experiment, configs)
    except BadSetting as error:
        st.error(plain(str(error)), icon=":material/block:")
        return None
    name = reader.store.run(run_ids[0]).sweep
    wake()
    return name


def launch_suite(suite: Suite) -> bool:
    """Queue a suite and see to it that a worker takes it; whether it was taken."""
    try:
        queue.submit_suite(data.reader().store, suite)
    except BadSetting as error:
        st.error(plain(str(error)), icon=":material/block:")
        return False
    wake()
    return True


def launch_together(name: str, plan: Sequence[tuple[Experiment, Config]]) -> bool:
    """Queue runs, of several experiments perhaps, as one comparison; whether they were taken."""
    sweep = queue.new_sweep(name)
    wanted = queue.Missing(tuple((*pair, sweep) for pair in plan), waiting=(), done=0)
    try:
        queue.submit_missing(data.reader().store, wanted)
    except BadSetting as error:
        st.error(plain(str(error)), icon=":material/block:")
        return False
    wake()
    return True


def wake() -> None:
    """Start a worker if there is none, and say so while it takes."""
    reader = data.reader()
    reader.forget()
    with st.spinner("Starting the worker…"):
        try:
            worker.ensure_worker(reader.store)
        except StoreError as error:
            st.error(plain(f"The runs wait in the queue, but {error}"), icon=":material/error:")


def cancel(record: RunRecord) -> None:
    """Stop a run (a button's callback)."""
    _say(lambda: queue.cancel(data.reader().store, record.run_id))


def retry(record: RunRecord) -> None:
    """Queue a run's config again (a button's callback)."""

    def again() -> str:
        store = data.reader().store
        new = queue.retry(store, record.run_id)
        worker.ensure_worker(store)
        st.query_params["run"] = new
        return f"{among(record.name)} is queued again"

    _say(again)


def cancel_button(record: RunRecord, key: str) -> None:
    """Cancel, while there is something to cancel."""
    st.button(
        "Cancel",
        key=f"{key}-{record.run_id}",
        icon=":material/stop_circle:",
        type="tertiary",
        disabled=record.cancelled,
        on_click=cancel,
        args=(record,),
    )


def _say(act: Callable[[], str]) -> None:
    try:
        st.toast(plain(act()))
    except (BadSetting, StoreError) as error:
        st.toast(plain(str(error)), icon=":material/block:")
    data.reader().forget()
