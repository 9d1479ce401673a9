"""A dot with its interval per name, as SVG that takes the colours of the page it stands in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from html import escape

from core.statistics import Estimate
from core.words import number

WIDTH, ROW, NAMES, RIGHT, AXIS = 680, 26, 230, 24, 34
"""Pixels: of the drawing, a line of it, the names on the left, the margin and the axis below."""
LETTERS = 32
"""Of a name; the whole of it is its title."""
DECADES = 1.5
"""Above so many powers of ten the axis is logarithmic."""
TICKS = 7


def drawing(title: str, heading: str, estimates: Mapping[str, Estimate]) -> str:
    """All estimates under one another; empty if none has a finite value."""
    known = {name: e for name, e in estimates.items() if e.value is not None}
    ends = [x for e in known.values() for x in (e.value, e.low, e.high) if _finite(x)]
    if not ends:
        return ""
    across = _Across([float(x or 0.0) for x in ends])
    height = ROW * len(known) + AXIS
    marks = "".join(_line(place, *one, across) for place, one in enumerate(known.items()))
    axis = "".join(_axis(across, height, heading))
    return (
        f'<figure><svg role="img" viewBox="0 0 {WIDTH} {height}" width="100%" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="currentColor">'
        f"<title>{escape(title)}</title>{axis}{marks}</svg></figure>"
    )


class _Across:
    """From values to pixels."""

    def __init__(self, values: Iterable[float]) -> None:
        self.low, self.high = min(values := list(values)), max(values)
        self.logarithmic = self.low > 0 and math.log10(self.high / self.low) > DECADES
        if self.low == self.high:
            self.low, self.high = self.low - 1, self.high + 1
            self.logarithmic = False

    def at(self, value: float) -> float:
        """Pixels from the left; what is infinite stands at the end."""
        value = min(max(value, self.low), self.high)
        low, high = self._scaled(self.low), self._scaled(self.high)
        room = WIDTH - NAMES - 2 * RIGHT
        return NAMES + RIGHT + room * (self._scaled(value) - low) / (high - low)

    def ticks(self) -> Iterator[float]:
        """Round numbers between the ends, or powers of ten and their halves."""
        if self.logarithmic:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            step = max(1, (last - first) // TICKS)
            tens = (10.0**power for power in range(first, last + 1, step))
            yield from (tick for tick in tens if self.low <= tick <= self.high)
            return
        raw = (self.high - self.low) / TICKS
        size = 10.0 ** math.floor(math.log10(raw))
        step_size = next(m * size for m in (1, 2, 5, 10) if m * size >= raw)
        tick = math.ceil(self.low / step_size) * step_size
        while tick <= self.high:
            yield round(tick, 12)
            tick += step_size

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value


def _line(place: int, name: str, estimate: Estimate, across: _Across) -> str:
    y = ROW * place + ROW / 2
    short = name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
    said = f"{name}: {number(estimate.value or 0.0)}"
    words = f'<text x="{NAMES}" y="{y + 4:.0f}" text-anchor="end">{escape(short)}</text>'
    bar = ""
    if estimate.low is not None and estimate.high is not None:
        said += f" ({number(estimate.low)} to {number(estimate.high)})"
        left, right = across.at(estimate.low), across.at(estimate.high)
        bar = f'<path d="M{left:.1f} {y}H{right:.1f}" stroke="var(--link)" stroke-width="2"/>'
    x = across.at(estimate.value or 0.0)
    dot = f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="var(--link)"/>'
    return f"<g><title>{escape(said)}</title>{words}{bar}{dot}</g>"


def _axis(across: _Across, height: int, heading: str) -> Iterator[str]:
    bottom = height - AXIS
    for tick in across.ticks():
        x = across.at(tick)
        yield f'<path d="M{x:.1f} 0V{bottom}" stroke="var(--line)"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{number(tick)}</text>'
    middle = NAMES + (WIDTH - NAMES) / 2
    yield f'<text x="{middle:.0f}" y="{height - 4}" text-anchor="middle">{escape(heading)}</text>'


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
