"""What `state-tracking` says of its results, beyond who follows furthest; and values by seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.analysis.comparison import Comparison
from core.experiments.state_tracking.declaration import StateTrackingConfig
from core.experiments.trained import diverged, text_of, values_by_seed
from core.formatting import as_number, counted, number, read_estimate, shortened_list
from core.settings import Value
from core.stats.estimates import Estimate
from core.tasks.word_problems import TASK_WORDS

MAX_NAMED = 4
"""The most variants that a remark names."""

by_seed = values_by_seed(("reach", "within_accuracy", "beyond_accuracy"))
"""Values of single seeds, by measure of the summary."""


def run_sentence(config: StateTrackingConfig, summary: Mapping[str, Any]) -> str:
    """`GRU 64, parity: right up to token 256, the last one tested (seeds: ≥ 256, …), trained on up
    to 40 …`."""
    name = f"{config.architecture.label}, {config.task}"
    reach, beyond = read_estimate(summary, "reach"), read_estimate(summary, "beyond_accuracy")
    if reach.value is None:
        return f"{name}: no accuracy, because training of every seed diverged."
    last = ", the last one tested" if reach.value >= config.longest_tested else ""
    far = f"right up to token {reach.value:,.0f}{last}" if reach.value else "right at no token"
    sentences = [
        f"{name}: {far} (seeds: {summary.get('reach_by_seed')}), trained on up to "
        f"{counted(config.longest_trained, 'token')}."
    ]
    if beyond.value is not None:
        blind = as_number(summary.get("without_memory")) or 0.0
        sentences.append(
            f"Beyond these {number(beyond.value)}% of the answers are right, and "
            f"{number(blind)}% without memory."
        )
    if text := text_of(summary, "diverged"):
        sentences.append(f"Diverged, and left out: {text}.")
    return " ".join(sentences)


def learned(settings: Mapping[str, Value], summary: Mapping[str, Any]) -> bool:
    """Whether a majority of the seeds answers after the first token, which needs no memory: what
    follows no state at all has still been trained."""
    return (as_number(summary.get("reach")) or 0.0) >= 1


def remarks(comparison: Comparison) -> Iterator[str]:
    """What the state is, who follows it beyond the lengths of training, and who is at chance."""
    tasks = {(str(r.settings["task"]), str(r.settings["modulus"])) for r in comparison.runs}
    if len(tasks) == 1:
        ((task, modulus),) = tasks
        words = TASK_WORDS[task].format(modulus=modulus)  # type: ignore[index]
        yield f"The state is {words}."
    result = comparison.result("reach")
    ordered = result.ordered() if result else []
    lengths = {int(str(run.settings["longest_trained"])) for run in comparison.runs}
    if len(lengths) == 1:
        (trained,) = lengths
        beyond = [name for name in ordered if _reach(comparison, name) > trained]
        if beyond:
            yield (
                f"Beyond the {counted(trained, 'token')} of training it is followed by "
                f"{shortened_list(beyond, MAX_NAMED)}."
            )
        elif ordered:
            yield f"None follows it beyond the {counted(trained, 'token')} of training."
    lost = {name: _chance(comparison, name) for name in ordered}
    at_chance = [f"{name} {text}" for name, text in lost.items() if text]
    if at_chance:
        yield f"No better than without memory: {shortened_list(at_chance, 8)}."
    yield from diverged(comparison)


def _reach(comparison: Comparison, name: str) -> float:
    estimate: Estimate = comparison.estimate(name, "reach")
    return float(estimate.value or 0.0)


def _chance(comparison: Comparison, name: str) -> str:
    """`from tokens 2 to 5 on in 2 of 3 seeds`; empty where no seed is ever at chance."""
    by_seed = text_of(comparison.summaries[name], "chance_by_seed").split(", ")
    tokens = sorted(int(token) for token in by_seed if token.isdecimal())
    if not tokens:
        return ""
    first, last = tokens[0], tokens[-1]
    place = f"token {first}" if first == last else f"tokens {first} to {last}"
    share = "all" if len(tokens) == len(by_seed) else f"{len(tokens)} of"
    return f"from {place} on in {share} {counted(len(by_seed), 'seed')}"
