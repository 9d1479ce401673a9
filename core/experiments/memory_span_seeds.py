"""What each seed of a `memory-span` run came to, at the reported learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.settings import Value

if TYPE_CHECKING:
    import pandas

    from core.experiment import Tables


def by_seed(settings: Mapping[str, Value], tables: Tables) -> dict[str, dict[int, float]]:
    """Measure → seed → value. The span of a seed is the largest lag that it learned, 0 if none;
    the other measures are of the lag that is the run's span."""
    attempts, summary = tables("attempts"), tables("summary")
    if attempts is None or summary is None or summary.empty:
        return {}
    told = summary.iloc[-1]
    own = attempts[attempts["learning_rate"] == told["reported_learning_rate"]]
    lags = own["lag"].where(own["learned"] > 0, 0)
    at_span = own[own["lag"] == (told["span"] or settings["shortest_lag"])].set_index("seed")
    found = {"span": lags.groupby(own["seed"]).max()}
    if told["span"]:
        found["steps_to_learn"] = at_span["steps_to_learn"]
    for name in ("half_life_start", "half_life_end"):
        found[name] = _rates(at_span[name])
    return {
        name: {int(str(seed)): float(value) for seed, value in series.items()}
        for name, series in found.items()
    }


def _rates(half_lives: pandas.Series[float]) -> pandas.Series[float]:
    """The decay rates behind half-lives: ½ to the power of one over them; 1 of an infinite one."""
    lasting = half_lives.where(half_lives != 0)
    return (0.5 ** (1 / lasting)).where(half_lives != 0, 0.0).where(half_lives.notna())
