"""The runs behind claims: links to those that were read, and the button that starts the missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from core.analysis.groups import labels
from core.chapter.claim import MeasuredClaim, Outcome, Truth
from core.experiment import Experiment
from core.experiments import experiment_named
from core.formatting import counted, inline_text
from core.store.records import ACTIVE, RunRecord
from dashboard import access
from dashboard.navigation import RUNS, page_of
from dashboard.store import cache
from dashboard.ui import actions, states
from dashboard.ui.text import moment, plain, progress, status_message
from dashboard.views.compare.picking import ID_LETTERS
from experiments import durations, queue
from experiments.evidence import ClaimStatus, Needed, Plan, capitalize, needed_by

Colour = Literal["green", "orange", "red", "blue", "gray"]


@dataclass(frozen=True)
class Badge:
    """The icon and colour of an outcome, beside its words."""

    icon: str
    colour: Colour


BADGES: Mapping[Outcome, Badge] = {
    "holds": Badge(":material/check_circle:", "green"),
    "partly": Badge(":material/rule:", "orange"),
    "does not hold": Badge(":material/cancel:", "red"),
    "not decided": Badge(":material/help:", "gray"),
    "not measured yet": Badge(":material/radio_button_unchecked:", "gray"),
}

PART_BADGES: Mapping[Truth, str] = {
    True: ":green[:material/check_circle: **Holds:**]",
    False: ":red[:material/cancel: **Does not hold:**]",
    None: ":gray[:material/help: **Not decided:**]",
}

MAX_LINKS = 40

FAILED = ":red-badge[:material/error: A run failed]"

ON_ITS_WAY = ":blue-badge[:material/hourglass_top: Being measured]"


def outcome_badge(outcome: Outcome, words: Mapping[Outcome, str] | None = None) -> str:
    """The badge of an outcome in Markdown; `words` are what it is called elsewhere."""
    badge = BADGES[outcome]
    word = words[outcome] if words else outcome
    return f":{badge.colour}-badge[{badge.icon} {capitalize(word)}]"


def show_evidence(key: str, ids: Iterable[str], runs: Mapping[str, RunRecord]) -> None:
    """Link to the runs that a verdict was computed from, and to their figures."""
    evidence = [runs[run_id] for run_id in ids if run_id in runs]
    if not evidence:
        return
    by_experiment: dict[str, list[RunRecord]] = {}
    for run in evidence:
        by_experiment.setdefault(run.experiment, []).append(run)
    with st.container(horizontal=True, vertical_alignment="center", key=f"evidence-{key}"):
        for name, members in by_experiment.items():
            page = page_of(name)
            if page is not None:
                st.page_link(
                    page.path,
                    label=f"{page.title}: {counted(len(members), 'run')}",
                    icon=page.icon,
                    query_params={"runs": [run.run_id[:ID_LETTERS] for run in members]},
                )
        with st.popover(f"The {counted(len(evidence), 'run')}", icon=":material/list_alt:"):
            for name, members in by_experiment.items():
                _links(experiment_named(name), members)


def _links(experiment: Experiment, runs: Sequence[RunRecord]) -> None:
    named = labels(experiment, runs)
    st.caption(plain(experiment.title))
    for run in runs[:MAX_LINKS]:
        seed = [f"seed {run.settings['seed']}"] if experiment.one_run_per_seed else []
        st.page_link(
            RUNS.path,
            label=plain(" · ".join([named[run.run_id], *seed, moment(run.submitted)])),
            icon=RUNS.icon,
            query_params={"run": run.run_id},
        )
    if len(runs) > MAX_LINKS:
        st.caption(f"and {counted(len(runs) - MAX_LINKS, 'more run')}, all of them under Runs")


def watch(computing: Callable[[], bool] = lambda: False) -> None:
    """Show what is being computed, offer a worker to queued runs, and redraw the page with each
    result. `computing` says whether claims that need no run are still being computed."""

    def waiting() -> tuple[frozenset[str], bool]:
        active = cache.reader().active()
        return frozenset(r.run_id for r in active if r.status in ACTIVE), computing()

    before = waiting()

    def look() -> None:
        if waiting() != before:
            st.rerun()
        if before[1]:
            st.caption(":material/hourglass_top: Computing the claims that need no run…")
        queued = any(map(queue.needs_worker, cache.reader().active()))
        if queued and cache.worker_status() is None:
            states.no_worker()

    states.live(look, active=any(before))


Ask = Callable[[], Needed]


def offer(key: str, sweep: str, ask: Ask, *, first: bool = True) -> None:
    """Show failures, the button that starts missing runs, and the progress of active runs.

    `first` says whether starting them is the next step, so that the button stands out.
    """
    needed = ask()
    if needed.broken:
        _say_failed(key, needed)
    if needed.active:
        _watch(ask)
    if needed.to_start:
        _start_button(key, sweep, needed, primary=first and not needed.active)


def offer_all(claims: Iterable[MeasuredClaim], judged: ClaimStatus, sweep: str) -> None:
    """Offer to run all that any claim lacks, behind a second click because it may take long."""
    needed = needed_by(claims, judged)
    if not needed.to_start:
        return
    place = st.popover(
        "Run all that is missing",
        icon=":material/playlist_play:",
        key="all-missing",
        on_change="rerun",
    )
    if not place.open:
        return
    with place:
        st.text(estimate(needed.to_start))
        if st.button(
            "Queue them",
            type="primary",
            icon=":material/play_arrow:",
            key="run-all",
            disabled=not access.may_launch(),
        ) and actions.launch_together(sweep, needed.to_start):
            st.rerun()


def estimate(plan: Plan) -> str:
    """`6 runs, about 4 to 9 s`, or that the time is not known yet."""
    finished = [run for run in cache.reader().runs() if run.status == "FINISHED"]
    return states.estimate_line(len(plan), durations.estimate(plan, finished))


def _start_button(key: str, sweep: str, needed: Needed, *, primary: bool) -> None:
    some = len(needed.to_start) < needed.total
    with st.container(horizontal=True, vertical_alignment="center", key=f"start-{key}"):
        clicked = st.button(
            "Run what is missing" if some else "Run",
            type="primary" if primary else "secondary",
            icon=":material/play_arrow:",
            key=f"run-{key}",
            disabled=not access.may_launch(),
        )
        measured = f"{needed.finished} of {needed.total} measured; " if needed.finished else ""
        st.text(measured + estimate(needed.to_start))
    if clicked and actions.launch_together(sweep, needed.to_start):
        st.rerun()


def _watch(ask: Ask) -> None:
    """Show one progress bar for the active runs and keep it up to date."""

    def look() -> None:
        now = ask()
        done = now.finished + sum(map(progress, now.active))
        running = next((run for run in now.active if run.status == "RUNNING"), None)
        doing = f" · {inline_text(running.name)}: {status_message(running)}" if running else ""
        words = f"{now.finished} of {counted(now.total, 'run')} measured"
        st.progress(min(1.0, done / max(1, now.total)), text=plain(words + doing))

    states.live(look, active=True)


def _say_failed(key: str, needed: Needed) -> None:
    with st.container(key=f"failed-{key}"):
        states.some_failed(needed.broken[-1], len(needed.broken))
