"""A button that queues what a suite lacks."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from core.formatting import counted
from dashboard import access
from dashboard.store import cache
from dashboard.ui import actions, states
from experiments import queue
from experiments.durations import estimate
from experiments.suites import Suite


class Launched(NamedTuple):
    """What somebody has just started."""

    sweep: str
    number: int
    """Of runs."""


def offer(suite: Suite, title: str = "", *, primary: bool = False) -> Launched | None:
    """The button, what it would start and how long that takes; what it has started, if anything."""
    runs = cache.reader().runs()
    lacks = queue.missing_of(runs, suite)
    plan = [(experiment, config) for experiment, config, _ in lacks.plan]
    with st.container(horizontal=True, vertical_alignment="center"):
        clicked = st.button(
            title or suite.title,
            key=f"suite-{suite.name}",
            icon=":material/play_arrow:" if primary else ":material/add:",
            type="primary" if primary else "secondary",
            disabled=not (plan and access.may_launch()),
        )
        total = counted(len(plan) + len(lacks.waiting) + lacks.done, "run")
        finished = [run for run in runs if run.status == "FINISHED"]
        seconds = estimate(plan, finished)
        line = states.launch_line(total, len(plan), lacks.done, len(lacks.waiting), seconds)
        st.text(f"{line}. {suite.description}")
    sweep = actions.launch_suite(suite) if clicked else None
    return None if sweep is None else Launched(sweep, len(plan))
