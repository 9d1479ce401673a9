"""The runs that a claim or an exercise lacks: start exactly those, and watch how far they are."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.claims import CLAIMS
from core.names import among
from core.words import counted
from dashboard import actions, data, judging, states
from dashboard.navigation import RUNS
from dashboard.wording import news, plain, progress
from experiments.claim_runs import Needed, Plan, needed_by, seconds

Ask = Callable[[], Needed]


def offer(key: str, sweep: str, ask: Ask, *, first: bool = True) -> None:
    """Whatever is to be said of runs that are not finished: failures, a button, progress.

    `first`: whether starting them is what a person should do next.
    """
    needed = ask()
    if needed.broken:
        _say_failed(needed)
    if needed.active:
        _watch(ask)
    if needed.to_start:
        _button(key, sweep, needed, primary=first and not needed.active)


def offer_all() -> None:
    """Everything that any claim lacks, behind a second click: it may take long."""
    needed = needed_by(CLAIMS, judging.judged())
    if not needed.to_start:
        return
    place = st.popover(
        "Measure all that is missing",
        icon=":material/playlist_play:",
        key="all-missing",
        on_change="rerun",
    )
    if not place.open:
        return
    with place:
        st.text(estimate(needed.to_start))
        if st.button(
            "Queue them", type="primary", icon=":material/play_arrow:", key="run-all"
        ) and actions.launch_together("claims", needed.to_start):
            st.rerun()


def estimate(plan: Plan) -> str:
    """`6 runs, about 4 to 9 s`, or that nobody knows yet."""
    finished = [run for run in data.reader().runs() if run.status == "FINISHED"]
    return states.estimate_line(len(plan), seconds(plan, finished))


def _button(key: str, sweep: str, needed: Needed, *, primary: bool) -> None:
    some = len(needed.to_start) < needed.total
    with st.container(horizontal=True, vertical_alignment="center", key=f"start-{key}"):
        clicked = st.button(
            "Run what is missing" if some else "Run",
            type="primary" if primary else "secondary",
            icon=":material/play_arrow:",
            key=f"run-{key}",
        )
        measured = f"{needed.finished} of {needed.total} measured; " if needed.finished else ""
        st.text(measured + estimate(needed.to_start))
    if clicked and actions.launch_together(sweep, needed.to_start):
        st.rerun()


def _watch(ask: Ask) -> None:
    """One bar for the runs that are on their way. The page follows them by itself."""

    def look() -> None:
        now = ask()
        done = now.finished + sum(map(progress, now.active))
        going = next((run for run in now.active if run.status == "RUNNING"), None)
        doing = f" · {among(going.name)}: {news(going)}" if going else ""
        words = f"{now.finished} of {counted(now.total, 'run')} measured"
        st.progress(min(1.0, done / max(1, now.total)), text=plain(words + doing))

    states.live(look, active=True)


def _say_failed(needed: Needed) -> None:
    first = needed.broken[-1]
    others = f", and {counted(len(needed.broken) - 1, 'other')}" if len(needed.broken) > 1 else ""
    with st.container(key=f"failed-{first.run_id}"):
        st.warning(plain(f"{among(first.name)}: {news(first)}{others}."), icon=":material/error:")
        st.page_link(
            RUNS.path,
            label="Look at what failed",
            icon=RUNS.icon,
            query_params={"run": first.run_id},
        )
