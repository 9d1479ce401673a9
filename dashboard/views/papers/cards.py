"""The cards of the page Papers: what a paper found, beside what was measured here, and the runs.

Closed, a card is a line with its outcome; open, it has the published claim beside the measurement,
part by part, the runs behind it, and the button that starts those that are missing.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.chapter.claim import Truth, Verdict
from core.papers import PAPERS, REPRODUCTION, Paper
from dashboard.store import cache
from dashboard.ui import controls
from dashboard.ui.text import plain
from dashboard.views import claim_runs
from experiments.evidence import ClaimStatus, Evidence, needed_by

OPEN = "paper"
"""In the address: the names of the open cards."""

NAMES = [paper.name for paper in PAPERS]

AGREEMENT: Mapping[Truth, str] = {
    True: ":green-badge[:material/check: As published]",
    False: ":red-badge[:material/close: Not as published]",
    None: ":gray-badge[:material/help: Undecided]",
}


@st.cache_resource(show_spinner=False, max_entries=2)
def _evidence(uri: str) -> Evidence:
    return Evidence(lambda run, name: cache.reader().table(run, name), PAPERS)


def status() -> ClaimStatus:
    """Every paper's claim, judged by the runs measured so far."""
    reader = cache.reader()
    return _evidence(reader.store.uri).judge(reader.runs(), {})


def draw_papers(judged: ClaimStatus) -> None:
    """Draw all cards, the oldest paper first."""
    opened = controls.opened(OPEN, NAMES)
    for paper in PAPERS:
        key = f"paper-{paper.name}"
        st.session_state[key] = paper.name in opened
        changed = (OPEN, NAMES, paper.name)
        place = st.expander(
            label(paper, judged), key=key, on_change=controls.keep_opened, args=changed
        )
        if place.open:
            with place:
                draw_card(paper, judged)


def label(paper: Paper, judged: ClaimStatus) -> str:
    """`Cho et al. (2014) · With one vector, …`, and the outcome."""
    return f"**{plain(paper.citation)}** · {plain(paper.title)} {badge(paper, judged)}"


def badge(paper: Paper, judged: ClaimStatus) -> str:
    """The outcome; before there is one, whether its runs are on their way or have failed."""
    outcome = judged.verdicts[paper.name].outcome
    needed = needed_by([paper], judged)
    if needed.active:
        return claim_runs.ON_ITS_WAY
    if needed.broken and outcome == "not measured yet":
        return claim_runs.FAILED
    return claim_runs.outcome_badge(outcome, REPRODUCTION)


def draw_card(paper: Paper, judged: ClaimStatus) -> None:
    """Draw what was published beside what was measured, then the runs."""
    verdict = judged.verdicts[paper.name]
    published, measured = st.columns(2, gap="medium")
    with published:
        st.markdown("**Published**")
        st.markdown(plain(paper.published))
        st.caption(f"**Set-up.** {plain(paper.setup)}")
        source = f"{plain(paper.citation)}: [{plain(paper.source)}]({paper.link})"
        # No caption: it would fade the link below the contrast that people need.
        st.markdown(f":small[**Source.** {source} {plain(paper.place)}.]")
    with measured:
        st.markdown(f"**Measured here** {claim_runs.outcome_badge(verdict.outcome, REPRODUCTION)}")
        draw_parts(paper, verdict)
        st.caption(f"**Set-up.** {plain(paper.method)}")
        st.caption(f"**What differs.** {plain(paper.differences)}")
    claim_runs.show_evidence(paper.name, verdict.evidence, judged.runs)
    claim_runs.offer(paper.name, f"paper-{paper.name}", lambda: needed_by([paper], status()))


def draw_parts(paper: Paper, verdict: Verdict) -> None:
    """Draw each part of the claim with its figures; before they are measured, what is missing."""
    if not verdict.parts:
        st.markdown(plain(verdict.figure))
        for expectation in paper.expectations:
            st.markdown(f"- {plain(expectation.statement)}")
    for part in verdict.parts:
        st.markdown(f"{AGREEMENT[part.truth]} {plain(part.statement)}")
        st.caption(f"{plain(part.measured)}.")
