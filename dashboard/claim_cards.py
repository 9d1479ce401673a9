"""One claim after the other: closed it is a line with its verdict, open it is the whole story."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.claims import CLAIMS, Claim, Verdict
from dashboard import guesses, judging, starting, verdicts
from dashboard.address import check
from dashboard.wording import plain
from experiments.claim_runs import Needed, needed_by
from experiments.evidence import Judged

OPEN = "claim"
"""In the address: the numbers of the open claims."""
NUMBERS = [str(claim.number) for claim in CLAIMS]
NEXT_GUESS = ":blue-badge[:material/psychology: Predict]"
FAILED = ":red-badge[:material/error: A run failed]"
ON_ITS_WAY = ":blue-badge[:material/hourglass_top: Being measured]"


def draw(judged: Judged) -> None:
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
                _inside(claim, judged)


def label(claim: Claim, judged: Judged) -> str:
    """`8 · Gates bring it back`, and its verdict for those who may see it."""
    return f"**{claim.number}** · {plain(claim.title)} {_badge(claim, judged)}"


def _badge(claim: Claim, judged: Judged) -> str:
    outcome = judged.verdicts[claim.number].outcome
    to_compute = not claim.measurements and claim.number not in judged.results.computed
    needed = needed_by([claim], judged)
    if needed.active or (to_compute and judging.still_computing()):
        return ON_ITS_WAY
    if needed.broken and outcome == "not measured yet":
        return FAILED
    if outcome == "not measured yet" or guesses.revealed(claim):
        return verdicts.mark(outcome)
    return NEXT_GUESS


def _inside(claim: Claim, judged: Judged) -> None:
    verdict = judged.verdicts[claim.number]
    st.markdown(f"**{plain(claim.statement)}**")
    known = guesses.revealed(claim)
    if known:
        _shown(claim, verdict, judged)
    else:
        guesses.ask(claim)
    key = str(claim.number)
    starting.offer(key, f"claim-{key}", lambda: _needed(claim), first=known)
    st.caption(f"**How it is measured.** {plain(claim.method)}")


def _shown(claim: Claim, verdict: Verdict, judged: Judged) -> None:
    guess = guesses.made().get(claim.number, guesses.Guess())
    verdicts.draw(claim, verdict, guesses.told(guess, verdict, claim.question))
    verdicts.evidence(str(claim.number), verdict.evidence, judged.runs)


def _needed(claim: Claim) -> Needed:
    return needed_by([claim], judging.judged())


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
    """Somebody has opened or closed a claim: so does the address."""
    others = [n for n in st.query_params.get_all(OPEN) if n != str(number)]
    opened = [*others, str(number)] if st.session_state[_key(number)] else others
    st.query_params[OPEN] = sorted(opened, key=int)


def _key(number: int) -> str:
    return f"claim-{number}"
