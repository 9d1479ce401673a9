"""What the claims come to, in words: the same on the page and in the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.claims import Outcome, Verdict
from core.words import listed

HEADS: Mapping[Outcome, tuple[str, str]] = {
    "holds": ("holds", "hold"),
    "holds only when": ("holds only under a condition", "hold only under a condition"),
    "does not hold here": ("does not hold here", "do not hold here"),
    "not enough data to tell": ("is still open", "are still open"),
}
"""What one measured claim does, and what several do."""
AGREES = {True: "yes", False: "no", None: "cannot be told apart"}
"""Whether a line of the table of the three cells is as claimed."""


def head(verdicts: Iterable[Verdict]) -> str:
    """`9 of 15 claims are measured: 4 hold, 3 hold only under a condition and 2 are still open.`"""
    outcomes = [verdict.outcome for verdict in verdicts]
    counts = {outcome: outcomes.count(outcome) for outcome in HEADS if outcome in outcomes}
    measured = sum(counts.values())
    if not measured:
        return f"None of the {len(outcomes)} claims is measured yet."
    parts = [f"{n} {HEADS[outcome][n > 1]}" for outcome, n in counts.items()]
    are = "is" if measured == 1 else "are"
    return f"{measured} of {len(outcomes)} claims {are} measured: {listed(parts)}."


def capital(text: str) -> str:
    """`Holds`."""
    return f"{text[:1].upper()}{text[1:]}"
