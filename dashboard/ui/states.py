"""The states that every page shares: no store, no runs yet, runs in progress, failed runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import streamlit as st

from core.analysis import groups
from core.analysis.sizes import Size, sizes_in_words
from core.experiment import Experiment
from core.formatting import counted, inline_text
from core.machine_load import busy_cores, busy_sentence
from core.store.folder import StoreError
from core.store.records import RunRecord
from dashboard.navigation import LAUNCH, RUNS, launching
from dashboard.store import cache
from dashboard.ui import actions, controls
from dashboard.ui.text import (
    first_sentence,
    first_sentences,
    plain,
    progress,
    rough_time,
    status_message,
)
from experiments import queue, worker

POLL_SECONDS = 1.0
"""How often a page shows the progress of active runs."""

FOLLOW_SECONDS = 4.0
"""How often it asks, while no run is active, whether somebody else changed something."""


@contextlib.contextmanager
def store_problems() -> Iterator[None]:
    """Show a store that cannot be used as a message with what to do, not as a traceback."""
    try:
        yield
    except StoreError as error:
        text = str(error)
        with st.container(border=True, key="store-problem"):
            st.subheader(":material/database_off: The store cannot be used", anchor=False)
            st.text(text[:1].upper() + text[1:].rstrip(".") + ".", width="stretch")
            st.caption("Your runs are safe. Select **Retry** to try again.")
            st.button("Retry", icon=":material/refresh:", key="retry_store")


def live(watch: Callable[[], None], *, active: bool) -> None:
    """Run a part of the page again every second for as long as something is active."""

    def guarded() -> None:
        with store_problems(), controls.notices():
            watch()

    st.fragment(guarded, run_every=POLL_SECONDS if active else None)()


def older_runs() -> None:
    """Say so while the older runs of a large store are still being read."""
    reader = cache.reader()
    reader.runs()
    if reader.complete:
        return

    def look() -> None:
        if cache.reader().complete:
            st.rerun()
        st.info(
            f"{counted(len(cache.reader().runs()), 'run')} loaded so far, the newest first. Older "
            "runs are added to this page as they load.",
            icon=":material/hourglass_top:",
        )

    live(look, active=True)


def follow_changes() -> None:
    """Draw the page again within seconds of a change that somebody made elsewhere.

    While a run is active the parts of the page that show progress follow it by themselves.
    """
    reader = cache.reader()
    if reader.active() or not reader.complete:
        return
    drawn = reader.runs(archived=True)

    def look() -> None:
        with store_problems():
            if cache.reader().runs(archived=True) is not drawn:
                st.rerun()

    st.fragment(look, run_every=FOLLOW_SECONDS)()


def refresh_button() -> None:
    """A button that reads the whole store again, now."""
    if st.button(
        "Refresh",
        key="refresh",
        icon=":material/refresh:",
        type="tertiary",
        help="Read again what was changed in MLflow or by others.",
    ):
        cache.reader().reread()
        cache.reader().refresh()
        st.rerun()


def above_and_below(text: str) -> tuple[str, str]:
    """Of an answer, the two sentences that stand above the figures, and what stands below."""
    return first_sentences(text, 2)


def answer(text: str, conditions: str = "") -> None:
    """Show a page's answer: its first sentence as a heading, under which conditions it holds, and
    the rest."""
    first, rest = first_sentence(text)
    st.subheader(plain(first), anchor=False)
    if conditions:
        st.caption(plain(conditions))
    if rest:
        st.markdown(plain(rest))


def sizes(experiment: Experiment, of_groups: Mapping[str, Sequence[Size]]) -> None:
    """Show the sizes of compared networks; as a warning where a budget is missed by too much."""
    text = plain(sizes_in_words(experiment, of_groups))
    if any(size.missed for of_group in of_groups.values() for size in of_group):
        st.warning(text, icon=":material/balance:")
    elif text:
        st.caption(text)


def nothing_yet(experiment: Experiment) -> None:
    """Say what an experiment without runs would show, and link to where it starts."""
    text = (
        f"{experiment.question} Launch a comparison: the answer and its figure appear here as soon "
        "as the first variant is measured."
    )
    _first_step("Not measured yet", text, experiment, "Launch a comparison")


def no_model_yet(experiment: Experiment) -> None:
    """Say that no finished run has a model to translate with, and where one is trained."""
    text = (
        f"Every run of “{experiment.title}” trains and saves one. Train with attention off and on "
        "to compare their translations of the same sentence here."
    )
    _first_step("There is no trained model yet", text, experiment, "Train the first models")


def _first_step(title: str, text: str, experiment: Experiment, label: str) -> None:
    with st.container(border=True, key="first-step"):
        st.subheader(title, anchor=False)
        st.text(text, width="stretch")
        to_launch(experiment, label)


def to_launch(experiment: Experiment, label: str) -> None:
    """A link to the launch form, filled in with the experiment's first comparison."""
    st.page_link(
        LAUNCH.path, label=label, icon=LAUNCH.icon, query_params=launching(experiment.name)
    )


def first_results_coming(runs: Sequence[RunRecord]) -> None:
    """Show the progress of queued and running runs, none of which has finished."""
    with st.container(border=True, key="coming"):
        st.subheader("First results are coming", anchor=False)
        for run in runs[:6]:
            st.progress(
                progress(run), text=plain(f"{inline_text(run.name)}: {status_message(run)}")
            )
        if len(runs) > 6:
            st.caption(f"and {len(runs) - 6} more")
        if cache.worker_status() is None and any(map(queue.needs_worker, runs)):
            no_worker()


def no_worker() -> None:
    """Say that queued runs wait for a worker, and offer to start one, if it is for us to start."""
    if worker.is_elsewhere():
        st.warning("The worker is away; queued runs start when it is back.")
        return
    st.warning("No worker is running on this machine, so queued runs do not start.")
    if problem := st.session_state.get(actions.WORKER_PROBLEM):
        st.error(plain(problem), icon=":material/error:")
    if st.button("Start a worker", icon=":material/play_circle:", key="start_worker"):
        actions.wake()
        st.rerun()


MAX_REASONS = 6
"""Reasons for which the runs of a sweep failed that are told."""


def all_failed(runs: Sequence[RunRecord]) -> None:
    """Say why a sweep has no result: all of its runs failed or were cancelled."""
    with st.container(border=True, key=f"all-failed-{runs[-1].run_id}"):
        st.subheader(":material/error: This sweep has no result", anchor=False)
        by_reason: dict[str, list[RunRecord]] = {}
        for run in runs:
            by_reason.setdefault(status_message(run), []).append(run)
        for reason, mine in [*by_reason.items()][:MAX_REASONS]:
            others = f" and {counted(len(mine) - 1, 'other')}" if len(mine) > 1 else ""
            st.text(f"{inline_text(mine[0].name)}{others}: {reason}", width="stretch")
        st.page_link(
            RUNS.path,
            label="Open the log or run it again",
            icon=RUNS.icon,
            query_params={"run": runs[-1].run_id},
        )


def some_failed(run: RunRecord, number: int, lead: str = "") -> None:
    """Say of one of a number of failed or cancelled runs why it failed, and lead to it."""
    others = f", and {counted(number - 1, 'other')}" if number > 1 else ""
    st.warning(
        plain(f"{lead}{inline_text(run.name)} ({status_message(run)}){others}."),
        icon=":material/error:",
    )
    st.page_link(
        RUNS.path,
        label="Open the run",
        icon=RUNS.icon,
        query_params={"run": run.run_id},
    )


def cpu_only_note(experiment: Experiment) -> None:
    """Say how to add results of a GPU, while an experiment was measured on CPUs only."""
    runs = cache.reader().runs(experiment.name)
    if any(run.status == "FINISHED" for run in runs) and groups.without_accelerator(runs):
        st.caption(
            ":material/memory: Measured on CPU only. To add results of a GPU, launch the same "
            "comparison on a machine that has one, with MLFLOW\\_TRACKING\\_URI set to this store, "
            "or import a bundle of its runs on the page Runs."
        )


def busy_machine() -> None:
    """Warn before times are measured on a busy machine; our own runs are waited for."""
    if any(run.status == "RUNNING" for run in cache.reader().active()):
        return
    if warning := busy_sentence(_busy_cores()):
        st.warning(plain(warning), icon=":material/speed:")


@st.cache_data(show_spinner=False, ttl=15)
def _busy_cores() -> float:
    return busy_cores()


def progress_line(runs: Sequence[RunRecord]) -> None:
    """Show one progress bar for a sweep that is partly measured."""
    running = next((run for run in runs if run.status == "RUNNING"), None)
    now = f" · {inline_text(running.name)}: {status_message(running)}" if running else ""
    st.progress(share_done(runs), text=plain(f"{measured_so_far(runs)}{now}"))


def share_done(runs: Sequence[RunRecord]) -> float:
    """The share of these runs that is done, from 0 to 1."""
    return sum(map(progress, runs)) / max(1, len(runs))


def measured_so_far(runs: Sequence[RunRecord]) -> str:
    """`3 of 12 runs measured`."""
    finished = sum(run.status == "FINISHED" for run in runs)
    return f"{finished} of {counted(len(runs), 'run')} measured"


def estimate_line(number_of_runs: int, seconds: tuple[float, float] | None) -> str:
    """`6 runs, about 4 to 9 s`, or that the time is not known yet."""
    runs = counted(number_of_runs, "run")
    if seconds is None:
        return f"{runs}; how long they take is known once the first one is done on this machine"
    return f"{runs}, {rough_time(*seconds)}"


def launch_line(
    runs: str, to_start: int, done: int, waiting: int, seconds: tuple[float, float] | None
) -> str:
    """`2 variants × 5 seeds = 10 runs, about 40 s`; of runs that exist, how many are to start."""
    exist = [f"{done:,} made already"] if done else []
    exist += [f"{waiting:,} queued or running"] if waiting else []
    if not to_start:
        return f"{runs}: {' and '.join(exist)}"
    first = "the first of these" if exist else "the first"
    time = f"time unknown until {first} is done" if seconds is None else rough_time(*seconds)
    if not exist:
        return f"{runs}, {time}"
    return f"{runs}: {', '.join([*exist, f'{to_start:,} to start'])}, {time}"
