"""How a verdict looks: a badge, a sentence, the numbers, the runs behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas
import streamlit as st

from core.claims import Claim, Line, Outcome, Verdict
from core.experiment import Experiment
from core.experiments import experiment_named
from core.tracking import RunRecord
from core.words import counted
from dashboard.choosing import ID_LETTERS
from dashboard.navigation import RUNS, page_of
from dashboard.wording import moment, plain
from experiments.claim_words import AGREES, capital
from experiments.labels import labels

Colour = Literal["green", "orange", "red", "blue", "gray"]


@dataclass(frozen=True)
class Look:
    """How an outcome is marked: in words, an icon and a colour, so that none carries it alone."""

    icon: str
    colour: Colour


LOOKS: Mapping[Outcome, Look] = {
    "holds": Look(":material/check_circle:", "green"),
    "holds only when": Look(":material/rule:", "orange"),
    "does not hold here": Look(":material/cancel:", "red"),
    "not enough data to tell": Look(":material/help:", "gray"),
    "not measured yet": Look(":material/radio_button_unchecked:", "gray"),
}
SHORT: Mapping[Outcome, str] = {"holds only when": "Holds only when …"}
"""Where the condition is not beside it."""
MOST_LINKS = 40


def mark(outcome: Outcome) -> str:
    """A badge in Markdown."""
    look = LOOKS[outcome]
    return f":{look.colour}-badge[{look.icon} {SHORT.get(outcome, capital(outcome))}]"


def draw(claim: Claim, verdict: Verdict, guessed: str) -> None:
    """The verdict on a card: badge, what it says, the figure, and how the guess compares."""
    with st.container(border=True, key=f"verdict-{claim.number}"):
        condition = f" **{plain(f'{verdict.condition}.')}**" if verdict.condition else ""
        st.markdown(mark(verdict.outcome) + condition)
        st.markdown(plain(verdict.figure))
        if verdict.table:
            st.table(table(verdict.table), border="horizontal")
        if guessed:
            st.markdown(f":material/psychology: {plain(guessed)}")


def table(lines: Iterable[Line]) -> pandas.DataFrame:
    """Claim 9: what the chapter says of each cell beside what was measured."""
    return pandas.DataFrame(
        [
            {
                "Property": plain(line.title),
                "The chapter": " / ".join(line.claimed),
                **dict(zip(("RNN", "LSTM", "GRU"), map(plain, line.measured), strict=True)),
                "As claimed": "–" if line.missing else AGREES[line.truth],
            }
            for line in lines
        ]
    ).set_index("Property")


def evidence(key: str, ids: Iterable[str], runs: Mapping[str, RunRecord]) -> None:
    """Links to the runs that a verdict was computed from, and to their figures."""
    found = [runs[run_id] for run_id in ids if run_id in runs]
    if not found:
        return
    by_experiment: dict[str, list[RunRecord]] = {}
    for run in found:
        by_experiment.setdefault(run.experiment, []).append(run)
    with st.container(horizontal=True, vertical_alignment="center", key=f"evidence-{key}"):
        for name, members in by_experiment.items():
            page = page_of(name)
            if page is not None:
                st.page_link(
                    page.path,
                    label=f"{page.title}: {counted(len(members), 'run')}",
                    icon=page.icon,
                    query_params={"runs": [run.run_id[:ID_LETTERS] for run in members]},
                )
        with st.popover(f"The {counted(len(found), 'run')}", icon=":material/list_alt:"):
            for name, members in by_experiment.items():
                _links(experiment_named(name), members)


def _links(experiment: Experiment, runs: Sequence[RunRecord]) -> None:
    named = labels(experiment, runs)
    st.caption(plain(experiment.title))
    for run in runs[:MOST_LINKS]:
        seed = [f"seed {run.settings['seed']}"] if experiment.a_run_per_seed else []
        st.page_link(
            RUNS.path,
            label=plain(" · ".join([named[run.run_id], *seed, moment(run.submitted)])),
            icon=RUNS.icon,
            query_params={"run": run.run_id},
        )
    if len(runs) > MOST_LINKS:
        st.caption(f"and {counted(len(runs) - MOST_LINKS, 'more run')}, all of them under Runs")
