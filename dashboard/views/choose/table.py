"""The scorecard as a table that can be sorted, and on a phone as a card for each layer."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas
import streamlit as st

from core.analysis.limits import SIGNS, Need
from core.analysis.scorecard import MeasureLine, Scorecard
from core.analysis.scorecard_sentences import (
    FIT_MARKS,
    KEY,
    NOT_YET,
    SCORECARD_MARKS,
    repeats_of,
    struck_by,
    value_of,
)
from core.formatting import interval, quantity
from dashboard.charts.scales import heading
from dashboard.charts.theme import BETTER, NEUTRAL, WORSE
from dashboard.ui.text import plain

FITS_COLUMN = "Limits"

SHADE, STRUCK = 0.42, 0.3
"""Opacity of the best cell of a column, and of one that breaks a limit."""

ROW_PIXELS = 38


def draw(card: Scorecard) -> None:
    """Show the table, which a narrow screen shows as cards."""
    with st.container(key="choose-table"):
        st.dataframe(
            styled(card),
            row_height=ROW_PIXELS,
            height="content",
            column_order=_order(card),
            placeholder="–",
            column_config=_columns(card),
            alt="One row for each variant, one column for each measure; select a heading to sort",
        )
    with st.container(key="choose-cards"):
        for kind in card.kinds:
            with st.expander(_title(card, kind.kind)):
                st.markdown(_values(card, kind.kind))
    st.caption(f"{plain(KEY)} In brackets: 95% intervals.")
    with st.container(key="choose-key"):
        st.caption(
            "–: not measured, or the variant has no such value. The stronger its tint, the better "
            "a cell is within its column; select a heading to sort by it."
        )


def _order(card: Scorecard) -> list[str]:
    """What is limited comes first, so that it is seen beside the verdict."""
    limited = [limit.measure for limit in card.limits]
    measures = dict.fromkeys([*limited, *card.lines])
    return [*([FITS_COLUMN] if card.limits else []), *(n for n in measures if n in card.lines)]


def styled(card: Scorecard) -> Any:
    """The table with its texts and its shades; it sorts by the numbers."""
    kinds = [kind.kind for kind in card.kinds]
    style = frame(card).style
    for name, line in card.lines.items():
        texts = [cell_text(line, kind) for kind in kinds]
        for kind, text in zip(kinds, texts, strict=True):
            said = functools.partial(_said, text)
            style = style.format(said, subset=([kind], [name]))
    return style.apply(lambda _: _css(card), axis=None)


def _said(text: str, _: object) -> str:
    return text


def frame(card: Scorecard) -> pandas.DataFrame:
    """A row per kind and a column per measure, by name; missing values are nan."""
    kinds = [kind.kind for kind in card.kinds]
    columns: dict[str, list[Any]] = {}
    if card.limits:
        columns[FITS_COLUMN] = [f"{FIT_MARKS[card.fits[kind]]} {card.fits[kind]}" for kind in kinds]
    for name, line in card.lines.items():
        cells = [line.cells.get(kind) for kind in kinds]
        columns[name] = [cell.estimate.value if cell else None for cell in cells]
    table = pandas.DataFrame(columns, index=pandas.Index(kinds, name="Variant"))
    return table.astype(dict.fromkeys(card.lines, float))


def cell_text(line: MeasureLine, kind: str) -> str:
    """`20 [18–22] ★`, `not yet`, `none`."""
    cell = line.cells.get(kind)
    if cell is None:
        return NOT_YET
    ends = interval(cell.estimate)
    mark = SCORECARD_MARKS.get(line.marks.get(kind, ""), "")
    return " ".join(filter(None, [value_of(cell), f"[{ends}]" if ends else "", mark]))


def shades(line: MeasureLine) -> Mapping[str, float]:
    """Kind → how good it is within its column, from 0 to 1, by rank; all that are not significantly
    different from the best share its shade. Empty where nothing is ranked."""
    if line.fixed or not line.column.better:
        return {}
    known = {k: v for k, cell in line.cells.items() if (v := cell.estimate.value) is not None}
    order = sorted(set(known.values()), reverse=line.column.better == "higher")
    steps = max(1, len(order) - 1)
    return {
        kind: 1.0 if line.marks.get(kind) else 1 - order.index(value) / steps
        for kind, value in known.items()
    }


def _css(card: Scorecard) -> pandas.DataFrame:
    """The background of every cell: shades by rank, and the cells that break a limit."""
    table = frame(card)
    css = pandas.DataFrame("", index=table.index, columns=table.columns)
    for name, line in card.lines.items():
        for kind, share in shades(line).items():
            css.loc[kind, name] = _background(BETTER, SHADE * share)
        for kind in css.index:
            if kind not in line.cells:
                css.loc[kind, name] = f"color: {NEUTRAL}"
    for kind, findings in card.findings.items():
        for finding in findings:
            if finding.fit == "does not fit" and finding.limit.measure in css:
                css.loc[kind, finding.limit.measure] = _background(WORSE, STRUCK)
        if card.fits[kind] == "does not fit":
            css.loc[kind, FITS_COLUMN] = _background(WORSE, STRUCK)
    return css


def _background(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"background-color: rgba({red}, {green}, {blue}, {opacity:.2f})" if opacity else ""


def _columns(card: Scorecard) -> dict[str, Any]:
    limits: dict[str, list[str]] = {}
    for limit in card.limits:
        if isinstance(limit, Need):
            continue
        text = f"{SIGNS[limit.sign]} {quantity(limit.value, limit.column.unit)}"
        limits.setdefault(limit.measure, []).append(text)
    config: dict[str, Any] = {
        "Variant": st.column_config.TextColumn(pinned=True, width=120),
        FITS_COLUMN: st.column_config.TextColumn(pinned=True, width=120),
    }
    for question in card.questions:
        for line in question.lines:
            label = " ".join([heading(line.column), *limits.get(line.headline.name, [])])
            help = f"{question.experiment.title}. {line.column.description}"
            config[line.headline.name] = st.column_config.NumberColumn(label, help=plain(help))
    return config


def _title(card: Scorecard, kind: str) -> str:
    """`GRU ✓ fits · ★ 2 · ☆ 5`: its name, its verdict, and how many of its values are marked."""
    fit = card.fits[kind] if card.limits else ""
    name = f"~~{plain(kind)}~~" if fit == "does not fit" else plain(kind)
    verdict = f"{FIT_MARKS[fit]} {fit}" if fit else ""
    marks: Counter[str] = Counter(line.marks.get(kind, "") for line in card.lines.values())
    counts = [f"{sign} {marks[mark]}" for mark, sign in SCORECARD_MARKS.items() if marks[mark]]
    return f"**{name}** :gray[{' · '.join(filter(None, [verdict, *counts]))}]"


def _values(card: Scorecard, kind: str) -> str:
    """Why it does not keep the limits, if so, then each of its values on a line."""
    lines = []
    if card.limits and card.fits[kind] != "fits":
        lines.append(plain(struck_by(card, kind)))
    for line in card.lines.values():
        cell = line.cells.get(kind)
        repeats = f" ({repeats_of(cell)})" if cell and repeats_of(cell) else ""
        best = line.marks.get(kind) == "best"
        text = plain(f"{cell_text(line, kind)}{repeats}")
        value = f"**{text}**" if best else text
        lines.append(f"{plain(heading(line.column))}: {value}")
    return "  \n".join(lines)
