"""One colour per cell, everywhere; bidirectional variants take the same hue, dashed.

The three hues are told apart under every common colour-vision deficiency and keep a contrast of at
least 3 to 1 on the light and on the dark background. Several settings of one variant take
lighter and darker shades of its hue.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

CELL_COLOURS: dict[str, str] = {"rnn": "#d8651f", "lstm": "#2f6bbf", "gru": "#23a066"}
OTHER_COLOUR = "#8a6bbf"
"""For whatever is compared with the cells."""
SOLID, DASHED = (1, 0), (5, 4)
ON_LIGHT, ON_DARK = (-0.5, 0.35), (0.0, 0.7)
"""How far the shades of one variant go towards black (below 0) and towards white, by background."""


@dataclass(frozen=True)
class Style:
    """How one series is drawn."""

    colour: str
    dash: tuple[int, int]


def styles(series: Mapping[str, str], *, dark: bool = False) -> dict[str, Style]:
    """A style for every series on that background: label → variant gives label → style."""
    of_variant: defaultdict[str, list[str]] = defaultdict(list)
    for label, variant in series.items():
        of_variant[variant].append(label)
    return {
        label: Style(
            shade(colour_of(variant), _amount(labels.index(label), len(labels), dark)),
            DASHED if variant.startswith("bi-") else SOLID,
        )
        for label, variant in series.items()
        if (labels := of_variant[variant])
    }


def colour_of(variant: str) -> str:
    """The hue of a variant's cell: `bi-lstm` and `lstm` have the same."""
    return CELL_COLOURS.get(variant.removeprefix("bi-"), OTHER_COLOUR)


def shade(colour: str, amount: float) -> str:
    """Mix a colour with white (amount towards 1) or with black (amount towards −1)."""
    target = 255 if amount > 0 else 0
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + (target - part) * abs(amount)):02x}" for part in parts)


def _amount(index: int, count: int, dark: bool) -> float:
    first, last = ON_DARK if dark else ON_LIGHT
    return 0.0 if count == 1 else first + (last - first) * index / (count - 1)
