"""A figure of one result against another, with a mark for each run."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas
import streamlit as st

from core.analysis.sentences import lower_title
from core.experiment import Column
from core.formatting import counted, listed
from dashboard.charts import scatter
from dashboard.charts.scales import whole_numbers
from dashboard.figures.base import Shown, put
from dashboard.ui.text import exact, interval, plain


@dataclass(frozen=True)
class Scatter:
    """Two estimates of the summary against each other, on logarithmic axes."""

    title: str
    x: str
    y: str
    before: str = ""
    """The estimate of x at an earlier time: a line leads from there to the mark."""
    beyond: str = ""
    """The next larger y that was tried. Where it is empty, y may be larger than measured."""
    hovered: tuple[str, ...] = ()
    """Other columns in the tooltip."""
    diagonal: str = ""
    """The name of the line where y equals x."""
    key: str = ""
    """What the sizes and bars of the marks mean."""
    note: str = ""
    """How to read it."""

    def available(self, shown: Shown) -> bool:
        """Whether any run has both."""
        return not shown.results.empty and bool(self._complete(shown.pooled).any())

    def draw(self, shown: Shown) -> None:
        """Show the chart, how to read it, and what stands apart or is missing."""
        table = shown.experiment.summary.table
        x, y = shown.column(table, self.x), shown.column(table, self.y)
        pooled = shown.pooled
        complete = self._complete(pooled)
        results = pooled[complete]
        names = (self.y, self.beyond, self.before, self.x, *self.hovered)
        columns = [shown.column(table, name) for name in names if name]
        marks = self._marks(results).assign(**_hover_texts(shown, results, columns))
        titles = {f"{column.name}_text": column.heading for column in columns}
        chart = scatter.scatter(
            marks, x, y, shown.styles, titles, diagonal=self.diagonal, key=self.key
        )
        numbers = zip(marks["label"], marks["x"], marks["y"], strict=True)
        words = [f"{label}: {exact(at)}, {exact(height)}" for label, at, height in numbers]
        alt = f"{y.heading} against {x.heading}. {'; '.join(words)}."
        put(shown, chart, alt, table, f"{self.y}-{self.x}")
        if self.note:
            st.markdown(plain(self.note))
        missing = list(dict.fromkeys(pooled[~complete]["label"]))
        for sentence in _remarks(marks, missing, x, y):
            st.caption(plain(sentence))

    def _complete(self, results: pandas.DataFrame) -> pandas.Series[bool]:
        return results[self.x].notna() & results[self.y].notna()

    def _marks(self, results: pandas.DataFrame) -> pandas.DataFrame:
        """The columns that the chart takes."""
        marks = results[["label"]]
        for names, source in (
            (scatter.X, self.x),
            (scatter.BEFORE, self.before),
            (scatter.Y, self.y),
        ):
            for name, end in zip(names, ("", "_low", "_high"), strict=True):
                known = f"{source}{end}" in results  # a count has no interval
                values = results[f"{source}{end}"].astype(float) if known else math.nan
                marks = marks.assign(**{name: values})
        return marks.assign(at_least=results[self.beyond].isna() if self.beyond else False)


def _remarks(marks: pandas.DataFrame, missing: list[str], x: Column, y: Column) -> Iterator[str]:
    """Sentences on marks that are easily misread, and on runs without a mark."""
    labels_where = {
        f"{x.title} is infinite, so it stands at the right edge": marks["x"] == math.inf,
        f"{x.title} is 0, so it stands at the left edge": marks["x"] == 0,
        f"{y.title} is infinite, so it stands at the top": marks["y"] == math.inf,
        f"{y.title} is 0, so it stands at the bottom": marks["y"] == 0,
        f"Triangle, because nothing beyond its {lower_title(y)} was tried": marks["at_least"],
    }
    for words, which in labels_where.items():
        if which.any():
            yield f"{words}: {listed(list(dict.fromkeys(marks['label'][which])))}."
    if missing:
        yield f"Without one of the two, and so not drawn: {listed(missing)}."


def _hover_texts(
    shown: Shown, results: pandas.DataFrame, columns: list[Column]
) -> dict[str, list[str]]:
    """`5.2 (4.8 to 5.7, 5 seeds)`: each number with its interval, in columns `<name>_text`."""
    whole = whole_numbers(shown.experiment.summary)

    def text(row: Mapping[Hashable, Any], column: Column) -> str:
        number = exact(row[column.name], whole=column.name in whole)
        if not column.estimate or pandas.isna(row[column.name]):
            return number
        ends = interval(row[f"{column.name}_low"], row[f"{column.name}_high"])
        n = int(row[f"{column.name}_n"])
        count = f"n = {n:,}" if shown.experiment.timed else counted(n, "seed")
        return f"{number} ({', '.join(filter(None, (ends, count)))})"

    rows = results.to_dict("records")
    return {f"{column.name}_text": [text(row, column) for row in rows] for column in columns}
