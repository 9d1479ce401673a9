"""The claims on the page, judged by this store's runs, without torch in this process.

Closed, a claim is a line with its verdict; open, it has the guess, the verdict with its numbers and
runs, and the button that starts exactly the runs that are missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import pandas
import streamlit as st

from core.chapter import CLAIMS
from core.chapter.claim import Claim, Facts, PropertyRow, Verdict
from dashboard.store import cache
from dashboard.ui import controls
from dashboard.ui.text import plain
from dashboard.views.chapter import predictions
from dashboard.views.claim_runs import (
    FAILED,
    ON_ITS_WAY,
    offer,
    outcome_badge,
    show_evidence,
)
from experiments.evidence import (
    AGREEMENT,
    ClaimStatus,
    Evidence,
    NotComputed,
    compute_in_subprocess,
    needed_by,
)


def status() -> ClaimStatus:
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


@st.cache_resource(show_spinner=False)
def _computing() -> Future[dict[int, Facts]]:
    """The computation, started once for all sessions; a page does not wait for it."""
    return ThreadPoolExecutor(1, "computing").submit(compute_in_subprocess)


@st.cache_resource(show_spinner=False, max_entries=2)
def _evidence(uri: str) -> Evidence:
    return Evidence(lambda run, name: cache.reader().table(run, name))


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


OPEN = "claim"
"""In the address: the numbers of the open claims."""

NUMBERS = [str(claim.number) for claim in CLAIMS]

NEXT_GUESS = ":blue-badge[:material/psychology: Predict]"


def draw_claims(judged: ClaimStatus) -> None:
    """Draw all fifteen claims, in the chapter's order."""
    opened = controls.opened(OPEN, NUMBERS)
    for claim in CLAIMS:
        key = _key(claim.number)
        st.session_state[key] = str(claim.number) in opened
        changed = (OPEN, NUMBERS, str(claim.number))
        place = st.expander(
            label(claim, judged), key=key, on_change=controls.keep_opened, args=changed
        )
        if place.open:
            with place:
                _draw_claim(claim, judged)


def label(claim: Claim, judged: ClaimStatus) -> str:
    """`8 · Gates bring it back`, and its verdict for those who may see it."""
    return f"**{claim.number}** · {plain(claim.title)} {_badge(claim, judged)}"


def _badge(claim: Claim, judged: ClaimStatus) -> str:
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


def _draw_claim(claim: Claim, judged: ClaimStatus) -> None:
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


def _key(number: int) -> str:
    return f"claim-{number}"
