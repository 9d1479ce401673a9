"""What `length-quality` found, in words. Which models differ is Welch's test over their seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.experiments.length_quality import LengthQualityConfig, Quality
from core.experiments.length_quality_finding import (
    Gain,
    Model,
    gain_of_attention,
    models_of,
    not_distinguishable,
)
from core.statistics import Estimate
from core.words import counted, listed, number, read_estimate, spread

if TYPE_CHECKING:
    import pandas

MOST_NAMED = 2
"""Of a list of models; of more it is said how many they are."""
QUALITIES: dict[Quality, str] = {"token_accuracy": "token accuracy", "bleu": "BLEU"}


def run_in_words(config: LengthQualityConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64, no attention, grammar: token accuracy halves at 10.9 words (…), 24.2% in all …`."""
    looks = "no attention" if config.attention == "none" else f"{config.attention} attention"
    name = f"{config.architecture.label}, {looks}, {config.task}"
    accuracy, bleu = read_estimate(summary, "token_accuracy"), read_estimate(summary, "bleu")
    reached = f"token accuracy {number(accuracy.value or 0.0)}%"
    if bleu.value is not None:
        reached += f", BLEU {number(bleu.value)} ({_sentences(bleu)})"
    return f"{name}: free-running {_halving(config.quality, summary)}; over all lengths: {reached}."


def _halving(quality: Quality, summary: Mapping[str, Any]) -> str:
    halves, title = read_estimate(summary, "bottleneck_length"), QUALITIES[quality]
    if halves.value is None:
        above = read_estimate(summary, "above_blind")
        points = f"difference {number(above.value or 0.0)} points, {_sentences(above)}"
        return f"token accuracy of the shortest is not clearly above a blind guess ({points})"
    if summary["never_below_half"]:
        return f"{title} stays above half of its start up to {number(halves.value)} words"
    return f"{title} halves at {number(halves.value)} words ({_sentences(halves)})"


def comparison_in_words(runs: pandas.DataFrame) -> str:
    """Where quality halves first and last, what is noise in that, and what attention adds."""
    models = models_of(runs)
    if not models:
        return "Nothing has been measured yet."
    able = sorted((m for m in models if m.lengths), key=lambda m: m.halves.value or 0.0)
    unable = [model.label for model in models if not model.lengths]
    kinds = {model.quality for model in models}
    quality = f"Free-running {QUALITIES[kinds.pop()]}" if len(kinds) == 1 else "Quality"
    bleu = _bleu(models[0]) if len(models) == 1 else ()
    return " ".join([_where(able, unable, quality), *_difference(able), *_attention(runs), *bleu])


def _where(able: Sequence[Model], unable: Sequence[str], quality: str) -> str:
    """The first and the last bottleneck, and which models have none."""
    too_little = "the shortest sentences are not clearly above a blind guess"
    total = len(able) + len(unable)
    if not able:
        return f"{quality} has no bottleneck length in {_some(unable, total)}: {too_little}."
    rest = f"; in {_some(unable, total)} {too_little}" if unable else ""
    if all(model.always for model in able):
        least = number(min(model.halves.value or 0.0 for model in able))
        names = _some([model.label for model in able], total)
        return f"{quality} stays above half of its start up to {least} words in {names}{rest}."
    places = [f"in {model.label} {_place(model)}" for model in able]
    if len(able) > 1:
        places = [f"first {places[0]}", f"last {places[-1]}"]
    return f"{quality} falls below half of its start {listed(places)}{rest}."


def _place(model: Model) -> str:
    """`at 10.9 words (95% interval 10.0 to 11.4, 3 seeds)`."""
    value = number(model.halves.value or 0.0)
    seeds = len(model.lengths)
    sure = spread(model.halves) if seeds > 1 else f"one seed; {_sentences(model.halves)}"
    if seeds < model.seeds:
        sure += f"; none in {model.seeds - seeds} of {model.seeds} seeds"
    return f"{'not before' if model.beyond else 'at'} {value} words ({sure})"


def _difference(able: Sequence[Model]) -> Iterator[str]:
    """Whether the last differs from the others by more than noise."""
    if len(able) < 2 or all(model.always for model in able):
        return
    *others, best = able
    equal = not_distinguishable(best, others)
    if equal is None:
        yield "One seed cannot tell such a difference from noise."
    elif not equal:
        noun = "difference is" if len(others) == 1 else f"differences from {best.label} are"
        yield f"The {noun} larger than noise."
    else:
        rest = "" if len(equal) == len(others) else ", the rest differ"
        named = _some(equal, len(others), "other models")
        yield f"{best.label} is not distinguishable from {named}{rest}."


def _attention(runs: pandas.DataFrame) -> Iterator[str]:
    """What it adds, over pairs of runs that differ in nothing else."""
    for quality, title in QUALITIES.items():
        gain = gain_of_attention(runs, quality)
        if gain is not None:
            yield _gained(gain, title)


def _gained(gain: Gain, quality: str) -> str:
    points = gain.points
    amount = f"{number(abs(points.value or 0.0))} points"
    change = "higher" if (points.value or 0.0) > 0 else "lower"
    if gain.seeds < 2 or points.low is None or points.high is None:
        return f"With attention, {quality} over all lengths is {amount} {change} (one seed)."
    sure = spread(points, over="pair")
    if points.low <= 0 <= points.high:
        return (
            f"What attention changes in {quality} over all lengths is not distinguishable from "
            f"nothing ({amount} {change}, {sure} of runs)."
        )
    return f"With attention, {quality} over all lengths is {amount} {change} ({sure} of runs)."


def _bleu(model: Model) -> Iterator[str]:
    if model.bleu.value is not None:
        yield f"BLEU over all lengths: {number(model.bleu.value)}."


def _some(labels: Sequence[str], total: int, noun: str = "models") -> str:
    """The names of a few; of more, how many of how many."""
    if len(labels) <= MOST_NAMED:
        return listed(list(labels))
    return f"all {total} {noun}" if len(labels) == total else f"{len(labels)} of {total} {noun}"


def _sentences(estimate: Estimate) -> str:
    """`95% interval 10.0 to 11.4, 1,500 sentences`."""
    sentences = counted(estimate.n, "sentence")
    if estimate.low is None or estimate.high is None:
        return f"{sentences}, no interval"
    return f"95% interval {number(estimate.low)} to {number(estimate.high)}, {sentences}"
