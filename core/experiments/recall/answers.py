"""What `recall` says of its results, beyond who keeps most pairs apart; and values by seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.analysis.comparison import Comparison, Result
from core.experiments.recall.declaration import RecallConfig
from core.experiments.trained import diverged, text_of, values_by_seed
from core.formatting import as_number, counted, number, quantity, read_estimate, shortened_list
from core.settings import Value

MAX_NAMED = 8
"""The most variants that a remark names."""

by_seed = values_by_seed(("pairs", "accuracy", "most_accuracy"))
"""Values of single seeds, by measure of the summary."""


def run_sentence(config: RecallConfig, summary: Mapping[str, Any]) -> str:
    """`GRU 64, with 64 numbers of state: keeps 8 pairs apart (seeds: 8, 8, 4) in sequences of 128
    tokens …`."""
    state = counted(config.carried, "number")
    name = f"{config.architecture.label}, with {state} of state"
    pairs, accuracy = read_estimate(summary, "pairs"), read_estimate(summary, "accuracy")
    if pairs.value is None:
        return f"{name}: no accuracy, because training of every seed diverged."
    last = ", the most tried" if pairs.value >= config.most_pairs else ""
    outcome = (
        f"keeps {counted(int(pairs.value), 'pair')} apart{last}"
        if pairs.value
        else "keeps no pairs apart"
    )
    sentences = [
        f"{name}: {outcome} (seeds: {summary.get('pairs_by_seed')}), in sequences of "
        f"{counted(config.longest, 'token')}."
    ]
    if accuracy.value is not None:
        alone = as_number(summary.get("values_alone")) or 0.0
        sentences.append(
            f"Over all numbers of pairs {number(accuracy.value)}% of the queries are right, and "
            f"{number(alone)}% with the values alone."
        )
    if text := text_of(summary, "diverged"):
        sentences.append(f"Diverged, and left out: {text}.")
    return " ".join(sentences)


def learned(settings: Mapping[str, Value], summary: Mapping[str, Any]) -> bool:
    """Whether it names values that came at least half of the way from chance: what keeps no pairs
    apart may still have been trained."""
    blind, alone = (as_number(summary.get(n)) or 0.0 for n in ("without_memory", "values_alone"))
    return (as_number(summary.get("accuracy")) or 0.0) > (blind + alone) / 2


def remarks(comparison: Comparison) -> Iterator[str]:
    """How many pairs with how much state, who is near the values alone, and what diverged."""
    result = comparison.result("pairs")
    ordered = result.ordered() if result else []
    if result is not None and ordered:
        yield from _by_state(comparison, result, ordered[::-1])
    yield from _beside_values_alone(comparison, ordered)
    yield from diverged(comparison)


def _by_state(comparison: Comparison, result: Result, names: Sequence[str]) -> Iterator[str]:
    """`With 64 numbers of state RNN keeps 0 pairs apart and GRU 4; with 128 LSTM 8.`"""
    by_state: dict[float, list[str]] = {}
    for name in names:
        state = as_number(comparison.summaries[name].get("carried"))
        if state is not None:
            by_state.setdefault(state, []).append(name)
    parts: list[str] = []
    for state, of_state in sorted(by_state.items()):
        phrases = [f"{name} {quantity(result.estimates[name].value, '')}" for name in of_state]
        if not parts:
            first = of_state[0]
            pairs = quantity(result.estimates[first].value, "pairs")
            phrases[0] = f"{first} keeps {pairs} apart"
        of = "" if parts else " numbers of state"
        parts.append(f"with {state:,.0f}{of} {shortened_list(phrases, MAX_NAMED)}")
    if parts:
        yield f"W{'; '.join(parts)[1:]}."


def _beside_values_alone(comparison: Comparison, names: Sequence[str]) -> Iterator[str]:
    """How near what keeps no pairs apart is to the values alone, where these are the same."""
    levels = {as_number(summary.get("values_alone")) for summary in comparison.summaries.values()}
    level = levels.pop() if len(levels) == 1 else None
    accuracies = {
        name: comparison.estimate(name, "accuracy").value
        for name in names
        if comparison.estimate(name, "pairs").value == 0
    }
    phrases = [f"{name} has {number(v)}%" for name, v in accuracies.items() if v is not None]
    if level is not None and phrases:
        yield (
            f"To know the set of values alone gives {number(level)}% right on average: "
            f"{shortened_list(phrases, MAX_NAMED)}."
        )
