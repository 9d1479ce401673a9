"""What every figure of a results page shares: the runs shown, measures, slices, charts and files.

A view declares its figures. Each figure asks for a measure and a slice of its table, turns the rows
into a chart, and puts the chart on the page with its files.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy
import pandas
import streamlit as st

from core.analysis.comparison import Comparison
from core.analysis.groups import by_value, labels, shared_settings, variant_of
from core.analysis.sentences import lower_title
from core.experiment import Column, Experiment, Row
from core.formatting import counted, inline_text, listed, shortened_list
from core.store.records import ACTIVE, RunRecord
from dashboard.charts import curves, lines, render
from dashboard.charts.curves import ESTIMATE_SUFFIXES, UNBOUNDED, Repeats
from dashboard.charts.lines import Caption
from dashboard.charts.render import Chart
from dashboard.charts.scales import column_of, curve_of, has_seeds, in_order, whole_numbers
from dashboard.charts.theme import Style, styles
from dashboard.store import cache, sweeps
from dashboard.ui import controls, downloads, jargon
from dashboard.ui.text import in_words, moment, plain

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

MAX_PROBLEMS = 12
"""Lines of the list of missing values."""


@dataclass(frozen=True)
class Shown:
    """Runs of one experiment, read and labelled."""

    experiment: Experiment
    runs: tuple[RunRecord, ...]
    results: pandas.DataFrame
    labels: Mapping[str, str]
    styles: Mapping[str, Style]

    def rows(self, table: str) -> pandas.DataFrame:
        """One table of all these runs, with run_id, label and variant; shared, not to be changed.

        What a run that has ended recorded is put together once for everybody.
        """
        if any(run.status in ACTIVE for run in self.runs):
            return sweeps.rows(self.experiment, self.runs, table, cache.reader().table)
        ended = tuple((run.run_id, run.status, self.labels[run.run_id]) for run in self.runs)
        reader = cache.reader()

        def together() -> pandas.DataFrame:
            away = reader.away(self.runs, table)
            reader.fetch(functools.partial(reader.table, run, table) for run in away)
            return sweeps.rows(self.experiment, self.runs, table, reader.table)

        return reader.kept((table, *ended), together)

    def varies(self, table: str, axis: str) -> bool:
        """Whether some run has more than one value of an axis of a table."""
        tables = (cache.reader().table(run, table) for run in self.runs)
        return any(t is not None and axis in t and t[axis].nunique() > 1 for t in tables)

    def has(self, table: str, names: Collection[str]) -> bool:
        """Whether some run has a number in one of these columns."""
        tables = (cache.reader().table(run, table) for run in self.runs)
        return any(t is not None and n in t and t[n].notna().any() for t in tables for n in names)

    def column(self, table: str, name: str) -> Column:
        """A declared column, as these runs name it."""
        column = column_of(self.experiment.row(table), name)
        return column.of(run.settings for run in self.runs)

    def curve(self, table: str) -> Column:
        """The axis that the table's measures are drawn against."""
        return self.column(table, curve_of(self.experiment.row(table)).name)

    @property
    def pooled(self) -> pandas.DataFrame:
        """The results with one row per label, estimated over all of its seeds."""
        return pooled_results(self.results, cache.comparison(self.experiment, self.runs))

    def setting_of_runs(self, name: str) -> dict[str, object]:
        """Run id → the run's value of a setting."""
        return {run.run_id: run.settings.get(name) for run in self.runs}


def read(experiment: Experiment, runs: Sequence[RunRecord]) -> Shown:
    """Read and label runs, finished or not, as far as they are measured; see `by_value`."""
    runs = by_value(experiment, runs)
    results = sweeps.results(experiment, runs, cache.reader().table)
    named = labels(experiment, runs)
    variants = {named[run.run_id]: variant_of(run) for run in runs}
    return Shown(experiment, tuple(runs), results, named, styles(variants, dark=cache.dark()))


def pooled_results(results: pandas.DataFrame, comparison: Comparison) -> pandas.DataFrame:
    """One row per label: the comparison's estimates beside all else of its newest run."""
    newest = results.drop_duplicates("label", keep="last").reset_index(drop=True)
    columns: dict[str, Any] = {str(name): newest[name] for name in newest}
    for result in comparison.results:
        rows = {label: dataclasses.astuple(e) for label, e in result.estimates.items()}
        for place, end in enumerate(ESTIMATE_SUFFIXES):
            name = f"{result.column.name}{end}"
            if name in columns:
                own = zip(newest["label"], newest[name], strict=True)
                values = [rows[label][place] if label in rows else value for label, value in own]
                columns[name] = numpy.array(values, float)
    return pandas.DataFrame(columns, index=newest.index)


@dataclass(frozen=True)
class Measure:
    """A column that can be drawn: where its interval is, and what it is compared with."""

    name: str
    bounds: tuple[float, float] = UNBOUNDED
    """What is possible: intervals end there."""
    logarithm: bool = False
    """Whether a line figure draws it on a logarithmic axis."""
    reference: float | None = None
    """A level to compare with."""
    level: Callable[[Shown, pandas.DataFrame], float | None] | None = None
    """Finds such a level for the rows that are shown; None where they have several."""
    baseline: str = ""
    """The column with an exact value to compare with at each place."""
    further_baselines: tuple[str, ...] = ()
    """More such columns."""
    zeros: str = ""
    """The column that counts samples in which it is exactly zero and so has no logarithm."""
    rate: str = ""
    """The column with the slope of its straight line, in the figure's table of rates."""
    quartiles: tuple[str, str] | tuple[()] = ()
    """The columns of the first and the third quartile, if it is measured repeatedly."""
    count: str = ""
    """The column with the number of those repetitions."""
    inverse_of: str = ""
    """The column of a time that this is the inverse of: the quartiles are that time's."""

    def bands(
        self,
        shown: Shown,
        table: str,
        rows: pandas.DataFrame,
        across: Sequence[str],
        sums: Sequence[str] = (),
    ) -> pandas.DataFrame:
        """Columns `across`, value, low, high, n: over seeds where the table has them.

        An estimate per seed also has the `sums`. Rows without seeds keep their own intervals; of
        several launches, estimates are combined as the column declares.
        """
        column = shown.column(table, self.name)
        estimate, aggregation = column.estimate, column.aggregation
        if has_seeds(shown.experiment.row(table)):
            if estimate:
                return curves.estimate_bands(
                    rows, across, self.name, sums, self.bounds, aggregation
                )
            return curves.clip(curves.bands(rows, across, self.name, aggregation), self.bounds)
        if estimate and shown.experiment.timed:
            return curves.estimate_bands(rows, across, self.name, (), self.bounds, aggregation)
        ends: tuple[str, ...] = self.quartiles
        count = self.count
        if estimate:
            ends, count = (f"{self.name}_low", f"{self.name}_high"), f"{self.name}_n"
        elif self.inverse_of:  # the longest time is the lowest rate
            one = rows[self.name] * rows[self.inverse_of]
            first, third = (rows[name] for name in self.quartiles)
            rows, ends = rows.assign(low=one / third, high=one / first), ("low", "high")
        bands = curves.median_bands(rows, across, self.name, ends, count)
        return curves.clip(bands, self.bounds)

    def repeats(
        self, shown: Shown, table: str, further: tuple[tuple[str, str], ...] = ()
    ) -> Repeats:
        """What its bands are over, in words; an estimate also has `further` counts."""
        row, column = shown.experiment.row(table), shown.column(table, self.name)
        if column.estimate or has_seeds(row):
            count = "Launches" if shown.experiment.timed else "Seeds"
            return Repeats(count=count, further=further if column.estimate else ())
        count = shown.column(table, self.count).title if self.count else ""
        return Repeats("Middle half", count, self.name in whole_numbers(row))


def measures(*names: str, bounds: tuple[float, float] = UNBOUNDED) -> tuple[Measure, ...]:
    """Measures that need nothing but their names and common bounds."""
    return tuple(Measure(name, bounds) for name in names)


class Figure(Protocol):
    """One tab of a results page."""

    @property
    def title(self) -> str:
        """The tab's name."""

    def available(self, shown: Shown) -> bool:
        """Whether the runs have recorded what it shows."""

    def draw(self, shown: Shown) -> None:
        """Put it on the page."""


def tabs(shown: Shown, figures: Sequence[Figure]) -> None:
    """Show a tab for each figure that the runs can fill; only the open one is drawn."""
    available = [figure for figure in figures if figure.available(shown)]
    if available:
        _tabs(shown, available)
    else:
        st.info("These runs recorded nothing to plot.")


@st.fragment
def _tabs(shown: Shown, figures: Sequence[Figure]) -> None:
    """The tabs themselves: opening one, or a choice or toggle in it, redraws nothing else."""
    places = controls.tabs([figure.title for figure in figures], "figure")
    for place, figure in zip(places, figures, strict=True):
        if place.open:
            with place:
                figure.draw(shown)


@contextlib.contextmanager
def above() -> Iterator[DeltaGenerator]:
    """A row above a figure: the controls of the block, and at its right end the figure's files."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
        files = st.container(width="content")
        with row:
            yield files


def known_measures(shown: Shown, table: str, measures: Sequence[Measure]) -> Sequence[Measure]:
    """The measures that some run has a value of; all of them if none has."""
    return [m for m in measures if shown.has(table, [m.name])] or measures


def choose_measure(
    shown: Shown, table: str, measures: Sequence[Measure], key: str = ""
) -> tuple[Measure, Column]:
    """Ask which measure to draw, if there are several; `key` is its name in the address."""
    titles = {shown.column(table, measure.name).title: measure for measure in measures}
    title = controls.value(key or table, list(titles), next(iter(titles)))
    meaning = jargon.OF_MEASURES.get(titles[title].name)
    if len(titles) > 1:
        title = controls.choice("Measure", list(titles), key or table, help=meaning)
    elif meaning:
        st.caption(title, help=meaning)
    return titles[title], shown.column(table, titles[title].name)


def sliced(
    shown: Shown, table: str, *, over: Collection[str] = (), ask: bool = True
) -> pandas.DataFrame:
    """A table at one value of each further axis but `over`: layer 1, the last training step.

    Asks for each axis that has several values, or without `ask` takes what the address says.
    """
    rows = shown.rows(table)
    row = shown.experiment.row(table)
    for declared in row.columns():
        column, name = shown.column(table, declared.name), declared.name
        if column.role != "axis" or column.curve or name in over or rows.empty:
            continue
        values = {str(value): value for value in in_order(row, name, rows[name])}
        texts = list(values)
        default = texts[-1] if column.latest else texts[0]
        text = controls.value(name, texts, default)
        if ask and len(values) > 1:
            text = controls.choice(column.title, texts, name, default=default)
        if len(values) > 1:
            rows = rows[rows[name] == values[text]]
    return rows


def at_one_place(shown: Shown, table: str, rows: pandas.DataFrame) -> pandas.DataFrame:
    """The rows at one value of the table's curve axis; asks, with the largest as the default."""
    row = shown.experiment.row(table)
    x = shown.curve(table)
    places = [str(value) for value in in_order(row, x.name, rows[x.name])]
    place = places[-1]
    if len(places) > 1:
        place = controls.choice(x.title, places, f"at_{x.name}", default=place)
    return rows[rows[x.name].astype(str) == place]


def where(shown: Shown, table: str, rows: pandas.DataFrame, over: Collection[str]) -> str:
    """`Pass: training · Baseline: linear`: the slice that was taken of axes with a choice."""
    parts = []
    for column in shown.experiment.row(table).columns():
        values = set(rows[column.name]) if column.role == "axis" else set()
        if len(values) == 1 and column.name not in over and shown.varies(table, column.name):
            parts.append(f"{column.title}: {in_words(values.pop())}")
    return " · ".join(parts)


def put(
    shown: Shown,
    chart: Chart,
    words: str,
    table: str,
    name: str,
    files: DeltaGenerator | None = None,
) -> None:
    """Put a chart on the page with what it shows in words, and into `files` its pictures and table.

    Without `files`, which `above` gives, these are in a row of their own above the chart.
    """
    name = f"{shown.experiment.name}-{name}".replace(" ", "-").replace("·", "")
    place = files or st.container(horizontal=True, horizontal_alignment="right")
    with place, downloads.menu(name):
        chart_files(chart, name, caption_of(shown.experiment, shown.runs))
        table_file(shown, table, "CSV", key=f"{name}-csv")
    render.show(chart, shown.experiment.question, words)


def caption_of(experiment: Experiment, runs: Sequence[RunRecord]) -> Caption:
    """What a picture of these runs says when it stands alone."""
    sweeps_shown = list(dict.fromkeys(inline_text(run.sweep_name or run.name) for run in runs))
    facts = [
        shortened_list(sweeps_shown, 3, "other sweep"),
        counted(len(runs), "run"),
        f"Unroll, {moment(max(run.ended or run.submitted for run in runs)).partition(',')[0]}",
    ]
    conditions = shared_settings(experiment.identity, runs)
    return Caption(experiment.question, conditions, " · ".join(facts))


def chart_files(chart: Chart, name: str, caption: Caption | None = None) -> None:
    """Offer a chart as SVG and PNG, with what it says when it stands alone."""
    downloads.pictures(name, lambda: lines.for_print(chart, caption), name)


def table_file(shown: Shown, table: str, title: str, key: str) -> None:
    """Offer a table of the runs shown as CSV, every number as it was recorded."""
    downloads.offer(
        title,
        f"{shown.experiment.name}-{table}.csv",
        lambda: cache.exact_rows(shown.runs, shown.labels, table),
        key,
    )


def problems(row: type[Row], rows: pandas.DataFrame, x: Column) -> list[str]:
    """`attention, training, sequence length 2,048 and 4,096: out of memory`, one per problem."""
    notes = [column.name for column in row.columns() if column.role == "note"]
    if not notes or rows.empty:
        return []
    axes = [column.name for column in row.columns() if column.is_axis]
    others = [name for name in axes if name not in (x.name, "subject")]
    broken = rows[rows[notes[0]] != ""]
    everywhere = rows[x.name].nunique()
    sentences = []
    for (*names, note), places in broken.groupby(["label", *others, notes[0]], sort=False)[x.name]:
        parts = [in_words(name) for name in names]
        if not places.nunique() == everywhere > 1:
            values = [in_words(place) for place in sorted(set(places))]
            parts.append(f"{lower_title(x)} {listed(values)}")
        sentences.append(f"{', '.join(parts)}: {note}")
    return sentences


def list_problems(row: type[Row], rows: pandas.DataFrame, x: Column) -> None:
    """Show where a figure has no value, and why, if that is so anywhere."""
    sentences = problems(row, rows, x)
    if not sentences:
        return
    bullets = [f"- {plain(sentence)}" for sentence in sentences[:MAX_PROBLEMS]]
    if len(sentences) > MAX_PROBLEMS:
        bullets.append(f"- and {len(sentences) - MAX_PROBLEMS} more, in the CSV")
    st.caption("\n".join(["Missing values:", "", *bullets]))
