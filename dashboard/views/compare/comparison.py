"""The Runs half of the page Compare: selected runs side by side, a section for each experiment.

Each section has the answer, the measure by group, the verdict for every pair, curves, the settings
that differ and every measure; then come the downloads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import pandas
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.analysis.comparison import MAX_COMPARED, Comparison, Result
from core.analysis.groups import groupings, mixed
from core.analysis.sentences import MARKS, answer, method, repeats_in_words, verdict
from core.analysis.sizes import sizes_of
from core.experiment import Experiment
from core.experiments import all_experiments
from core.formatting import counted, exact_number, inline_text, interval, listed
from core.store.records import ACTIVE, RunRecord
from dashboard.charts import dots, lines, render, verdicts
from dashboard.charts.curves import Repeats, of_estimates
from dashboard.charts.render import Chart
from dashboard.navigation import LAUNCH, RUNS
from dashboard.store import cache
from dashboard.ui import (
    bundles,
    controls,
    downloads,
    housekeeping,
    links,
    more_seeds,
    states,
    tables,
)
from dashboard.ui.text import plain
from dashboard.views.compare import across, curves, picking
from dashboard.views.compare.curves import NO_HIGHLIGHT, Section, put_chart
from dashboard.views.compare.picking import ID_LETTERS, Picked
from experiments.export import as_json, csv, reproduction
from experiments.reports.html import comparison_report
from experiments.reports.latex import comparison_tables


def draw_picked() -> None:
    """Draw the choice of runs, each experiment's comparison, and the downloads."""
    asked = {*controls.asked("sweep"), *(i[:ID_LETTERS] for i in controls.asked(picking.KEY))}
    runs = [
        run
        for run in cache.reader().runs(archived=True)
        if not run.archived or asked & {run.sweep, run.run_id[:ID_LETTERS]}
    ]
    if not any(run.status == "FINISHED" for run in runs):
        _nothing_yet(runs)
        return
    picked = picking.pick(runs)
    links.also({} if picked.asked else {"sweep": [sweep.name for sweep in picked.sweeps]})
    experiments = [e for e in all_experiments() if any(r.experiment == e.name for r in picked.runs)]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(_which_runs(picked, experiments)), width="content")
        if len(picked.sweeps) == 1 and not picked.by_hand:
            housekeeping.sweep_menu(picked.sweeps[0])
        elif picked.runs:
            housekeeping.mlflow_link(picked.runs)
    housekeeping.remarks(picked.runs)
    comparisons: list[Comparison] = []
    drawings: dict[str, Chart] = {}
    for experiment in experiments:
        prefix = "" if len(experiments) == 1 else f"{experiment.name}-"
        if prefix:
            st.header(experiment.title, anchor=False, divider="gray")
        top, row = st.container(), st.container(horizontal=True, vertical_alignment="bottom")
        with row:
            section = Section(_compared(experiment, picked, prefix), prefix)
        chart = draw_experiment(section, row, top)
        comparisons.append(section.comparison)
        drawings |= {} if chart is None else {experiment.name: chart}
    _downloads(comparisons, drawings)


def _nothing_yet(runs: Sequence[RunRecord]) -> None:
    """Say that no run has finished yet, and link to the runs or to the launch form."""
    active = sum(run.status in ACTIVE for run in runs)
    with st.container(border=True, key="nothing-to-compare"):
        st.subheader("Nothing to compare yet", anchor=False)
        if active:
            st.text(f"{counted(active, 'run')} in progress. Finished runs can be compared here.")
        elif runs:
            st.text("Every run so far failed or was cancelled.")
        else:
            st.text("As soon as two runs have finished, this page shows them side by side.")
        place = RUNS if runs else LAUNCH
        label = "Open the runs" if runs else "Launch a comparison"
        st.page_link(place.path, label=label, icon=place.icon)


def _which_runs(picked: Picked, experiments: Sequence[Experiment]) -> str:
    """`6 finished runs of forget bias.`, and why there are several sections."""
    if len(experiments) < 2:
        return picked.in_words
    titles = listed([experiment.title for experiment in experiments])
    return (
        f"{picked.in_words} They belong to {len(experiments)} experiments ({titles}). Measures can "
        "be compared within one only, so each has its own section."
    )


def _compared(experiment: Experiment, picked: Picked, prefix: str) -> Comparison:
    """The selected runs of one experiment, grouped as the address asks for."""
    runs = tuple(run for run in picked.runs if run.experiment == experiment.name)
    ways = groupings(experiment, runs)
    del ways["kind"]
    by = controls.several(
        "Group by",
        ways,
        f"{prefix}group",
        (),
        instead="these runs do not differ in it",
        placeholder="Everything that differs",
    )
    comparison = cache.comparison(experiment, runs, ",".join(by))
    names = [result.column.name for result in comparison.results]
    return replace(comparison, measure=controls.value(f"{prefix}measure", names, ""))


def draw_experiment(section: Section, row: DeltaGenerator, top: DeltaGenerator) -> Chart | None:
    """Draw one experiment's section: answer in `top`, controls in `row`; return its curves."""
    comparison = section.comparison
    result, default = comparison.headline, comparison.default_headline
    highlighted = NO_HIGHLIGHT
    with row:
        if result is not None and default is not None:
            titles = {r.column.name: r.column.heading for r in comparison.results}
            key, first = section.key("measure"), default.column.name
            controls.choice("Measure", list(titles), key, default=first, most=0, names=titles)
            names = [NO_HIGHLIGHT, *(group.name for group in comparison.groups)]
            highlighted = controls.choice("Highlight", names, section.key("highlight"), most=0)
    with top:
        leading, further = states.above_and_below(answer(comparison))
        states.answer(leading)
        states.sizes(comparison.experiment, sizes_of(comparison.experiment, comparison.groups))
        more_seeds.offer(comparison)
        _remarks(comparison)
    if result is not None:
        _dots(section, result, highlighted)
        across.draw_across(section, highlighted)
        _verdicts(section, result)
    if further:
        st.markdown(plain(further))
    chart = curves.draw_curves(section, highlighted)
    st.subheader("Settings that differ", anchor=False)
    settings_table(comparison)
    st.subheader("Every measure", anchor=False)
    measures_table(comparison)
    with st.expander("How this was measured", icon=":material/science:"):
        st.markdown(plain(method(comparison)))
    return chart


def _remarks(comparison: Comparison) -> None:
    """Point out runs that are left out, groups that pool other settings, and a single group."""
    if comparison.without:
        names = listed([inline_text(run.name) for run in comparison.without[:3]])
        rest = len(comparison.without) - 3
        more = f" and {counted(rest, 'other')}" if rest > 0 else ""
        st.warning(plain(f"Left out, because nothing was recorded: {names}{more}."))
    pooled = {g.name: mixed(comparison.experiment, g) for g in comparison.groups}
    several = {name: titles for name, titles in pooled.items() if titles}
    if several:
        name, titles = next(iter(several.items()))
        differ = f"{name} pools runs that differ in {listed(titles).lower()}"
        st.caption(plain(f"{differ}: its interval includes these differences."))
    if len(comparison.groups) == 1:
        st.caption("Only one group is selected. Select more runs to compare.")


def _dots(section: Section, result: Result, highlighted: str) -> None:
    """Draw the measure of every group with its interval."""
    bands = of_estimates(result.estimates)
    if bands.empty:
        st.info("None of these runs has a value for this measure.")
        return
    repeats = Repeats(count="" if result.exact else "n")
    look = section.styles(highlighted)
    chart = dots.dot_chart(bands, result.column, look, repeats, clickable=True)
    values = "; ".join(f"{n}: {exact_number(e.value)}" for n, e in result.estimates.items())
    put_chart(section, chart, f"{result.column.heading} by group. {values}", "measure")


def _verdicts(section: Section, result: Result) -> None:
    """Draw a tile per pair, and the same as a table in words."""
    comparison, pairs = section.comparison, result.differences
    if not pairs:
        if len(comparison.groups) > MAX_COMPARED:
            st.info(
                f"{len(comparison.groups)} groups are too many to test pair by pair (at most "
                f"{MAX_COMPARED}). Select fewer runs, or group them by a setting."
            )
        return
    st.subheader("Which differences are significant?", anchor=False)
    words = "; ".join(f"{d.first} is {d.finding} {d.second}" for d in pairs[:20])
    findings = {pair.finding for pair in pairs}
    if len(findings) == 1 < len(pairs) and not pairs[0].distinguished:
        st.text(f"All {counted(len(pairs), 'pair')}: {pairs[0].finding}.")
    else:
        st.caption(f"{verdicts.legend(result)} · p corrected for all pairs")
        matrix = verdicts.verdict_matrix(result, comparison.repeat)
        render.show(matrix, f"Verdict for every pair of groups. {words}")
    with st.expander(f"The {counted(len(pairs), 'pair')} in words"):
        st.dataframe(
            pandas.DataFrame(
                {
                    "Group": [d.first for d in pairs],
                    "Verdict": [verdict(d, comparison.repeat, result.column) for d in pairs],
                    "Compared with": [d.second for d in pairs],
                    "p (corrected)": [d.corrected_p for d in pairs],
                    "p (uncorrected)": [d.p_value for d in pairs],
                }
            ),
            hide_index=True,
            placeholder="–",
            alt="Verdicts, one line per pair",
        )


def settings_table(comparison: Comparison) -> None:
    """Show the settings that differ, one line per group."""
    if not comparison.settings:
        st.text("All settings are identical.")
        return
    names = [group.name for group in comparison.groups]
    table = pandas.DataFrame({"Group": names})
    for line in comparison.settings:
        table[line.title] = [line.values[name] for name in names]
    _wide_table(table, "Settings in which the groups differ, one line per group", {})


def measures_table(comparison: Comparison) -> None:
    """Show each measure with its interval, n and mark, and the notes, one line per group."""
    names = [group.name for group in comparison.groups]
    table = pandas.DataFrame({"Group": names})
    table["Runs"] = [len(group.runs) for group in comparison.groups]
    for result in comparison.results:
        cells = []
        for name in names:
            estimate = result.estimates[name]
            if estimate.value is None:
                cells.append("–")
                continue
            ends = interval(estimate)
            repeats = repeats_in_words(result, name, comparison.repeat)
            parts = (
                exact_number(estimate.value),
                f"({ends})" if ends else "",
                f"· {repeats}" if repeats and not result.exact else "",
                MARKS[result.marks.get(name, "")],
            )
            cells.append(" ".join(filter(None, parts)))
        table[result.column.heading] = cells
    for title, notes in comparison.notes.items():
        table[title] = [notes.get(name, "") for name in names]
    help_of = {r.column.heading: r.column.description or None for r in comparison.results}
    _wide_table(table, "Every measure with its 95% interval and n, one line per group", help_of)


def _wide_table(table: pandas.DataFrame, alt: str, help_of: Mapping[str, str | None]) -> None:
    config = {title: st.column_config.TextColumn(help=text) for title, text in help_of.items()}
    config["Group"] = tables.name_column(table["Group"])
    st.dataframe(table, hide_index=True, column_config=config, alt=alt)


def _downloads(comparisons: Sequence[Comparison], drawings: Mapping[str, Chart]) -> None:
    """Offer every format, and the commands that reproduce the runs."""

    def page() -> bytes:
        pictures = {
            name: [downloads.picture(partial(lines.for_print, chart), "svg").read().decode()]
            for name, chart in drawings.items()
        }
        return comparison_report(comparisons, pictures).encode()

    files: dict[str, tuple[str, Callable[[], bytes]]] = {
        "HTML report": ("html", page),
        "CSV": ("csv", lambda: csv(comparisons)),
        "JSON": ("json", lambda: as_json(comparisons)),
        "LaTeX": ("tex", lambda: comparison_tables(comparisons)),
    }
    st.subheader("Download", anchor=False)
    with st.container(horizontal=True, gap="small"):
        for title, (ending, content) in files.items():
            name = f"comparison.{ending}"
            downloads.offer(title, name, content, f"take-{name}", "secondary")
        runs = [run for comparison in comparisons for run in comparison.runs]
        bundles.offer(runs, "take-bundle")
    with st.expander("Reproduce these runs", icon=":material/terminal:"):
        st.caption("One command per run, and one that compares them.")
        commands = "\n".join(reproduction(run) for run in runs)
        ids = " ".join(run.run_id[:ID_LETTERS] for run in runs)
        st.code(f"{commands}\npython -m experiments compare {ids}", None, wrap_lines=True)
