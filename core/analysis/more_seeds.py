"""More seeds for a comparison: how many would decide it, and which runs measure them.

Whoever looks again after adding seeds has another chance to be wrong. So the runs that are added
carry how often their comparison is looked at, and every verdict on them has its p multiplied by
that number (Bonferroni): all looks together err in 5% at most, if the number of looks was fixed
before the first one, as `looks_at` fixes it. A single press of a button after a first look at 5%
errs in 5% to 7.5%.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from core.analysis.comparison import LEVEL, Comparison, Difference, Result
from core.analysis.groups import Group, Identity, identity_of
from core.analysis.runs import seeds_of
from core.experiment import Config, Experiment
from core.settings import BadSetting
from core.store.records import RunRecord

Plan = list[tuple[Experiment, Config, str]]
"""(experiment, config, sweep that it joins)"""

MAX_ADDED = 32
"""More seeds than this are not offered to be added at once."""
OPEN = ("not distinguishable", "not enough seeds")


def undecided(comparison: Comparison) -> list[Difference]:
    """The verdicts on the first group of the headline against others that are open."""
    result = comparison.headline
    order = result.ordered() if result else []
    if result is None or len(order) < 2 or comparison.repeat == "count" or result.exact:
        return []
    return [d for d in result.of(order[0]) if d.finding in OPEN]


def seeds_to_add(comparison: Comparison) -> int | None:
    """How many more seeds of each group would decide the headline with 80% power, if the
    differences are what they seem; None where nothing is open, or no reasonable number would."""
    result, open_pairs = comparison.headline, undecided(comparison)
    if result is None or not open_pairs:
        return None
    needed = [_needed(comparison, result, difference) for difference in open_pairs]
    known = [number for number in needed if number is not None]
    if len(known) < len(needed):
        return None
    number = max(known) - min(min(d.n) for d in open_pairs)
    return number if 0 < number <= MAX_ADDED else None


def _needed(comparison: Comparison, result: Result, difference: Difference) -> int | None:
    """Seeds in each group, at the level of the next look."""
    looks = comparison.looks + 1
    if difference.power is None:
        pairs = len(result.differences) * looks
        return result.column.aggregation.seeds_needed(pairs, LEVEL)
    level = difference.power.level * comparison.looks / looks
    return replace(difference.power, level=level).seeds_to_decide


def with_more_seeds(comparison: Comparison, number: int) -> Plan:
    """The runs that bring every group to as many seeds as the smallest has now, and `number` more.

    Each kind of run in a group joins the sweep of its newest run, with the seeds that follow.
    Raises `BadSetting` if the settings of one cannot be run any more, or as `require_here` does.
    """
    require_here(comparison)
    kinds = [kind for group in comparison.groups for kind in _kinds(comparison.experiment, group)]
    counts = [seeds_of(comparison.experiment, kind) for kind in kinds]
    total = fewest_seeds(comparison) + number
    return [
        (comparison.experiment, config, kind[-1].sweep)
        for kind, count in zip(kinds, counts, strict=True)
        if count < total
        for config in _configs(comparison.experiment, kind, total - count)
    ]


def require_here(comparison: Comparison) -> None:
    """Raise `BadSetting` for times of another computer: a run made here would measure this one."""
    if measured_elsewhere(comparison):
        raise BadSetting(
            f"runs of {comparison.experiment.title} were measured on another computer; repeat them "
            "there, or give runs that were measured here"
        )


def measured_elsewhere(comparison: Comparison) -> bool:
    """Whether any of its times were imported."""
    return comparison.experiment.timed and any(run.origin for run in comparison.runs)


def fewest_seeds(comparison: Comparison) -> int:
    """The number of seeds of the kind that has the fewest."""
    kinds = (kind for group in comparison.groups for kind in _kinds(comparison.experiment, group))
    return min((seeds_of(comparison.experiment, kind) for kind in kinds), default=0)


def _kinds(experiment: Experiment, group: Group) -> list[Sequence[RunRecord]]:
    """The runs of a group that measure the same, oldest first."""
    kinds: dict[Identity, list[RunRecord]] = {}
    for run in group.runs:
        kinds.setdefault(identity_of(experiment, run.settings), []).append(run)
    return [sorted(runs, key=lambda run: run.submitted) for runs in kinds.values()]


def _configs(experiment: Experiment, kind: Sequence[RunRecord], number: int) -> list[Config]:
    settings: dict[str, Any] = dict(kind[-1].settings)
    ends = [int(run.settings.get("seed") or 0) + seeds_of(experiment, [run]) for run in kind]
    following = max(ends)
    if experiment.one_run_per_seed:
        seeds = range(following, following + number)
        return [experiment.config.from_flat({**settings, "seed": seed}) for seed in seeds]
    return [experiment.config.from_flat({**settings, "seed": following, "seeds": number})]


def looks_at(now: int, limit: int) -> list[int]:
    """Seeds of each group at every look: as many as there are, then twice as many up to a limit.

    3 seeds, at most 20 → 3, 6, 12, 20
    """
    totals = [now]
    while totals[-1] < limit:
        totals.append(min(limit, 2 * totals[-1]))
    return totals


def planned_looks(comparison: Comparison, totals: Sequence[int]) -> int:
    """How often p is multiplied: for the looks at these totals, and for those that were before."""
    return len(totals) + (comparison.looks if comparison.looks > 1 else 0)
