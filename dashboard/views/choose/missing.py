"""What is not measured, or too rarely: what it would cost, and the buttons that measure it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import streamlit as st

from core.analysis.choice import Choice
from core.analysis.choice_sentences import proposal_in_words
from core.analysis.scorecard import QuestionCard, Scorecard
from core.experiment import Config, Experiment
from core.experiments import experiment_named
from core.formatting import counted
from core.store.records import ACTIVE, RunRecord
from dashboard import access
from dashboard.store import cache
from dashboard.ui import actions, states
from dashboard.ui.text import plain
from dashboard.views import claim_runs
from experiments import choices, durations
from experiments.queue import run_key

CHEAP_SECONDS = 60.0
"""What takes longer is not ticked, unless a limit needs it."""

Plan = list[tuple[Experiment, Config]]


def propose(choice: Choice) -> None:
    """The one launch that would decide most, with its button; nothing if none would."""
    proposal = choice.proposal
    if proposal is None:
        st.caption(plain(proposal_in_words(choice)))
        return
    pairs = [(experiment, config) for experiment, config, _ in proposal.plan]
    active = choices.active_among(proposal, cache.reader().active())
    with st.container(border=True, key="proposal"):
        st.markdown(plain(proposal_in_words(choice)))
        if active:
            st.caption(f":material/hourglass_top: {counted(len(active), 'run')} of it in progress.")
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            clicked = st.button(
                f"Launch {counted(len(pairs), 'run')}",
                icon=":material/play_arrow:",
                type="primary",
                key="launch-proposal",
                disabled=not access.may_launch(),
            )
            st.text(claim_runs.estimate(pairs))
        if commands := choices.commands(choice):
            with st.expander("As commands", icon=":material/terminal:"):
                st.code("\n".join(commands), language="bash")
        if proposal.experiment.timed:
            states.busy_machine()
    joins = any(sweep for _, _, sweep in proposal.plan)
    if clicked and (
        actions.launch_more_seeds(proposal.plan, proposal.looks)
        if joins
        else actions.launch_together("choice", pairs)
    ):
        st.rerun()


def offer(card: Scorecard) -> None:
    """Offer to queue the missing runs, question by question; show nothing if there are none."""
    wanted = {run_key(e.name, c.flat()): (e, c) for e, c in card.missing}
    # Most runs have finished, and few of those matter: equal ones on another machine.
    runs = cache.reader().runs()
    newest = {run_key(r.experiment, r.settings): r for r in runs if r.status != "FINISHED"}
    attempts = {key: newest[key] for key in wanted if key in newest}
    active = {key: run for key, run in attempts.items() if run.status in ACTIVE}
    broken = not_made_since([r for r in attempts.values() if r.status not in ACTIVE], runs)
    if broken:
        states.some_failed(broken[-1], len(broken))
    if active:
        _watch(len(active))
    missing: dict[str, Plan] = {}
    for key, (experiment, config) in wanted.items():
        if key not in active:
            missing.setdefault(experiment.name, []).append((experiment, config))
    repeats = [question for question in card.questions if _repeatable(question)]
    if not missing and not repeats:
        return
    with st.container(border=True, key="scorecard-missing"):
        if missing:
            _offer_missing(card, missing)
        for question in repeats:
            _offer_repeats(question)
        timed = [experiment_named(name).timed for name in missing]
        if any([*timed, *(question.experiment.timed for question in repeats)]):
            states.busy_machine()


def not_made_since(broken: Sequence[RunRecord], runs: Sequence[RunRecord]) -> list[RunRecord]:
    """The failed and cancelled runs of which no equal one that was submitted later has finished."""
    first = min((run.submitted for run in broken), default=math.inf)
    later = {
        run_key(run.experiment, run.settings): run.submitted
        for run in runs
        if run.status == "FINISHED" and run.submitted > first
    }
    return [r for r in broken if later.get(run_key(r.experiment, r.settings), 0) <= r.submitted]


def _offer_missing(card: Scorecard, missing: Mapping[str, Plan]) -> None:
    """A box to tick for each question with its cost, and one button."""
    finished = [run for run in cache.reader().runs() if run.status == "FINISHED"]
    needed = card.unmeasured
    by_limits = {
        question.experiment.name
        for question in card.questions
        if needed & _measures(question.experiment)
    }
    costs = {name: durations.estimate(plan, finished) for name, plan in missing.items()}
    cheap = {name for name, cost in costs.items() if cost and cost[1] <= CHEAP_SECONDS}
    usual = by_limits & set(missing) or cheap or {min(missing, key=lambda n: _work(missing[n]))}
    st.markdown("**Not measured yet**")
    chosen: Plan = []
    for name, plan in missing.items():
        experiment = experiment_named(name)
        estimate = states.estimate_line(len(plan), costs[name])
        needs = " (a limit needs it)" if name in by_limits else ""
        # The key holds the default, because a box that exists keeps its state.
        key = f"measure-{name}-{name in usual}"
        label = plain(f"{experiment.title}: {estimate}{needs}")
        if st.checkbox(label, value=name in usual, key=key):
            chosen += plan
    with st.container(horizontal=True, vertical_alignment="center"):
        clicked = st.button(
            f"Measure {counted(len(chosen), 'run')}" if chosen else "Measure",
            icon=":material/play_arrow:",
            key="scorecard-queue",
            disabled=not (chosen and access.may_launch()),
        )
        st.text(claim_runs.estimate(chosen) if chosen else "Tick what to measure.")
    if clicked and actions.launch_together("scorecard", chosen):
        st.rerun()


def _measures(experiment: Experiment) -> frozenset[str]:
    return frozenset(column.name for column in experiment.summary.columns())


def _work(plan: Plan) -> float:
    return sum(experiment.work(config) for experiment, config in plan)


def _repeatable(question: QuestionCard) -> bool:
    """Whether repeats would help, and none of them is on its way."""
    sweeps = {sweep for _, _, sweep in question.repeats.plan}
    active = {run.sweep for run in cache.reader().active()}
    return bool(sweeps) and not sweeps & active


def _offer_repeats(question: QuestionCard) -> None:
    """The button that repeats what is measured too rarely for a verdict."""
    repeats, experiment = question.repeats, question.experiment
    pairs = [(experiment, config) for _, config, _ in repeats.plan]
    with st.container(horizontal=True, vertical_alignment="center"):
        clicked = st.button(
            "Repeat once" if repeats.number == 1 else f"Repeat {repeats.number} times",
            icon=":material/repeat:",
            key=f"repeat-{experiment.name}",
            disabled=not access.may_launch(),
            help=(
                f"There are too few {repeats.noun}s for a verdict. These runs join the sweeps that "
                "were measured, until every layer has as many as a verdict takes."
            ),
        )
        st.text(f"{experiment.title}: too few for a verdict; {claim_runs.estimate(pairs)}")
    if clicked and actions.launch_more_seeds(repeats.plan, repeats.looks):
        st.rerun()


def _watch(count: int) -> None:
    """Redraw the scorecard with each run that ends."""
    waiting = _active()

    def look() -> None:
        if _active() != waiting:
            st.rerun()
        st.caption(
            f":material/hourglass_top: {counted(count, 'run')} of this scorecard in progress…"
        )
        if cache.worker_status() is None:
            states.no_worker()

    states.live(look, active=True)


def _active() -> frozenset[str]:
    return frozenset(run.run_id for run in cache.reader().active())
