"""One colour per cell, everywhere; bidirectional variants take the same hue, dashed.

The three hues are told apart under every common colour-vision deficiency and keep a contrast of at
least 3 to 1 on the light and on the dark background. Several settings of one variant take
lighter and darker shades of its hue. What the cells are compared with has colours and dashes of
its own, and so have the parts of a stack.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

CELL_COLOURS: dict[str, str] = {"rnn": "#d8651f", "lstm": "#2f6bbf", "gru": "#23a066"}
OTHER_COLOUR = "#8a6bbf"
"""For whatever else is compared with the cells."""
NEUTRAL = "#737c86"
"""For words and lines of no series: readable on the light and on the dark background."""
SOLID, DASHED = (1, 0), (5, 4)
ON_LIGHT, ON_DARK = (-0.5, 0.35), (0.0, 0.7)
"""How far the shades of one variant go towards black (below 0) and towards white, by background."""
LIFT = 0.25
MANY = 5
"""Shades, one less than that, take all of this room."""


@dataclass(frozen=True)
class Style:
    """How one series is drawn."""

    colour: str
    dash: tuple[int, ...]


BASELINE_STYLES: dict[str, Style] = {
    "plain-rnn": Style(CELL_COLOURS["rnn"], (1, 4)),
    "linear": Style("#73626a", (2, 3)),
    "feed-forward": Style("#bf73b0", (12, 4)),
    "attention": Style("#8d49f2", (8, 3, 2, 3)),
}
"""What recurrence is compared with."""

PART_COLOURS: dict[str, str] = {
    "input": "#8fa7bf",
    "recurrent": "#2e6573",
    "bias": "#bfa439",
    "embedding": "#a557d9",
    "output": "#4f5936",
}
"""Of a stack: lighter and darker in turns, so that neighbours differ for everybody."""


def styles(series: Mapping[str, str], *, dark: bool = False) -> dict[str, Style]:
    """A style for every series on that background: label → variant gives label → style."""
    of_variant: defaultdict[str, list[str]] = defaultdict(list)
    for label, variant in series.items():
        of_variant[variant].append(label)
    return {
        label: Style(
            shade(_base(variant).colour, _amount(labels.index(label), len(labels), dark))
            if len(labels := of_variant[variant]) > 1
            else _alone(variant, dark),
            _base(variant).dash,
        )
        for label, variant in series.items()
    }


def shade(colour: str, amount: float) -> str:
    """Mix a colour with white (amount towards 1) or with black (amount towards −1)."""
    target = 255 if amount > 0 else 0
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + (target - part) * abs(amount)):02x}" for part in parts)


def _base(variant: str) -> Style:
    """`bi-lstm` and `lstm` have the same hue."""
    if variant in BASELINE_STYLES:
        return BASELINE_STYLES[variant]
    colour = CELL_COLOURS.get(variant.removeprefix("bi-"), OTHER_COLOUR)
    return Style(colour, DASHED if variant.startswith("bi-") else SOLID)


def _alone(variant: str, dark: bool) -> str:
    """The hue itself; of a baseline a little lighter on a dark background, where it would sink."""
    sinks = dark and variant in BASELINE_STYLES
    return shade(_base(variant).colour, LIFT if sinks else 0.0)


def _amount(index: int, count: int, dark: bool) -> float:
    """A few shades stay nearer to the hue than many."""
    first, last = ON_DARK if dark else ON_LIGHT
    reach = min(1.0, (count + 1) / MANY)
    return reach * (first + (last - first) * index / (count - 1))
