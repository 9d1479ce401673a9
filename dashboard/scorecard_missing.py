"""What the scorecard lacks: queue all of it, watch it come, see what failed."""

from __future__ import annotations

import json
from collections.abc import Mapping

import streamlit as st

from core.experiment import Config, Experiment
from core.names import among
from core.scorecard.card import Scorecard
from core.settings import Value
from core.tracking import ACTIVE, RunRecord
from core.words import counted
from dashboard import actions, data, starting, states
from dashboard.navigation import RUNS
from dashboard.wording import news, plain

Asked = tuple[str, str]
"""Experiment and settings: equal for a config and its runs."""


def offer(card: Scorecard) -> None:
    """Nothing is said where nothing is missing."""
    wanted = {_asked(e.name, c.flat()): (e, c) for e, c in card.missing}
    if not wanted:
        return
    newest = {_asked(run.experiment, run.settings): run for run in data.reader().runs()}
    found = {asked: newest[asked] for asked in wanted if asked in newest}
    active = {asked: run for asked, run in found.items() if run.status in ACTIVE}
    broken = [run for run in found.values() if run.status in ("FAILED", "KILLED")]
    if broken:
        _say_failed(broken[-1], len(broken))
    if active:
        _watch(len(active))
    plan = [pair for asked, pair in wanted.items() if asked not in active]
    if plan:
        _button(plan)


def _asked(experiment: str, settings: Mapping[str, Value]) -> Asked:
    return experiment, json.dumps(dict(settings), sort_keys=True)


def _button(plan: list[tuple[Experiment, Config]]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="scorecard-missing"):
        clicked = st.button(
            "Queue all that is missing", icon=":material/playlist_play:", key="scorecard-queue"
        )
        st.text(starting.estimate(plan))
    if clicked and actions.launch_together("scorecard", plan):
        st.rerun()


def _watch(coming: int) -> None:
    """The page follows by itself: a new card with each run that ends."""
    waiting = _active()

    def look() -> None:
        if _active() != waiting:
            st.rerun()
        st.caption(f":material/hourglass_top: {counted(coming, 'run')} of this scorecard to come…")
        if data.worker_status() is None:
            states.no_worker()

    states.live(look, active=True)


def _active() -> frozenset[str]:
    return frozenset(run.run_id for run in data.reader().active())


def _say_failed(newest: RunRecord, number: int) -> None:
    others = f", and {counted(number - 1, 'other')}" if number > 1 else ""
    st.warning(plain(f"{among(newest.name)}: {news(newest)}{others}."), icon=":material/error:")
    st.page_link(
        RUNS.path,
        label="Look at what failed",
        icon=RUNS.icon,
        query_params={"run": newest.run_id},
    )
