"""Launches with their progress, and the first figures as rows are measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.experiment import Experiment
from core.experiments import experiment_named
from core.formatting import counted, inline_text, listed
from core.store.records import ACTIVE, ENDED, RunRecord, Status
from dashboard import access
from dashboard.charts import render
from dashboard.charts.render import Chart
from dashboard.figures.base import read
from dashboard.figures.leading import TRAINING, leading
from dashboard.navigation import page_of
from dashboard.store import cache
from dashboard.ui import actions, browser, states
from dashboard.ui.text import (
    STATUS_WORDS,
    ago,
    duration,
    plain,
    progress,
    rough_time,
    status_message,
)
from dashboard.views.compare.picking import ID_LETTERS
from experiments import queue, worker
from experiments.durations import time_left
from experiments.suites import SUITES

MAX_LINES = 8
"""Runs of a launch that get a line of their own."""

MAX_PREVIEWS = 9

MAX_PREVIEWS_KEPT = 100

PREVIEW_HEIGHT = 240

NOW = "now"
"""The anchor of the heading above the launches."""

LIVE = "live-runs"
"""The key of that heading, which `announce` brings into view."""

NOTICES = "notices to show"
"""The key in the session of what the next run of the page says first."""


@dataclass(frozen=True)
class Launch:
    """Runs that were started together: one sweep, or every sweep of a suite."""

    launch_id: str
    runs: tuple[RunRecord, ...]
    """In the order submitted."""

    @property
    def title(self) -> str:
        """The name that somebody gave it, or the title of its suite or of its experiments."""
        newest = self.runs[-1]
        if newest.sweep == self.launch_id != newest.sweep_name:
            return inline_text(newest.sweep_name)
        suite = next((s for s in SUITES if self.launch_id.startswith(f"{s.name} ")), None)
        names = dict.fromkeys(run.experiment for run in self.runs)
        return suite.title if suite else listed([experiment_named(n).title for n in names])

    @property
    def active(self) -> tuple[RunRecord, ...]:
        """Those that are queued or running."""
        return tuple(run for run in self.runs if run.status in ACTIVE)

    @property
    def share(self) -> float:
        """The share of the launch that is done, from 0 to 1."""
        done = sum(1.0 if run.status in ENDED else progress(run) for run in self.runs)
        return done / len(self.runs)

    def counts(self) -> str:
        """`34 of 60 runs finished · 1 failed · 2 running`."""
        number = dict.fromkeys(STATUS_WORDS, 0)
        for run in self.runs:
            number[run.status] += 1
        stopping = sum(run.cancelled for run in self.active)
        parts = [f"{number['FINISHED']:,} of {counted(len(self.runs), 'run')} finished"]
        parts += [f"{number['FAILED']:,} failed"] if number["FAILED"] else []
        parts += [f"{number['KILLED']:,} cancelled"] if number["KILLED"] else []
        parts += [f"{number['RUNNING']:,} running"] if number["RUNNING"] else []
        parts += [f"{stopping:,} stopping"] if stopping else []
        return " · ".join(parts)


def launches(runs: Sequence[RunRecord], watched: Sequence[str] = ()) -> list[Launch]:
    """The launches that are active or watched, the newest first.

    Of several watched things the first is a sweep, the others are earlier runs that belong to it.
    """
    earlier = tuple(watched[1:])
    groups: dict[str, list[RunRecord]] = {}
    for run in runs:
        groups.setdefault(queue.launch_id(run.sweep) or run.run_id, []).append(run)
    sweep = queue.launch_id(watched[0]) if watched and watched[0] else ""
    shown = []
    for launch_id, members in groups.items():
        if launch_id == sweep:
            also = [run for run in runs if earlier and run.run_id.startswith(earlier)]
            members = sorted({r.run_id: r for r in (*also, *members)}.values(), key=_submitted)
        elif not any(run.status in ACTIVE for run in members):
            continue
        shown.append(Launch(launch_id, tuple(members)))
    return sorted(shown, key=lambda one: one.runs[-1].submitted, reverse=True)


def _submitted(run: RunRecord) -> float:
    return run.submitted


def link_to_live_runs() -> None:
    """Lead to the live runs where they stand further down the page."""
    active = cache.reader().active()
    if active:
        runs = counted(len(active), "run")
        st.markdown(f":material/progress_activity: {runs} queued or running: [watch](#{NOW})")


def live_runs(watched: Sequence[str] = (), *, figures: bool = False) -> None:
    """Show active launches and the watched one, and poll while any is active.

    With `figures`, also the first figure of each experiment with the rows so far, of what is one's
    own or watched.
    """
    before = {run.run_id for run in cache.reader().active()}

    def look() -> None:
        runs = cache.reader().runs()
        shown = launches(runs, watched)
        _notice_ends(shown, runs)
        if before and not any(launch.active for launch in shown):
            st.rerun()
        for text in st.session_state.pop(NOTICES, []):
            st.toast(plain(text), icon=":material/notifications:", duration="long")
        if not shown:
            return
        active = any(launch.active for launch in shown)
        with st.container(key=LIVE):
            st.subheader("Now" if active else "Done", anchor=NOW)
        if active:
            worker_line()
        sweeps = {queue.launch_id(one) for one in watched}
        for launch in shown:
            own = launch.runs[-1].user in ("", access.person().name)
            mine = own or launch.launch_id in sweeps
            _show(launch, runs, figures=figures and mine)

    states.live(look, active=bool(before))
    browser.scroll()


def announce(text: str) -> None:
    """Show a toast in the next run of the page, and bring the live runs into view."""
    _notify(text)
    browser.scroll_to(LIVE)


def _notify(text: str) -> None:
    st.session_state[NOTICES] = [*st.session_state.get(NOTICES, []), text]


def _notice_ends(shown: Sequence[Launch], runs: Sequence[RunRecord]) -> None:
    """Make a toast of which launches have ended since the last look of this session."""
    active = {launch.launch_id for launch in shown if launch.active}
    for launch_id in st.session_state.get("active launches", set()) - active:
        members = [r for r in runs if (queue.launch_id(r.sweep) or r.run_id) == launch_id]
        if members:
            ended = Launch(launch_id, tuple(members))
            _notify(f"{ended.title}: {ended.counts()}")
    st.session_state["active launches"] = active


def worker_needed(active: Sequence[RunRecord]) -> None:
    """Offer in a line to start a worker if runs wait for one and none is there."""
    waiting = cache.worker_status() is None and any(map(queue.needs_worker, active))
    if waiting and worker.is_elsewhere():
        st.caption("The worker is away; queued runs start when it is back.")
    elif waiting and st.button(
        "No worker is running: start one",
        icon=":material/play_circle:",
        type="tertiary",
        key="start_worker",
        disabled=not access.may_launch(),
    ):
        actions.wake()


def worker_line() -> None:
    """Say which worker runs what is queued, or that none does."""
    status = cache.worker_status()
    if status is None:
        active = cache.reader().active()
        if any(map(queue.needs_worker, active)):
            states.no_worker()
        elif active:
            st.caption(
                "No worker is running. These runs were started from the command line and do not "
                "need one."
            )
        elif worker.is_elsewhere():
            st.caption("The worker is away.")
        else:
            st.caption("No worker is running. Launching a run starts one.")
    elif not status.ready:
        st.caption(
            ":material/hourglass_top: The worker is loading PyTorch. The first run starts in a "
            "few seconds."
        )
    else:
        details = f"Process {status.pid} on {status.host}, started {ago(status.started)}."
        st.caption("Worker running", help=plain(details), width="content")


def _show(launch: Launch, runs: Sequence[RunRecord], *, figures: bool) -> None:
    """One launch: its bar, what became of it, its runs and figures."""
    with st.container(border=True, key=f"launch-{launch.runs[-1].run_id}"):
        left = time_left(launch.active, runs) if launch.active else None
        words = [launch.counts(), *([f"{rough_time(*left)} left"] if left else [])]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(launch.title)}** · {plain(' · '.join(words))}", width="stretch")
            if len(launch.active) > 1:
                _cancel_all(launch)
            actions.retry_failed_button(launch.runs, f"launch-{launch.runs[-1].run_id}")
        if launch.active and len(launch.runs) > 1:
            st.progress(launch.share)
        _lines(launch)
        if not launch.active:
            _say_ended(launch)
        if figures:
            _previews(launch)


def _cancel_all(launch: Launch) -> None:
    key = f"{launch.runs[-1].run_id}"
    runs = counted(len(launch.active), "run")
    stopping = all(run.cancelled for run in launch.active)
    with st.popover(
        "Stopping" if stopping else "Cancel all",
        icon=":material/stop_circle:",
        type="tertiary",
        disabled=stopping or not access.may_change(launch.active),
        key=f"cancel-all-{key}",
    ):
        st.text(f"{runs} end now. Rows measured until then are kept.")
        st.button(
            f"Cancel {runs}",
            key=f"cancel-launch-{key}",
            type="primary",
            on_click=actions.cancel_all,
            args=(launch.active,),
        )


def _lines(launch: Launch) -> None:
    """A line for each run that is active or failed, while the launch is active."""
    order = ("RUNNING", "FAILED", "SCHEDULED")
    runs = [run for run in launch.runs if run.status in order] if launch.active else []
    runs.sort(key=lambda run: (order.index(run.status), run.submitted))
    mixed = len({run.experiment for run in launch.runs}) > 1
    for run in runs[:MAX_LINES]:
        title = experiment_named(run.experiment).title if mixed else ""
        words = [STATUS_WORDS[run.status], title, inline_text(run.name)]
        if run.status != "SCHEDULED":
            words.append(status_message(run))
        if run.status == "RUNNING":
            words.append(duration(run.seconds))
        line = plain(" · ".join(filter(None, words)))
        with st.container(horizontal=True, vertical_alignment="center"):
            if run.status == "RUNNING":
                st.progress(progress(run), text=line)
            else:
                st.markdown(line, width="stretch")
            if run.status in ACTIVE:
                actions.cancel_button(run, "cancel")
    if len(runs) > MAX_LINES:
        st.caption(f"and {counted(len(runs) - MAX_LINES, 'more run')}; see Runs for all")


def _say_ended(launch: Launch) -> None:
    """Say that a launch is over, and lead to what failed."""
    failed = [run for run in launch.runs if run.status == "FAILED"]
    if failed:
        states.some_failed(failed[0], len(failed))
    elif all(run.status == "FINISHED" for run in launch.runs):
        st.success("All runs are finished.", icon=":material/check_circle:")


def _previews(launch: Launch) -> None:
    """The first figure of each experiment with the rows so far, and a link to its page."""
    parts = []
    for name in dict.fromkeys(run.experiment for run in launch.runs):
        mine = [run for run in launch.runs if run.experiment == name]
        sweeps = list(dict.fromkeys(run.sweep for run in mine))
        if launch.launch_id not in sweeps:  # of a suite's sweeps, the one that is made now
            busy = [r.sweep for r in mine if r.status == "RUNNING"]
            done = [r.sweep for r in mine if r.status == "FINISHED"]
            current = [*done[-1:], *busy][-1:] or sweeps[:1]
            mine = [run for run in mine if run.sweep in current]
        parts.append((experiment_named(name), mine))
    with st.grid(min(2, len(parts)), min_column_width=320):
        for experiment, mine in parts[:MAX_PREVIEWS]:
            with st.container():
                _preview(experiment, mine)


def _preview(experiment: Experiment, runs: Sequence[RunRecord]) -> None:
    statuses = tuple((run.run_id, run.status) for run in runs)
    chart = _live_preview(cache.reader().store.uri, statuses, experiment, runs, cache.dark())
    if chart is not None:
        st.caption(plain(experiment.title))
        render.show(chart, f"{experiment.title}, with the rows measured so far")
    page = page_of(experiment.name)
    if page is not None and any(run.status == "FINISHED" for run in runs):
        alone = len({run.sweep for run in runs}) == 1
        ids = [run.run_id[:ID_LETTERS] for run in runs]
        st.page_link(
            page.path,
            label=f"Open {page.title}",
            icon=page.icon,
            query_params={"sweep": runs[0].sweep} if alone else {"runs": ids},
        )


@st.cache_resource(ttl=states.POLL_SECONDS, max_entries=MAX_PREVIEWS_KEPT, show_spinner=False)
def _live_preview(
    uri: str,
    statuses: tuple[tuple[str, Status], ...],
    _experiment: Experiment,
    _runs: Sequence[RunRecord],
    dark: bool,
) -> Chart | None:
    """The figure of runs that go on, read once for all who watch them."""
    return preview(_experiment, _runs, intervals=False)


def preview(
    experiment: Experiment,
    runs: Sequence[RunRecord],
    *,
    intervals: bool = True,
    height: int = PREVIEW_HEIGHT,
) -> Chart | None:
    """The figure that answers the experiment's question, small; None while there are no rows.

    While a run is active it is the training curve, where there is one, because the answer comes
    only at the end. Intervals over the few seeds measured so far are huge: leave them out then.
    """
    shown = read(experiment, runs)
    figures = [f for f in (leading(experiment), TRAINING.get(experiment.name)) if f is not None]
    if any(run.status == "RUNNING" for run in runs):
        figures.reverse()
    previews = (f.preview(shown, intervals=intervals, height=height) for f in figures)
    return next((chart for chart in previews if chart is not None), None)
