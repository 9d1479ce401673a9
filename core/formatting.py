"""Numbers, estimates, lists and untrusted names as text, the same on every page and in files."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.stats.estimates import AtLeast, Estimate

AT_LEAST = "≥ "
SUPERSCRIPTS = dict(zip("0123456789-.", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻·", strict=True))
MAX_WHOLE = 1e12
"""Whole numbers from this size on are rounded too."""


def number(value: float, digits: int = 3) -> str:
    """Format to significant digits, zeros included: `0.860`, `4.00`, `1,230`, `2.66 × 10⁻⁵`.

    A lower bound is shown as one: `≥ 24.0`.
    """
    if isinstance(value, AtLeast):
        return f"{AT_LEAST}{number(float(value), digits)}"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    rounded = float(f"{value:.{digits}g}")
    if rounded and not 1e-3 <= abs(rounded) < 1e6:
        factor, exponent = f"{rounded:.{digits - 1}e}".split("e")
        return f"{float(factor):g} × {power_of_ten(int(exponent))}"
    whole = abs(rounded) >= 10 ** (digits - 1)
    return f"{rounded:,.0f}" if whole else f"{rounded:#.{digits}g}"


def power_of_ten(exponent: float) -> str:
    """Format ten to a power, to one digit: `4 × 10²⁸`, `10⁻⁵`."""
    whole = math.floor(exponent)
    factor = float(f"{10 ** (exponent - whole):.1g}")
    if factor == 10:
        whole, factor = whole + 1, 1.0
    power = f"10{raised(str(whole))}"
    return power if factor == 1 else f"{factor:g} × {power}"


def raised(exponent: str) -> str:
    """Write a number as an exponent: `1.02` → `¹·⁰²`."""
    return "".join(SUPERSCRIPTS.get(sign, sign) for sign in exponent)


def exact_number(value: float | None) -> str:
    """Format whole numbers in full, `33,280`, others to three digits, `0.632`; `–` if missing."""
    if value is None:
        return "–"
    if isinstance(value, AtLeast):
        return f"{AT_LEAST}{exact_number(float(value))}"
    whole = float(value).is_integer() and abs(value) < MAX_WHOLE
    return f"{value:,.0f}" if whole else number(value)


SINGULAR = {
    "steps": "step",
    "tokens": "token",
    "words": "word",
    "characters": "character",
    "numbers": "number",
    "bytes": "byte",
}
"""Units that are counted → of one."""


def quantity(value: float | None, unit: str) -> str:
    """Format a value with its unit: `12.3 steps`, `1 step`, `98.1%`, `5,248`."""
    if value is None:
        return "–"
    text = exact_number(value)
    unit = SINGULAR.get(unit, unit) if text == "1" else unit
    return f"{text}{'' if unit.startswith('%') else ' '}{unit}".strip()


def interval(estimate: Estimate, digits: int = 3) -> str:
    """Format the interval: `0.63–0.65`, `7–10`, `-0.1 to 0.2`, `≥ 12`; empty if there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    numbers = (estimate.value or 0.0, estimate.low, estimate.high)
    whole = all(float(x).is_integer() for x in numbers)  # lags, counts
    low, high = (exact_number(x) if whole else number(x, digits) for x in numbers[1:])
    if isinstance(estimate.high, AtLeast):  # no upper end is known
        return low if low.startswith(AT_LEAST) else f"{AT_LEAST}{low}"
    return f"{low} to {high}" if low.startswith(("-", "−")) else f"{low}–{high}"


def spread(estimate: Estimate, digits: int = 3, over: str = "seed") -> str:
    """The uncertainty of an estimate: `95% CI 0.85–0.87, n = 8`, `n = 12 repetitions`."""
    if estimate.value is None:
        return "not measured"
    if estimate.n == 1:
        return f"one {over}: no interval"
    repeats = f"n = {estimate.n:,}" if over == "seed" else f"n = {counted(estimate.n, over)}"
    ends = interval(estimate, digits)
    if isinstance(estimate.low, AtLeast) and estimate.low == estimate.value:
        return repeats  # the value says already that it is a lower bound
    return f"95% CI {ends}, {repeats}" if ends else f"{repeats}, no interval"


def range_in_words(values: Sequence[float], over: str = "seed") -> str:
    """The values of single seeds, where there is no interval: `7–10 in 5 seeds`, `the
    same in all 5 seeds`."""
    low, high = min(values), max(values)
    if len(values) == 1:
        return f"one {over}"
    if low == high:
        return f"the same in all {counted(len(values), over)}"
    ends = interval(Estimate(None, low, high, len(values)))
    return f"{ends} in {counted(len(values), over)}"


def listed(names: Sequence[str], conjunction: str = "and") -> str:
    """Join words into a list: `a`, `a and b`, `a, b and c`; empty if there is none."""
    return f" {conjunction} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 run`, `2 runs`, `3 launches`."""
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def shortened_list(names: Sequence[str], limit: int, noun: str = "other") -> str:
    """All names, or if they are more than `limit`, the first ones and the number of the others."""
    if len(names) <= limit:
        return listed(names)
    return listed([*names[: limit - 1], counted(len(names) - limit + 1, noun)])


def read_estimate(columns: Mapping[str, Any], name: str) -> Estimate:
    """Read an Estimate from its four flat columns, each of which may be missing, None or nan."""
    value, low, high, n = (
        as_number(columns.get(f"{name}{part}")) for part in ("", "_low", "_high", "_n")
    )
    return Estimate(value, low, high, int(n or 0))


def as_number(value: Any) -> float | None:
    """A number, or None for what a table leaves empty."""
    return None if value is None or math.isnan(float(value)) else float(value)


# --- Labels: parts with a separator between them.

SEPARATOR = " · "

MAX_NAME = 36
"""The most letters of a label on an axis, in a legend, or beside a curve."""


def distinct_names(labels: Sequence[str], letters: int = MAX_NAME) -> dict[str, str]:
    """Label → a name that fits and that no other label has.

    If one is too long, they all lose the parts that they share; of what is still too long the
    middle is left out: names that begin alike differ at their ends.
    """
    names = {label: label for label in labels}
    if len(names) < 2 or max(map(len, names)) <= letters:
        return names
    parts = {label: label.split(SEPARATOR) for label in names}
    shared = set.intersection(*map(set, parts.values()))
    own = {label: [part for part in parts[label] if part not in shared] for label in names}
    for candidates in (
        {label: SEPARATOR.join(own[label]) for label in names},
        {label: shortened(SEPARATOR.join(own[label]), letters) for label in names},
        {label: shortened(label, letters) for label in names},
    ):
        distinct = all(candidates.values()) and len({*candidates.values()}) == len(names)
        if distinct:
            names = candidates
        if distinct and max(map(len, names.values())) <= letters:
            break
    return names


# --- Names and notes that people typed. They can hold anything: markup, line breaks, letters that
# read from right to left or that change the direction of what follows, and ten thousand letters.
# Escaping is left to the code that displays them.

MAX_LETTERS = 80
"""The most letters of a name within a sentence."""
END_LETTERS = 20
"""How many of them are taken from its end, where names that begin alike differ."""
DIRECTION_CONTROLS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""They embed, override or isolate a direction; unclosed, they reorder the text beside them."""
CONTROL = (*range(0x20), *range(0x7F, 0xA0))
"""Control characters, which a terminal would act on."""
CLEANED = {ord(letter): None for letter in DIRECTION_CONTROLS} | dict.fromkeys(CONTROL, " ")
RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
ISOLATE, END_ISOLATE = "\u2068", "\u2069"
FORMULA = "=+-@\t\r"
"""A spreadsheet evaluates a cell that begins with one of these."""


def one_line(text: str) -> str:
    """The text on one line: no control characters, single spaces between words."""
    return " ".join(text.translate(CLEANED).split())


def isolate_direction(text: str) -> str:
    """Wrap right-to-left text in Unicode isolates."""
    return f"{ISOLATE}{text}{END_ISOLATE}" if RIGHT_TO_LEFT.search(text) else text


def shortened(text: str, letters: int = MAX_LETTERS) -> str:
    """The text on one line; of a long text, only the beginning and the end: `xxxxxx…xxx`."""
    line = one_line(text)
    if len(line) <= letters:
        return line
    return f"{line[: letters - END_LETTERS - 1]}…{line[-END_LETTERS:]}"


@functools.lru_cache(maxsize=10_000)
def inline_text(text: str, letters: int = MAX_LETTERS) -> str:
    """The text shortened, and without effect on the direction of the words beside it."""
    return isolate_direction(shortened(text, letters))


def csv_cell(text: str) -> str:
    """Quote a text that a spreadsheet would evaluate as a formula; numbers stay as they are."""
    if not text.startswith(tuple(FORMULA)):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
