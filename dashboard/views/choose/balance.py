"""What is traded against what: quality against a cost, layer by layer, with the frontier."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas
import streamlit as st

from core.analysis.limits import usual_sign
from core.analysis.scorecard import Cell, MeasureLine, Scorecard
from core.analysis.scorecard_sentences import with_interval
from core.experiment import Column
from dashboard.charts import render
from dashboard.charts.scales import heading
from dashboard.charts.theme import styles
from dashboard.charts.tradeoff import frontier, tradeoff
from dashboard.store import cache
from dashboard.ui import controls
from dashboard.ui.text import plain

SIZE = "parameters"
"""The measure that the area of a mark shows."""


def draw(card: Scorecard) -> None:
    """Draw two measures of the scorecard against each other; nothing where there are not two."""
    lines = comparable(card)
    x, y = usual_axes(card, lines)
    if not x or not y:
        return
    st.subheader("What is traded against what", anchor=False)
    names = {name: heading(line.column) for name, line in lines.items()}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        y = controls.choice("Quality", list(lines), "y", default=y, most=0, names=names)
        x = controls.choice("Against", list(lines), "x", default=x, most=0, names=names)
    points = points_of(card, lines[x], lines[y])
    if len(points) < 2:
        st.text("Fewer than two variants have both of these measures.")
        return
    look = styles({kind.kind: kind.variant for kind in card.kinds}, dark=cache.dark())
    across, up = _judged(lines[x].column), _judged(lines[y].column)
    sized = points["size"].notna().all()
    chart = tradeoff(points, across, up, look, lines[SIZE].column.title if sized else "")
    best = frontier(points, across.better or "lower", up.better or "higher")
    render.show(chart, f"{heading(up)} against {heading(across)}; on the frontier: {best}")
    st.caption(
        plain(
            "On the dashed line are the variants that no other one beats in both. It does not say "
            "whether a difference is significant: the verdicts are in the table."
        )
    )


def comparable(card: Scorecard) -> Mapping[str, MeasureLine]:
    """The lines that at least two kinds have a value of, by name."""
    return {
        name: line
        for name, line in card.lines.items()
        if sum(cell.estimate.value is not None for cell in line.cells.values()) > 1
    }


def usual_axes(card: Scorecard, lines: Mapping[str, MeasureLine]) -> tuple[str, str]:
    """What limits are on comes first; then the last cost (a latency) and the first quality."""
    limited = [limit.measure for limit in card.limits if limit.measure in lines]
    costs = [n for n, line in lines.items() if usual_sign(line.column) == "<=" and n != SIZE]
    qualities = [name for name, line in lines.items() if usual_sign(line.column) == ">="]

    def first(names: Sequence[str]) -> str:
        return next((name for name in [*limited, *names] if name in names), "")

    return first(costs[::-1]), first(qualities)


def points_of(card: Scorecard, x: MeasureLine, y: MeasureLine) -> pandas.DataFrame:
    """One row per kind that has a finite value of both, as `tradeoff` takes them."""
    sizes = card.lines.get(SIZE)
    rows = []
    for kind in card.kinds:
        cells = [line.cells.get(kind.kind) for line in (x, y)]
        across, up = cells
        if across is None or up is None or not (_is_finite(across) and _is_finite(up)):
            continue
        size = sizes.cells.get(kind.kind) if sizes else None
        rows.append(
            {
                "label": kind.kind,
                "x": across.estimate.value,
                "x_low": across.estimate.low,
                "x_high": across.estimate.high,
                "x_text": with_interval(x, across),
                "y": up.estimate.value,
                "y_low": up.estimate.low,
                "y_high": up.estimate.high,
                "y_text": with_interval(y, up),
                "size": size.estimate.value if size else None,
            }
        )
    table = pandas.DataFrame(rows)
    return table.astype({name: float for name in table if name in NUMBERS})


NUMBERS = ("x", "x_low", "x_high", "y", "y_low", "y_high", "size")


def _is_finite(cell: Cell) -> bool:
    return cell.estimate.value is not None and math.isfinite(cell.estimate.value)


def _judged(column: Column) -> Column:
    """The column with the direction that its limits have: a shorter latency is better."""
    return column if column.better else replace(column, better="lower")
