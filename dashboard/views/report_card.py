"""One cell on every question, at equal parameters, beside RNN, LSTM and GRU; and adding a cell."""

from __future__ import annotations

import functools
import re

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.analysis.scorecard import Scorecard
from core.analysis.scorecard_sentences import basis_in_words
from core.models import own_cells
from core.models.registry import USUAL_CELLS, cell_kinds
from core.settings import BadSetting
from core.store.records import ACTIVE
from dashboard import access
from dashboard.store import cache
from dashboard.ui import controls, downloads, states, suites
from dashboard.ui.text import plain
from dashboard.views import active_runs, claim_runs
from dashboard.views.choose import table
from experiments import cards, cells
from experiments.reports.html import scorecard_report
from experiments.scorecards import ScorecardSnapshot
from experiments.suites import CARD_BUDGET, CARD_CELL

BUDGETS = (20_000, 50_000, 100_000, 200_000)


def add_cell() -> None:
    """The form that adds a file, for admins; and what is wrong with those of the folder."""
    if access.person().role != "admin":
        st.caption("Only an admin adds a cell: it is code that runs on this machine.")
        return
    st.caption(
        "One Python file with one class: its parameters and one time step. It is checked in a "
        "process of its own before anything is run with it: shapes, numbers, gradients, chance, "
        "other samples, the future."
    )
    with st.form("add cell", border=False):
        sent = st.file_uploader("Python file", type="py")
        if st.form_submit_button("Check and add", icon=":material/rule:") and sent is not None:
            with st.spinner(f"Checking {sent.name} …"):
                _added(sent.name, sent.getvalue())
    st.caption(plain(f"Or put it into the folder {own_cells.folder()}."))
    waiting = [source for source in own_cells.sources() if not source.is_offered]
    names = ", ".join(source.file.name for source in waiting)
    if waiting and st.button(f"Check {plain(names)}", icon=":material/folder:", key="check folder"):
        with st.spinner(f"Checking {names} …"):
            refused = [
                standing.problem for standing in cells.add_all(access.person()) if standing.problem
            ]
        for problem in refused:
            st.error(plain(problem), icon=":material/rule:")
        if not refused:
            st.rerun()


def _added(name: str, content: bytes) -> None:
    try:
        version = cells.add_content(name, content, access.person())
    except BadSetting as error:
        st.error(plain(str(error)), icon=":material/rule:")
        return
    controls.put("cell", version.name, [])
    active_runs.announce(f"{version.shown} is added")
    st.rerun()


def choose_cell() -> str:
    """The cell in the address, else the one that was added last, else the one of the first look."""
    own = sorted(own_cells.offered().values(), key=lambda version: -version.added)
    names = {name: kind.title for name, kind in cell_kinds().items() if name not in USUAL_CELLS}
    ordered = [*(version.name for version in own), *(n for n in names if "@" not in n)]
    asked = controls.asked("cell")
    earlier = [name for name in asked if own_cells.version(name) is not None]
    names |= {name: v.shown for name in earlier if (v := own_cells.version(name)) is not None}
    options = list(dict.fromkeys([*ordered, *earlier]))
    default = own[0].name if own else CARD_CELL
    return controls.choice("Cell", options, "cell", default=default, most=0, names=names)


def choose_budget() -> int:
    """The number of parameters of every network."""

    def read(typed: str) -> str:
        return f"{cards.parameters_of(typed):,}"

    text = controls.pick_or_type(
        "Parameters",
        [f"{budget:,}" for budget in BUDGETS],
        "budget",
        f"{CARD_BUDGET:,}",
        read,
        help="Of every network, as nearly as whole widths allow; type any other: 75k.",
    )
    return cards.parameters_of(text)


def draw_questions(card: cards.Card) -> None:
    """How the cell does on each question, with the runs behind it."""
    runs = cache.snapshot().runs
    for question, sentences in card.sentences:
        name = question.experiment.name
        with st.container(border=True, key=f"card-question-{name}"):
            st.markdown(f"##### {plain(question.experiment.question)}")
            for sentence in sentences:
                st.markdown(plain(sentence))
            if question.basis is None:
                st.caption("Counted, not measured yet." if sentences else "Not measured yet.")
                continue
            if not sentences:
                st.caption("Nothing to rank on these terms.")
            st.caption(plain(f"{basis_in_words(question.basis)}."))
            states.sizes(question.experiment, question.sizes_of_columns)
            claim_runs.show_evidence(f"card-{name}", question.runs, runs)


def offer_file(card: cards.Card) -> None:
    """The card as a file that opens without a network."""
    content = functools.partial(_html, card, cache.snapshot())
    name = re.sub(r"[^a-z0-9]+", "-", card.kind.partition(" (")[0].lower()).strip("-")
    downloads.offer("HTML report", f"report-card-{name}.html", content, "report-card-html")


def _html(card: cards.Card, snapshot: ScorecardSnapshot) -> bytes:
    return scorecard_report(card.scorecard, None, snapshot.runs, of_cell=card).encode()


def _is_measured(scorecard: Scorecard) -> bool:
    return any(question.basis is not None for question in scorecard.questions)


def draw(cell: str, budget: int, place: DeltaGenerator) -> None:
    """What is measured of a cell, its answer in `place`, and what would be. Raises `BadSetting`."""
    suite = cards.card_suite(cell, budget)
    launched = suites.offer(suite, "Measure", primary=True)
    if launched is not None:
        active_runs.announce(f"{launched.number} runs queued")
        st.rerun()
    active = [
        run
        for run in cache.reader().runs()
        if run.status in ACTIVE and run.sweep.startswith(f"{suite.name} ")
    ]
    if active:
        active_runs.live_runs(list(dict.fromkeys(run.sweep for run in active)))
    with st.spinner("Reading what the runs have recorded …"):
        made = cards.card_of(cache.snapshot(), cell, budget)
    with place:
        states.answer(made.answer)
        st.caption(plain(made.abilities))
    if _is_measured(made.scorecard):
        table.draw(made.scorecard)
    draw_questions(made)
    offer_file(made)


st.title("Report card", anchor=False)
access.say_what_viewers_miss()
place = st.container()
left, right = st.columns([2, 1])
with left:
    cell = choose_cell()
with right:
    budget = choose_budget()
try:
    draw(cell, budget, place)
except BadSetting as error:  # no width comes near this budget; its file was changed
    place.error(plain(str(error)), icon=":material/rule:")
with st.expander("Add a cell", icon=":material/add:", key="add-cell", on_change="rerun") as form:
    if form.open:
        add_cell()
