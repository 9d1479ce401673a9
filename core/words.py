"""Numbers in words: how results are read aloud, the same in every experiment."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.settings import Settings, settings_of
from core.statistics import Estimate

if TYPE_CHECKING:
    import pandas


def number(value: float, digits: int = 3) -> str:
    """To so many significant digits, zeros included: `0.860`, `4.00`, `1,230`, `2.66e-05`."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞"
    rounded = float(f"{value:.{digits}g}")
    if rounded and not 1e-3 <= abs(rounded) < 1e6:
        return f"{rounded:.{digits}g}"
    whole = abs(rounded) >= 10 ** (digits - 1)
    return f"{rounded:,.0f}" if whole else f"{rounded:#.{digits}g}"


def spread(estimate: Estimate, digits: int = 3, over: str = "seed") -> str:
    """The interval and over how many seeds it is: `95% interval 0.85 to 0.87, 8 seeds`."""
    if estimate.value is None:
        return "not measured"
    if estimate.n == 1:
        return f"one {over}: no interval"
    seeds = f"{estimate.n} {over}s"
    if estimate.low is None or estimate.high is None:
        return f"{seeds}: too few for an interval"
    low, high = number(estimate.low, digits), number(estimate.high, digits)
    return f"95% interval {low} to {high}, {seeds}"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def read_estimate(columns: Mapping[str, Any], name: str) -> Estimate:
    """An Estimate from its four flat columns (what is missing may be None or nan)."""
    value, low, high = (known(columns.get(f"{name}{part}")) for part in ("", "_low", "_high"))
    return Estimate(value, low, high, int(known(columns.get(f"{name}_n")) or 0))


def known(value: Any) -> float | None:
    """A number, or None for what a table leaves empty."""
    return None if value is None or math.isnan(float(value)) else float(value)


def named_runs(
    runs: pandas.DataFrame, config: type[Settings], unnamed: Collection[str]
) -> dict[str, dict[str, Any]]:
    """The last run of each name, as flat columns.

    A name is the run's label and every setting of `config` in which runs of one label differ, but
    for those in the architecture, which are in the label, and the `unnamed` ones.
    """
    varying = [
        setting
        for setting in settings_of(config)
        if len(setting.path) == 1
        and setting.name in runs
        and setting.name not in unnamed
        and _untold(runs, setting.name)
    ]
    named: dict[str, dict[str, Any]] = {}
    for columns in runs.to_dict("records"):
        extra = [f"{s.title.lower()} {_shown(columns[s.name])}" for s in varying]
        name = " · ".join([str(columns["label"]), *extra])
        named.pop(name, None)
        named[name] = {str(key): value for key, value in columns.items()}
    return named


def _untold(runs: pandas.DataFrame, setting: str) -> bool:
    """Whether runs of one label differ in a setting: some labels say themselves what it is."""
    values = runs[setting].astype(str).groupby(runs["label"])
    return bool((values.nunique(dropna=False) > 1).any())


def _shown(value: object) -> str:
    """A setting that is left out is nan where others of the column are numbers."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
