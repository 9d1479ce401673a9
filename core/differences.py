"""Which groups differ by more than noise, once all pairs of them are compared?

Holm's correction (1979) of the p values of all pairs keeps the chance of any false difference
below 5%, and finds at least what Bonferroni's does.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from core.pooling import Found, Pooling, Values
from core.statistics import CONFIDENCE, Outcome

Finding = Outcome | Literal["higher", "lower", "equal"]
"""Higher and lower where neither is better; equal of exact numbers."""
OPPOSITE: Mapping[Finding, Finding] = {
    "better": "worse",
    "worse": "better",
    "higher": "lower",
    "lower": "higher",
}
TOLD: tuple[Finding, ...] = ("better", "worse", "higher", "lower")
CORRECTION = "Holm"
Mark = Literal["best", "among the best", ""]


@dataclass(frozen=True)
class Difference:
    """What can be said of the first group against the second."""

    first: str
    second: str
    finding: Finding
    test: str
    """Empty for exact numbers, and where there were too few seeds for one."""
    n: tuple[int, int]
    """Seeds of both."""
    p_value: float | None
    """Of this pair alone."""
    corrected_p: float | None
    """By Holm, for all the pairs that were compared."""

    @property
    def reversed(self) -> Difference:
        """Of the second group against the first."""
        return replace(
            self,
            first=self.second,
            second=self.first,
            finding=OPPOSITE.get(self.finding, self.finding),
            n=self.n[::-1],
        )


def differences(
    groups: Mapping[str, Values],
    pooling: Pooling,
    better: Literal["higher", "lower"] | None = None,
    *,
    level: float = 1 - CONFIDENCE,
) -> list[Difference]:
    """Every pair of groups, in the order given; `groups` has one value per seed."""
    pairs = list(itertools.combinations(groups, 2))
    found = [pooling.difference(groups[a], groups[b]) for a, b in pairs]
    tested = [one for one in found if one is not None]
    corrected = iter(holm([one.p_value for one in tested]))
    possible = iter(holm([one.least_p for one in tested]))
    judged = []
    for (a, b), one in zip(pairs, found, strict=True):
        n = len(groups[a]), len(groups[b])
        if one is None:
            judged.append(Difference(a, b, "not enough seeds", "", n, None, None))
        elif not pooling.test:
            finding = (
                "equal" if {*groups[a]} == {*groups[b]} else _finding(one, one.p_value, better)
            )
            judged.append(Difference(a, b, finding, "", n, None, None))
        else:
            p, least = next(corrected), next(possible)
            finding = _finding(one, p, better) if p <= level else "not distinguishable"
            if p > level and least > level:
                finding = "not enough seeds"
            judged.append(Difference(a, b, finding, pooling.test, n, one.p_value, p))
    return judged


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p corrected for all of them: the smallest times their number, the next times one less
    and so on, never below the one before and at most 1."""
    corrected, reached = [0.0] * len(p_values), 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for place, index in enumerate(order):
        reached = max(reached, min(1.0, (len(order) - place) * p_values[index]))
        corrected[index] = reached
    return corrected


def marks(
    values: Mapping[str, float | None],
    found: Sequence[Difference],
    better: Literal["higher", "lower"] | None,
) -> dict[str, Mark]:
    """Which group is the best: one only if it is told from all others, else those that are not told
    from the best one; none where seeds are too few to tell."""
    known = {name: value for name, value in values.items() if value is not None}
    none: dict[str, Mark] = dict.fromkeys(values, "")
    if better is None or len(known) < 2:
        return none
    top = (max if better == "higher" else min)(known, key=known.__getitem__)
    against = {
        d.second if d.first == top else d.first: d for d in found if top in (d.first, d.second)
    }
    level = [name for name in known if name != top and against[name].finding not in TOLD]
    if any(against[name].finding == "not enough seeds" for name in level):
        return none
    if len(level) == len(known) - 1:
        return none
    mark: Mark = "among the best" if level else "best"
    return none | dict.fromkeys([top, *level], mark)


def _finding(one: Found, p_value: float, better: Literal["higher", "lower"] | None) -> Finding:
    if p_value >= 1:
        return "not distinguishable"
    if better is None:
        return "higher" if one.higher else "lower"
    return "better" if one.higher == (better == "higher") else "worse"
