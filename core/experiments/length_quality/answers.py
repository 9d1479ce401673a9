"""What `length-quality` says of its results, beyond who handles the longest sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.analysis.comparison import Comparison
from core.analysis.groups import Group, Identity, identity_of
from core.analysis.runs import last_row
from core.analysis.sentences import margin_in_words
from core.experiment import Column, Tables
from core.experiments.length_quality.declaration import (
    BLEU_TITLE,
    CASED_BLEU_TITLE,
    LengthQualityConfig,
    LengthQualitySummary,
    Quality,
)
from core.formatting import (
    counted,
    interval,
    listed,
    number,
    quantity,
    read_estimate,
    shortened_list,
)
from core.settings import Value
from core.stats.estimates import AtLeast, Estimate

MAX_NAMED = 2
"""The most models that a remark names; the others are counted."""
QUALITIES: dict[Quality, str] = {
    "token_accuracy": "token accuracy",
    "bleu": BLEU_TITLE,
    "cased_bleu": CASED_BLEU_TITLE,
}


def _bottleneck_column() -> Column:
    return next(c for c in LengthQualitySummary.columns() if c.name == "bottleneck")


def by_seed(settings: Mapping[str, Value], tables: Tables) -> Mapping[str, Mapping[int, float]]:
    """The bottleneck length of a run's seed, as a lower bound where its longest sentences do not
    reach it: of a text, only the summary knows how long those are."""
    summary = tables(LengthQualitySummary.table)
    if summary is None or summary.empty:
        return {}
    flat = last_row(summary)
    value = _bottleneck_column().read(flat, settings).value
    return {} if value is None else {"bottleneck": {int(settings.get("seed") or 0): value}}


def bleu_title(config: LengthQualityConfig, summary: Mapping[str, Any]) -> str:
    """`BLEU (lowercased, 13a tokens)`: with the tokenisation that the signature names."""
    parts = str(summary.get("signature") or "").split("|")
    tokens = next((part[4:] for part in parts if part.startswith("tok:")), "")
    title = QUALITIES[config.bleu]
    return title.replace(")", f", {tokens} tokens)") if tokens else title


def run_sentence(config: LengthQualityConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64, no attention, grammar: … has lost half of what it has above a blind guess at …`."""
    attention = "no attention" if config.attention == "none" else f"{config.attention} attention"
    name = f"{config.architecture.label}, {attention}, {config.task}"
    if summary.get("diverged"):
        return f"{name}: no quality, because training diverged ({summary['diverged']})."
    accuracy, bleu = read_estimate(summary, "token_accuracy"), read_estimate(summary, config.bleu)
    overall = f"token accuracy {number(accuracy.value or 0.0)}%"
    if bleu.value is not None:
        overall += f", {bleu_title(config, summary)} {number(bleu.value)} ({_over_sentences(bleu)})"
    length = _bottleneck_column().read(summary, config.flat())
    title = str(summary.get("judged_by") or "")
    title = title or (
        QUALITIES["token_accuracy"] if config.synthetic else bleu_title(config, summary)
    )
    if length.value is None:
        above = read_estimate(summary, "above_blind")
        halving = (
            "token accuracy of the shortest is not clearly above a blind guess "
            f"(difference {number(above.value or 0.0)} points, "
            f"{counted(above.n, 'sentence')})"
        )
    elif isinstance(length.value, AtLeast):
        words = quantity(float(length.value), "words")
        halving = f"{title} keeps more than half above a blind guess up to {words}"
    else:
        words = quantity(length.value, "words")
        halving = f"{title} has lost half of what it has above a blind guess at {words}"
    return f"{name}: free-running {halving}; over all lengths: {overall}."


MIN_RIGHT = 50.0
"""Percent of the tokens of sentences as long as those in training: a model that gets fewer of them
right is hardly trained."""


def learned(settings: Mapping[str, Value], summary: Mapping[str, Any]) -> bool:
    """Whether a model translates: its shortest sentences are clearly better than a blind guess,
    and it gets half of what it was trained for; a text has many right translations."""
    above, within = (read_estimate(summary, name) for name in ("above_blind", "within_accuracy"))
    better = (
        _bottleneck_column().read(summary, settings).value is not None or (above.low or 0.0) > 0
    )
    synthetic = settings.get("task") in ("grammar", "copy", "reverse")
    return better and (not synthetic or (within.value or 0.0) >= MIN_RIGHT)


def remarks(comparison: Comparison) -> Iterator[str]:
    """Bottlenecks that are lower bounds or do not exist, and what attention adds."""
    lengths = {g.name: comparison.estimate(g.name, "bottleneck") for g in comparison.groups}
    never = [name for name, length in lengths.items() if isinstance(length.value, AtLeast)]
    if never:
        names = shortened_list(never, MAX_NAMED, "other model")
        yield f"Quality never fell by half in {names}: the length is a lower bound."
    missing = [name for name, length in lengths.items() if length.value is None]
    lost = [name for name in missing if comparison.summaries[name].get("diverged")]
    if lost:
        names = shortened_list(lost, MAX_NAMED, "other model")
        yield f"Training of {names} diverged: its loss ceased to be finite, and it has no quality."
    missing = [name for name in missing if name not in lost]
    above = {n: read_estimate(comparison.summaries[n], "above_blind").low for n in missing}
    older = [name for name in missing if (above[name] or 0.0) > 0]
    if older:
        names = shortened_list(older, MAX_NAMED, "other model")
        yield (
            f"{names}: measured by a version whose bottleneck length was not relative to a blind "
            "guess; run it again."
        )
    unable = [name for name in missing if name not in older]
    if unable:
        names = shortened_list(unable, MAX_NAMED, "other model")
        yield f"In {names} the shortest sentences are not clearly above a blind guess."
    yield from _attention(comparison)


def _attention(comparison: Comparison) -> Iterator[str]:
    """What attention adds, over pairs of groups that differ in nothing else."""

    def key(group: Group) -> Identity:
        return identity_of(comparison.experiment, group.settings, without=("attention",))

    blind = {key(g): g for g in comparison.groups if g.settings.get("attention") == "none"}
    pairs = [
        (group.name, blind[key(group)].name)
        for group in comparison.groups
        if group.settings.get("attention") != "none" and key(group) in blind
    ]
    for column, title in QUALITIES.items():
        result = comparison.result(column)
        verdicts = [v for pair in pairs if result and (v := result.against(*pair)) is not None]
        if result is None or not verdicts:
            continue
        if len(verdicts) == 1:
            (verdict,) = verdicts
            attending, without = (
                number(result.estimates[name].value or 0.0)
                for name in (verdict.first, verdict.second)
            )
            finding = {
                "better": "significantly higher",
                "worse": "significantly lower",
                "equal within the margin": f"equal within {margin_in_words(result.column)}",
                "not distinguishable": "not distinguishable",
            }.get(verdict.finding, "too few seeds for a verdict")
            values = f"{attending} with attention and {without} without"
            yield f"Over all lengths {title} is {values}: {finding}."
        else:
            better = [v.first for v in verdicts if v.finding == "better"]
            names = f": {listed(better)}" if 0 < len(better) <= MAX_NAMED else ""
            yield (
                f"Over all lengths {title} with attention is significantly higher in "
                f"{len(better)} of {counted(len(verdicts), 'pair')} of models{names}."
            )


def _over_sentences(estimate: Estimate) -> str:
    """`95% CI 10.0–11.4, 1,500 sentences`."""
    sentences, ends = counted(estimate.n, "sentence"), interval(estimate)
    return f"95% CI {ends}, {sentences}" if ends else f"{sentences}, no interval"
