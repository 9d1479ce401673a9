"""What `length-quality` found, in words. Which models differ is Welch's test over their seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.experiments.length_quality import LengthQualityConfig
from core.statistics import CONFIDENCE, Estimate, Group, compare, mean_estimate
from core.words import counted, listed, number, read_estimate, spread

if TYPE_CHECKING:
    import pandas

MEASURED = ("bottleneck_length", "token_accuracy", "bleu")


def run_in_words(config: LengthQualityConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64, no attention, grammar: token accuracy halves at 10.9 words (…), 24.2% in all …`."""
    looks = "no attention" if config.attention == "none" else f"{config.attention} attention"
    name = f"{config.architecture.label}, {looks}, {config.task}"
    halves = read_estimate(summary, "bottleneck_length")
    accuracy, bleu = read_estimate(summary, "token_accuracy"), read_estimate(summary, "bleu")
    where = f"halves at {number(halves.value or 0.0)} words ({_sentences(halves)})"
    if summary["never_below_half"]:
        where = f"stays above half of its start up to {number(halves.value or 0.0)} words"
    also = "" if bleu.value is None else f", BLEU {number(bleu.value)} ({_sentences(bleu)})"
    return (
        f"{name}: free-running token accuracy {where}; it is {number(accuracy.value or 0.0)}% over "
        f"all lengths{also}."
    )


def comparison_in_words(runs: pandas.DataFrame) -> str:
    """Where quality halves, by model, and whether the best differs from the others."""
    models = models_of(runs)
    if not models:
        return "Nothing has been measured yet."
    ordered = sorted(models, key=lambda model: model.halves.value or 0.0)
    return " ".join([_where(ordered), *_difference(ordered), *_bleu(ordered)])


@dataclass(frozen=True)
class Model:
    """All seeds of one model."""

    label: str
    halves: Estimate
    """Over seeds; of one seed, over sentences."""
    lengths: tuple[float, ...]
    """Of every seed."""
    beyond: bool
    """Whether some seed never falls below half."""
    bleu: Estimate

    @property
    def place(self) -> str:
        """`at 10.9 words (…)`."""
        value = number(self.halves.value or 0.0)
        if self.beyond:
            return f"not before {value} words ({self.sure})"
        return f"at {value} words ({self.sure})"

    @property
    def sure(self) -> str:
        """The interval and what it is over."""
        return (
            spread(self.halves) if len(self.lengths) > 1 else f"one seed; {_sentences(self.halves)}"
        )


def models_of(runs: pandas.DataFrame) -> list[Model]:
    """Finished runs by label; the same seed measured twice counts once, the newest time."""
    groups: dict[str, dict[Any, Mapping[str, Any]]] = {}
    for run in runs.to_dict("records"):
        columns = {str(name): value for name, value in run.items()}
        groups.setdefault(str(columns["label"]), {})[columns.get("seed")] = columns
    return [_model(label, list(seeds.values())) for label, seeds in groups.items()]


def _model(label: str, seeds: Sequence[Mapping[str, Any]]) -> Model:
    over_seeds = {
        name: mean_estimate(read_estimate(s, name).value for s in seeds) for name in MEASURED
    }
    if len(seeds) == 1:
        over_seeds = {name: read_estimate(seeds[0], name) for name in MEASURED}
    lengths = [read_estimate(seed, "bottleneck_length").value for seed in seeds]
    return Model(
        label=label,
        halves=over_seeds["bottleneck_length"],
        lengths=tuple(length for length in lengths if length is not None),
        beyond=any(bool(seed["never_below_half"]) for seed in seeds),
        bleu=over_seeds["bleu"],
    )


def _where(models: Sequence[Model]) -> str:
    """Each model's bottleneck, the shortest first."""
    places = listed([f"in {model.label} {model.place}" for model in models])
    return f"Free-running token accuracy falls below half of its start {places}."


def _difference(models: Sequence[Model]) -> Iterator[str]:
    """Whether the longest differs from the others by more than noise."""
    if len(models) < 2:
        return
    best, others = models[-1], models[:-1]
    if any(len(model.lengths) < 2 for model in models):
        yield "One seed cannot tell such a difference from noise."
        return
    level = (1 - CONFIDENCE) / len(others)
    group = Group.of_values(best.label, best.lengths)
    equal = [
        other.label
        for other in others
        if compare(group, Group.of_values(other.label, other.lengths), level=level).outcome
        == "not distinguishable"
    ]
    if len(equal) == len(others):
        yield f"{best.label} is not distinguishable from {listed(equal)}."
    elif equal:
        yield f"{best.label} is not distinguishable from {listed(equal)}, the rest differ."
    else:
        noun = "difference is" if len(others) == 1 else "differences are"
        yield f"The {noun} larger than noise."


def _bleu(models: Sequence[Model]) -> Iterator[str]:
    scored = [model for model in models if model.bleu.value is not None]
    if scored:
        scores = [f"{number(model.bleu.value or 0.0)} in {model.label}" for model in scored]
        yield f"BLEU over all lengths: {listed(scores)}."


def _sentences(estimate: Estimate) -> str:
    """`95% interval 10.0 to 11.4, 1,500 sentences`."""
    sentences = counted(estimate.n, "sentence")
    if estimate.low is None or estimate.high is None:
        return f"{sentences}, no interval"
    return f"95% interval {number(estimate.low)} to {number(estimate.high)}, {sentences}"
