"""Every active run with its progress, and the first figure as its rows are measured."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.experiment import Experiment
from core.experiments import experiment_named
from core.formatting import counted, inline_text
from core.store.records import ACTIVE, RunRecord
from dashboard.charts import render
from dashboard.charts.render import Chart
from dashboard.figures.base import read
from dashboard.figures.leading import TRAINING, leading
from dashboard.navigation import page_of
from dashboard.store import cache
from dashboard.ui import actions, states
from dashboard.ui.text import STATUS_WORDS, ago, duration, plain, progress, status_message
from experiments import queue

MAX_LINES = 8
"""Runs that get a line of their own."""

PREVIEW_HEIGHT = 240


def live_runs(watched: str = "", *, figures: bool = False) -> None:
    """Show active runs and those of the watched sweep, and poll while any is active.

    With `figures`, also the first figure of each sweep, with the rows so far.
    """
    before = {run.run_id for run in cache.reader().active()}

    def look() -> None:
        runs = cache.reader().runs()
        shown = [run for run in runs if run.status in ACTIVE or (watched and run.sweep == watched)]
        if before and not any(run.status in ACTIVE for run in shown):
            st.rerun()
        if not shown:
            return
        st.subheader("Now", anchor=False)
        worker_line()
        order = ("RUNNING", "FAILED", "SCHEDULED", "KILLED", "FINISHED")
        shown.sort(key=lambda run: (order.index(run.status), run.submitted))
        mixed = len({run.experiment for run in shown}) > 1
        for run in shown[:MAX_LINES]:
            _line(run, run.experiment if mixed else "")
        if len(shown) > MAX_LINES:
            st.caption(f"and {counted(len(shown) - MAX_LINES, 'more run')}; see Runs for all")
        for name in sorted({run.sweep for run in shown if run.sweep}) if figures else ():
            _preview([run for run in runs if run.sweep == name])
        if figures:
            st.divider()

    states.live(look, active=bool(before))


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
        else:
            st.caption("No worker is running. Launching a run starts one.")
    elif not status.ready:
        st.caption(
            ":material/hourglass_top: The worker is loading PyTorch. The first run starts in a "
            "few seconds."
        )
    else:
        st.caption(
            plain(f"Worker: process {status.pid} on {status.host}, started {ago(status.started)}.")
        )


def _line(run: RunRecord, experiment: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        words = [STATUS_WORDS[run.status], experiment, inline_text(run.name)]
        if run.status != "SCHEDULED":
            words.append(status_message(run))
        if run.status == "RUNNING" or run.seconds is not None:
            words.append(duration(run.seconds))
        st.progress(progress(run), text=plain(" · ".join(filter(None, words))))
        if run.status in ACTIVE:
            actions.cancel_button(run, "cancel")


def _preview(runs: Sequence[RunRecord]) -> None:
    """The first figure of the experiment, with the rows so far."""
    experiment = experiment_named(runs[0].experiment)
    page = page_of(experiment.name)
    chart = preview(experiment, runs, intervals=False)
    if chart is not None:
        render.show(chart, f"{experiment.title}, with the rows measured so far")
    if page is not None and any(run.status == "FINISHED" for run in runs):
        st.page_link(
            page.path,
            label=f"Open {page.title}",
            icon=page.icon,
            query_params={"sweep": runs[0].sweep},
        )


def preview(
    experiment: Experiment, runs: Sequence[RunRecord], *, intervals: bool = True
) -> Chart | None:
    """The figure that answers the experiment's question, small; None while there are no rows.

    While a run is active it is the training curve, where there is one, because the answer comes
    only at the end. Intervals over the few seeds measured so far are huge: leave them out then.
    """
    shown = read(experiment, runs)
    figures = [f for f in (leading(experiment), TRAINING.get(experiment.name)) if f is not None]
    if any(run.status == "RUNNING" for run in runs):
        figures.reverse()
    previews = (f.preview(shown, intervals=intervals, height=PREVIEW_HEIGHT) for f in figures)
    return next((chart for chart in previews if chart is not None), None)
