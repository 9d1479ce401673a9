"""What `two-sided-context` says of its results: gains and controls; and its values by seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from core.analysis.comparison import Comparison
from core.analysis.groups import Group, Identity, identity_of
from core.experiment import Tables
from core.experiments.two_sided_context.declaration import TwoSidedContextConfig
from core.formatting import (
    as_number,
    counted,
    exact_number,
    listed,
    number,
    read_estimate,
    spread,
)
from core.settings import Value
from core.stats.estimates import Estimate
from core.tasks.tag_rules import chance_without_memory

MEASURES = {
    "present_accuracy": ("itself", "mean", False),
    "ahead_accuracy": ("itself", "mean", True),
    "lowest_accuracy": ("itself", "min", True),
    "highest_accuracy": ("itself", "max", True),
    "wider_accuracy": ("wider", "mean", True),
    "wider_highest_accuracy": ("wider", "max", True),
    "delayed_accuracy": ("delayed", "mean", True),
}
"""Measure of the summary → network, statistic over look-aheads, and whether something ahead is
needed, in the table `context`."""

ACCURACIES = {
    "itself": "ahead_accuracy",
    "wider": "wider_accuracy",
    "delayed": "delayed_accuracy",
}
"""The measure of each network where something ahead is needed."""


def run_sentence(config: TwoSidedContextConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64: 25.1% of tags right (…) where the token 1 to 10 steps ahead is needed, …`."""
    name, last = config.architecture.label, config.furthest
    present, ahead, lowest, wider, delayed = (
        read_estimate(summary, f"{measure}_accuracy")
        for measure in ("present", "ahead", "lowest", "wider", "delayed")
    )
    if last == 0 and present.value is not None:
        right = f"{_percent(present)} of tags right ({_sure(present)})"
        return f"{name}: {right} where no later token is needed."
    if ahead.value is None:
        return f"{name}: no accuracy, because networks of every seed diverged."
    chance = as_number(summary.get("chance")) or 0.0
    blind = ahead.low is not None and ahead.low <= chance
    against = f", no better than chance ({chance:.3g}%)" if blind else f"; chance is {chance:.3g}%"
    steps = f"1 to {last} steps" if last > 1 else "one step"
    sentences = [
        f"{name}: {_percent(ahead)} of tags right ({_sure(ahead)}) where the token {steps} ahead "
        f"is needed{against}."
    ]
    if config.architecture.bidirectional:
        sentences.append(f"At the hardest look-ahead {_percent(lowest)} are right.")
    elif wider.value is not None and delayed.value is not None:
        size = int(as_number(summary.get("wider_hidden_size")) or 0)
        sentences.append(
            f"With the same number of parameters as two directions (hidden size {size}) it reaches "
            f"{_percent(wider)}; if it may answer that many steps later, {_percent(delayed)}."
        )
    accuracies = {"itself": ahead, "wider": wider, "delayed": delayed}
    lost = {
        network: config.seeds - accuracy.n
        for network, accuracy in accuracies.items()
        if network == "itself" or not config.architecture.bidirectional
    }
    if any(lost.values()):
        sentences.append(f"Left out: {_diverged(lost)}.")
    return " ".join(sentences)


def _diverged(lost: Mapping[str, int]) -> str:
    """`2 seeds that diverged, 1 seed whose delayed network did`; networks that lost none are left
    out."""
    parts = []
    for network, seeds in lost.items():
        which = "that diverged" if network == "itself" else f"whose {network} network diverged"
        parts += [f"{counted(seeds, 'seed')} {which}"] if seeds else []
    return listed(parts)


class Pair(NamedTuple):
    """The bidirectional and the unidirectional group of one cell, equal in all else."""

    both: str
    one: str


def learned(settings: Mapping[str, Value], summary: Mapping[str, Any]) -> bool:
    """Whether it is clearly better than chance ahead, or where nothing ahead is needed."""
    chance = as_number(summary.get("chance")) or 0.0
    estimates = (read_estimate(summary, f"{name}_accuracy") for name in ("ahead", "present"))
    return any(((e.value if e.low is None else e.low) or 0.0) > chance for e in estimates)


def remarks(comparison: Comparison) -> Iterator[str]:
    """Whether the gain holds at every look-ahead, what the controls show, the tie at d = 0, and
    controls that diverged."""
    yield from _lost_controls(comparison)
    pairs = matching_pairs(comparison)
    if not pairs:
        missing = (
            "one direction" if comparison.groups[0].settings["bidirectional"] else "two directions"
        )
        if len({g.settings["bidirectional"] for g in comparison.groups}) == 1:
            yield f"There is no run with {missing} to compare with."
        return
    chances = dict.fromkeys(
        f"{chance:.3g}%"
        for s in comparison.summaries.values()
        if (chance := as_number(s["chance"]))
    )
    yield f"Chance is {listed(list(chances), 'or')}."
    everywhere = _better(comparison, pairs, "lowest_accuracy", "highest_accuracy")
    if everywhere:
        lowest = {p.both: comparison.estimate(p.both, "lowest_accuracy") for p in everywhere}
        name, hardest = min(lowest.items(), key=lambda item: item[1].value or 0.0)
        yield (
            f"The gain of {_names(everywhere)} is significant at every look-ahead; at the hardest "
            f"one, the accuracy of {name} is {_percent(hardest)}."
        )
    yield from _controls(comparison, pairs)
    present = comparison.result("present_accuracy")
    ties = [v for p in pairs if present and (v := present.against(*p)) is not None]
    if present and ties and not any(verdict.distinguished for verdict in ties):
        values = [comparison.estimate(n, "present_accuracy") for pair in pairs for n in pair]
        yield f"If no later token is needed, one direction and two both reach {_range(values)}."


def matching_pairs(comparison: Comparison) -> list[Pair]:
    """Groups of both forms of one cell that differ in nothing but their directions."""

    def key(group: Group) -> Identity:
        return identity_of(comparison.experiment, group.settings, without=("bidirectional",))

    single = {key(g): g.name for g in comparison.groups if not g.settings["bidirectional"]}
    return [
        Pair(group.name, single[key(group)])
        for group in comparison.groups
        if group.settings["bidirectional"] and key(group) in single
    ]


def _better(comparison: Comparison, pairs: Sequence[Pair], both: str, one: str) -> list[Pair]:
    """Pairs in which one measure of both directions is significantly above another of one
    direction; the pairs are the family."""
    first, second = comparison.result(both), comparison.result(one)
    if first is None or second is None:
        return []
    samples = {(p.both, p.one): (first.values[p.both], second.values[p.one]) for p in pairs}
    aggregation = first.column.aggregation
    verdicts = comparison.contrasts(samples, aggregation)
    return [Pair(v.first, v.second) for v in verdicts if v.finding == "better"]


def _controls(comparison: Comparison, pairs: Sequence[Pair]) -> Iterator[str]:
    """If more parameters do not help and answering later does, the gain comes from context."""
    names = [pair.one for pair in pairs]
    wider, delayed = (
        [comparison.estimate(name, measure) for name in names]
        for measure in ("wider_accuracy", "delayed_accuracy")
    )
    if any(estimate.value is None for estimate in (*wider, *delayed)):
        return
    sentence = (
        f"One direction with the same number of parameters{_achieved(comparison, pairs)} reaches "
        f"{_range(wider)}; if it may answer that many steps later, {_range(delayed)}."
    )
    wider_is_no_better = _better(comparison, pairs, "ahead_accuracy", "wider_accuracy") == _better(
        comparison, pairs, "ahead_accuracy", "ahead_accuracy"
    )
    alone = [Pair(name, name) for name in names]
    delay_helps = len(_better(comparison, alone, "delayed_accuracy", "ahead_accuracy")) == len(
        names
    )
    by_context = wider_is_no_better and delay_helps
    yield f"{sentence} What it lacks is the later tokens, not capacity." if by_context else sentence
    yield from _memory_of_the_delayed(comparison, names)


def _memory_of_the_delayed(comparison: Comparison, names: Sequence[str]) -> Iterator[str]:
    """Whether answering later needs memory, by the rule of the runs: older ones are of `ahead`."""
    settings = [run.settings for g in comparison.groups if g.name in names for run in g.runs]
    read_off = {
        chance_without_memory(s["rule"], int(str(s["tokens"])), 1) == 100.0  # type: ignore[arg-type]
        for s in settings
    }
    if read_off == {False}:
        yield (
            "Answering later, it must hold a token for as many steps as the backward half of two "
            "directions."
        )
    elif True in read_off:
        yield (
            "Under the rule ahead, answering later needs no memory: the network may name the token "
            "that it reads at that step."
        )


def _lost_controls(comparison: Comparison) -> Iterator[str]:
    """The seeds of a control that have no accuracy: their networks diverged."""
    for network, measure in ACCURACIES.items():
        result = comparison.result(measure) if network != "itself" else None
        for name, seeds in (result.left_out if result else {}).items():
            yield f"Left out of {name}: {_diverged({network: seeds})}."


def _achieved(comparison: Comparison, pairs: Sequence[Pair]) -> str:
    """` (LSTM 9,988 against 10,156)`: the wider networks' parameters and those of both directions;
    empty where a run has recorded none."""
    counts = [
        (comparison.estimate(pair.one, "wider_parameters").value,
         comparison.estimate(pair.both, "parameters").value)
        for pair in pairs
    ]  # fmt: skip
    if any(count is None for pair in counts for count in pair):
        return ""
    parts = [
        f"{pair.one} {exact_number(one)} against {exact_number(both)}"
        for pair, (one, both) in zip(pairs, counts, strict=True)
    ]
    return f" ({listed(parts)})"


def _names(pairs: Sequence[Pair]) -> str:
    return listed([pair.both for pair in pairs])


def _percent(estimate: Estimate) -> str:
    return f"{number(estimate.value or 0.0)}%"


def _range(estimates: Sequence[Estimate]) -> str:
    """`25.0% to 25.3%`, or the one that all are."""
    ordered = sorted(estimates, key=lambda estimate: estimate.value or 0.0)
    return " to ".join(dict.fromkeys([_percent(ordered[0]), _percent(ordered[-1])]))


def _sure(estimate: Estimate) -> str:
    """The interval, cut to the possible percentages."""
    return spread(estimate.within(0, 100))


def by_seed(settings: Mapping[str, Value], tables: Tables) -> dict[str, dict[int, float]]:
    """Measure → seed → value; a seed that diverged has none."""
    context = tables("context")
    if context is None or context.empty:
        return {}
    values: dict[str, dict[int, float]] = {}
    for name, (network, statistic, ahead) in MEASURES.items():
        rows = context[(context["network"] == network) & ((context["look_ahead"] > 0) == ahead)]
        groups = rows.groupby("seed")["accuracy"]
        whole = groups.agg(statistic)[groups.count() == groups.size()]
        values[name] = {int(str(seed)): float(value) for seed, value in whole.items()}
    return values
