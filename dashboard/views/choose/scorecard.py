"""The page: which layers to take within limits, and every question at once on equal terms.

The choice with the limits and the runs it rests on, and the launch that would decide more; what is
traded against what; then the whole scorecard, and each question with its verdicts; the downloads
last.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import streamlit as st

from core.analysis.choice import Choice
from core.analysis.choice_sentences import (
    choice_answer,
    open_questions,
    rests_on,
    who_is_not_compared,
)
from core.analysis.limits import Limit
from core.analysis.scorecard import (
    DEFAULT_TERMS,
    MODES,
    QuestionCard,
    Scorecard,
    Terms,
    available_machines,
    available_terms,
    default_kinds,
    fullest_terms,
    parse_terms,
    too_few,
)
from core.analysis.scorecard_sentences import (
    absence,
    basis_in_words,
    scorecard_answer,
    spoken,
    standing,
)
from core.analysis.sentences import lower_title
from core.experiment import COMPARED_AT, DEVICES
from core.formatting import listed
from core.models.architecture import variant_title
from core.settings import Value
from core.store.records import RunRecord
from dashboard.navigation import CHAPTER, CHOOSE, LAUNCH
from dashboard.store import cache
from dashboard.ui import bundles, controls, downloads, links, states
from dashboard.ui.text import plain
from dashboard.views import claim_runs
from dashboard.views.chapter import claims
from dashboard.views.choose import balance, figures, limits, missing, table
from experiments import choices, scorecards
from experiments.reports.html import scorecard_report
from experiments.scorecards import Launch, ScorecardSnapshot, launches

TERM_CONTROLS = dict(
    zip(
        MODES,
        (("Hidden size", "width"), ("Parameter budget", "budget"), ("State budget", "state")),
        strict=True,
    )
)
"""Mode → title and key in the address of the control that chooses its terms."""


def usual(snapshot: ScorecardSnapshot) -> Scorecard:
    """The scorecard that the page shows unless it is asked for another one."""
    kinds = default_kinds(snapshot.records)
    machine = next(iter(available_machines(snapshot.records)), "")
    return snapshot.scorecard(kinds, usual_terms(snapshot, kinds, MODES[0]), machine)


def usual_terms(snapshot: ScorecardSnapshot, kinds: Sequence[str], mode: str) -> Terms:
    """The terms on which most questions have an answer."""
    chosen = [snapshot.kinds[kind] for kind in kinds]
    there = available_terms(snapshot.records, mode)
    return fullest_terms(snapshot.records, chosen, mode) or next(iter(there), DEFAULT_TERMS[mode])


def choose_terms(snapshot: ScorecardSnapshot, kinds: Sequence[str], mode: str) -> Terms:
    """The terms in the address, or the usual ones."""
    there = available_terms(snapshot.records, mode)
    default = usual_terms(snapshot, kinds, mode)
    options = {_amount(terms): terms for terms in there or [default]}
    title, key = TERM_CONTROLS[mode]

    def read(typed: str) -> str:
        return typed if typed in options else _amount(parse_terms(COMPARED_AT[mode], typed))

    text = controls.pick_or_type(
        title,
        list(options),
        key,
        _amount(default),
        read,
        help="Choose one that was measured, or type any other: 200k.",
    )
    return options.get(text) or parse_terms(COMPARED_AT[mode], text)


def _amount(terms: Terms) -> str:
    return str(next(iter(terms.settings.values())))


def offer_files(choice: Choice, snapshot: ScorecardSnapshot) -> None:
    """Offer the scorecard and the choice as files, which are made on request."""
    card = choice.card
    files = {
        "CSV": ("csv", lambda: scorecards.csv(card)),
        "JSON": ("json", lambda: scorecards.as_json(card, snapshot.properties)),
        "LaTeX": ("tex", lambda: scorecards.latex(card)),
        "HTML report": (
            "html",
            lambda: scorecard_report(card, snapshot.properties, snapshot.runs).encode(),
        ),
    }
    with st.container(horizontal=True, gap="small", key="scorecard-files"):
        for title, (ending, content) in files.items():
            downloads.offer(title, f"scorecard.{ending}", content, f"scorecard-{ending}")
        for ending, make in (("csv", choices.csv), ("json", choices.as_json)):
            content = functools.partial(make, choice)
            title = f"Choice as {ending.upper()}"
            downloads.offer(title, f"choice.{ending}", content, f"choice-{ending}")


def draw_questions(card: Scorecard, runs: Mapping[str, RunRecord]) -> None:
    """A line for each question with who is best; open, it has the verdict on each measure."""
    names = [question.experiment.name for question in card.questions]
    opened = controls.opened(OPEN, names)
    with st.container(gap="xsmall", key="questions"):
        for question in card.questions:
            name = question.experiment.name
            key = f"{OPEN}-{name}"
            st.session_state[key] = name in opened
            label = f"**{plain(question.experiment.question)}** :gray[{plain(_best(question))}]"
            changed = (OPEN, names, name)
            place = st.expander(label, key=key, on_change=controls.keep_opened, args=changed)
            if place.open:
                with place:
                    draw_question(question, runs)


def _best(question: QuestionCard) -> str:
    """`RNN is the best in span`, of the first measure in which somebody is; else that there is no
    verdict yet, or nobody who is."""
    ranked = [line for line in question.lines if line.cells and line.column.better]
    if question.basis is None and not ranked:
        return "not measured on these terms"
    for line in ranked:
        if line.best and not line.fixed:
            return f"{spoken(line.best)} is the best in {lower_title(line.column)}"
    open_ones = any(too_few(line) for line in ranked)
    return "too few repeats for a verdict" if open_ones else "nobody is better than all others"


def draw_question(question: QuestionCard, runs: Mapping[str, RunRecord]) -> None:
    """Draw the verdict on each measure of a question, its runs, and what is missing."""
    for line in question.lines:
        if line.cells:
            st.markdown(plain(standing(line)))
    if question.basis is not None:
        st.caption(plain(f"All of its runs: {basis_in_words(question.basis)}."))
    else:
        st.text(absence(question))
    if question.imported:
        st.caption(MEASURED_ELSEWHERE)
    states.sizes(question.experiment, question.sizes_of_columns)
    claim_runs.show_evidence(f"question-{question.experiment.name}", question.runs, runs)
    for launch in launches(question.experiment, question.missing):
        label = plain(f"Launch {listed(launch.kinds)}")
        st.page_link(LAUNCH.path, label=label, icon=LAUNCH.icon, query_params=query(launch))


def query(launch: Launch) -> dict[str, str | Sequence[str]]:
    """The query of a link that fills in the launch form."""
    settings = {name: _in_address(value) for name, value in launch.settings.items()}
    titles = [variant_title(variant) for variant in launch.variants]
    return {"experiment": launch.experiment.name, "variants": titles, **settings}


def _in_address(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def draw() -> None:
    """Draw the decision, its limits and terms, the table and the figures, then each question."""
    snapshot = cache.snapshot()
    place = st.container()
    asked = limits.ask()
    kinds, terms, machine, device = _choices(snapshot)
    with st.spinner("Reading what the runs have recorded …"):
        card = snapshot.scorecard(kinds, terms, machine, asked, device=device)
    choice = balance.ask(card)
    _offer_budget(card)
    with place:
        states.answer(choice_answer(choice))
        limits.show_verdicts(card)
        _evidence(choice, snapshot, machine)
    missing.propose(choice)
    balance.draw(choice)
    st.subheader("Every question", anchor=False)
    st.markdown(plain(scorecard_answer(card, unfit=False)))
    table.draw(card)
    missing.offer(card)
    panels = st.expander(
        "Each measure as a figure", icon=":material/grid_view:", key="panels", on_change="rerun"
    )
    if panels.open:
        with panels:
            figures.draw_panels(card)
    st.subheader("Question by question", anchor=False)
    draw_questions(card, snapshot.runs)
    _properties(snapshot)
    offer_files(choice, snapshot)
    held = {"kinds": kinds, TERM_CONTROLS[terms.mode][1]: _amount(terms)}
    links.also(held | ({"machine": machine} if machine else {}))


def _evidence(choice: Choice, snapshot: ScorecardSnapshot, machine: str) -> None:
    """What the choice leaves open, the runs that it rests on, and whose times these are."""
    # What is not decided and not measured stands beside the verdicts on the limits.
    left = who_is_not_compared if choice.card.limits else open_questions
    for sentence in left(choice):
        st.caption(plain(sentence))
    times = f" Times on this page were measured on {machine}." if machine else ""
    st.caption(plain(rests_on(choice) + times))
    ids = [run_id for of in choice.evidence.values() for run_id in of]
    claim_runs.show_evidence("choice", ids, snapshot.runs)


def _offer_budget(card: Scorecard) -> None:
    """A link that turns a limit on size into the terms: every variant is made as large as that.

    The limit itself is left out then: whole hidden sizes come to a little more or less.
    """
    for setting, measure in (("parameter_budget", "parameters"), ("state_budget", "state_bytes")):
        mode = next(mode for mode, name in COMPARED_AT.items() if name == setting)
        for limit in card.limits:
            if not isinstance(limit, Limit) or limit.sign != "<=":
                continue
            if limit.measure == measure and card.terms.mode != mode:
                terms = Terms(**{setting: int(limit.value)})
                others = [str(other) for other in card.limits if other != limit]
                kept = {key: controls.asked(key) for key in st.query_params}
                chosen = {"mode": mode, TERM_CONTROLS[mode][1]: _amount(terms)}
                st.page_link(
                    CHOOSE.path,
                    label=f"Make every variant as large as that: compare at {terms.in_words}",
                    icon=":material/balance:",
                    query_params={**kept, **chosen, limits.LIMIT: others},
                )


OPEN = "question"
"""In the address: the names of the questions that are open."""

MEASURED_ELSEWHERE = "Times of another computer: what is missing can be measured only there."

ANY = "any"
"""The device that restricts nothing."""


def _choices(snapshot: ScorecardSnapshot) -> tuple[list[str], Terms, str, str]:
    """Ask for columns, terms, device and machine; a link reopens the same scorecard.

    What is chosen stands with the answer; a limit is set more often than these are changed.
    """
    default = default_kinds(snapshot.records)
    closed = st.expander("Other sizes, machines and variants", icon=":material/tune:")
    with closed, st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        mode = controls.choice("Compared at", MODES, "mode")
        place = st.container(width=180)
        names = {ANY: "Any", **{device: device.upper() for device in DEVICES}}
        asked = controls.choice("Device of the times", (ANY, *DEVICES), "device", names=names)
        device = "" if asked == ANY else asked
        machines = available_machines(snapshot.records, device)
        machine = ""
        if machines:
            with st.container(width=280):
                machine = controls.pick("Times measured on", machines, "machine", machines[0])
        bundles.offer_references()
        kinds = controls.pinned("Variants", list(snapshot.kinds), "kinds", default)
        with place:
            terms = choose_terms(snapshot, kinds, mode)
    return kinds, terms, machine, device


def _properties(snapshot: ScorecardSnapshot) -> None:
    """Draw the chapter's table of the three cells, as the Chapter page judges it."""
    verdict = snapshot.properties
    st.subheader("The chapter's table of the three cells", anchor=False)
    with st.container(border=True, key="properties"):
        st.markdown(claim_runs.outcome_badge(verdict.outcome))
        st.table(claims.property_table(verdict.table), border="horizontal")
        claim_runs.show_evidence("properties", verdict.evidence, snapshot.runs)
        st.page_link(
            CHAPTER.path,
            label="Claim 9 in the chapter: how it is measured, and what is missing",
            icon=CHAPTER.icon,
            query_params={"claim": "9"},
        )
