"""A figure of one result against another: what goes with what, a mark for each run."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas
import streamlit as st

from core.experiment import Column
from core.words import counted, listed
from dashboard import scatter
from dashboard.declared import whole_numbers
from dashboard.figures import put
from dashboard.shown import Shown
from dashboard.wording import exact, interval, plain


@dataclass(frozen=True)
class Scatter:
    """Two estimates of the summary against each other, on logarithmic axes."""

    title: str
    x: str
    y: str
    before: str = ""
    """The estimate of x at an earlier time: a line leads from there to the mark."""
    beyond: str = ""
    """The next larger y that was tried. Where it is empty y may be larger than measured."""
    told: tuple[str, ...] = ()
    """Other columns that the hover gives."""
    diagonal: str = ""
    """What it means that y equals x."""
    key: str = ""
    """How to tell the marks."""
    note: str = ""
    """How to read it."""

    def available(self, shown: Shown) -> bool:
        """Whether any run has both."""
        return not shown.results.empty and bool(self._complete(shown.results).any())

    def draw(self, shown: Shown) -> None:
        """The chart, how to read it, and what stands apart or is missing."""
        table = shown.experiment.summary.table
        x, y = shown.column(table, self.x), shown.column(table, self.y)
        complete = self._complete(shown.results)
        results = shown.results[complete]
        marks, hovered = self._marks(results), self._hovered(shown)
        marks = marks.assign(**_texts(shown, results, hovered))
        titles = {f"{c.name}_said": c.heading for c in hovered}
        chart = scatter.scatter(
            marks, x, y, shown.styles, titles, diagonal=self.diagonal, key=self.key
        )
        numbers = zip(marks["label"], marks["x"], marks["y"], strict=True)
        lines = [f"{label}: {exact(at)}, {exact(height)}" for label, at, height in numbers]
        alt = f"{y.heading} against {x.heading}. {'; '.join(lines)}."
        put(shown, chart, alt, table, f"{self.y}-{self.x}")
        if self.note:
            st.markdown(plain(self.note))
        missing = shown.results[~complete]["label"]
        for remark in self._remarks(marks, list(dict.fromkeys(missing)), x, y):
            st.caption(plain(remark))

    def _complete(self, results: pandas.DataFrame) -> pandas.Series[bool]:
        return results[self.x].notna() & results[self.y].notna()

    def _marks(self, results: pandas.DataFrame) -> pandas.DataFrame:
        """Columns as `scatter` takes them."""
        marks = results[["label"]]
        for names, source in (
            (scatter.X, self.x),
            (scatter.BEFORE, self.before),
            (scatter.Y, self.y),
        ):
            for name, end in zip(names, ("", "_low", "_high"), strict=True):
                values = results[f"{source}{end}"].astype(float) if source else math.nan
                marks = marks.assign(**{name: values})
        return marks.assign(at_least=results[self.beyond].isna() if self.beyond else False)

    def _hovered(self, shown: Shown) -> list[Column]:
        names = (self.y, self.beyond, self.before, self.x, *self.told)
        return [shown.column(shown.experiment.summary.table, name) for name in names if name]

    def _remarks(
        self, marks: pandas.DataFrame, missing: list[str], x: Column, y: Column
    ) -> Iterator[str]:
        """What a careless reader would take for something else."""
        where = {
            f"{x.title} is infinite, so it stands at the right edge": marks["x"] == math.inf,
            f"{x.title} is 0, so it stands at the left edge": marks["x"] == 0,
            f"{y.title} is infinite, so it stands at the top": marks["y"] == math.inf,
            f"{y.title} is 0, so it stands at the bottom": marks["y"] == 0,
            f"Triangle, because nothing beyond its {y.title.lower()} was tried": marks["at_least"],
        }
        for said, which in where.items():
            if which.any():
                yield f"{said}: {listed(list(dict.fromkeys(marks['label'][which])))}."
        if missing:
            yield f"Without one of the two, and so not drawn: {listed(missing)}."


def _texts(shown: Shown, results: pandas.DataFrame, columns: list[Column]) -> dict[str, list[str]]:
    """`5.2 (4.8 to 5.7, 5 seeds)`: each number with its interval, as hovers say it."""
    whole = whole_numbers(shown.experiment.summary)
    found = {}
    for column in columns:
        said = []
        for row in results.to_dict("records"):
            words = exact(row[column.name], whole=column.name in whole)
            said.append(" ".join(filter(None, (words, _spread(shown, row, column)))))
        found[f"{column.name}_said"] = said
    return found


def _spread(shown: Shown, row: Mapping[Hashable, Any], column: Column) -> str:
    """`(4.8 to 5.7, 5 seeds)` of an estimate that there is."""
    if not column.estimate or pandas.isna(row[column.name]):
        return ""
    ends = interval(row[f"{column.name}_low"], row[f"{column.name}_high"])
    times = int(row[f"{column.name}_n"])
    repeats = counted(times, "repetition" if shown.experiment.timed else "seed")
    return f"({', '.join(filter(None, (ends, repeats)))})"
