"""Every comparison that somebody launched, with its answer: find one and open it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.experiment import Experiment
from core.experiments import all_experiments
from core.formatting import counted, inline_text, listed
from core.store.records import RunRecord
from dashboard.navigation import COMPARE, LAUNCH, RUNS
from dashboard.store import cache
from dashboard.store.sweeps import Sweep, sweeps
from dashboard.ui import housekeeping, search, states
from dashboard.ui.text import first_sentence, moment, plain

SHOWN = 10
"""Comparisons on the page at first, and how many more somebody can ask for at a time."""


def draw_comparisons() -> None:
    """Draw the search and a card for each comparison that it finds, the newest first."""
    runs = cache.reader().runs(archived=True)
    if not runs:
        st.info("There are no comparisons yet.", icon=":material/inbox:")
        st.page_link(LAUNCH.path, label="Launch a comparison", icon=LAUNCH.icon)
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        query = search.box(placeholder="forget bias user:ana submitted>=2026-11-23")
        states.refresh_button()
    matching = {run.sweep or run.run_id for run in query.find(runs)}
    launches = sweeps(runs)
    found = [sweep for sweep in launches if sweep.name in matching]
    st.caption(f"{len(found):,} of {counted(len(launches), 'comparison')}, the newest first.")
    most = st.session_state.get("comparisons shown", SHOWN)
    for sweep in found[:most]:
        _card(sweep)
    if not found:
        st.text("No comparison matches this search.")
    if len(found) > most:
        st.button(
            f"Show {min(SHOWN, len(found) - most)} more",
            key="more-comparisons",
            on_click=lambda: st.session_state.update({"comparisons shown": most + SHOWN}),
        )


def _card(sweep: Sweep) -> None:
    """A comparison: its title, who asked what and when, and its answer."""
    names = {run.experiment for run in sweep.runs}
    experiments = [experiment for experiment in all_experiments() if experiment.name in names]
    with st.container(border=True, gap="xsmall", key=f"comparison-{sweep.runs[0].run_id}"):
        title = f"{'★ ' * any(run.starred for run in sweep.runs)}{inline_text(sweep.subject)}"
        if sweep.finished:
            st.page_link(
                COMPARE.path,
                label=f"**{plain(title)}**",
                icon=":material/push_pin:" if sweep.pinned else COMPARE.icon,
                query_params={"sweep": sweep.name},
            )
        else:
            words = " ".join(sweep.name.replace('"', " ").split())
            query = {"text": f'sweep:"{words}"'}
            st.page_link(RUNS.path, label=f"**{plain(title)}**", icon=RUNS.icon, query_params=query)
        for experiment in experiments[:1]:
            st.markdown(plain(_answer(sweep, experiment)))
        more = experiments[1:]
        if more:
            st.caption(plain(f"Also measured: {listed([e.title for e in more])}."))
        st.caption(plain(" · ".join(_facts(sweep, experiments))))
        housekeeping.remarks(sweep.runs)


def _answer(sweep: Sweep, experiment: Experiment) -> str:
    """What its finished runs say, or how far it is."""
    mine: Sequence[RunRecord] = [r for r in sweep.finished if r.experiment == experiment.name]
    if mine:
        return first_sentence(cache.answer_of(experiment, mine))[0]
    if sweep.active:
        return "No result yet: it is waiting or running."
    return "No result: every run failed or was cancelled."


def _facts(sweep: Sweep, experiments: Sequence[Experiment]) -> list[str]:
    """The question, who launched it and when, and its runs by what became of them."""
    question = experiments[0].question if len(experiments) == 1 else ""
    users = listed(sorted({inline_text(run.user) for run in sweep.runs if run.user}))
    by_state = {"finished": sweep.finished, "active": sweep.active, "failed": sweep.broken}
    runs = counted(len(sweep.runs), "run")
    if len(sweep.finished) < len(sweep.runs):
        runs += f" ({', '.join(f'{len(of)} {word}' for word, of in by_state.items() if of)})"
    return [part for part in (question, users, moment(sweep.launched), runs) if part]
