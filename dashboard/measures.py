"""What a curve figure can draw of a table: a measure with its intervals, and what is beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas

from core.experiment import Column
from core.words import listed
from dashboard import curves, seeds
from dashboard.declared import curve_of, has_seeds
from dashboard.scales import logarithm_of
from dashboard.shown import Shown

NO_PLACE = {"zero": 0.0, "infinite": math.inf}
"""What a logarithmic axis cannot show."""


@dataclass(frozen=True)
class Measure:
    """A column that can be drawn."""

    name: str
    zeros: str = ""
    """The column that counts samples in which it is exactly zero and so has no logarithm."""
    rate: str = ""
    """The column of `Curves.rates` with the slope of its straight line."""
    reference: float | None = None
    """A level to compare with."""
    baseline: str = ""
    """The column that says what it is to be compared with at each place: exact, not measured."""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """What is possible: intervals end there."""
    logarithm: bool = False
    """Drawn on a logarithmic axis."""

    def drawn(self, column: Column) -> Column:
        """The column as the y axis shows it."""
        return logarithm_of(column) if self.logarithm else column

    def bands(
        self, shown: Shown, table: str, rows: pandas.DataFrame, counts: Sequence[str]
    ) -> pandas.DataFrame:
        """Columns label, x, value, low, high, n, and the sums of `counts` where they are pooled.

        Over seeds; what is measured with an interval of its own keeps it where it can.
        """
        row = shown.experiment.row(table)
        across = ["label", curve_of(row).name]
        if not shown.column(table, self.name).estimate:
            found = curves.bands(rows, across, self.name)
            ends = found[["low", "high"]].clip(*self.bounds)
            found = found.assign(low=ends["low"], high=ends["high"])
        elif has_seeds(row):
            found = seeds.pooled(rows, across, self.name, counts, self.bounds)
        else:
            found = seeds.recorded(rows, across, self.name, self.bounds)
        return curves.logarithms(found) if self.logarithm else found

    def baselines(
        self, shown: Shown, table: str, rows: pandas.DataFrame
    ) -> pandas.DataFrame | None:
        """Columns series, x, value, text of what it is to be compared with, if there is such."""
        if not self.baseline:
            return None
        x = curve_of(shown.experiment.row(table)).name
        title = shown.column(table, self.baseline).title
        return curves.baselines(rows, x, self.baseline).assign(text=title.lower())

    def left_out(self, rows: pandas.DataFrame, x: Column) -> Iterator[str]:
        """`RNN is infinite at lag 2 and 3, and not drawn there.`"""
        for said, value in NO_PLACE.items() if self.logarithm else ():
            for label, part in rows.groupby("label", sort=False):
                places = sorted(set(part[x.name][part[self.name] == value]))
                where = f"every {x.title.lower()}"
                if len(places) < part[x.name].nunique():
                    where = f"{x.title.lower()} {listed([f'{p:,}' for p in places] or [''])}"
                if places:
                    yield f"{label!s} is {said} at {where}, and not drawn there."
