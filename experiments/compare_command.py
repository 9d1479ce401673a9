"""`python -m experiments compare`: runs side by side on a terminal, or as a file."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Sequence

import pandas
from rich.markup import escape

from core.experiment import Experiment
from core.experiments import EXPERIMENTS, experiment_named
from core.names import among
from core.settings import BadSetting
from core.tracking import RunRecord, Store, open_store
from experiments import queue
from experiments.comparing import Comparison, Result, compare
from experiments.comparing_words import MARKS, answer, method, said, verdict
from experiments.comparison_files import as_json, csv
from experiments.comparison_report import report
from experiments.latex import comparison_tables
from experiments.report import OUT, TABLE, asked_format, deliver, say, table_of

Writer = Callable[[Sequence[Comparison]], bytes]
FORMATS: dict[str, Writer] = {
    "csv": csv,
    "json": as_json,
    "latex": comparison_tables,
    "html": lambda found: report(found).encode(),
}
"""What a comparison is written as; `table` is for a terminal."""
MOST_PAIRS = 30
"""Verdicts that a terminal lists; the other formats have all of them."""


def run(chosen: argparse.Namespace) -> int:
    """`compare`."""
    form = asked_format("json" if chosen.json else chosen.format, chosen.output, FORMATS)
    store = open_store()

    @functools.cache
    def read(run_id: str, name: str) -> pandas.DataFrame | None:
        return store.table(run_id, name)

    def table(run: RunRecord, name: str) -> pandas.DataFrame | None:
        return read(run.run_id, name)

    found = [
        compare(experiment, runs, table, chosen.group_by, chosen.measure)
        for experiment, runs in _by_experiment(_picked(store, chosen))
    ]
    _require_measure(found, chosen.measure)
    if form == TABLE:
        for comparison in found:
            _print(comparison)
        return 0
    deliver(FORMATS[form](found), chosen.output)
    return 0


def _picked(store: Store, chosen: argparse.Namespace) -> list[RunRecord]:
    if not chosen.runs and not chosen.experiment and not chosen.comparison:
        raise BadSetting("runs is empty; name runs, or give --experiment or --comparison")
    if chosen.experiment:
        experiment_named(chosen.experiment)
    if chosen.runs:
        found = queue.find_all(store, chosen.runs)
        runs = list({run.run_id: run for run in found}.values())
    else:
        runs = store.runs(chosen.experiment or None, "FINISHED")
    for run in runs:
        if run.status != "FINISHED":
            raise BadSetting(
                f"runs has {among(run.name)!r}, which is {run.status}; give finished runs"
            )
        if chosen.experiment and run.experiment != chosen.experiment:
            raise BadSetting(f"runs has {among(run.name)!r}, which is of {run.experiment}")
    if chosen.comparison:
        known = list(dict.fromkeys(run.sweep for run in runs))
        runs = [run for run in runs if run.sweep == chosen.comparison]
        if not runs:
            raise BadSetting(f"comparison is {chosen.comparison!r}; {_known(known)}")
    if not runs:
        raise BadSetting(
            f"experiment is {chosen.experiment!r}, of which no run has finished yet; python -m "
            f"experiments run {chosen.experiment} makes some"
        )
    return runs


def _known(comparisons: Sequence[str]) -> str:
    newest = [repr(name) for name in comparisons[::-1] if name][:3]
    return f"the newest are {', '.join(newest)}" if newest else "there is none of that kind yet"


def _by_experiment(runs: Sequence[RunRecord]) -> list[tuple[Experiment, list[RunRecord]]]:
    """Measures can be compared within one experiment only."""
    groups = [(e, [run for run in runs if run.experiment == e.name]) for e in EXPERIMENTS]
    return [(experiment, members) for experiment, members in groups if members]


def _require_measure(found: Sequence[Comparison], measure: str) -> None:
    names = [r.column.name for comparison in found for r in comparison.results]
    if measure and measure not in names:
        raise BadSetting(f"measure is {measure!r}; these runs have {', '.join(names) or 'none'}")


def _print(comparison: Comparison) -> None:
    """The answer, what differs, the measures and the verdicts of one of them."""
    OUT.print(answer(comparison) + "\n", markup=False)
    for record in comparison.without:
        say(f"{among(record.name)} has recorded no result and is left out")
    names = [group.name for group in comparison.groups]
    if comparison.settings:
        heads = ("setting", *(line.title for line in comparison.settings))
        rows = [(name, *(line.values[name] for line in comparison.settings)) for name in names]
        OUT.print(table_of([heads, *rows]))
    heads = ("measure", *(result.column.heading for result in comparison.results))
    rows = [(n, *(_cell(r, n) for r in comparison.results)) for n in names]
    OUT.print(table_of([heads, *rows]))
    result = comparison.headline
    if result is None:
        return
    for found in result.differences[:MOST_PAIRS]:
        told = f"{found.first}: {verdict(found, comparison.repeat)} – {found.second}"
        OUT.print(escape(told))
    if len(result.differences) > MOST_PAIRS:
        say(f"and {len(result.differences) - MOST_PAIRS} more pairs: --format csv has them all")
    say(method(comparison))


def _cell(result: Result, name: str) -> str:
    estimate = result.estimates[name]
    ends = "" if estimate.low is None else f" [{said(estimate.low)}, {said(estimate.high)}]"
    mark = MARKS[result.marks.get(name, "")]
    return " ".join(filter(None, [said(estimate.value) + ends, mark]))
