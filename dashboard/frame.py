"""The frame of every results page: answer, figure, controls, table, method, downloads.

A results page opens it with `open_page(EXPERIMENT)`, draws its own figures with `figures.py`, and
closes it with `close_page`. Everything else follows from the experiment's declaration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas
import streamlit as st

from core.experiment import Column, Experiment
from core.settings import settings_of
from core.tracking import ACTIVE, RunRecord
from core.words import counted, listed
from dashboard import comparison, controls, data, states
from dashboard.comparison import Comparison
from dashboard.palette import Style, styles
from dashboard.wording import interval, moment, plain

MOST_RUNS = 500
"""In the picker of single runs; older ones are reached through their comparison."""
ID_LETTERS = 8
PROVENANCE = ("device", "host", "torch", "python", "mlflow.source.git.commit")


@dataclass(frozen=True)
class Shown:
    """What a results page shows: the finished runs that were chosen, read and labelled."""

    experiment: Experiment
    comparison: Comparison
    runs: tuple[RunRecord, ...]
    results: pandas.DataFrame
    labels: Mapping[str, str]
    styles: Mapping[str, Style]

    def rows(self, table: str) -> pandas.DataFrame:
        """One table of all these runs, with run_id, label and variant."""
        return comparison.rows(self.experiment, self.runs, table, data.reader().table)

    def varies(self, table: str, axis: str) -> bool:
        """Whether a table is there and has more than one value of an axis in some run."""
        tables = (data.reader().table(run, table) for run in self.runs)
        return any(t is not None and axis in t and t[axis].nunique() > 1 for t in tables)

    def column(self, table: str, name: str) -> Column:
        """A declared column."""
        return next(c for c in self.experiment.row(table).columns() if c.name == name)


def open_page(experiment: Experiment) -> Shown | None:
    """Heading, answer and the choice of runs; None when there is nothing to draw yet."""
    st.title(experiment.title, anchor=False)
    st.caption(experiment.question)
    controls.notices_here()
    found = data.compared(experiment)
    if not found:
        states.nothing_yet(experiment)
        return None
    answer = st.container()
    chosen, runs = _choose(experiment, found)
    _watch(chosen)
    _newer(found, chosen)
    if not runs:
        _without_result(experiment, chosen)
        return None
    shown = _read(experiment, chosen, runs)
    with answer:
        states.answer(experiment.answer(shown.results))
    return shown


def close_page(shown: Shown, method: str) -> None:
    """The table of results, and how they were measured."""
    st.subheader("Results", anchor=False)
    results_table(shown)
    with st.expander("How this was measured", icon=":material/science:"):
        st.markdown(method)
        st.markdown(_described(shown.experiment))
        st.markdown(_circumstances(shown))


def results_table(shown: Shown) -> None:
    """One line per run: each summary measure, and its interval where it has one."""
    table = pandas.DataFrame({"Variant": shown.results["label"]})
    config: dict[str, Any] = {"Variant": st.column_config.TextColumn(pinned=True)}
    for column in shown.experiment.summary.columns():
        if shown.results[column.name].isna().all():
            continue
        table[column.heading] = shown.results[column.name]
        config[column.heading] = st.column_config.NumberColumn(
            help=column.description or None, format="%.4g"
        )
        if column.estimate:
            ends = zip(
                shown.results[f"{column.name}_low"],
                shown.results[f"{column.name}_high"],
                strict=True,
            )
            table[f"{column.name} interval"] = [interval(low, high) for low, high in ends]
            config[f"{column.name} interval"] = st.column_config.TextColumn("95% interval")
    st.dataframe(
        table,
        hide_index=True,
        column_config=config,
        alt=f"Results of {shown.experiment.title}, one line per variant",
    )


def _choose(
    experiment: Experiment, found: Sequence[Comparison]
) -> tuple[Comparison, tuple[RunRecord, ...]]:
    """The comparison in the address, or the newest one with a result; all of its finished runs."""
    newest = comparison.newest_readable(found) or found[0]
    place = st.container(horizontal=True, vertical_alignment="center")
    with place.popover("Choose runs", icon=":material/tune:"):
        by_name = {c.name: c for c in found}
        name = controls.pick(
            "Comparison", list(by_name), "comparison", newest.name, resets=("runs",)
        )
        chosen = by_name[name]
        by_id = _on_offer(experiment, chosen)
        names = {i: f"{run.name} · {moment(run.submitted)} · {i}" for i, run in by_id.items()}
        default = [run.run_id[:ID_LETTERS] for run in chosen.finished]
        picked = controls.several("Runs shown", names, "runs", default) if names else []
        st.caption("The address of this page always reopens exactly what it shows.")
    by_hand = "" if picked == default else ", chosen by hand"
    place.caption(
        plain(
            f"{counted(len(picked), 'finished run')}{by_hand} · {chosen.name} · "
            f"launched {moment(chosen.launched)}"
        )
    )
    return chosen, tuple(by_id[identifier] for identifier in picked)


def _on_offer(experiment: Experiment, chosen: Comparison) -> dict[str, RunRecord]:
    """Finished runs by short id: those of the comparison, the newest others, and what was asked."""
    runs = data.reader().runs(experiment.name)
    others = [r for r in reversed(runs) if r.status == "FINISHED" and r.sweep != chosen.name]
    by_id = {run.run_id[:ID_LETTERS]: run for run in (*chosen.finished, *others)}
    asked = st.query_params.get_all("runs")
    offered = dict.fromkeys([*list(by_id)[:MOST_RUNS], *(i for i in asked if i in by_id)])
    return {identifier: by_id[identifier] for identifier in offered}


def _read(experiment: Experiment, chosen: Comparison, runs: tuple[RunRecord, ...]) -> Shown:
    results = comparison.results(experiment, runs, data.reader().table)
    named = comparison.labels(experiment, runs)
    variants = {named[run.run_id]: comparison.variant_of(run) for run in runs}
    return Shown(experiment, chosen, runs, results, named, styles(variants, dark=data.dark()))


def _watch(chosen: Comparison) -> None:
    """While runs of this comparison are still coming: how far, and a new figure with each."""
    if chosen.broken and chosen.finished:
        states.some_failed(chosen.broken)
    if not (chosen.active and chosen.finished):
        return
    waiting = {run.run_id for run in chosen.active}

    def look() -> None:
        now = [r for r in data.reader().runs(chosen.runs[0].experiment) if r.sweep == chosen.name]
        if {run.run_id for run in now if run.status in ACTIVE} != waiting:
            st.rerun()
        states.progress_line(now)

    states.live(look, active=True)


def _newer(found: Sequence[Comparison], chosen: Comparison) -> None:
    newest = next((c for c in found if c.finished), None)
    if newest is not None and newest.launched > chosen.launched:
        st.caption(plain(f"A newer comparison has results: {newest.name} (under “Choose runs”)."))


def _without_result(experiment: Experiment, chosen: Comparison) -> None:
    if not chosen.active:
        states.all_failed(chosen.broken)
        return

    def look() -> None:
        now = next(c for c in data.compared(experiment) if c.name == chosen.name)
        if now.finished or not now.active:
            st.rerun()
        states.first_results_coming(now.active)

    states.live(look, active=True)


def _described(experiment: Experiment) -> str:
    """What the columns of the table mean, as they are declared."""
    lines = [
        f"- **{plain(column.heading)}**: {plain(column.description)}"
        for column in experiment.summary.columns()
        if column.description
    ]
    return "\n".join(lines)


def _circumstances(shown: Shown) -> str:
    """Settings that all the runs share, and what they ran on."""
    settings = {s.name: s for s in settings_of(shown.experiment.config)}
    shared = [
        f"{setting.title.lower()} {comparison.shown(values.pop())}"
        for name, setting in settings.items()
        if name not in ("cell", "bidirectional")
        and len(values := {run.settings.get(name) for run in shown.runs}) == 1
        and values != {None}
    ]
    on = []
    for tag in PROVENANCE:
        seen = sorted({run.tags[tag] for run in shown.runs if tag in run.tags})
        if seen:
            on.append(f"{tag.removeprefix('mlflow.source.git.')} {listed(seen)}")
    return "\n".join(
        [f"- All of these runs: {plain(', '.join(shared))}."]
        + ([f"- Measured with {plain(', '.join(on))}."] if on else [])
    )
