"""Numbers, times and states as text, and text that Markdown leaves alone."""

from __future__ import annotations

import contextlib
import math
import re
import time
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from core import formatting
from core.formatting import counted, inline_text
from core.store.records import RunRecord, Status

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

LINK = re.compile(r"(https?:(?=//)|www(?=\.)|[\w.+-](?=@))", re.IGNORECASE)
"""Where Markdown would make a link, escaped or not."""

WORD_JOINER = "\u2060"
"""A character that has no width and breaks no line."""

ERROR_LETTERS = 300
"""A longer error is cut in lists; the page of the run has all of it."""


def plain(text: str) -> str:
    """Text that Markdown leaves alone: no emphasis, links, formulas, icons or HTML."""
    text = LINK.sub(f"\\1{WORD_JOINER}", text)
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&^])", r"\\\1", text)


def first_sentence(text: str) -> tuple[str, str]:
    """A text's first sentence, and the rest."""
    return first_sentences(text, 1)


def first_sentences(text: str, number: int) -> tuple[str, str]:
    """That many sentences of a text, and the rest. One may begin with `bi-LSTM` or `minGRU`."""
    sentences = re.split(r"(?<=[.!?]) +(?=(?:bi-)?[a-z]{0,3}[A-Z])", text)
    return " ".join(sentences[:number]), " ".join(sentences[number:])


def number(value: float | None) -> str:
    """`0.637`, `13,800`, `1,280,000`, `∞`, and `–` for a missing value."""
    if value is None or math.isnan(value):
        return "–"
    if _has_all_digits(value):
        return exact(float(f"{value:.3g}"))
    return formatting.number(value).replace("-", "−")


def exact(value: float | None, *, whole: bool = False) -> str:
    """All digits of a `whole` number, else four: `13,107,200`, `0.6371`, `1.234 × 10⁻²⁵`."""
    if value is None or not math.isfinite(value):
        return number(value)
    if whole or _has_all_digits(value):
        return f"{value:,.0f}".replace("-", "−")
    if value and not 1e-3 <= abs(value) < 1e12:
        return formatting.number(value, 4).replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def _has_all_digits(value: float) -> bool:
    """Whether every digit before the point is written: from a thousand to a trillion."""
    return 1e3 <= abs(value) < 1e12


def in_words(value: object) -> str:
    """`training`, `1,024`: a value of an axis."""
    return str(value) if isinstance(value, str) else exact(float(str(value)), whole=True)


def interval(low: float | None, high: float | None) -> str:
    """`0.63 to 0.65`, `7 to 10`; empty where there is none."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    if low == high == math.inf:
        return number(low)
    if float(low).is_integer() and float(high).is_integer():  # lags, counts
        return f"{exact(low, whole=True)} to {exact(high, whole=True)}"
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


MAX_RATIO = 4
"""A longer range of times only says how long it takes at most."""


def rough_time(low: float, high: float) -> str:
    """`about 3 min`, `about 2 to 4 min`, `up to 7 min`: an estimate, without digits that it has
    not got.
    """
    first, last = _rounded(low), _rounded(high)
    if high > MAX_RATIO * max(1.0, low):
        return f"up to {' '.join(last)}"
    if first == last:
        return f"about {' '.join(last)}"
    start = first[0] if first[1] == last[1] else " ".join(first)
    return f"about {start} to {' '.join(last)}"


def _rounded(seconds: float) -> tuple[str, str]:
    """`("40", "s")`, `("3", "min")`, `("1.5", "h")`: the amount and its unit."""
    if seconds < 57.5:
        step = 1 if seconds < 10 else 5
        return str(max(1, step * round(seconds / step))), "s"
    if seconds < 3570:
        return str(round(seconds / 60)), "min"
    return f"{seconds / 3600:.1f}".removesuffix(".0"), "h"


def moment(seconds: float) -> str:
    """`23 Nov 2026, 04:30` where the person is."""
    return local(seconds).strftime("%-d %b %Y, %H:%M")


def day(seconds: float) -> str:
    """`23 Nov`, and with its year if that is not this one, where the person is."""
    then = local(seconds)
    this_year = then.year == local(time.time()).year
    return then.strftime("%-d %b" if this_year else "%-d %b %Y")


def local(seconds: float) -> datetime:
    """A time in the zone of the browser, which it does not name; without one, in this machine's."""
    with contextlib.suppress(ZoneInfoNotFoundError, ValueError, OSError):
        if zone := st.context.timezone:
            return datetime.fromtimestamp(seconds, ZoneInfo(zone)).replace(tzinfo=None)
    return datetime.fromtimestamp(seconds)


def ago(seconds: float) -> str:
    """`12 s ago`, `3 h ago`, `23 Nov 2026, 04:30` after more than two days."""
    passed = max(0.0, time.time() - seconds)
    for size, unit in ((60, "s"), (60, "min"), (48, "h")):
        if passed < size:
            return f"{passed:.0f} {unit} ago"
        passed /= 60
    return moment(seconds)


def progress(record: RunRecord) -> float:
    """The share of a run that is done, from 0 to 1."""
    if record.status == "FINISHED":
        return 1.0
    return min(1.0, max(0.0, float(record.state.get("fraction", 0.0))))


def status_message(record: RunRecord) -> str:
    """The latest about a run: its newest message, or why it ended."""
    message = str(record.state.get("message", ""))
    if record.status == "SCHEDULED":
        return message or "waiting in the queue"
    if record.status in ("FAILED", "KILLED"):
        return inline_text(record.error, ERROR_LETTERS) or "no reason was recorded"
    if record.cancelled and record.status == "RUNNING":
        return "stopping"
    rows = int(record.state.get("rows", 0))
    measured = f"{counted(rows, 'row')} measured" if rows else ""
    if record.status == "FINISHED":
        return measured  # not the step that was its last
    return " · ".join(filter(None, [measured, message]))
