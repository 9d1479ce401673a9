"""Who differs from whom: a tile per pair of groups, in words, by sign and by colour."""

from __future__ import annotations

import altair
import pandas

from core.differences import Finding
from core.samples import Repeat
from dashboard.bars import NAMES
from dashboard.charts import FIT
from dashboard.drawing import Chart, kept
from dashboard.palette import NEUTRAL
from experiments.comparing import Result
from experiments.comparing_words import p_value, verdict

SIGNS: dict[Finding, str] = {
    "better": "▲",
    "worse": "▼",
    "higher": "△",
    "lower": "▽",
    "equal": "=",
    "not distinguishable": "≈",
    "not enough seeds": "?",
}
"""So that no colour is needed."""
COLOURS: dict[Finding, str] = {
    "better": "#2f6bbf",
    "worse": "#d8651f",
    "higher": "#2f6bbf",
    "lower": "#d8651f",
    "equal": NEUTRAL,
    "not distinguishable": NEUTRAL,
    "not enough seeds": NEUTRAL,
}
"""Blue and orange, which everybody tells apart."""
TILE_PIXELS = 34


@kept
def tiles(result: Result, repeat: Repeat) -> Chart:
    """A line per group, read from left to right: `LSTM is better than RNN`."""
    names = [name for name, count in result.repeats.items() if count]
    lines = [
        {
            "group": first,
            "other": second,
            "sign": SIGNS[found.finding],
            "finding": found.finding,
            "told": verdict(found, repeat),
            "raw": "–" if found.p_value is None else p_value(found.p_value),
        }
        for first in names
        for second in names
        if (found := result.against(first, second)) is not None
    ]
    data = pandas.DataFrame(lines)
    seen = [finding for finding in SIGNS if finding in set(data["finding"])]
    base = altair.Chart(data).encode(
        x=altair.X(
            "other",
            type="nominal",
            sort=names,
            axis=altair.Axis(title="than, or from", orient="top", labelAngle=-35, labelLimit=160),
        ),
        y=altair.Y(
            "group",
            type="nominal",
            sort=names,
            axis=NAMES,
        ),
        tooltip=[
            altair.Tooltip("group", type="nominal", title=" "),
            altair.Tooltip("told", type="nominal", title="is"),
            altair.Tooltip("other", type="nominal", title="than, or from"),
            altair.Tooltip("raw", type="nominal", title="p of this pair alone"),
        ],
    )
    scale = altair.Scale(domain=seen, range=[COLOURS[finding] for finding in seen])
    colour = altair.Color("finding", type="nominal", scale=scale, legend=None)
    boxes = base.mark_rect(opacity=0.28, stroke=NEUTRAL, strokeWidth=0.4).encode(color=colour)
    signs = base.mark_text(fontSize=17, fontWeight=600, color=NEUTRAL).encode(text="sign:N")
    height = TILE_PIXELS * len(names) + 10
    return altair.layer(boxes, signs).properties(height=height, autosize=FIT)


def key(result: Result) -> str:
    """What the signs mean that are there: `▲ better · ≈ not distinguishable`."""
    found = {one for d in result.differences for one in (d.finding, d.reversed.finding)}
    return " · ".join(f"{sign} {finding}" for finding, sign in SIGNS.items() if finding in found)
