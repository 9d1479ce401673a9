"""The claims on the page: what this store says of them, cached and without torch in this process.

Closed, a claim is a line with its verdict; open, it has the guess, the verdict with its numbers and
runs, and the button that starts exactly the runs that it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import pandas
import streamlit as st

from core.analysis.groups import labels
from core.chapter import CLAIMS
from core.chapter.claim import Claim, Facts, Outcome, PropertyRow, Verdict
from core.experiment import Experiment
from core.experiments import experiment_named
from core.formatting import counted, inline_text
from core.store.records import ACTIVE, RunRecord
from dashboard.navigation import RUNS, page_of
from dashboard.store import cache
from dashboard.ui import actions, states
from dashboard.ui.controls import check
from dashboard.ui.text import moment, news, plain, progress
from dashboard.views.chapter import predictions
from dashboard.views.compare.picking import ID_LETTERS
from experiments.evidence import (
    AGREEMENT,
    ChapterStatus,
    Evidence,
    Needed,
    NotComputed,
    Plan,
    capital,
    compute_in_subprocess,
    needed_by,
    seconds,
)


def status() -> ChapterStatus:
    """Every claim, by what is measured now and what is computed so far."""
    reader = cache.reader()
    computed: dict[int, Facts] = {}
    task = _computing()
    if task.done() and task.exception() is None:
        computed = task.result()
    return _evidence(reader.store.uri).judge(reader.runs(), computed)


def still_computing() -> bool:
    """Whether the claims that need no run are being computed."""
    return not _computing().done()


def show_computing_error() -> None:
    """That the claims that need no run could not be computed, and why."""
    task = _computing()
    error = task.exception() if task.done() else None
    if isinstance(error, NotComputed):
        st.error(
            plain(f"The claims that need no run could not be computed: {error}"),
            icon=":material/error:",
        )
        if st.button("Try again", icon=":material/refresh:", key="compute_again"):
            _computing.clear()
            st.rerun()


def watch() -> None:
    """While something is on its way: how far it is, and the page anew with each result."""
    before = _waiting()
    active = any(before)

    def look() -> None:
        if _waiting() != before:
            st.rerun()
        if before[1]:
            st.caption(":material/hourglass_top: Computing the claims that need no run…")
        if before[0] and cache.worker_status() is None:
            states.no_worker()

    states.live(look, active=active)


def _waiting() -> tuple[frozenset[str], bool]:
    active = cache.reader().active()
    return frozenset(r.run_id for r in active if r.status in ACTIVE), still_computing()


@st.cache_resource(show_spinner=False)
def _computing() -> Future[dict[int, Facts]]:
    """Started once for all sessions; a page does not wait for it."""
    return ThreadPoolExecutor(1, "computing").submit(compute_in_subprocess)


@st.cache_resource(show_spinner=False, max_entries=2)
def _evidence(uri: str) -> Evidence:
    return Evidence(lambda run, name: cache.reader().table(run, name))


Colour = Literal["green", "orange", "red", "blue", "gray"]


@dataclass(frozen=True)
class Look:
    """How an outcome is marked: in words, an icon and a colour, so that none carries it alone."""

    icon: str
    colour: Colour


LOOKS: Mapping[Outcome, Look] = {
    "holds": Look(":material/check_circle:", "green"),
    "holds only when": Look(":material/rule:", "orange"),
    "does not hold here": Look(":material/cancel:", "red"),
    "not enough data to tell": Look(":material/help:", "gray"),
    "not measured yet": Look(":material/radio_button_unchecked:", "gray"),
}

SHORT: Mapping[Outcome, str] = {"holds only when": "Holds only when …"}
"""Where the condition is not beside it."""

MAX_LINKS = 40


def outcome_mark(outcome: Outcome) -> str:
    """A badge in Markdown."""
    look = LOOKS[outcome]
    return f":{look.colour}-badge[{look.icon} {SHORT.get(outcome, capital(outcome))}]"


def draw_verdict(claim: Claim, verdict: Verdict, guessed: str) -> None:
    """The verdict on a card: badge, what it says, the figure, and how the guess compares."""
    with st.container(border=True, key=f"verdict-{claim.number}"):
        condition = f" **{plain(f'{verdict.condition}.')}**" if verdict.condition else ""
        st.markdown(outcome_mark(verdict.outcome) + condition)
        st.markdown(plain(verdict.figure))
        if verdict.table:
            st.table(property_table(verdict.table), border="horizontal")
        if guessed:
            st.markdown(f":material/psychology: {plain(guessed)}")


def property_table(lines: Iterable[PropertyRow]) -> pandas.DataFrame:
    """Claim 9: what the chapter says of each cell beside what was measured."""
    return pandas.DataFrame(
        [
            {
                "Property": plain(line.title),
                "The chapter": " / ".join(line.claimed),
                **dict(zip(("RNN", "LSTM", "GRU"), map(plain, line.measured), strict=True)),
                "As claimed": "–" if line.missing else AGREEMENT[line.truth],
            }
            for line in lines
        ]
    ).set_index("Property")


def show_evidence(key: str, ids: Iterable[str], runs: Mapping[str, RunRecord]) -> None:
    """Links to the runs that a verdict was computed from, and to their figures."""
    found = [runs[run_id] for run_id in ids if run_id in runs]
    if not found:
        return
    by_experiment: dict[str, list[RunRecord]] = {}
    for run in found:
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
        with st.popover(f"The {counted(len(found), 'run')}", icon=":material/list_alt:"):
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


Ask = Callable[[], Needed]


def offer(key: str, sweep: str, ask: Ask, *, first: bool = True) -> None:
    """Failures, the button that starts what is missing, and progress of runs that are not finished.

    `first`: whether starting them is the next step, so that the button stands out.
    """
    needed = ask()
    if needed.broken:
        _say_failed(needed)
    if needed.active:
        _watch(ask)
    if needed.to_start:
        _start_button(key, sweep, needed, primary=first and not needed.active)


def offer_all() -> None:
    """Everything that any claim lacks, behind a second click: it may take long."""
    needed = needed_by(CLAIMS, status())
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
    """`6 runs, about 4 to 9 s`, or that the time is not known yet."""
    finished = [run for run in cache.reader().runs() if run.status == "FINISHED"]
    return states.estimate_line(len(plan), seconds(plan, finished))


def _start_button(key: str, sweep: str, needed: Needed, *, primary: bool) -> None:
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
        doing = f" · {inline_text(going.name)}: {news(going)}" if going else ""
        words = f"{now.finished} of {counted(now.total, 'run')} measured"
        st.progress(min(1.0, done / max(1, now.total)), text=plain(words + doing))

    states.live(look, active=True)


def _say_failed(needed: Needed) -> None:
    first = needed.broken[-1]
    others = f", and {counted(len(needed.broken) - 1, 'other')}" if len(needed.broken) > 1 else ""
    with st.container(key=f"failed-{first.run_id}"):
        st.warning(
            plain(f"{inline_text(first.name)}: {news(first)}{others}."), icon=":material/error:"
        )
        st.page_link(
            RUNS.path,
            label="Look at what failed",
            icon=RUNS.icon,
            query_params={"run": first.run_id},
        )


OPEN = "claim"
"""In the address: the numbers of the open claims."""

NUMBERS = [str(claim.number) for claim in CLAIMS]

NEXT_GUESS = ":blue-badge[:material/psychology: Predict]"

FAILED = ":red-badge[:material/error: A run failed]"

ON_ITS_WAY = ":blue-badge[:material/hourglass_top: Being measured]"


def draw_claims(judged: ChapterStatus) -> None:
    """All fifteen, in the chapter's order."""
    opened = _opened()
    for claim in CLAIMS:
        key = _key(claim.number)
        st.session_state[key] = str(claim.number) in opened
        place = st.expander(
            label(claim, judged), key=key, on_change=_remember, args=(claim.number,)
        )
        if place.open:
            with place:
                _draw_claim(claim, judged)


def label(claim: Claim, judged: ChapterStatus) -> str:
    """`8 · Gates bring it back`, and its verdict for those who may see it."""
    return f"**{claim.number}** · {plain(claim.title)} {_badge(claim, judged)}"


def _badge(claim: Claim, judged: ChapterStatus) -> str:
    outcome = judged.verdicts[claim.number].outcome
    to_compute = not claim.measurements and claim.number not in judged.results.computed
    needed = needed_by([claim], judged)
    if needed.active or (to_compute and still_computing()):
        return ON_ITS_WAY
    if needed.broken and outcome == "not measured yet":
        return FAILED
    if outcome == "not measured yet" or predictions.revealed(claim):
        return outcome_mark(outcome)
    return NEXT_GUESS


def _draw_claim(claim: Claim, judged: ChapterStatus) -> None:
    verdict = judged.verdicts[claim.number]
    st.markdown(f"**{plain(claim.statement)}**")
    known = predictions.revealed(claim)
    if known:
        guess = predictions.made().get(claim.number, predictions.Guess())
        draw_verdict(claim, verdict, predictions.told(guess, verdict, claim.question))
        show_evidence(str(claim.number), verdict.evidence, judged.runs)
    else:
        predictions.ask(claim)
    key = str(claim.number)
    offer(key, f"claim-{key}", lambda: needed_by([claim], status()), first=known)
    st.caption(f"**How it is measured.** {plain(claim.method)}")


def _opened() -> Sequence[str]:
    """What the address asks for; a notice for what is no claim."""
    asked = st.query_params.get_all(OPEN)
    known = [number for number in asked if number in NUMBERS]
    if len(known) < len(asked):
        st.query_params[OPEN] = next(number for number in asked if number not in NUMBERS)
        check(OPEN, NUMBERS)
        st.query_params[OPEN] = known
    return known


def _remember(number: int) -> None:
    """Keep in the address which claims are open."""
    others = [n for n in st.query_params.get_all(OPEN) if n != str(number)]
    opened = [*others, str(number)] if st.session_state[_key(number)] else others
    st.query_params[OPEN] = sorted(opened, key=int)


def _key(number: int) -> str:
    return f"claim-{number}"
