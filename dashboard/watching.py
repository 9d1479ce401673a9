"""What is going on now: every active run with its progress, and the rows as they are measured."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.experiment import Experiment
from core.experiments import experiment_named
from core.names import among
from core.tracking import ACTIVE, RunRecord
from core.words import counted
from dashboard import actions, data, drawing, states
from dashboard.drawing import Chart
from dashboard.leading import TRAINING, leading
from dashboard.navigation import page_of
from dashboard.shown import read
from dashboard.wording import STATUS_WORDS, ago, duration, news, plain, progress
from experiments import queue

MOST_LINES = 8
"""Runs that get a line of their own."""
PREVIEW_HEIGHT = 240


def live_runs(watched: str = "", *, figures: bool = False) -> None:
    """Active runs and those of the watched comparison; looks again while any is active.

    With `figures`, also the first figure of each comparison, as far as it is measured.
    """
    before = {run.run_id for run in data.reader().active()}

    def look() -> None:
        runs = data.reader().runs()
        shown = [run for run in runs if run.status in ACTIVE or (watched and run.sweep == watched)]
        if before and not any(run.status in ACTIVE for run in shown):
            st.rerun()
        if not shown:
            return
        st.subheader("Now", anchor=False)
        worker_line()
        for run in _most_urgent(shown)[:MOST_LINES]:
            _line(run)
        if len(shown) > MOST_LINES:
            st.caption(
                f"and {counted(len(shown) - MOST_LINES, 'more run')}, all of them under Runs"
            )
        for name in sorted({run.sweep for run in shown if run.sweep}) if figures else ():
            _preview([run for run in runs if run.sweep == name])
        if figures:
            st.divider()

    states.live(look, active=bool(before))


def worker_line() -> None:
    """Who takes runs off the queue, or that nobody does."""
    status = data.worker_status()
    if status is None:
        active = data.reader().active()
        if any(map(queue.needs_worker, active)):
            states.no_worker()
        elif active:
            st.caption("No worker is running, and none is needed: these were started without one.")
        else:
            st.caption("No worker is running; launching anything starts one.")
    elif not status.ready:
        st.caption(
            ":material/hourglass_top: The worker is loading PyTorch: the first run starts in "
            "a few seconds."
        )
    else:
        st.caption(
            plain(f"Worker: process {status.pid} on {status.host}, started {ago(status.started)}.")
        )


def _most_urgent(runs: Sequence[RunRecord]) -> list[RunRecord]:
    order = ("RUNNING", "FAILED", "SCHEDULED", "KILLED", "FINISHED")
    return sorted(runs, key=lambda run: (order.index(run.status), run.submitted))


def _line(run: RunRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        said = "" if run.status == "SCHEDULED" else news(run)
        words = [STATUS_WORDS[run.status], among(run.name), said]
        if run.status == "RUNNING" or run.seconds is not None:
            words.append(duration(run.seconds))
        st.progress(progress(run), text=plain(" · ".join(filter(None, words))))
        if run.status in ACTIVE:
            actions.cancel_button(run, "cancel")


def _preview(runs: Sequence[RunRecord]) -> None:
    """The first figure of the experiment, as far as it is measured."""
    experiment = experiment_named(runs[0].experiment)
    page = page_of(experiment.name)
    chart = preview(experiment, runs, intervals=False)
    if chart is not None:
        drawing.show(chart, f"{experiment.title}, as far as it is measured")
    if page is not None and any(run.status == "FINISHED" for run in runs):
        st.page_link(
            page.path,
            label=f"Open {page.title}",
            icon=page.icon,
            query_params={"comparison": runs[0].sweep},
        )


def preview(
    experiment: Experiment, runs: Sequence[RunRecord], *, intervals: bool = True
) -> Chart | None:
    """The figure that answers the experiment's question, small; None while there is not a row.

    While a run is going that has its answer only at the end, it is how training goes in all of
    them. Without `intervals` it suits such runs: those of a few seeds are huge.
    """
    shown = read(experiment, runs)
    figures = [f for f in (leading(experiment), TRAINING.get(experiment.name)) if f is not None]
    if any(run.status == "RUNNING" for run in runs):
        figures.reverse()
    drawn = (f.preview(shown, intervals=intervals, height=PREVIEW_HEIGHT) for f in figures)
    return next((chart for chart in drawn if chart is not None), None)
