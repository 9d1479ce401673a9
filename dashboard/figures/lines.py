"""Figures with lines: a measure against a table's curve axis, a size, or a setting of the runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas
import streamlit as st

from core.analysis.groups import labels
from core.analysis.sentences import lower_title
from core.experiment import Column, Row
from core.formatting import listed
from core.settings import settings_of
from dashboard.charts import curves, dots, lines
from dashboard.charts.lines import ShadedRange
from dashboard.charts.render import Chart
from dashboard.charts.scales import is_logarithm, logarithm_of
from dashboard.charts.theme import Style, styles
from dashboard.figures import subjects
from dashboard.figures.base import (
    Measure,
    Shown,
    above,
    at_one_place,
    choose_measure,
    known_measures,
    list_problems,
    put,
    sliced,
    where,
)
from dashboard.store import cache
from dashboard.ui import controls
from dashboard.ui.text import in_words, plain


@dataclass(frozen=True)
class Curves:
    """A measure of a table against the table's curve axis, one band per label."""

    title: str
    table: str
    measures: tuple[Measure, ...]
    missing: tuple[str, ...] = ()
    """Columns that count samples missing from every mean."""
    samples: str = ""
    """The setting with the number of samples of a seed."""
    rates: str = ""
    """The table of decay rates, if straight lines can be shown."""
    further: tuple[tuple[str, str], ...] = ()
    """(column, title) of counts that the hover adds up over the seeds of an estimate."""
    shaded: Callable[[Shown, pandas.DataFrame], ShadedRange | None] | None = None
    """Finds the part of the x axis that is shaded."""
    sizes: bool = False
    """Whether the x axis is logarithmic and labelled with what was measured."""
    from_zero: bool = False
    """Whether zero has a place on such an axis."""
    whiskers: bool = False
    """Intervals are bars, beside one another: bands over few seeds would hide each other."""
    preview_rows: Callable[[pandas.DataFrame, type[Row]], pandas.DataFrame] = curves.first_slice
    """Which rows a preview shows."""
    key: str = ""
    """The name of the choice of measure in the address; the table's unless given."""

    def available(self, shown: Shown) -> bool:
        """Whether any run has a curve of more than one point."""
        return shown.varies(self.table, self._x(shown).name)

    def draw(self, shown: Shown) -> None:
        """Show the controls, the chart, and under it the range of its x axis."""
        x = self._x(shown)
        with above() as files:
            known = known_measures(shown, self.table, self.measures)
            measure, y = choose_measure(shown, self.table, known, self.key)
            rows = sliced(shown, self.table)
            single = (
                not measure.logarithm
                and "seed" in rows
                and bool((rows.groupby("label")["seed"].nunique() > 1).any())
                and controls.switch("Single seeds", "single_seeds", help="Instead of bands.")
            )
            relative = is_logarithm(y) and controls.switch(
                "Relative to the first", "relative", help="Every curve starts at 1."
            )
            fitted = bool(measure.rate) and controls.switch(
                "Fitted lines", "fitted", help="The straight lines whose slopes are in the table."
            )
        place = st.container()
        ends = int(rows[x.name].min()), int(rows[x.name].max())
        across = controls.span(f"{x.title}: range", *ends, f"{x.name}_range")
        if relative:
            rows = curves.relative(rows, x.name, y.name)
        missing = [name for name in (measure.zeros, *self.missing) if name in rows]
        complete = curves.complete(rows, x.name, missing)
        seen = curves.thin(complete[complete[x.name].between(*across)], x.name)
        bands = self._bands(shown, seen, measure)
        if bands.empty:
            place.info("Here every value is exactly zero or missing: there is no curve to draw.")
            return
        zeros = None
        if measure.zeros:
            samples = {run.run_id: int(str(run.settings[self.samples])) for run in shown.runs}
            in_range = rows[rows[x.name].between(*across)]
            zeros = curves.shares(in_range, x.name, measure.zeros, samples)
        chart = self._chart(
            shown,
            seen,
            bands,
            measure,
            y,
            seeds=seen.rename(columns={y.name: "value"}) if single else None,
            fits=self._fits(shown, rows, complete, measure, across) if fitted else None,
            zeros=zeros,
            relative=relative,
        )
        y = logarithm_of(y) if measure.logarithm else y
        y = lines.relative_to_first(y) if relative else y
        alt = lines.description(shown.experiment.question, bands, x, y)
        with place:
            put(shown, chart, alt, self.table, measure.name, files)
        for sentence in _undrawable(measure, seen, x):
            st.caption(plain(sentence))

    def preview(self, shown: Shown, *, intervals: bool, height: int) -> Chart | None:
        """The chart alone, small; None while there is no row.

        Leave `intervals` out while runs are going: those of a few seeds are huge.
        """
        rows = shown.rows(self.table)
        if rows.empty:
            return None
        measure = self.measures[0]
        row = shown.experiment.row(self.table)
        seen = curves.thin(self.preview_rows(rows, row), self._x(shown).name)
        bands = self._bands(shown, seen, measure)
        if bands.empty:
            return None
        if not intervals:
            bands = bands.assign(low=math.nan, high=math.nan)
        y = shown.column(self.table, measure.name)
        # Between the ends of what is possible, noise looks as small as it is.
        whole = not measure.logarithm and all(map(math.isfinite, measure.bounds))
        within = measure.bounds if whole else None
        return self._chart(shown, seen, bands, measure, y, height=height, within=within)

    def _x(self, shown: Shown) -> Column:
        return shown.curve(self.table)

    def _bands(self, shown: Shown, rows: pandas.DataFrame, measure: Measure) -> pandas.DataFrame:
        sums = [name for name, _ in self.further]
        bands = measure.bands(shown, self.table, rows, ["label", self._x(shown).name], sums)
        return curves.logarithms(bands) if measure.logarithm else bands

    def _chart(
        self,
        shown: Shown,
        seen: pandas.DataFrame,
        bands: pandas.DataFrame,
        measure: Measure,
        y: Column,
        **options: Any,
    ) -> Chart:
        x = self._x(shown)
        named = []
        for name in filter(None, (measure.baseline, *measure.further_baselines)):
            curve = curves.baselines(seen, x.name, name)
            title = shown.column(self.table, name).title.lower()
            named.append(curve.assign(text=title, series=f"{name} " + curve["series"]))
        baselines = pandas.concat(named) if named else None
        if baselines is not None and baselines.empty:  # runs older than the column
            baselines = None
        return lines.line_chart(
            bands,
            x,
            logarithm_of(y) if measure.logarithm else y,
            shown.styles,
            reference=measure.level(shown, seen) if measure.level else measure.reference,
            baselines=baselines,
            repeats=measure.repeats(shown, self.table, self.further),
            shaded=self.shaded(shown, seen) if self.shaded else None,
            sizes=self.sizes,
            from_zero=self.from_zero,
            whiskers=self.whiskers,
            **options,
        )

    def _fits(
        self,
        shown: Shown,
        rows: pandas.DataFrame,
        complete: pandas.DataFrame,
        measure: Measure,
        across: tuple[int, int],
    ) -> pandas.DataFrame:
        x = self._x(shown).name
        counted = rows.groupby("label")[x].nunique()
        distances = {str(label): int(number) for label, number in counted.items()}
        rates = sliced(shown, self.rates, ask=False)
        bands = curves.bands(complete, ["label", x], measure.name)
        return curves.fitted_lines(bands, rates, x, measure.rate, distances, across)


def _undrawable(measure: Measure, rows: pandas.DataFrame, x: Column) -> Iterator[str]:
    """`RNN is infinite at lag 2 and 3, and not drawn there.`: values without a logarithm."""
    for word, value in {"zero": 0.0, "infinite": math.inf}.items() if measure.logarithm else ():
        for label, part in rows.groupby("label", sort=False):
            places = sorted(set(part[x.name][part[measure.name] == value]))
            at = f"every {lower_title(x)}"
            if len(places) < part[x.name].nunique():
                at = f"{lower_title(x)} {listed([f'{p:,}' for p in places] or [''])}"
            if places:
                yield f"{label!s} is {word} at {at}, and not drawn there."


@dataclass(frozen=True)
class Scaling:
    """How a measure grows with a size, which has a logarithmic axis.

    The size is the table's curve axis, or a setting that the runs vary.
    """

    title: str
    table: str
    measures: tuple[Measure, ...]
    setting: str = ""
    """The setting along x; the table's own curve axis is then taken at one place."""
    logarithmic: bool = True
    """Whether the measure's axis is logarithmic too."""

    def available(self, shown: Shown) -> bool:
        """Whether there is a number, and the setting varies within a series."""
        if not shown.has(self.table, [measure.name for measure in self.measures]):
            return False
        return not self.setting or varies_within(shown, self.setting)

    def draw(self, shown: Shown) -> None:
        """Show the controls, the chart, and where there is no value."""
        x = self._x(shown)
        with above() as files:
            measure, y = choose_measure(shown, self.table, self.measures)
            rows = sliced(shown, self.table, over=(subjects.AXIS,))
            if self.setting:
                rows = at_one_place(shown, self.table, rows)
            selection = subjects.choose(shown, rows, without=(x.name,))
        rows, series = subjects.series(shown, rows, selection, without=(x.name,))
        if self.setting:
            rows = rows.assign(**{x.name: rows["run_id"].map(shown.setting_of_runs(x.name))})
        bands = self._bands(shown, measure, rows)
        if bands.empty:
            st.info("There are no values to plot.")
        else:
            chart = self._chart(shown, measure, rows, bands, series, lines.HEIGHT)
            alt = lines.description(shown.experiment.question, bands, x, self._y(y))
            put(shown, chart, alt, self.table, f"{measure.name}-{x.name}", files)
        list_problems(shown.experiment.row(self.table), rows, x)

    def preview(self, shown: Shown, *, intervals: bool, height: int) -> Chart | None:
        """The chart alone, small, at the first value of each further axis."""
        rows = shown.rows(self.table)
        if rows.empty:
            return None
        row, x = shown.experiment.row(self.table), self._x(shown)
        rows = curves.first_slice(rows, row, over=(subjects.AXIS,))
        selection = subjects.default(shown, rows, without=(x.name,))
        rows, series = subjects.series(shown, rows, selection, without=(x.name,))
        measure = self.measures[0]
        bands = self._bands(shown, measure, rows)
        if bands.empty:
            return None
        if not intervals:
            bands = bands.assign(low=math.nan, high=math.nan)
        return self._chart(shown, measure, rows, bands, series, height)

    def _x(self, shown: Shown) -> Column:
        if self.setting:
            return setting_axis(shown, self.setting)
        return shown.curve(self.table)

    def _bands(self, shown: Shown, measure: Measure, rows: pandas.DataFrame) -> pandas.DataFrame:
        across = ["label", self._x(shown).name]
        bands = measure.bands(shown, self.table, rows, across)
        return curves.logarithms(bands) if self.logarithmic else bands

    def _y(self, column: Column) -> Column:
        return logarithm_of(column) if self.logarithmic else column

    def _chart(
        self,
        shown: Shown,
        measure: Measure,
        rows: pandas.DataFrame,
        bands: pandas.DataFrame,
        series: dict[str, Style],
        height: int,
    ) -> Chart:
        x, reference = self._x(shown), measure.reference
        y = self._y(shown.column(self.table, measure.name))
        repeats = measure.repeats(shown, self.table)
        at = where(shown, self.table, rows, (subjects.AXIS, x.name))
        if bands[x.name].nunique() == 1:  # there is no line through one place
            place = f"{x.title}: {in_words(bands[x.name].iloc[0])}"
            at = " · ".join(filter(None, (place, at)))
            ordered = bands.set_index("label").loc[[n for n in series if n in {*bands["label"]}]]
            return dots.dot_chart(ordered.reset_index(), y, series, repeats, at)
        if reference is not None and self.logarithmic:
            reference = math.log10(reference)
        return lines.line_chart(
            bands,
            x,
            y,
            series,
            reference=reference,
            height=height,
            repeats=repeats,
            sizes=True,
            where=at,
        )


@dataclass(frozen=True)
class BySetting:
    """Estimates of the summary against a setting that runs of one series differ in."""

    title: str
    setting: str
    measures: tuple[Measure, ...]
    note: str = ""
    """A caution under the chart."""

    def available(self, shown: Shown) -> bool:
        """Whether the setting varies within a series."""
        return not shown.results.empty and varies_within(shown, self.setting)

    def draw(self, shown: Shown) -> None:
        """Show the choice of measure, then the chart."""
        table = shown.experiment.summary.table
        with above() as files:
            measure, y = choose_measure(shown, table, known_measures(shown, table, self.measures))
        x = setting_axis(shown, self.setting)
        named = labels(shown.experiment, shown.runs, without=(self.setting,))
        results = shown.results.assign(label=shown.results["run_id"].map(named))
        # The same seed measured twice counts once, the newest time.
        once = results.drop_duplicates(["label", self.setting, "seed"], keep="last")
        bands = curves.estimate_bands(
            once,
            ["label", self.setting],
            measure.name,
            bounds=measure.bounds,
            aggregation=shown.column(table, measure.name).aggregation,
        )
        variants = dict(zip(results["label"], results["variant"], strict=True))
        series = styles(variants, dark=cache.dark())
        chart = lines.line_chart(bands, x, y, series, sizes=True)
        alt = lines.description(shown.experiment.question, bands, x, y)
        put(shown, chart, alt, table, f"{y.name}-{x.name}", files)
        if self.note:
            st.caption(self.note)


def varies_within(shown: Shown, setting: str) -> bool:
    """Whether some runs differ in a setting, and in nothing else that distinguishes them."""
    named = labels(shown.experiment, shown.runs, without=(setting,))
    values = shown.setting_of_runs(setting)
    places = {(named[run_id], value) for run_id, value in values.items()}
    return len(places) > len(set(named.values()))


def setting_axis(shown: Shown, name: str) -> Column:
    """A setting as an x axis."""
    settings = settings_of(shown.experiment.config)
    return Column(
        name=name,
        title=next(setting.title for setting in settings if setting.name == name),
        unit="",
        role="axis",
        curve=True,
        latest=False,
        better=None,
        description="",
        estimate=False,
    )
