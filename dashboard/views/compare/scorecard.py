"""The Scorecard half of the page Compare: every question at once, on equal terms.

Answer, choices, table and small multiples; then each question with its verdicts and what is
missing, and the downloads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import altair
import pandas
import streamlit as st

from core.analysis.scorecard import (
    DEFAULT_TERMS,
    MODES,
    MeasureLine,
    QuestionCard,
    Scorecard,
    Terms,
    available_machines,
    available_terms,
    default_kinds,
    fullest_terms,
)
from core.analysis.scorecard_sentences import (
    KEY,
    NOT_YET,
    SCORECARD_MARKS,
    absence,
    basis_in_words,
    interval_of,
    repeats_of,
    scorecard_answer,
    standing,
    value_of,
)
from core.experiment import Config, Experiment
from core.experiments import experiment_named
from core.formatting import counted, inline_text, listed
from core.models.architecture import variant_title
from core.settings import Value
from core.store.records import ACTIVE, RunRecord
from dashboard.charts import dots, lines, render
from dashboard.charts.curves import Repeats, of_estimates
from dashboard.charts.render import Chart
from dashboard.charts.scales import heading
from dashboard.charts.theme import Style, styles
from dashboard.navigation import CHAPTER, LAUNCH, RUNS
from dashboard.store import cache
from dashboard.ui import actions, controls, downloads, states
from dashboard.ui.text import plain, status_message
from dashboard.views import claim_runs
from dashboard.views.chapter import claims
from experiments import scorecards
from experiments.reports.html import scorecard_report
from experiments.scorecards import Launch, ScorecardIndex, ScorecardSnapshot, launches

TERM_CONTROLS = dict(
    zip(
        MODES,
        (("Hidden size", "width"), ("Parameter budget", "budget"), ("State budget", "state")),
        strict=True,
    )
)
"""Mode → title and key in the address of the control that chooses its terms."""


def choose_terms(snapshot: ScorecardSnapshot, kinds: Sequence[str], mode: str) -> Terms:
    """The terms in the address, or those on which most questions have an answer."""
    there = available_terms(snapshot.records, mode)
    chosen = [snapshot.kinds[kind] for kind in kinds]
    usual = fullest_terms(snapshot.records, chosen, mode) or next(iter(there), None)
    if usual is None:
        return DEFAULT_TERMS[mode]
    options = {f"{next(iter(terms.settings.values()))}": terms for terms in there}
    default = f"{next(iter(usual.settings.values()))}"
    title, key = TERM_CONTROLS[mode]
    return options[controls.pick(title, list(options), key, default)]


NBSP = "\u00a0"
"""On a phone the table scrolls rather than breaks its numbers."""


def draw_table(card: Scorecard) -> None:
    """Show the table, which scrolls on a screen that is too narrow."""
    st.table(frame(card), border="horizontal")


def frame(card: Scorecard) -> pandas.DataFrame:
    """The table in Markdown; the index names question and measure."""
    lines = {}
    for question in card.questions:
        for line in question.lines:
            lines[_heading(question, line)] = [_cell(line, kind.kind) for kind in card.kinds]
        if not question.lines:
            lines[f"**{plain(question.experiment.title)}**"] = [NOT_YET] * len(card.kinds)
    columns = [plain(kind.kind) for kind in card.kinds]
    return pandas.DataFrame.from_dict(lines, orient="index", columns=columns)


def _heading(question: QuestionCard, line: MeasureLine) -> str:
    first = line is question.lines[0]
    title = f"**{plain(question.experiment.title)}**  \n" if first else ""
    return title + plain(line.column.heading)


def _cell(line: MeasureLine, kind: str) -> str:
    """The value with its mark, and on the next line its interval and repeats."""
    cell = line.cells.get(kind)
    if cell is None:
        return NOT_YET
    mark = line.marks.get(kind, "")
    value = plain(" ".join(filter(None, [value_of(cell), SCORECARD_MARKS.get(mark, "")])))
    sure = [part.replace(" ", NBSP) for part in (interval_of(cell), repeats_of(cell)) if part]
    spread = "  \n" + plain(" · ".join(sure)) if sure else ""
    return (f"**{value}**" if mark == "best" else value) + spread


PANELS_ACROSS, PANEL_PIXELS = 2, 380
"""Panels side by side and their width, in the figure as a file."""


def draw_figures(card: Scorecard) -> None:
    """Draw the panels side by side where there is room, and offer them as one file."""
    charts = panels(card, dark=cache.dark())
    if not charts:
        return
    places = st.grid(3, min_column_width=300)
    for question, line, chart in charts:
        with places:
            render.show(chart, _alt(question, line))
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        downloads.pictures("scorecard", lambda: lines.styled_for_print(figure(card)), "scorecard")


def panels(card: Scorecard, *, dark: bool) -> list[tuple[QuestionCard, MeasureLine, Chart]]:
    """A chart for every line with a value that the terms leave open."""
    look = styles({kind.kind: kind.variant for kind in card.kinds}, dark=dark)
    return list(_panels(card, look))


def _panels(
    card: Scorecard, look: Mapping[str, Style]
) -> Iterator[tuple[QuestionCard, MeasureLine, Chart]]:
    for question in card.questions:
        for line in question.lines:
            bands = _bands(line)
            if not (bands.empty or line.fixed):
                over = {cell.over for cell in line.cells.values()} - {""}
                count = f"{over.pop().capitalize()}s" if len(over) == 1 else ""
                repeats = Repeats(count=count, whole=not count)
                title = question.experiment.title
                yield question, line, dots.dot_chart(bands, line.column, look, repeats, title)


def _bands(line: MeasureLine) -> pandas.DataFrame:
    return of_estimates({kind: cell.estimate for kind, cell in line.cells.items()})


def _alt(question: QuestionCard, line: MeasureLine) -> str:
    values = [f"{kind} {value_of(cell)}" for kind, cell in line.cells.items()]
    return f"{question.experiment.title}, {heading(line.column)}: {'; '.join(values)}"


def figure(card: Scorecard) -> Chart:
    """All panels as one chart, for a file."""
    charts = []
    for _, _, chart in panels(card, dark=False):
        panel = chart.properties(width=PANEL_PIXELS)
        panel.autosize = altair.Undefined  # only a whole chart has it
        charts.append(panel)
    return altair.concat(*charts, columns=PANELS_ACROSS).resolve_scale(color="independent")


def offer_files(card: Scorecard, snapshot: ScorecardSnapshot) -> None:
    """Offer the scorecard as files, which are made on request."""
    files = {
        "CSV": ("csv", lambda: scorecards.csv(card)),
        "JSON": ("json", lambda: scorecards.as_json(card, snapshot.properties())),
        "LaTeX": ("tex", lambda: scorecards.latex(card)),
        "HTML report": (
            "html",
            lambda: scorecard_report(card, snapshot.properties(), snapshot.runs).encode(),
        ),
    }
    with st.container(horizontal=True, gap="small", key="scorecard-files"):
        for title, (ending, content) in files.items():
            downloads.offer(title, f"scorecard.{ending}", content, f"scorecard-{ending}")


RunKey = tuple[str, str]
"""Experiment and settings: equal for a config and its runs."""


def offer_missing(card: Scorecard) -> None:
    """Offer to queue the missing runs; show nothing if there are none."""
    wanted = {_run_key(e.name, c.flat()): (e, c) for e, c in card.missing}
    if not wanted:
        return
    newest = {_run_key(run.experiment, run.settings): run for run in cache.reader().runs()}
    attempts = {key: newest[key] for key in wanted if key in newest}
    active = {key: run for key, run in attempts.items() if run.status in ACTIVE}
    broken = [run for run in attempts.values() if run.status in ("FAILED", "KILLED")]
    if broken:
        _say_failed(broken[-1], len(broken))
    if active:
        _watch(len(active))
    plan = [pair for key, pair in wanted.items() if key not in active]
    if plan:
        _button(plan)


def _run_key(experiment: str, settings: Mapping[str, Value]) -> RunKey:
    complete = experiment_named(experiment).complete(settings)
    return experiment, json.dumps(complete, sort_keys=True)


def _button(plan: list[tuple[Experiment, Config]]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="scorecard-missing"):
        clicked = st.button(
            "Run all that is missing", icon=":material/playlist_play:", key="scorecard-queue"
        )
        st.text(claim_runs.estimate(plan))
    if clicked and actions.launch_together("scorecard", plan):
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


def _say_failed(newest: RunRecord, number: int) -> None:
    others = f", and {counted(number - 1, 'other')}" if number > 1 else ""
    st.warning(
        plain(f"{inline_text(newest.name)}: {status_message(newest)}{others}."),
        icon=":material/error:",
    )
    st.page_link(
        RUNS.path,
        label="Open the failed run",
        icon=RUNS.icon,
        query_params={"run": newest.run_id},
    )


def draw_question(question: QuestionCard, runs: Mapping[str, RunRecord]) -> None:
    """Draw one question on a card of its own."""
    name = question.experiment.name
    with st.container(border=True, key=f"question-{name}"):
        st.markdown(f"##### {plain(question.experiment.question)}")
        for line in question.lines:
            st.markdown(plain(standing(line)))
        if question.basis is not None:
            st.caption(plain(f"All of its runs: {basis_in_words(question.basis)}."))
            states.sizes(question.experiment, question.sizes_of_columns)
        else:
            st.text(absence(question))
        claim_runs.show_evidence(f"question-{name}", question.runs, runs)
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


def draw_scorecard() -> None:
    """Draw answer, choices, table and figure, then each question in detail, and the downloads."""
    reader = cache.reader()
    snapshot = _index(reader.store.uri).at(reader.runs())
    place = st.container()
    kinds, terms, machine = _choices(snapshot)
    card = snapshot.scorecard(kinds, terms, machine)
    with place:
        states.answer(scorecard_answer(card))
    if any(question.lines for question in card.questions):
        draw_table(card)
        st.caption(plain(KEY))
        draw_figures(card)
    offer_missing(card)
    st.subheader("Question by question", anchor=False)
    for question in card.questions:
        draw_question(question, snapshot.runs)
    _properties(snapshot)
    offer_files(card, snapshot)


@st.cache_resource(show_spinner=False, max_entries=2)
def _index(uri: str) -> ScorecardIndex:
    return ScorecardIndex(lambda run, name: cache.reader().table(run, name))


def _choices(snapshot: ScorecardSnapshot) -> tuple[list[str], Terms, str]:
    """Ask for columns, terms and machine; a link reopens the same scorecard."""
    usual = default_kinds(snapshot.records)
    kinds = controls.pinned("Variants", list(snapshot.kinds), "kinds", usual)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        mode = controls.choice("Compared at", MODES, "mode")
        terms = choose_terms(snapshot, kinds, mode)
        machines = available_machines(snapshot.records)
        machine = ""
        if machines:
            machine = controls.pick("Times measured on", machines, "machine", machines[0])
    return kinds, terms, machine


def _properties(snapshot: ScorecardSnapshot) -> None:
    """Draw the chapter's table of the three cells, as the Chapter page judges it."""
    verdict = snapshot.properties()
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
