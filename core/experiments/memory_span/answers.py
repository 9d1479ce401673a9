"""What `memory-span` says of its results, beyond who looks furthest; and its values by seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from core.analysis.comparison import Comparison
from core.experiment import Tables
from core.experiments.memory_span.declaration import MemorySpanConfig
from core.formatting import as_number, counted, number, read_estimate, shortened_list, spread
from core.settings import Value

if TYPE_CHECKING:
    import pandas

MAX_NAMED = 4
"""The most variants that a remark names."""


def run_sentence(config: MemorySpanConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64, recall: within 1,000 training steps learned lags up to 15 (…, n = 5) …`."""
    span, rate = read_estimate(summary, "span"), as_number(summary.get("reported_learning_rate"))
    longer = as_number(summary.get("next_lag")) is not None
    reach = (
        f"lags up to {'' if longer else 'at least '}{span.value:,.0f}" if span.value else "no lag"
    )
    at_rate = "" if rate is None else f", at learning rate {rate:g}"
    gradient = _gradient(summary)
    return (
        f"{config.architecture.label}, {config.task}: within "
        f"{counted(config.training_steps, 'training step')} a majority of seeds learned {reach} "
        f"({spread(span)}){at_rate}{f'; {gradient}' if gradient else ''}."
    )


def remarks(comparison: Comparison) -> Iterator[str]:
    """Spans that are lower bounds, the budget of training, and the gradient of the best."""
    result = comparison.result("span")
    if result is None:
        return
    ordered = result.ordered()
    unbounded = [n for n in ordered if as_number(comparison.summaries[n].get("next_lag")) is None]
    if unbounded:
        names = shortened_list(unbounded, MAX_NAMED)
        yield f"No longer lag was tried in {names}: the span there is a lower bound."
    steps = {int(str(run.settings["training_steps"])) for run in comparison.runs}
    if len(steps) == 1:
        yield f"A lag counts as learned within {counted(steps.pop(), 'training step')}."
    if gradient := _gradient(comparison.summaries[ordered[0]]):
        yield f"In {ordered[0]} {gradient}."


def _gradient(summary: Mapping[str, Any]) -> str:
    """`the asymptotic half-life of the gradient is 1.5 steps before training and 9.2 after`."""
    lives = [as_number(summary.get(f"half_life_{when}")) for when in ("start", "end")]
    known_lives = [life for life in lives if life is not None]
    if len(known_lives) < 2:
        return ""
    before, after = (
        f"{number(life, 2)} steps" if math.isfinite(life) else "infinite" for life in known_lives
    )
    return f"the asymptotic half-life of the gradient is {before} before training and {after} after"


def by_seed(settings: Mapping[str, Value], tables: Tables) -> dict[str, dict[int, float]]:
    """Measure → seed → value. The span of a seed is the largest lag that it learned, 0 if none;
    the other measures are of the lag that is the run's span."""
    attempts, summaries = tables("attempts"), tables("summary")
    if attempts is None or summaries is None or summaries.empty:
        return {}
    summary = summaries.iloc[-1]
    own = attempts[attempts["learning_rate"] == summary["reported_learning_rate"]]
    lags = own["lag"].where(own["learned"] > 0, 0)
    at_span = own[own["lag"] == (summary["span"] or settings["shortest_lag"])].set_index("seed")
    values = {"span": lags.groupby(own["seed"]).max()}
    if summary["span"]:
        values["steps_to_learn"] = at_span["steps_to_learn"]
    for name in ("half_life_start", "half_life_end"):
        values[name] = _decay_rates(at_span[name])
    return {
        name: {int(str(seed)): float(value) for seed, value in series.items()}
        for name, series in values.items()
    }


def _decay_rates(half_lives: pandas.Series[float]) -> pandas.Series[float]:
    """The rates behind half-lives: ½ to the power of one over them; 1 of an infinite one."""
    lasting = half_lives.where(half_lives != 0)
    return (0.5 ** (1 / lasting)).where(half_lives != 0, 0.0).where(half_lives.notna())
