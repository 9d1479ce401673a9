"""One run of `two-sided-context` as far as words need it, and what two say of each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from core.experiments.two_sided_context import TwoSidedContextConfig
from core.settings import settings_of
from core.statistics import Estimate, Group, Outcome, compare
from core.words import counted, known, number, read_estimate, spread

CIRCUMSTANCES = ("seed", "seeds", "device", "threads")
"""Settings that make no other network."""


@dataclass(frozen=True)
class Finding:
    """One run's result."""

    name: str
    pair: tuple[str, ...]
    """What the bidirectional and the one-directional form of one cell have in common."""
    bidirectional: bool
    furthest: int
    seeds: int
    chance: float
    present: Estimate
    ahead: Estimate
    lowest: Estimate
    highest: Estimate
    wider: Estimate
    wider_highest: Estimate
    delayed: Estimate
    wider_hidden_size: int

    @classmethod
    def read(cls, name: str, columns: Mapping[str, Any]) -> Finding:
        """From flat settings and summary columns (what is missing may be None or nan)."""
        return cls(
            name=name,
            pair=_in_common(columns),
            bidirectional=bool(columns["bidirectional"]),
            furthest=int(columns["furthest"]),
            seeds=int(columns["seeds"]),
            chance=known(columns["chance"]) or 0.0,
            present=read_estimate(columns, "present_accuracy"),
            ahead=read_estimate(columns, "ahead_accuracy"),
            lowest=read_estimate(columns, "lowest_accuracy"),
            highest=read_estimate(columns, "highest_accuracy"),
            wider=read_estimate(columns, "wider_accuracy"),
            wider_highest=read_estimate(columns, "wider_highest_accuracy"),
            delayed=read_estimate(columns, "delayed_accuracy"),
            wider_hidden_size=int(known(columns.get("wider_hidden_size")) or 0),
        )

    @property
    def told(self) -> str:
        """The run by itself."""
        if self.furthest == 0 and self.present.value is not None:
            return f"{self.name}: {_right(self.present)} with nothing ahead needed."
        if self.ahead.value is None:
            return f"{self.name}: no accuracy, because networks of every seed diverged."
        where = f"where {needed([self])} is needed{against_chance([self])}"
        told = [f"{self.name}: {_right(self.ahead)} {where}.", self._more]
        if self.ahead.n < self.seeds:
            told.append(f"Left out: {counted(self.seeds - self.ahead.n, 'seed')} that diverged.")
        return " ".join(filter(None, told))

    @property
    def _more(self) -> str:
        """The hardest look-ahead of both directions; the controls of one."""
        if self.bidirectional:
            return f"At the hardest look-ahead {percent(self.lowest)} are right."
        if self.wider.value is None or self.delayed.value is None:
            return ""
        return (
            f"With as many parameters as both directions (hidden size {self.wider_hidden_size}) it "
            f"gets {percent(self.wider)}, when it may answer so many steps later "
            f"{percent(self.delayed)}."
        )

    @property
    def blind(self) -> bool:
        """Whether it is no better than chance, as far as its seeds can tell."""
        return self.ahead.low is not None and self.ahead.low <= self.chance


def _in_common(columns: Mapping[str, Any]) -> tuple[str, ...]:
    differs = {"bidirectional", *CIRCUMSTANCES}
    if known(columns.get("parameter_budget")) is not None:
        differs.add("hidden_size")  # which the budget decides
    names = (setting.name for setting in settings_of(TwoSidedContextConfig))
    return tuple(str(columns.get(name)) for name in names if name not in differs)


Gain = Outcome | Literal["everywhere"]
"""More accuracy at every look-ahead, or what can be said of the mean over them."""


class Pair(NamedTuple):
    """Both forms of one cell."""

    both: Finding
    one: Finding


def pairs(findings: Sequence[Finding]) -> list[Pair]:
    """Forms that differ in nothing but their directions."""
    single = {finding.pair: finding for finding in findings if not finding.bidirectional}
    both = (finding for finding in findings if finding.bidirectional)
    return [Pair(found, single[found.pair]) for found in both if found.pair in single]


def gain(both: Finding, mean: Estimate, highest: Estimate, level: float) -> Gain:
    """What both directions gain over one whose mean and highest accuracy these are."""
    if outcome(both.lowest, highest, level) == "better":
        return "everywhere"
    return outcome(both.ahead, mean, level)


def outcome(first: Estimate, second: Estimate, level: float) -> Outcome:
    """What can be said of the first accuracy against the second."""
    if first.value is None or second.value is None:
        return "not enough seeds"
    groups = Group.of_estimate("first", first), Group.of_estimate("second", second)
    return compare(*groups, level=level).outcome


def percent(estimate: Estimate) -> str:
    """`98.1%`."""
    return f"{number(estimate.value or 0.0)}%"


def ends(estimates: Sequence[Estimate]) -> str:
    """`25.0% to 25.3%`, or the one that all are."""
    ordered = sorted(estimates, key=lambda estimate: estimate.value or 0.0)
    return " to ".join(dict.fromkeys([percent(ordered[0]), percent(ordered[-1])]))


def sure(estimate: Estimate) -> str:
    """The interval, which ends at what is possible."""
    return spread(estimate.within(0, 100))


def _right(estimate: Estimate) -> str:
    return f"{percent(estimate)} of tags right ({sure(estimate)})"


def needed(findings: Sequence[Finding]) -> str:
    """`the token 1 to 10 steps ahead`."""
    furthest = {finding.furthest for finding in findings}
    if len(furthest) > 1:
        return "a token ahead"
    (last,) = furthest
    return f"the token {f'1 to {last} steps' if last > 1 else 'one step'} ahead"


def against_chance(findings: Sequence[Finding]) -> str:
    """`, no better than chance (25%)`, if none of them is better."""
    chances = list(dict.fromkeys(f"{finding.chance:.3g}%" for finding in findings))
    if all(finding.blind for finding in findings):
        return f", no better than chance ({' or '.join(chances)})"
    return f"; chance is {' or '.join(chances)}"
