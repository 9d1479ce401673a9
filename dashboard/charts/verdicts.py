"""The verdict on every pair of groups, as a matrix whose cells are as wide as their names need."""

from __future__ import annotations

import json
from collections.abc import Sequence

import altair
import pandas

from core.analysis.comparison import PairOutcome, Result
from core.analysis.runs import Repeat
from core.analysis.sentences import p_value, verdict
from core.formatting import SEPARATOR, distinct_names
from dashboard.charts.frame import FIT, constant, figure_height
from dashboard.charts.render import Chart, cached
from dashboard.charts.theme import BETTER, NEUTRAL, WORSE

SIGNS: dict[PairOutcome, str] = {
    "better": "▲",
    "worse": "▼",
    "higher": "△",
    "lower": "▽",
    "equal": "=",
    "equal within the margin": "≅",
    "not distinguishable": "≈",
    "not enough seeds": "?",
}
"""The signs say what the colours say, so that no colour is needed."""

VERDICT_COLOURS: dict[PairOutcome, str] = {
    "better": BETTER,
    "worse": WORSE,
    "higher": BETTER,
    "lower": WORSE,
    "equal": NEUTRAL,
    "equal within the margin": NEUTRAL,
    "not distinguishable": NEUTRAL,
    "not enough seeds": NEUTRAL,
}

VERDICT_OPACITY = 0.2
"""Pale, so that the sign on it stays readable."""

LETTER_PIXELS = 6.2

MIN_CELL, MAX_CELL = 64, 150
"""Pixels that a cell takes across if there is room; a narrower one is named by its number."""

ROW_PIXELS = 260
"""The most room for a name at its row."""

MIN_ROW, LINE_PIXELS = 40, 15

ROOM_FOR_P = 60
"""Pixels of a cell in which p has room under the sign."""


def distinct_parts(names: Sequence[str]) -> list[list[str]]:
    """The parts of every name without those that all of them begin or end with.

    `LSTM · width 16 · bias 0`, `LSTM · width 16 · bias 1` → `bias 0`, `bias 1`.
    """
    parts = [name.split(SEPARATOR) for name in names]
    for end in (0, -1):
        while len(parts) > 1 and all(len(own) > 1 for own in parts):
            if len({own[end] for own in parts}) > 1:
                break
            for own in parts:
                own.pop(end)
    return parts


@cached
def verdict_matrix(result: Result, repeat: Repeat) -> Chart:
    """Draw a cell per pair of groups, read from left to right: `LSTM is better than RNN`."""
    names = [name for name, count in result.repeats.items() if count]
    parts = distinct_parts(names)
    lines = []
    for row, first in enumerate(names):
        for column, second in enumerate(names):
            difference = result.against(first, second)
            if difference is None:
                continue
            p = difference.corrected_p
            lines.append(
                {
                    "row": f"{row + 1}",
                    "at": column,
                    "until": column + 1,
                    "middle": column + 0.5,
                    "sign": SIGNS[difference.finding],
                    "finding": difference.finding,
                    "group": first,
                    "other": second,
                    "verdict": verdict(difference, repeat, result.column),
                    "raw": "–" if difference.p_value is None else p_value(difference.p_value),
                    "p": "" if p is None else p_value(p),
                }
            )
    data = pandas.DataFrame(lines)
    need = LETTER_PIXELS * max(len(part) for own in parts for part in own) + 12
    wanted = max(MIN_CELL, min(MAX_CELL, need))
    cell = f"min(width / {len(names)}, {wanted:.0f})"
    scale = altair.Scale(
        domain=[0, len(names)], nice=False, rangeMax={"expr": f"{cell} * {len(names)}"}
    )
    deepest = LINE_PIXELS * max(map(len, parts))
    numbered = [[f"{index}", *own] for index, own in enumerate(parts, 1)]
    above = altair.Axis(
        title="Compared with",
        titleAnchor="start",
        orient="top",
        values=[index + 0.5 for index in range(len(names))],
        labelExpr=f"{cell} < {need:.0f} ? '' + (floor(datum.value) + 1) "
        f": {json.dumps(numbered, ensure_ascii=False)}[floor(datum.value)]",
        labelLimit=MAX_CELL,
        labelOverlap=False,
        labelLineHeight=LINE_PIXELS,
        labelPadding={"expr": f"{cell} < {need:.0f} ? 4 : {deepest + 4}"},
        grid=False,
        ticks=False,
        domain=False,
    )
    whole = [SEPARATOR.join(own) for own in parts]
    fitting = distinct_names(whole)  # Vega would cut their ends
    rows = [f"{index}. {fitting[name]}" for index, name in enumerate(whole, 1)]
    beside = altair.Axis(
        title=None,
        labelExpr=f"{json.dumps(rows, ensure_ascii=False)}[toNumber(datum.value) - 1]",
        labelLimit=ROW_PIXELS,
        labelFlush=False,
        ticks=False,
        domain=False,
    )
    base = altair.Chart(data).encode(
        y=altair.Y(
            "row",
            type="nominal",
            sort=[f"{index}" for index in range(1, len(names) + 1)],
            axis=beside,
        ),
        tooltip=[
            altair.Tooltip("group", type="nominal", title=" "),
            altair.Tooltip("verdict", type="nominal", title="Verdict"),
            altair.Tooltip("other", type="nominal", title="Compared with"),
            altair.Tooltip("raw", type="nominal", title="p (uncorrected)"),
        ],
    )
    seen = [finding for finding in SIGNS if finding in set(data["finding"])]
    colours = altair.Scale(domain=seen, range=[VERDICT_COLOURS[finding] for finding in seen])
    boxes = base.mark_rect(opacity=VERDICT_OPACITY, stroke=NEUTRAL, strokeWidth=0.4).encode(
        x=altair.X("at", type="quantitative", scale=scale, axis=above),
        x2=altair.X2(field="until"),
        color=altair.Color("finding", type="nominal", scale=colours, legend=None),
    )
    middle = altair.X("middle", type="quantitative", scale=scale, axis=above)
    up = {"expr": f"{cell} > {ROOM_FOR_P} && datum.p ? -7 : 0"}
    signs = base.mark_text(fontSize=16, fontWeight=600, color=NEUTRAL, dy=up).encode(
        x=middle, text=altair.Text("sign", type="nominal")
    )
    values = base.mark_text(fontSize=10, color=NEUTRAL, dy=10, aria=False).encode(
        x=middle,
        text=constant("Text", {"expr": f"{cell} > {ROOM_FOR_P} && datum.p ? datum.p : ''"}),
    )
    return altair.layer(boxes, signs, values).properties(
        height=figure_height(MIN_ROW * len(names)) + deepest, autosize=FIT
    )


def legend(result: Result) -> str:
    """Explain the signs of the tiles: `▲ better · ≈ not distinguishable`."""
    seen = {one for d in result.differences for one in (d.finding, d.reversed.finding)}
    return " · ".join(f"{sign} {finding}" for finding, sign in SIGNS.items() if finding in seen)
