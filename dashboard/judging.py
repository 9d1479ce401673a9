"""What the chapter's claims come to in this store: cached, and without torch in this process."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import streamlit as st

from core.claims.claim import Facts
from core.tracking import ACTIVE
from dashboard import data, states
from dashboard.wording import plain
from experiments.computing import NotComputed, compute_apart
from experiments.evidence import Evidence, Judged


def judged() -> Judged:
    """Every claim, by what is measured now and what is computed so far."""
    reader = data.reader()
    computed: dict[int, Facts] = {}
    task = _computing()
    if task.done() and task.exception() is None:
        computed = task.result()
    return _evidence(reader.store.uri).judged(reader.runs(), computed)


def still_computing() -> bool:
    """Whether the claims that need no run are being computed."""
    return not _computing().done()


def say_what_is_not_computed() -> None:
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
        if before[0] and data.worker_status() is None:
            states.no_worker()

    states.live(look, active=active)


def _waiting() -> tuple[frozenset[str], bool]:
    active = data.reader().active()
    return frozenset(r.run_id for r in active if r.status in ACTIVE), still_computing()


@st.cache_resource(show_spinner=False)
def _computing() -> Future[dict[int, Facts]]:
    """Started once for all sessions; a page does not wait for it."""
    return ThreadPoolExecutor(1, "computing").submit(compute_apart)


@st.cache_resource(show_spinner=False, max_entries=2)
def _evidence(uri: str) -> Evidence:
    return Evidence(lambda run, name: data.reader().table(run, name))
