"""A drawing of a cell, derived from its equations: a box for each line, an arrow for what it reads.

Boxes stand in rows. A row reads only rows above it: inputs stand one row above the first line that
reads them, and every line stands below all that it reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from core.models.layer import Equation

WIDTH, ROW_HEIGHT, BOX_HEIGHT, GAP = 460, 112, 72, 8
"""In units of the drawing, of which a page shows about one per pixel."""

MAX_BOX_WIDTH = 148

INPUT = "x"

SIGNS = {
    r"\sigma": "σ",
    r"\mathrm{relu}": "relu",
    r"\odot": "⊙",
    r"\cdot": "·",
    r"^\top": "ᵀ",
    r"\sqrt": "√",
    r"\lambda": "λ",
    r"\gamma": "γ",
    r"\|": "‖",
    "-": "−",
}

COMMAND = re.compile(r"\\([A-Za-z]+)")
"""Any other command of LaTeX is read as its name: `tanh`, `max`, `exp`."""

SUBSCRIPT = re.compile(r"_(\\?\w+|\{\{[^{}]*\}\})(?![^{]*\})")
"""Of a parameter, outside the names of values: a box has no room for `W_f`."""

LETTER_WIDTH = 4.9
"""Of a text in a box, on average."""


class Box(NamedTuple):
    """One box: the input, a state before the step, or the result of an equation."""

    name: str
    """`x`, a state's symbol before the step (`h`), or what an equation makes (`f`, `h'`)."""
    symbol: str
    """`xₜ`, `hₜ₋₁`, `fₜ`."""
    title: str
    heading: str
    """As much of the title as the box has room for."""
    text: str
    """The right-hand side, as plain text; empty for inputs."""
    short: str
    """As much of the text as the box has room for."""
    kind: Literal["input", "gate", "signed"]
    left: float
    top: float
    width: float
    reads: tuple[str, ...]


class Diagram(NamedTuple):
    """All boxes, and the size of the drawing."""

    boxes: tuple[Box, ...]
    width: float
    height: float

    @property
    def description(self) -> str:
        """The drawing in words, for a screen reader."""
        made = [box for box in self.boxes if box.text]
        return "; ".join(f"{box.title}: {box.symbol} = {box.text}" for box in made)


def diagram(
    equations: Sequence[Equation], states: Sequence[str], sums: Mapping[str, Sequence[str]]
) -> Diagram:
    """Draw a cell. `sums` has, for each block of a, what arrives there: of "x", "h" and "b"."""
    reads = {e.makes: _reads(e, sums) for e in equations}
    inputs = [INPUT, *states]
    inputs = [name for name in inputs if any(name in names for names in reads.values())]
    rows: dict[str, int] = {}
    for maker, names in reads.items():
        rows[maker] = 1 + max((rows.get(name, 0) for name in names), default=0)
    for name in inputs:
        readers = [rows[maker] for maker, names in reads.items() if name in names]
        rows[name] = min(readers, default=1) - 1
    boxes = []
    by_name = {e.makes: e for e in equations}
    for row in range(max(rows.values()) + 1):
        # Equations first: a state that joins a row of gates stands at its end.
        in_row = [name for name in (*by_name, *inputs) if rows[name] == row]
        pitch = WIDTH / len(in_row)
        width = min(MAX_BOX_WIDTH, pitch - GAP)
        for place, name in enumerate(in_row):
            equation = by_name.get(name)
            symbol = subscripted(name, states)
            title = equation.title if equation else "input" if name == INPUT else "before"
            text = in_plain_text(equation, states, sums) if equation else ""
            boxes.append(
                Box(
                    name=name,
                    symbol=symbol,
                    title=title,
                    heading=shortened(f"{symbol} {title}", width).removeprefix(symbol).strip(),
                    text=text,
                    short=shortened(text, width),
                    kind=("gate" if equation.gate else "signed") if equation else "input",
                    left=round((place + 0.5) * pitch - width / 2, 1),
                    top=row * ROW_HEIGHT,
                    width=round(width, 1),
                    reads=tuple(reads.get(name, ())),
                )
            )
    return Diagram(tuple(boxes), WIDTH, max(rows.values()) * ROW_HEIGHT + BOX_HEIGHT)


def shortened(text: str, width: float) -> str:
    """A text that fits into a box; the end of a longer one is left out."""
    room = int(width / LETTER_WIDTH)
    return text if len(text) <= room else f"{text[: room - 1].rstrip()}…"


def subscripted(name: str, states: Iterable[str]) -> str:
    """`x` → xₜ, `h` → hₜ₋₁, `h'` → hₜ, `f` → fₜ."""
    return f"{name}ₜ₋₁" if name in states else f"{name.removesuffix(chr(39))}ₜ"


def in_plain_text(
    equation: Equation, states: Sequence[str], sums: Mapping[str, Sequence[str]]
) -> str:
    r"""`\sigma({a_f})` → `σ(Wx + Uh + b)`."""
    names = equation.reads
    values = {name: subscripted(name, states).removesuffix("ₜ") for name in names}
    values |= {f"{s}'": f"{s}ₜ" for s in states}
    words = {"x": "Wx", "h": "Uh", "b": "b"}
    values |= {f"a_{block}": " + ".join(words[w] for w in what) for block, what in sums.items()}
    text = SUBSCRIPT.sub("", equation.how).format(**values)
    for latex, sign in SIGNS.items():
        text = text.replace(latex, sign)
    return COMMAND.sub(r"\1", text).replace("{", "").replace("}", "")


def _reads(equation: Equation, sums: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The boxes that an equation reads, each once."""
    names: list[str] = []
    for field in equation.reads:
        block = field.removeprefix("a_")
        is_sum = field != block and block in sums
        names += [w for w in sums[block] if w != "b"] if is_sum else [field]
    return tuple(dict.fromkeys(names))
