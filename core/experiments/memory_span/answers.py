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
from core.stats.aggregation import MAJORITY
from core.tasks.lag_shapes import LAG_WORDS

if TYPE_CHECKING:
    import pandas

MAX_NAMED = 4
"""The most variants that a remark names."""


def run_sentence(config: MemorySpanConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64, recall: within 1,000 training steps a majority of seeds learned all lags up to 15
    (…, n = 5), not 20, at learning rate 0.003 …`."""
    span, rate = read_estimate(summary, "span"), as_number(summary.get("reported_learning_rate"))
    if span.value is None:
        return (
            f"{config.architecture.label}, {config.task}: no span, because training of every seed "
            f"diverged ({summary.get('diverged')})."
        )
    beyond = as_number(summary.get("next_lag"))
    words, lag = LAG_WORDS[config.task], span.value or 0.0
    if not lag:
        reach = f"no {words.noun}"
        beyond = config.shortest_lag
    elif beyond is None:
        reach = f"every {words.noun} tried, up to {words.value(lag)}"
    else:
        reach = f"all {words.noun}s up to {words.value(lag)}"
    distance = config.shape.distance(int(lag))
    back = f", {number(distance)} steps back on average" if lag and distance != lag else ""
    failed = "" if beyond is None else f", not {'' if lag else 'even '}{words.value(beyond)}"
    at_rate = "" if rate is None else f", at learning rate {rate:g}"
    gradient = _gradient(summary)
    sentences = [
        f"{config.architecture.label}, {config.task}: within "
        f"{counted(config.training_steps, 'training step')} a majority of seeds learned {reach} "
        f"({_seeds(summary)}){back}{failed}{at_rate}{f'; {gradient}' if gradient else ''}."
    ]
    sentences += [f"{title}: {text}." for title, text in _exceptions(summary)]
    return " ".join(sentences)


def _seeds(summary: Mapping[str, Any]) -> str:
    """`seeds: 7, 10, ≥ 15`; older runs noted no spans of single seeds, and have n alone."""
    text = summary.get("span_by_seed")
    known = isinstance(text, str) and text
    return f"seeds: {text}" if known else spread(read_estimate(summary, "span"))


def _exceptions(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The notes on seeds that learned out of order or diverged, each with its title."""
    for title, name in (("Learned out of order", "gaps"), ("Diverged", "diverged")):
        text = summary.get(name)
        if isinstance(text, str) and text:
            yield title, text


def learned(settings: Mapping[str, Value], summary: Mapping[str, Any]) -> bool:
    """Whether a majority of the seeds learned a lag."""
    return (as_number(summary.get("span")) or 0.0) > 0


def remarks(comparison: Comparison) -> Iterator[str]:
    """What the lag is, spans that are lower bounds, seeds that learned out of order or diverged,
    the budget of training, and the gradient of the best."""
    result = comparison.result("span")
    if result is None:
        return
    ordered = result.ordered()
    tasks = [str(task) for task in dict.fromkeys(run.settings["task"] for run in comparison.runs)]
    if tasks != ["recall"]:
        yield from (LAG_WORDS[task].meaning for task in tasks)  # type: ignore[index]
    if len(tasks) > 1:
        yield "So spans of different tasks are different distances, and do not compare."
    unbounded = [n for n in ordered if as_number(comparison.summaries[n].get("next_lag")) is None]
    if unbounded:
        names = shortened_list(unbounded, MAX_NAMED)
        yield f"No longer lag was tried in {names}: the span there is a lower bound."
    for name in (*ordered, *(n for n in comparison.summaries if n not in ordered)):
        exceptions = list(_exceptions(comparison.summaries[name])) or _gaps(comparison, name)
        if exceptions:
            texts = [f"{title.lower()}: {text}" for title, text in exceptions]
            yield f"In {name}, {'; '.join(texts)}."
    steps = {int(str(run.settings["training_steps"])) for run in comparison.runs}
    if len(steps) == 1:
        yield f"A lag counts as learned within {counted(steps.pop(), 'training step')}."
    if gradient := _gradient(comparison.summaries[ordered[0]]):
        yield f"In {ordered[0]} {gradient}."


def _gaps(comparison: Comparison, name: str) -> list[tuple[str, str]]:
    """How many seeds learned a lag but not all shorter ones, where no run has noted which."""
    spans, furthest = comparison.result("span"), comparison.result("furthest_lag")
    if spans is None or furthest is None:
        return []
    values = zip(spans.values[name], furthest.values[name], strict=True)
    beyond = sum(span < lag for span, lag in values)
    return [("Learned out of order", counted(beyond, "seed"))] if beyond else []


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
    """Measure → seed → value, at the learning rate that the other seeds chose.

    The span of a seed is the largest lag such that it learned that and every shorter one tried, 0
    if none; one that diverged there has none. The other measures are of the lag that a majority
    reached. Older runs recorded the largest lag learned as the span, and judged all seeds at one
    learning rate: of these the span is computed at that rate.
    """
    attempts, summaries, seeds = tables("attempts"), tables("summary"), tables("seeds")
    if attempts is None or summaries is None or summaries.empty:
        return {}
    rates = attempts["seed"].map(
        dict.fromkeys(attempts["seed"], summaries.iloc[-1]["reported_learning_rate"])
        if seeds is None or seeds.empty
        else dict(zip(seeds["seed"], seeds["learning_rate"], strict=True))
    )
    own = attempts[attempts["learning_rate"] == rates].sort_values(["seed", "lag"])
    own = own[~own["seed"].isin(_diverged(own))]
    learned = (own["learned"] > 0).astype(int)
    so_far = learned.groupby(own["seed"]).cumprod()
    values = {
        "span": (own["lag"] * so_far).groupby(own["seed"]).max(),
        "furthest_lag": (own["lag"] * learned).groupby(own["seed"]).max(),
    }
    span = MAJORITY.estimate(list(values["span"].astype(float))).value
    at_span = own[own["lag"] == (span or settings["shortest_lag"])].set_index("seed")
    if span:
        values["steps_to_learn"] = at_span["steps_to_learn"]
    for name in ("half_life_start", "half_life_end"):
        values[name] = _decay_rates(at_span[name])
    return {
        name: {int(str(seed)): float(value) for seed, value in series.items()}
        for name, series in values.items()
    }


def _diverged(own: pandas.DataFrame) -> set[int]:
    """The seeds that have no span: their loss was not finite where it would end."""
    ends = own[own["learned"] <= 0].groupby("seed").head(1)
    return {int(seed) for seed in ends[ends["loss"].isna()]["seed"]}


def _decay_rates(half_lives: pandas.Series[float]) -> pandas.Series[float]:
    """The rates behind half-lives: ½ to the power of one over them; 1 of an infinite one."""
    lasting = half_lives.where(half_lives != 0)
    return (0.5 ** (1 / lasting)).where(half_lives != 0, 0.0).where(half_lives.notna())
