"""What a page shows when there is nothing to show: no store, no runs yet, first results coming."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import streamlit as st

from core.experiment import Experiment
from core.names import among
from core.store_folder import StoreError
from core.tracking import RunRecord
from core.words import counted
from dashboard import actions, data
from dashboard.navigation import LAUNCH, RUNS, launching
from dashboard.wording import duration, first_sentence, news, plain, progress
from experiments import machines, queue

POLL_SECONDS = 1.0
"""Between looks while something is active; nothing is polled otherwise."""

Fragment = TypeVar("Fragment", bound=Callable[..., None])


@contextlib.contextmanager
def store_problems() -> Iterator[None]:
    """Show a store that cannot be used as a message with what to do, not as a traceback."""
    try:
        yield
    except StoreError as error:
        with st.container(border=True, key="store-problem"):
            st.subheader(":material/database_off: The store cannot be used", anchor=False)
            st.text(_sentence(str(error)), width="stretch")
            st.caption("Nothing is lost by waiting: the page looks again when you ask it to.")
            st.button("Look again", icon=":material/refresh:", key="look_again")


def live(watch: Callable[[], None], *, active: bool) -> None:
    """Run a part of the page again every second for as long as something is active."""

    def guarded() -> None:
        with store_problems():
            watch()

    st.fragment(guarded, run_every=POLL_SECONDS if active else None)()


def older_runs() -> None:
    """While the first look at a large store takes long: that there is more than what is shown."""
    reader = data.reader()
    reader.runs()
    if reader.complete:
        return

    def look() -> None:
        if data.reader().complete:
            st.rerun()
        st.info(
            f"{counted(len(data.reader().runs()), 'run')} read so far, the newest first. What "
            "this page says of older ones is added when they have been read.",
            icon=":material/hourglass_top:",
        )

    live(look, active=True)


def answer(text: str) -> None:
    """A page's answer: its first sentence large, the rest under it."""
    first, rest = first_sentence(text)
    st.subheader(plain(first), anchor=False)
    if rest:
        st.markdown(plain(rest))


def nothing_yet(experiment: Experiment) -> None:
    """No run of this experiment: say what it would show and where it starts."""
    with st.container(border=True, key="nothing-yet"):
        st.subheader("Not measured yet", anchor=False)
        st.text(
            f"{experiment.question} Launch a comparison and the answer appears here, "
            "with its figure, as soon as the first variant is measured.",
            width="stretch",
        )
        to_launch(experiment, "Launch a comparison")


def no_model_yet(experiment: Experiment) -> None:
    """No finished run has a model that could translate: where one is trained."""
    with st.container(border=True, key="no-model"):
        st.subheader("There is no trained model yet", anchor=False)
        st.text(
            f"Every run of “{experiment.title}” trains one and keeps it. With attention off and "
            "on, this page shows what both make of the same sentence.",
            width="stretch",
        )
        to_launch(experiment, "Train the first models")


def to_launch(experiment: Experiment, label: str) -> None:
    """A link to the launch form, filled in with the experiment's first comparison."""
    st.page_link(
        LAUNCH.path, label=label, icon=LAUNCH.icon, query_params=launching(experiment.name)
    )


def first_results_coming(runs: Sequence[RunRecord]) -> None:
    """Runs are queued or running and none has finished."""
    with st.container(border=True, key="coming"):
        st.subheader("First results are coming", anchor=False)
        for run in runs[:6]:
            st.progress(progress(run), text=plain(f"{among(run.name)}: {news(run)}"))
        if len(runs) > 6:
            st.caption(f"and {len(runs) - 6} more")
        if data.worker_status() is None and any(map(queue.needs_worker, runs)):
            no_worker()


def no_worker() -> None:
    """Runs wait and nobody takes them."""
    st.warning("No worker serves this store on this machine, so nothing moves.")
    if st.button("Start a worker", icon=":material/play_circle:", key="start_worker"):
        actions.wake()


def all_failed(runs: Sequence[RunRecord]) -> None:
    """Every run of the comparison failed or was cancelled."""
    with st.container(border=True, key=f"all-failed-{runs[-1].run_id}"):
        st.subheader(":material/error: This comparison has no result", anchor=False)
        for run in runs[:6]:
            st.text(f"{among(run.name)}: {news(run)}", width="stretch")
        st.page_link(
            RUNS.path,
            label="Look at the log, or run it again",
            icon=RUNS.icon,
            query_params={"run": runs[-1].run_id},
        )


def some_failed(runs: Sequence[RunRecord]) -> None:
    """Some runs are missing from the figure: say so, and why."""
    first = runs[0]
    others = f", and {counted(len(runs) - 1, 'other')}" if len(runs) > 1 else ""
    st.warning(
        plain(f"Not in the figure: {among(first.name)} ({news(first)}){others}."),
        icon=":material/error:",
    )
    st.page_link(
        RUNS.path,
        label="Look at what failed",
        icon=RUNS.icon,
        query_params={"run": first.run_id},
    )


def what_a_gpu_would_add(experiment: Experiment) -> None:
    """A quiet line while nothing of an experiment was measured on a GPU."""
    if machines.without_accelerator(data.reader().runs(experiment.name)):
        st.caption(
            ":material/memory: Measured on CPU only. On a machine with a GPU the same launch adds "
            "its rows: point its MLFLOW\\_TRACKING\\_URI at this store, and they appear here "
            "beside these."
        )


def progress_line(runs: Sequence[RunRecord]) -> None:
    """One bar for a comparison that is partly measured."""
    done = sum(map(progress, runs)) / max(1, len(runs))
    finished = sum(run.status == "FINISHED" for run in runs)
    going = next((run for run in runs if run.status == "RUNNING"), None)
    now = f" · {among(going.name)}: {news(going)}" if going else ""
    st.progress(done, text=plain(f"{finished} of {counted(len(runs), 'run')} measured{now}"))


def estimate_line(number_of_runs: int, seconds: tuple[float, float] | None) -> str:
    """`6 runs, about 4 to 9 s`, or that nobody knows yet and why."""
    runs = counted(number_of_runs, "run")
    if seconds is None:
        return (
            f"{runs}; how long they take is not known yet, because this machine has not "
            "measured anything like it"
        )
    low, high = duration(seconds[0]), duration(seconds[1])
    return f"{runs}, about {low}" if low == high else f"{runs}, about {low} to {high}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
