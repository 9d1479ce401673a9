"""The claims on the page, judged by this store's runs, without torch in this process.

Closed, a claim is a line with its verdict. Open, it has the textbook's number beside the measured
one, the figure, the formula and the reason; its details and its runs are folded. Every claim is a
fragment: opening one does not draw the others again.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import get_args

import pandas
import streamlit as st

from core.chapter import CHAPTERS, CLAIMS
from core.chapter.claim import Claim, Facts, Outcome, PropertyRow, Section, Verdict
from core.formatting import exact_number
from dashboard.store import cache
from dashboard.ui import browser, controls
from dashboard.ui.text import plain
from dashboard.views.chapter import figures, predictions
from dashboard.views.claim_runs import (
    BADGES,
    FAILED,
    ON_ITS_WAY,
    PART_BADGES,
    offer,
    outcome_badge,
    show_evidence,
)
from experiments.evidence import (
    AGREEMENT,
    OUTCOME_VERBS,
    ClaimStatus,
    Evidence,
    NotComputed,
    compute_in_subprocess,
    needed_by,
)


def status() -> ClaimStatus:
    """Every claim, judged by the runs measured and the facts computed so far."""
    computed: dict[int, Facts] = {}
    task = _computing()
    if task.done() and task.exception() is None:
        computed = task.result()
    return judge(computed)


def judge(computed: Mapping[int, Facts]) -> ClaimStatus:
    """Every claim, judged by the runs measured and by these facts."""
    reader = cache.reader()
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


# The wall: all verdicts at a glance.

OPEN = "claim"
"""In the address: the numbers of the open claims."""

NUMBERS = [str(claim.number) for claim in CLAIMS]

NEXT_GUESS = ":blue-badge[:material/psychology: Predict]"


def draw_wall(judged: ClaimStatus) -> None:
    """Count the verdicts, and show a badge of every claim, which opens it."""
    for number, (title, claims) in enumerate(CHAPTERS.items(), 1):
        st.markdown(f"**{title}**")
        outcomes = [judged.verdicts[claim.number].outcome for claim in claims]
        st.subheader(counts(outcomes), anchor=False)
        with st.container(horizontal=True, gap="xsmall", key=f"chapter-{number}"):
            for claim in claims:
                _draw_tile(claim, judged.verdicts[claim.number])
    with st.container(horizontal=True, vertical_alignment="center", key="wall-controls"):
        for words, icon, numbers_to_open in (
            ("Open all", ":material/unfold_more:", NUMBERS),
            ("Close all", ":material/unfold_less:", ()),
        ):
            st.button(words, icon=icon, key=words, on_click=_open, args=(numbers_to_open,))
        predictions.predict_switch()
        st.markdown(plain(predictions.score(predictions.memory().guesses, judged.verdicts)))


def counts(outcomes: Sequence[Outcome]) -> str:
    """`8 hold · 5 partly · 1 does not hold · 1 is not decided`, in the outcomes' colours."""
    of = Counter(outcomes)
    verbs = {**OUTCOME_VERBS, "partly": ("partly", "partly")}
    verbs["not measured yet"] = ("not measured yet", "not measured yet")
    return " · ".join(
        f":{BADGES[outcome].colour}[{of[outcome]} {verbs[outcome][of[outcome] > 1]}]"
        for outcome in get_args(Outcome)
        if of[outcome]
    )


def _draw_tile(claim: Claim, verdict: Verdict) -> None:
    st.button(
        _tile(claim, verdict),
        key=f"wall-{claim.number}",
        type="tertiary",
        help=plain(claim.title),
        on_click=open_claim,
        args=(claim.number,),
    )


def _tile(claim: Claim, verdict: Verdict) -> str:
    badge = BADGES[verdict.outcome]
    if not predictions.revealed(claim) and verdict.outcome != "not measured yet":
        return f":blue-badge[:material/psychology: {claim.number}]"
    return f":{badge.colour}-badge[{badge.icon} {claim.number}]"


def open_claim(number: int) -> None:
    """Open a claim, in the address too, and scroll to it (a button's callback)."""
    _open([*controls.asked(OPEN), str(number)])
    browser.scroll_to(_key(number))


def start_at_linked() -> None:
    """Where somebody arrives by a link to one claim, start at it."""
    opened = [number for number in controls.asked(OPEN) if number in NUMBERS]
    if len(opened) == 1 and _key(int(opened[0])) not in st.session_state:
        browser.scroll_to(_key(int(opened[0])))


def _open(numbers: Iterable[str]) -> None:
    """Open exactly these claims (a button's callback)."""
    st.query_params[OPEN] = sorted({*numbers} & {*NUMBERS}, key=NUMBERS.index)


# The claims, by the chapter's sections.


def draw_claims(judged: ClaimStatus) -> None:
    """Draw all claims under their sections."""
    controls.opened(OPEN, NUMBERS)  # explains and drops a number that is no claim's
    for section in get_args(Section):
        st.markdown(f"#### {section}")
        with st.container(gap="xsmall", key=f"section-{section.lower().replace(' ', '-')}"):
            for claim in CLAIMS:
                if claim.section == section:
                    _draw_claim(claim, judged)


def label(claim: Claim, judged: ClaimStatus) -> str:
    """`8 · LSTM and GRU restore early gradients`, its verdict and what was measured, for those who
    may see them."""
    verdict = judged.verdicts[claim.number]
    words = f"**{claim.number}** · {plain(claim.title)} {_badge(claim, judged)}"
    if not verdict.measured or not predictions.revealed(claim):
        return words
    quantity = claim.quantity.partition("; ")[0]
    measured = verdict.measured.replace(" ", "\N{NO-BREAK SPACE}")
    return f"{words} :small[:gray[{plain(f'{quantity}: {measured}')}]]"


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


@st.fragment
def _draw_claim(claim: Claim, judged: ClaimStatus) -> None:
    number = str(claim.number)
    key = _key(claim.number)
    st.session_state[key] = number in controls.asked(OPEN)
    place = st.expander(
        label(claim, judged),
        key=key,
        on_change=controls.keep_opened,
        args=(OPEN, NUMBERS, number),
    )
    if not place.open:
        return
    with place:
        known = predictions.revealed(claim)
        if known:
            draw_verdict(claim, judged)
        else:
            st.markdown(f"**{plain(claim.statement)}**")
            predictions.ask(claim)
        offer(number, key, lambda: needed_by([claim], status()), first=known)


def draw_verdict(claim: Claim, judged: ClaimStatus) -> None:
    """Draw the numbers, the verdict, the formula and the reason beside the figure."""
    verdict = judged.verdicts[claim.number]
    words, picture = st.columns([5, 7], gap="large")
    with words:
        st.markdown(f"**{plain(claim.statement)}**")
        st.html(numbers(claim, verdict))
        st.markdown(outcome_badge(verdict.outcome))
        if verdict.parts:
            st.markdown(
                "\n".join(f"- {PART_BADGES[p.truth]} {plain(p.statement)}" for p in verdict.parts)
            )
        else:
            st.markdown(plain(verdict.summary or verdict.figure))
        guess = predictions.memory().guesses.get(claim.number, predictions.Guess())
        if said := predictions.feedback(guess, verdict, claim.question):
            st.markdown(f":material/psychology: {plain(said)}")
    with picture:
        _picture(claim, judged)
        st.latex(claim.formula)
        st.markdown(f"**Why?** {plain(claim.why)}")
    if verdict.table:
        st.table(property_table(verdict.table), border="horizontal")
        differences = [
            f"- {plain(f'{r.title}: {r.difference}.')}" for r in verdict.table if r.difference
        ]
        st.markdown("\n".join(differences))
    more = st.expander(
        "Details, method and runs",
        icon=":material/list_alt:",
        key=f"more-{claim.number}",
        on_change="rerun",
    )
    if not more.open:
        return
    with more:
        st.markdown(plain(verdict.figure))
        st.markdown(f"**How it is measured.** {plain(claim.method)}")
        show_evidence(str(claim.number), verdict.evidence, judged.runs)


def numbers(claim: Claim, verdict: Verdict) -> str:
    """HTML: what is claimed large beside the measured one with its uncertainty."""
    texts = claim.quantity, claim.source, claim.textbook, verdict.measured or "–", verdict.spread
    quantity, source, textbook, measured, spread = map(html.escape, texts)
    note = f"<small>{spread}</small>" if spread else ""
    return (
        f"<div class='numbers'><p>{quantity}</p><div><p><small>{source}</small> <b>{textbook}</b>"
        f"</p><p><small>Measured here</small> <b>{measured}</b>{note}</p></div></div>"
    )


def _picture(claim: Claim, judged: ClaimStatus) -> None:
    """The claim's figure; for claims without one, the table of what was measured."""
    verdict = judged.verdicts[claim.number]
    if figures.show(claim, judged):
        return
    if len(verdict.numbers) > 1 and not verdict.table:
        values = {plain(name): exact_number(e.value) for name, e in verdict.numbers.items()}
        st.table(pandas.Series(values, name="Measured").to_frame(), border="horizontal")
    elif verdict.outcome == "not measured yet" and not verdict.table:
        st.caption("The figure appears here as soon as it is measured.")


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


def _key(number: int) -> str:
    return f"claim-{number}"
