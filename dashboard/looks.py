"""Where a decoder looked, as a chart: a pure function from a tidy DataFrame to a heatmap."""

from __future__ import annotations

import json
from collections.abc import Sequence

import altair
import pandas

from dashboard.charts import FIT
from dashboard.drawing import Chart, kept

ROW_PIXELS = 20
LEAST_PIXELS, MOST_PIXELS = 80, 640
TOKEN_LIMIT = 110
"""Pixels of a token on an axis."""


MOST_LABELS = 32
"""Tokens that are all named; of more, as many as there is room for."""


@kept
def looks(weights: pandas.DataFrame) -> Chart:
    """Attention by source token (across) and output token (downwards), from 0 to 1.

    `weights` has written, read (positions from 1), weight, written_token and read_token.
    """
    read = _tokens(weights, "read")
    written = _tokens(weights, "written")
    made = weights.assign(percent=[f"{100 * weight:.1f}%" for weight in weights["weight"]])
    return (
        altair.Chart(made)
        .mark_rect()
        .encode(
            x=altair.X("read", type="ordinal", axis=_axis("Source", read, angle=-45)),
            y=altair.Y("written", type="ordinal", axis=_axis("Output", written, angle=0)),
            color=altair.Color(
                "weight",
                type="quantitative",
                scale=altair.Scale(domain=[0, 1]),
                legend=altair.Legend(
                    title="Attention weight", orient="bottom", gradientLength=180, format=".1f"
                ),
            ),
            tooltip=[
                altair.Tooltip("written_token", type="nominal", title="Output"),
                altair.Tooltip("read_token", type="nominal", title="Source"),
                altair.Tooltip("percent", type="nominal", title="Weight"),
            ],
        )
        .properties(
            height=min(MOST_PIXELS, max(LEAST_PIXELS, ROW_PIXELS * len(written))), autosize=FIT
        )
    )


def in_words(weights: pandas.DataFrame) -> str:
    """For those who cannot see it: where each output token looked most."""
    most = weights.loc[weights.groupby("written")["weight"].idxmax()]
    pairs = zip(most["written_token"], most["read_token"], strict=True)
    return "Looked most: " + "; ".join(f"{written} at {read}" for written, read in pairs) + "."


def _tokens(weights: pandas.DataFrame, side: str) -> list[str]:
    """The tokens of a side in order of their positions, which count from 1."""
    first = weights.drop_duplicates(side).sort_values(side)
    return [str(token) for token in first[f"{side}_token"]]


def _axis(title: str, tokens: Sequence[str], *, angle: int) -> altair.Axis:
    """Positions labelled with their tokens: the same token may stand at several of them."""
    return altair.Axis(
        title=title,
        labelExpr=f"{json.dumps(tokens)}[datum.value - 1]",
        labelAngle=angle,
        labelLimit=TOKEN_LIMIT,
        labelOverlap="greedy" if len(tokens) > MOST_LABELS else False,
        labelFlush=False,
        ticks=False,
        domain=False,
    )
