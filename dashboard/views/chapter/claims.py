"""The claims on the page, judged by this store's runs, without torch in this process.

Closed, a claim is a line with its verdict; open, it has the guess, the verdict with its numbers and
runs, and the button that starts exactly the runs that are missing.
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
from dashboard.ui.text import moment, plain, progress, status_message
from dashboard.views.chapter import predictions
from dashboard.views.compare.picking import ID_LETTERS
from experiments.evidence import (
    AGREEMENT,
    ChapterStatus,
    Evidence,
    Needed,
    NotComputed,
    Plan,
    capitalize,
    compute_in_subprocess,
    needed_by,
    seconds,
)


def status() -> ChapterStatus:
    """Every claim, judged by the runs measured and the facts computed so far."""
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
    """Say why the claims that need no run could not be computed, if they could not."""
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
    """Show what is being computed or run, and redraw the page with each result."""
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
    """The computation, started once for all sessions; a page does not wait for it."""
    return ThreadPoolExecutor(1, "computing").submit(compute_in_subprocess)


@st.cache_resource(show_spinner=False, max_entries=2)
def _evidence(uri: str) -> Evidence:
    return Evidence(lambda run, name: cache.reader().table(run, name))


Colour = Literal["green", "orange", "red", "blue", "gray"]


@dataclass(frozen=True)
class Badge:
    """The icon and colour of an outcome, beside its words."""

    icon: str
    colour: Colour


BADGES: Mapping[Outcome, Badge] = {
    "holds": Badge(":material/check_circle:", "green"),
    "holds only when": Badge(":material/rule:", "orange"),
    "does not hold here": Badge(":material/cancel:", "red"),
    "not enough data to tell": Badge(":material/help:", "gray"),
    "not measured yet": Badge(":material/radio_button_unchecked:", "gray"),
}

SHORT: Mapping[Outcome, str] = {"holds only when": "Holds only when …"}
"""The text of a badge without its condition beside it."""

MAX_LINKS = 40


def outcome_badge(outcome: Outcome) -> str:
    """The badge of an outcome in Markdown."""
    badge = BADGES[outcome]
    return f":{badge.colour}-badge[{badge.icon} {SHORT.get(outcome, capitalize(outcome))}]"


def draw_verdict(claim: Claim, verdict: Verdict, feedback: str) -> None:
    """Draw the verdict on a card: badge, condition, the numbers, and feedback on the guess."""
    with st.container(border=True, key=f"verdict-{claim.number}"):
        condition = f" **{plain(f'{verdict.condition}.')}**" if verdict.condition else ""
        st.markdown(outcome_badge(verdict.outcome) + condition)
        st.markdown(plain(verdict.figure))
        if verdict.table:
            st.table(property_table(verdict.table), border="horizontal")
        if feedback:
            st.markdown(f":material/psychology: {plain(feedback)}")


def property_table(lines: Iterable[PropertyRow]) -> pandas.DataFrame:
    """The table of claim 9: the chapter's statement on each cell beside what was measured."""
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


Ask = Callable[[], Needed]


def offer(key: str, sweep: str, ask: Ask, *, first: bool = True) -> None:
    """Show failures, the button that starts missing runs, and the progress of active runs.

    `first` says whether starting them is the next step, so that the button stands out.
    """
    needed = ask()
    if needed.broken:
        _say_failed(needed)
    if needed.active:
        _watch(ask)
    if needed.to_start:
        _start_button(key, sweep, needed, primary=first and not needed.active)


def offer_all() -> None:
    """Offer to run all that any claim lacks, behind a second click because it may take long."""
    needed = needed_by(CLAIMS, status())
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
    """Show one progress bar for the active runs and keep it up to date."""

    def look() -> None:
        now = ask()
        done = now.finished + sum(map(progress, now.active))
        running = next((run for run in now.active if run.status == "RUNNING"), None)
        doing = f" · {inline_text(running.name)}: {status_message(running)}" if running else ""
        words = f"{now.finished} of {counted(now.total, 'run')} measured"
        st.progress(min(1.0, done / max(1, now.total)), text=plain(words + doing))

    states.live(look, active=True)


def _say_failed(needed: Needed) -> None:
    first = needed.broken[-1]
    others = f", and {counted(len(needed.broken) - 1, 'other')}" if len(needed.broken) > 1 else ""
    with st.container(key=f"failed-{first.run_id}"):
        st.warning(
            plain(f"{inline_text(first.name)}: {status_message(first)}{others}."),
            icon=":material/error:",
        )
        st.page_link(
            RUNS.path,
            label="Open the failed run",
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
    """Draw all fifteen claims, in the chapter's order."""
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
        return outcome_badge(outcome)
    return NEXT_GUESS


def _draw_claim(claim: Claim, judged: ChapterStatus) -> None:
    verdict = judged.verdicts[claim.number]
    st.markdown(f"**{plain(claim.statement)}**")
    known = predictions.revealed(claim)
    if known:
        guess = predictions.guesses().get(claim.number, predictions.Guess())
        draw_verdict(claim, verdict, predictions.feedback(guess, verdict, claim.question))
        show_evidence(str(claim.number), verdict.evidence, judged.runs)
    else:
        predictions.ask(claim)
    key = str(claim.number)
    offer(key, f"claim-{key}", lambda: needed_by([claim], status()), first=known)
    st.caption(f"**How it is measured.** {plain(claim.method)}")


def _opened() -> Sequence[str]:
    """The numbers of the open claims in the address; a notice for one that is no claim."""
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
