"""What is traded against what: quality against a cost, layer by layer, with the frontier."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas
import streamlit as st

from core.analysis.choice import SIZE, Choice, Measure, choose, usual_measures, weighable
from core.analysis.choice_sentences import place_of, value_with_repeats
from core.analysis.limits import usual_sign
from core.analysis.scorecard import Cell, MeasureLine, Scorecard
from core.analysis.scorecard_sentences import NOT_YET, with_interval
from core.formatting import listed
from dashboard.charts import render
from dashboard.charts.scales import heading
from dashboard.charts.theme import styles
from dashboard.charts.tradeoff import tradeoff
from dashboard.store import cache
from dashboard.ui import controls
from dashboard.ui.text import plain
from experiments import choices


def ask(card: Scorecard) -> Choice:
    """The choice by the two measures in the address, or by the usual ones; `pick` asks for them."""
    lines = weighable(card)
    quality, cost = (
        next((name for name in controls.asked(key) if name in lines), "") for key in ("y", "x")
    )
    return choose(card, quality, cost)


def pick(choice: Choice) -> None:
    """The controls of the two measures; nothing where there are not two."""
    if choice.quality is None or choice.cost is None:
        return
    lines = weighable(choice.card)
    names = {name: heading(line.column) for name, line in lines.items()}
    usual = usual_measures(choice.card)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for title, key, sign, default in zip(
            ("Quality", "Against"), ("y", "x"), (">=", "<="), usual, strict=True
        ):
            options = [name for name, line in lines.items() if usual_sign(line.column) == sign]
            controls.choice(title, options, key, default=default, most=0, names=names)


def draw(choice: Choice) -> None:
    """Draw the frontier as a figure and a table; nothing where there is nothing to weigh."""
    if choice.quality is None or choice.cost is None:
        return
    st.subheader("What is traded against what", anchor=False)
    pick(choice)
    draw_figure(choice.card, choice.quality, choice.cost, choice)
    _draw_table(choice)


def draw_figure(card: Scorecard, quality: Measure, cost: Measure, choice: Choice) -> None:
    """A mark for each kind that has both measures; those that do not surely fit are faint."""
    points = points_of(card, cost.line, quality.line)
    if len(points) < 2:
        st.text("Fewer than two variants have both of these measures.")
        return
    look = styles({kind.kind: kind.variant for kind in card.kinds}, dark=cache.dark())
    across, up = (replace(m.line.column, better=m.better) for m in (cost, quality))
    sized = points["size"].notna().all()
    out = [kind for kind in card.fits if kind not in choice.fitting]
    title = card.lines[SIZE].column.title if sized else ""
    chart = tradeoff(points, across, up, look, title, out)
    on_it = f"on the frontier: {listed(choice.frontier) or 'none'}"
    render.show(chart, f"{heading(up)} against {heading(across)}; {on_it}")
    under = []
    if len({*choice.frontier} & {*points["label"]}) > 1:
        under.append(
            "The dashed line joins the variants that no other one beats in both; between its "
            "corners nothing is measured, and nothing is interpolated."
        )
    if out:
        under.append("Faint: does not surely keep the limits.")
    if under:
        st.caption(plain(" ".join(under)))


def _draw_table(choice: Choice) -> None:
    """Every kind with its place and what it is judged by, the recommended ones first."""
    card = choice.card
    kinds = choices.ordered(choice)
    columns = {
        heading(card.lines[name].column): [
            value_with_repeats(choice, name, kind) or NOT_YET for kind in kinds
        ]
        for name in choice.measures
    }
    places = {"Place": [place_of(choice, kind) for kind in kinds]}
    table = pandas.DataFrame({"Variant": kinds, **places, **columns})
    with st.container(key="choice-table"):
        alt = "Each variant with its place and the measures that it is judged by"
        st.table(table.map(plain), border="horizontal", hide_index=True, alt=alt)


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
