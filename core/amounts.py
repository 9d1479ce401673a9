"""Amounts as people type them: `1 M`, `250k`, `1e6`, `1,000,000`."""

from __future__ import annotations

import re
from decimal import Decimal

from core.settings import BadSetting

POWERS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}
PATTERN = re.compile(
    r"(?P<number>\d{1,3}(,\d{3})+|\d+(\.\d*)?(e\+?\d{1,2})?|\.\d+)\s*(?P<power>[kmgb]?)",
    re.IGNORECASE | re.ASCII,
)


def parse_amount(text: str, name: str) -> int:
    """The whole number that a text means: `1.5 M` → 1,500,000.

    Raises `BadSetting` with one line that names the field for anything else, fractions and
    numbers below 1 included.
    """
    match = PATTERN.fullmatch(text.strip())
    amount = Decimal(0)
    if match:  # not as a float: 4146.203k is a whole number
        amount = Decimal(match["number"].replace(",", "")) * POWERS[match["power"].lower()]
    if amount < 1 or amount != round(amount):
        raise BadSetting(f"{name} is {text[:40]!r}; give an amount such as 100000, 100k or 1.5 M")
    return round(amount)
