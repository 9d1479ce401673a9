"""Numbers, times and states in words. Whatever people typed is shown as they typed it."""

from __future__ import annotations

import math
import re
import time

from core import words
from core.names import among
from core.tracking import RunRecord, Status
from core.words import counted

STATUS_WORDS: dict[Status, str] = {
    "SCHEDULED": "○ waiting",
    "RUNNING": "● running",
    "FINISHED": "✓ finished",
    "FAILED": "✕ failed",
    "KILLED": "■ cancelled",
}
STATUS_COLOURS: dict[Status, str] = {
    "SCHEDULED": "gray",
    "RUNNING": "blue",
    "FINISHED": "green",
    "FAILED": "red",
    "KILLED": "orange",
}


THOUSANDS, UNREADABLE = 1000.0, 1e12
"""Between these every digit before the point is written."""
LINK = re.compile(r"(https?:(?=//)|www(?=\.)|[\w.+-](?=@))", re.IGNORECASE)
"""Where Markdown would find an address, escaped or not."""
WORD_JOINER = "\u2060"
"""Has no width and breaks no line."""
ERROR_LETTERS = 300
"""Of why a run ended, beside others; all of it stands on the page of the run."""


def plain(text: str) -> str:
    """Text that Markdown leaves alone: no emphasis, links, formulas, icons or HTML."""
    text = LINK.sub(f"\\1{WORD_JOINER}", text)
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&^])", r"\\\1", text)


def first_sentence(text: str) -> tuple[str, str]:
    """A text's first sentence, and the rest."""
    first, *rest = re.split(r"(?<=[.!?]) +(?=[A-Z])", text, maxsplit=1)
    return first, " ".join(rest)


def number(value: float | None) -> str:
    """`0.637`, `13,800`, `1,280,000`, `∞`, `–` for what is not there."""
    if value is None or math.isnan(value):
        return "–"
    if THOUSANDS <= abs(value) < UNREADABLE:
        return exact(float(f"{value:.3g}"))
    return words.number(value).replace("-", "−")


def exact(value: float | None, *, whole: bool = False) -> str:
    """`13,107,200` of whole numbers, else four digits: `0.6371`, `12,345`, `1.234e−25`."""
    if value is None or not math.isfinite(value):
        return number(value)
    size = abs(value)
    plain_digits = whole or THOUSANDS <= size < UNREADABLE
    text = f"{value:,.0f}" if plain_digits else f"{value:.4g}"
    return text.replace("-", "−")


def in_words(value: object) -> str:
    """`training`, `1,024`: a value of an axis."""
    return str(value) if isinstance(value, str) else exact(float(str(value)), whole=True)


def interval(low: float | None, high: float | None) -> str:
    """`0.63 to 0.65`; empty where there is none."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    return f"{number(low)} to {number(high)}"


def duration(seconds: float | None) -> str:
    """`0.8 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def moment(seconds: float) -> str:
    """`23 Nov 2026, 04:30` in this machine's time."""
    return time.strftime("%-d %b %Y, %H:%M", time.localtime(seconds))


def ago(seconds: float) -> str:
    """`12 s ago`, `3 h ago`, `23 Nov 2026, 04:30` when it is longer than two days."""
    passed = max(0.0, time.time() - seconds)
    for size, unit in ((60, "s"), (60, "min"), (48, "h")):
        if passed < size:
            return f"{passed:.0f} {unit} ago"
        passed /= 60
    return moment(seconds)


def progress(record: RunRecord) -> float:
    """How far a run is, from 0 to 1."""
    if record.status == "FINISHED":
        return 1.0
    return min(1.0, max(0.0, float(record.state.get("fraction", 0.0))))


def news(record: RunRecord) -> str:
    """What there is to say of a run now: its newest message, its result or why it ended."""
    rows = int(record.state.get("rows", 0))
    measured = f"{counted(rows, 'row')} measured" if rows else ""
    if record.status == "SCHEDULED":
        return "waits for its turn"
    if record.status in ("FAILED", "KILLED"):
        return among(record.error, ERROR_LETTERS) or "ended without saying why"
    if record.cancelled and record.status == "RUNNING":
        return "is told to stop"
    return " · ".join(filter(None, [measured, str(record.state.get("message", ""))]))
