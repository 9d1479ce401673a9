"""The colours and dashes of every chart, defined here and nowhere else.

A cell has one hue on every page, and its bidirectional form has the same hue, dashed. The hues
differ under every common colour-vision deficiency and keep a contrast of at least 3 to 1 on the
light and on the dark background. Several settings of one variant take lighter and darker shades.
Baselines, verdicts and the parts of a stack have colours that no cell uses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from core.models.registry import cell_kinds

CELL_COLOURS: dict[str, str] = {"rnn": "#d8651f", "lstm": "#2f6bbf", "gru": "#23a066"}

OTHER_CELLS = (
    *("#b43c96", "#69692d", "#f04b5a", "#a587a5", "#962dff", "#e100d2"),
    *("#8778ff", "#5a6969"),
)
"""The hues of the other cells, in the registry's order. More cannot be told apart: the next cells
have the same again with gaps in their lines."""

OTHER_COLOUR = "#8a6bbf"
"""The hue of a variant that is neither a cell above nor a baseline."""

NEUTRAL = "#737c86"
"""Text and lines that belong to no series; readable on the light and on the dark background."""

BETTER, WORSE = "#2ec7e6", "#e60045"
"""Cyan and crimson: verdicts, which also carry a sign and words."""

SEQUENTIAL: dict[bool, tuple[str, ...]] = {
    False: ("#eef3f4", "#93b9c5", "#377494", "#0e2c4d"),
    True: ("#17222d", "#326b7d", "#7dadab", "#d3e0d9"),
}
"""On a dark page or not → from the lowest value to the highest."""

PART_COLOURS: dict[str, str] = {
    "input": "#8fa7bf",
    "recurrent": "#2e6573",
    "bias": "#bfa439",
    "embedding": "#a557d9",
    "output": "#4f5936",
}
"""Parts of a stack, lighter and darker in turns, so that neighbours differ for everybody."""

SOLID, DASHED = (1, 0), (5, 4)
AGAIN, AGAIN_DASHED = (11, 2), (11, 2, 2, 2)
"""The same two of cells whose hue another cell has already."""

SHADES_ON_LIGHT, SHADES_ON_DARK = (-0.5, 0.35), (0.0, 0.7)
"""How far the shades of one variant go towards black (below 0) and towards white (above 0)."""

MIN_FULL_RANGE = 4
"""From this many shades on, they use the whole range; fewer stay nearer to the hue."""

PAGE = {False: "#fcfcfa", True: "#12171d"}
"""Dark or not → the background that figures stand on."""

TEXT_CONTRAST = 4.5
"""The least that WCAG 2 asks of text (AA)."""

BASELINE_LIFT = 0.25
"""How much lighter a baseline is on a dark background, where its own hue would be too dark."""


@dataclass(frozen=True)
class Style:
    """How one series is drawn."""

    colour: str
    dash: tuple[int, ...]
    ink: str = ""
    """Of its name; the same hue, as dark or as light as text has to be. Empty: `colour`."""


BASELINE_STYLES: dict[str, Style] = {
    "plain-rnn": Style(CELL_COLOURS["rnn"], (1, 4)),
    "linear": Style("#73626a", (2, 3)),
    "feed-forward": Style("#bf73b0", (12, 4)),
    "attention": Style("#8d49f2", (8, 3, 2, 3)),
}
"""Models that recurrence is compared with."""


def styles(series: Mapping[str, str], *, dark: bool = False) -> dict[str, Style]:
    """Give every series a style: label → variant becomes label → style, for that background."""
    labels_of: defaultdict[str, list[str]] = defaultdict(list)
    for label, variant in series.items():
        labels_of[variant].append(label)
    first, last = SHADES_ON_DARK if dark else SHADES_ON_LIGHT
    style_of = {}
    for label, variant in series.items():
        style, labels = _style(variant), labels_of[variant]
        amount = BASELINE_LIFT if dark and variant in BASELINE_STYLES else 0.0
        if len(labels) > 1:
            reach = min(1.0, (len(labels) + 1) / (MIN_FULL_RANGE + 1))
            amount = reach * (first + (last - first) * labels.index(label) / (len(labels) - 1))
        colour = shade(style.colour, amount)
        style_of[label] = Style(colour, style.dash, readable(colour, dark=dark))
    return style_of


def readable(colour: str, *, dark: bool) -> str:
    """The colour, mixed with white on a dark page and with black on a light one until text in it
    has a contrast of 4.5 to 1."""
    way = 1 if dark else -1
    shades = (shade(colour, way * step / 20) for step in range(20))
    return next(s for s in shades if contrast(s, PAGE[dark]) >= TEXT_CONTRAST)


def contrast(one: str, other: str) -> float:
    """How much lighter the lighter colour is: 1 to 21, as WCAG 2 defines it."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def shade(colour: str, amount: float) -> str:
    """Mix a colour with white (amount towards 1) or with black (amount towards −1)."""
    target = 255 if amount > 0 else 0
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + (target - part) * abs(amount)):02x}" for part in parts)


def _style(variant: str) -> Style:
    """The style of a variant that stands alone: `bi-lstm` is `lstm`, dashed."""
    if variant in BASELINE_STYLES:
        return BASELINE_STYLES[variant]
    cell = variant.removeprefix("bi-")
    others = [name for name in cell_kinds() if name not in CELL_COLOURS]
    turn, colour = 0, CELL_COLOURS.get(cell, OTHER_COLOUR)
    if cell in others:  # an earlier version of an added cell is not
        turn, place = divmod(others.index(cell), len(OTHER_CELLS))
        colour = OTHER_CELLS[place]
    dashes = (AGAIN, AGAIN_DASHED) if turn else (SOLID, DASHED)
    return Style(colour, dashes[variant.startswith("bi-")])
