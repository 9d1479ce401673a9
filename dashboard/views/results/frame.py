"""The frame of every results page: answer, choice of runs, figures, table, method.

A results page is one call of `results_page` with its figures and its method; everything else
follows from the experiment's declaration.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas
import streamlit as st

from core import formatting
from core.analysis import groups, sentences
from core.analysis.sizes import sizes_of
from core.experiment import Experiment
from core.formatting import inline_text, listed, quantity, shortened_list
from core.settings import settings_of
from core.stats.estimates import AtLeast
from core.store.records import ACTIVE, RunRecord
from core.store.tables import is_blank
from dashboard.charts.scales import whole_numbers
from dashboard.figures.base import Figure, Shown, read, tabs
from dashboard.navigation import page_of
from dashboard.store import cache, sweeps
from dashboard.store.sweeps import Sweep
from dashboard.ui import controls, housekeeping, links, more_seeds, states, tables
from dashboard.ui.text import day, interval, moment, number, plain
from dashboard.views.compare import picking
from dashboard.views.compare.picking import ID_LETTERS
from experiments.queue import launch_id

MAX_RUNS = 500
"""In the picker of single runs; older ones are reached through their sweep."""

MAX_SUBJECTS = 2
"""The most sweeps that are named as the origin of the runs shown; more are counted."""

INTERVALS = "In brackets: 95% intervals."

PROVENANCE = ("device", "chip", "host", "torch", "python", "mlflow.source.git.commit")


def results_page(
    experiment: Experiment,
    figures: Sequence[Figure],
    method: str,
    *,
    setup: Callable[[Shown], str] | None = None,
    below: Callable[[], None] | None = None,
) -> None:
    """Draw a results page.

    `setup` says in one line what their task was; `below` draws what belongs to the page
    under its figures, even while there are no runs yet.
    """
    st.title(experiment.title, anchor=False)
    st.caption(experiment.question)
    with st.container(key="answer-and-figures"):
        shown = _shown(experiment, setup)
        if shown is not None:
            tabs(shown, figures)
    if below is not None:
        below()
    if shown is not None:
        st.subheader("Results", anchor=False)
        comparison = cache.comparison(experiment, shown.runs)
        _, further = states.above_and_below(sentences.answer(comparison))
        st.markdown(plain(further))
        results_table(shown)
        picking.compare_link("Compare these runs", [run.run_id for run in shown.runs])
        with st.expander("How this was measured", icon=":material/science:"):
            st.markdown(method)
            st.markdown(_columns_explained(shown))
            st.markdown(_circumstances(shown))


def numbers_set(shown: Shown, setting: str) -> str:
    """`1,000 and 2,000`: the values of a whole-numbered setting over all runs shown."""
    values = {int(str(value)) for value in shown.setting_of_runs(setting).values()}
    return listed([f"{value:,}" for value in sorted(values)])


def _shown(experiment: Experiment, setup: Callable[[Shown], str] | None) -> Shown | None:
    """The answer and the choice of runs; None when there is nothing to draw yet."""
    launches = cache.sweeps_of(experiment)
    if not launches:
        states.nothing_yet(experiment)
        return None
    answer = st.container()
    with st.container(key="which-runs"):  # below the figures on a phone
        chosen = choose(experiment, launches)
    sweep = chosen.sweep
    if sweep is not None and sweep.finished:
        if sweep.broken:
            states.some_failed(sweep.broken[0], len(sweep.broken), "Not in the figure: ")
        if sweep.active:
            _watch(sweep)
    housekeeping.remarks(chosen.runs)
    if not chosen.runs:
        _without_result(experiment, sweep or launches[0])
        return None
    shown = read(experiment, chosen.runs)
    with answer:
        comparison = cache.comparison(experiment, chosen.runs)
        network = sentences.conditions(experiment, chosen.runs, network_only=setup is not None)
        under = [f"{network[:1].upper()}{network[1:]}."] if network else []
        under += [setup(shown)] if setup else []
        leading, _ = states.above_and_below(sentences.answer(comparison))
        under += [INTERVALS] if "[" in leading else []
        states.answer(leading, " ".join(under))
        states.sizes(experiment, sizes_of(experiment, comparison.groups))
        more_seeds.offer(comparison)
    return shown


def _watch(chosen: Sweep) -> None:
    """Show the progress of a comparison, and redraw the page with each run that ends."""
    waiting = {run.run_id for run in chosen.active}

    def look() -> None:
        now = [r for r in cache.reader().runs(chosen.runs[0].experiment) if r.sweep == chosen.name]
        if {run.run_id for run in now if run.status in ACTIVE} != waiting:
            st.rerun()
        states.progress_line(now)

    states.live(look, active=True)


def _without_result(experiment: Experiment, chosen: Sweep) -> None:
    if not chosen.active:
        states.all_failed(chosen.broken)
        return

    def look() -> None:
        now = next(c for c in cache.sweeps_of(experiment) if c.name == chosen.name)
        if now.finished or not now.active:
            st.rerun()
        states.first_results_coming(now.active)

    states.live(look, active=True)


# Which runs are shown.


@dataclass(frozen=True)
class Choice:
    """The finished runs to show, and the sweep that they are of."""

    sweep: Sweep | None
    """None if they were selected by hand from several sweeps."""
    runs: tuple[RunRecord, ...]


def choose(experiment: Experiment, launches: Sequence[Sweep]) -> Choice:
    """The runs in the address, else the finished ones of the sweep there or of the headline sweep.

    For an experiment that measures times, also the same launch on every other machine.
    """
    every = cache.reader().runs(experiment.name)
    headline = cache.headline(experiment) or launches[0]
    by_name = {sweep.name: sweep for sweep in launches}
    line = st.container(horizontal=True, vertical_alignment="center")
    with line.popover("Select runs", icon=":material/tune:"):
        name = controls.pick(
            "Sweep",
            list(by_name),
            "sweep",
            headline.name,
            resets=("runs",),
            names={s.name: f"{s.subject} · {moment(s.launched)}" for s in launches},
            instead=_sweep_of_runs(every),
        )
        sweep = by_name[name] if name else None
        finished = sweep.finished if sweep else ()
        elsewhere = groups.elsewhere(experiment, finished, every) if experiment.timed else []
        by_id = _on_offer(every, finished, elsewhere)
        names = {
            i: f"{inline_text(run.name)} · {moment(run.submitted)} · {i}"
            for i, run in by_id.items()
        }
        default = [run.run_id[:ID_LETTERS] for run in (*finished, *elsewhere)]
        picked = controls.several("Runs shown", names, "runs", default) if names else []
        by_hand = [] if picked == default else picked
        links.also({"sweep": [name] if name else [], "runs": by_hand})
    runs = [by_id[identifier] for identifier in picked]
    with line:
        st.caption(plain(_origin(runs, elsewhere, by_hand=picked != default)))
        if sweep is not None:
            housekeeping.sweep_menu(sweep)
            _other_answers(experiment, sweep, headline, launches)
        elif runs:
            housekeeping.mlflow_link(runs)
    return Choice(sweep, tuple(_filtered(runs) if experiment.timed else runs))


def _sweep_of_runs(every: Sequence[RunRecord]) -> str | None:
    """The sweep of the runs in the address; empty if they are of several, None if it names none."""
    asked = {i[:ID_LETTERS] for i in controls.asked("runs")}
    finished = (r for r in every if r.status == "FINISHED" and r.run_id[:ID_LETTERS] in asked)
    of_runs = {run.sweep or run.run_id for run in finished}
    return None if not of_runs else of_runs.pop() if len(of_runs) == 1 else ""


def _origin(runs: Sequence[RunRecord], elsewhere: Sequence[RunRecord], *, by_hand: bool) -> str:
    """`chapter: forget bias · 4 runs · 28 Nov by ana`, of exactly the runs shown."""
    others = [] if by_hand else [run.run_id for run in elsewhere]
    here = [run for run in runs if run.run_id not in others]
    subjects = [inline_text(sweep.subject) for sweep in sweeps.sweeps(here)[::-1]]
    facts = [shortened_list(subjects, MAX_SUBJECTS, "other sweep")]
    if here:
        facts.append(sentences.origin(here, day(here[0].submitted)))
    if by_hand:
        facts.append("selected by hand")
    if others:
        titles = groups.machine_titles(runs)
        machines = Counter(titles[run.run_id] for run in elsewhere if run.run_id in titles)
        days = {titles[run.run_id]: day(run.submitted) for run in elsewhere if run in runs}
        facts.append(
            "with "
            + listed([f"{n} from {machine} ({days[machine]})" for machine, n in machines.items()])
        )
    return " · ".join(filter(None, facts))


def _other_answers(
    experiment: Experiment, sweep: Sweep, headline: Sweep, launches: Sequence[Sweep]
) -> None:
    """Link to the headline sweep or to a newer one, and offer to pin the sweep to the Overview."""
    if sweep.finished:
        housekeeping.pin_button(sweep, is_headline=sweep.name == headline.name)
    page = page_of(experiment.name)
    own = launch_id(sweep.name)
    others = (s for s in launches if s.finished and not s.archived and launch_id(s.name) != own)
    newest = next(others, None)
    if page is None:
        return
    if sweep.name != headline.name:
        label, other = "Open what the Overview shows", headline
    elif newest is not None and newest.launched > sweep.launched:
        named = newest.subject != experiment.title
        which = f": {inline_text(newest.subject)}" if named else f", {moment(newest.launched)}"
        label, other = f"A newer comparison{which}", newest
    else:
        return
    st.page_link(page.path, label=plain(label), query_params={"sweep": other.name})


def _on_offer(
    every: Sequence[RunRecord], finished: Sequence[RunRecord], elsewhere: Sequence[RunRecord]
) -> dict[str, RunRecord]:
    """Finished runs by short id: of the comparison, the newest others, and any in the address."""
    asked = {i[:ID_LETTERS] for i in controls.asked("runs")}
    others = [run for run in reversed(every) if run.status == "FINISHED"]
    by_id = {run.run_id[:ID_LETTERS]: run for run in (*finished, *elsewhere, *others)}
    offered = dict.fromkeys([*list(by_id)[:MAX_RUNS], *(i for i in by_id if i in asked)])
    return {identifier: by_id[identifier] for identifier in offered}


def _filtered(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Ask for devices and precisions if there are several; return the runs that match."""
    filtered = list(runs)
    with st.container(horizontal=True, gap="medium"):
        for title, key in (("Device", "device"), ("Precision", "dtype")):
            # The tag has the device that `auto` resolved to.
            of_run = {r.run_id: r.tags.get(key) or str(r.settings.get(key, "")) for r in filtered}
            offered = sorted({*of_run.values()} - {""})
            if len(offered) > 1:
                asked = controls.any_of(title, offered, key)
                filtered = [r for r in filtered if not asked or of_run[r.run_id] in asked]
    return filtered


# The table of results, what its columns mean, and the circumstances.


def results_table(shown: Shown) -> None:
    """One line per run: each summary measure, its interval where it has one, and each note.

    If each label is one run, the estimates are the comparison's, as in the answer: older runs may
    have recorded others.
    """
    summary = shown.experiment.summary
    results = shown.pooled if shown.results["label"].is_unique else shown.results
    whole = whole_numbers(summary)
    table = pandas.DataFrame({"Variant": results["label"]})
    config: dict[str, Any] = {"Variant": tables.name_column(table["Variant"])}
    if shown.experiment.one_run_per_seed and results["seed"].nunique() > 1:
        table["Seed"] = results["seed"]
    records: list[dict[Any, Any]] = results.to_dict("records")
    for declared in summary.columns():
        column = shown.column(summary.table, declared.name)
        name, heading, help_text = column.name, column.heading, column.description or None
        if is_blank(results[name]):
            continue
        table[heading] = results[name]
        bounds = [column.read(record, record) for record in records if column.limit]
        bounded = any(isinstance(estimate.value, AtLeast) for estimate in bounds)
        if bounded:
            table[heading] = [quantity(estimate.value, "") for estimate in bounds]
        endless = column.role == "measure" and (results[name] == math.inf).any()
        if endless:  # a column of numbers would say Infinity
            table[heading] = [number(value) for value in results[name]]
        if column.role == "note" or bounded or endless:
            config[heading] = st.column_config.TextColumn(help=help_text)
        else:
            digits = "%,d" if name in whole else "%,.4g"
            config[heading] = st.column_config.NumberColumn(help=help_text, format=digits)
        if column.estimate and results[f"{name}_low"].notna().any():
            ends = zip(results[f"{name}_low"], results[f"{name}_high"], strict=True)
            table[f"{name} interval"] = (
                [formatting.interval(estimate) for estimate in bounds]
                if bounds
                else [interval(low, high) for low, high in ends]
            )
            config[f"{name} interval"] = st.column_config.TextColumn("95% interval")
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        column_config=config,
        alt=f"Results of {shown.experiment.title}, one line per variant",
    )


def _columns_explained(shown: Shown) -> str:
    summary = shown.experiment.summary
    columns = [shown.column(summary.table, column.name) for column in summary.columns()]
    lines = [
        f"- **{plain(column.heading)}**: {plain(column.description)}"
        for column in columns
        if column.description
    ]
    return "\n".join(lines)


def _circumstances(shown: Shown) -> str:
    """The settings that all runs share, and what they ran on."""
    shared = groups.shared_settings(settings_of(shown.experiment.config), shown.runs)
    machine = []
    for tag in PROVENANCE:
        seen = sorted({inline_text(run.tags[tag]) for run in shown.runs if tag in run.tags})
        if seen:
            machine.append(f"{tag.removeprefix('mlflow.source.git.')} {listed(seen)}")
    lines = [f"- All of these runs: {plain(', '.join(shared))}."]
    if machine:
        lines.append(f"- Measured with {plain(', '.join(machine))}.")
    return "\n".join(lines)
