"""What `language-model` says of its results, beyond who needs the fewest bits; and values by
seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.analysis.comparison import Comparison
from core.experiments.language_model.declaration import LanguageModelConfig, text_words
from core.experiments.trained import diverged, text_of, values_by_seed
from core.formatting import (
    as_number,
    counted,
    number,
    quantity,
    read_estimate,
    shortened_list,
    spread,
)
from core.settings import Value
from core.stats.estimates import Estimate

MAX_NAMED = 8
"""The most variants that a remark names."""

by_seed = values_by_seed(("bits", "context", "one_bits", "no_bits"))
"""Values of single seeds, by measure of the summary."""


def run_sentence(config: LanguageModelConfig, summary: Mapping[str, Any]) -> str:
    """`GRU 64 on licence texts: 2.41 bits a character with 128 characters of context (95% CI …),
    3.60 with one and 4.62 with none. …`"""
    name = f"{config.architecture.label} on {config.text_words}"
    bits, context, one, none = (
        read_estimate(summary, name) for name in ("bits", "context", "one_bits", "no_bits")
    )
    if bits.value is None:
        return f"{name}: no bits, because training of every seed diverged."
    sentences = [
        f"{name}: {_bits(bits)} a character with {counted(config.longest_context, 'character')} of "
        f"context ({spread(bits)}), {number(one.value or 0.0)} with one and "
        f"{number(none.value or 0.0)} with none.",
        f"{_helps(context, config.longest_context)} (seeds: {summary.get('context_by_seed')}).",
    ]
    order = as_number(summary.get("counted_context"))
    by_counts = as_number(summary.get("counted_bits"))
    if order is not None and by_counts is not None:
        sentences.append(
            f"Counting what followed the last {counted(int(order), 'character')} needs "
            f"{number(by_counts)}."
        )
    if text := text_of(summary, "diverged"):
        sentences.append(f"Diverged, and left out: {text}.")
    return " ".join(sentences)


def _bits(bits: Estimate) -> str:
    return f"{number(bits.value or 0.0)} bits"


def _helps(context: Estimate, longest: int) -> str:
    """`Context helps up to 32 characters`."""
    if not context.value:
        return "Context does not help"
    last = ", the most tried" if context.value >= longest else ""
    return f"Context helps up to {counted(int(context.value), 'character')}{last}"


def learned(settings: Mapping[str, Value], summary: Mapping[str, Any]) -> bool:
    """Whether context makes its bits fewer than they are without any."""
    bits, none = (as_number(summary.get(name)) for name in ("bits", "no_bits"))
    return bits is not None and none is not None and bits < none


def remarks(comparison: Comparison) -> Iterator[str]:
    """The text, what one character and counting give, and up to where context helps whom."""
    texts = {
        tuple(str(run.settings[name]) for name in ("text", "file", "side"))
        for run in comparison.runs
    }
    result = comparison.result("bits")
    ordered = result.ordered() if result else []
    if len(texts) == 1 and ordered:
        (text,) = texts
        best = ordered[0]
        one, bits = (comparison.estimate(best, name) for name in ("one_bits", "bits"))
        if one.value is not None and bits.value is not None:
            yield (
                f"On {text_words(*text)} {best} needs {_bits(one)} a character after one character "
                f"and {number(bits.value)} with all of its context."
            )
    by_context: dict[float, list[str]] = {}
    for name in ordered:
        context = comparison.estimate(name, "context").value
        if context is not None:
            by_context.setdefault(context, []).append(name)
    parts = [
        f"{quantity(context, 'characters')} for {shortened_list(names, MAX_NAMED)}"
        for context, names in sorted(by_context.items(), reverse=True)
    ]
    if parts:
        yield f"Context helps up to {'; '.join(parts)}."
    by_counts = {
        (as_number(s.get("counted_bits")), as_number(s.get("counted_context")))
        for s in comparison.summaries.values()
    }
    if len(by_counts) == 1:
        ((counts, order),) = by_counts
        if counts is not None and order is not None:
            yield (
                f"Counting what followed the last {counted(int(order), 'character')} in training "
                f"needs {number(counts)} bits."
            )
    yield from diverged(comparison)
