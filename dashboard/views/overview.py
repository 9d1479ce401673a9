"""One card per question, what runs, what is new since yesterday, and one next step."""

from __future__ import annotations

import time
from urllib.parse import parse_qs

import streamlit as st

from core.experiments import all_experiments
from core.formatting import counted, inline_text
from core.settings import BadSetting
from core.store.folder import StoreError
from core.store.records import Status
from core.store.saved import forget
from dashboard import access
from dashboard.navigation import LAUNCH, PAGES, RUNS
from dashboard.store import cache
from dashboard.ui import actions, states
from dashboard.ui.text import STATUS_WORDS, moment, plain
from dashboard.views import active_runs, cards, news
from experiments.queue import launch_id
from experiments.suites import SUITES

ENDED_WORDS: dict[Status, str] = {
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "cancelled",
}

DRAWN = 6
"""Questions with a figure, two rows of three: with more the page is longer than a screen."""

MAX_SAVED = 12
"""More saved views than that make the page long."""


def first_step() -> None:
    """Offer the first suite while nothing has been measured."""
    first = SUITES[0]
    with st.container(border=True, key="first-step"):
        st.subheader("Nothing has been measured yet", anchor=False)
        st.text(
            f"{first.title}: {first.description} The answers appear on this page.",
            width="stretch",
        )
        if st.button(
            "Measure the first look",
            type="primary",
            icon=":material/play_arrow:",
            key="first_look",
            disabled=not access.may_launch(),
        ) and actions.launch_suite(first):
            st.rerun()


def running() -> None:
    """One bar for all that is queued or running; the page is drawn again whenever a run ends."""
    before = {run.run_id for run in cache.reader().active()}

    def look() -> None:
        active = cache.reader().active()
        if {run.run_id for run in active} != before:
            st.rerun()
        if not active:
            st.caption("**Now** · Nothing is running.")
            return
        launched = {launch_id(run.sweep) for run in active if run.sweep}
        runs = [
            run
            for run in cache.reader().runs()
            if launch_id(run.sweep) in launched or run.run_id in before
        ]
        st.progress(states.share_done(runs), text=f"**Now** · {states.measured_so_far(runs)}")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            active_runs.worker_needed(active)
            st.page_link(LAUNCH.path, label="Watch or cancel")

    states.live(look, active=bool(before))


def since_yesterday() -> None:
    """What ended in the last 24 hours, and who launched it."""
    ended = news.since_yesterday(cache.reader().runs(), time.time())
    people = news.people_in_words([run for runs in ended.values() for run in runs])
    facts = ["**New since yesterday**", *([plain(f"by {people}")] if people else [])]
    st.caption(" · ".join(facts if ended else [*facts, "No run has ended."]))
    with st.container(horizontal=True, gap="small"):
        for status, word in ENDED_WORDS.items():
            if runs := ended.get(status):
                st.page_link(
                    RUNS.path,
                    label=f"{len(runs):,} {word}",
                    query_params={"status": STATUS_WORDS[status]},
                )


def next_step() -> None:
    """The one thing to measure next."""
    answers = [(e, cards.headline_comparison(e)) for e in all_experiments()]
    runs = cache.reader().runs()
    active = {run.experiment for run in cache.reader().active()}
    open_claims = cache.derived("claims", runs, lambda: news.unmeasured(runs))
    step = news.next_step(answers, open_claims, active=active)
    if step is None:
        every = "Every question and every claim of the chapter is"
        st.caption(f"**Next** · {every} measured{', or on its way' if active else ''}.")
        return
    st.caption(f"**Next** · {plain(step.text)}")
    st.page_link(step.page.path, label=step.label, query_params=step.query)


def saved_views() -> None:
    """What people have given a title, the newest first."""
    views = cache.reader().saved()
    if not views:
        return
    st.subheader("Saved", anchor=False)
    for view in views[:MAX_SAVED]:
        path, _, query = view.address.partition("?")
        page = next((page for page in PAGES if page.address == path), None)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if page is not None:
                label = plain(inline_text(view.title))
                st.page_link(page.path, label=label, query_params=parse_qs(query))
            facts = [inline_text(view.words), inline_text(view.user), moment(view.at)]
            st.caption(plain(" · ".join(filter(None, facts))), width="stretch")
            if access.person().may_change(view.user):
                st.button(
                    "Remove",
                    key=f"forget-{view.run_id}",
                    type="tertiary",
                    on_click=_forget,
                    args=(view.run_id,),
                )
    if len(views) > MAX_SAVED:
        st.caption(f"and {counted(len(views) - MAX_SAVED, 'older one')}, in MLflow")


def _forget(run_id: str) -> None:
    try:
        forget(cache.store(), run_id)
    except (BadSetting, StoreError) as error:
        st.toast(plain(str(error)), icon=":material/block:")
    cache.reader().forget_saved()


with st.container(key="overview", gap="xsmall"):
    st.title("What recurrent networks remember", anchor=False)
    if cache.reader().runs():
        with st.grid(3, min_column_width=290):
            for part in (running, since_yesterday, next_step):
                with st.container(gap="xxsmall"):
                    part()
        with st.grid(3, min_column_width=240, gap=10):
            for place, experiment in enumerate(all_experiments()):
                cards.answer(experiment, drawn=place < DRAWN)
        saved_views()
    else:
        first_step()
        active_runs.worker_line()
