"""Charts of one network's numbers: exact, without an interval; each with its files."""

from __future__ import annotations

from collections.abc import Sequence

import pandas

from core.experiment import Column
from dashboard import cell_files, data, drawing
from dashboard.drawing import Chart
from dashboard.exploring import Subject
from dashboard.palette import Style, styles

HEIGHT = 240
"""Of two charts side by side."""


def styles_of(subjects: Sequence[Subject]) -> dict[str, Style]:
    """As everywhere: one colour per cell."""
    return styles({s.label: s.variant for s in subjects}, dark=data.dark())


def lines(rows: pandas.DataFrame, x: Column, y: Column) -> pandas.DataFrame:
    """One network's numbers: exact, without an interval."""
    kept = rows[["label", x.name, y.name]].rename(columns={y.name: "value"})
    return kept.assign(low=float("nan"), high=float("nan"), n=1)


def put(chart: Chart, alt: str, name: str, rows: pandas.DataFrame) -> None:
    """A chart with its files."""
    drawing.show(chart, alt)
    cell_files.chart_and_table(lambda: chart, name, rows)
