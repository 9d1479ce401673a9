"""What `parameter-count` found, in words. Counts are exact: they have no interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.architecture import VARIANTS, Architecture, variant_title
from core.experiments.parameter_count import ParameterCountConfig
from core.parameters import count_parameters, multiply_accumulates
from core.words import listed, named_runs, number

if TYPE_CHECKING:
    import pandas

Run = Mapping[str, Any]
"""A finished run: flat config and summary columns, label and variant."""
UNNAMED = ("seed", "device", "threads", "parameter_budget", "smallest_width", "largest_width")
"""What does not change a count, or is in the label as the hidden size."""
KEPT_OF = ("sequence_length", "batch_size", "dtype", "input_size")
"""What activations are compared at."""
STEP_OVERHEAD = 1e5
"""Multiply-accumulates in the time that one step's calls take."""
DRAWING = 50
"""Multiply-accumulates in the time that drawing one parameter takes."""


def run_work(config: ParameterCountConfig) -> float:
    """Multiply-accumulates of all the forward passes, with what drawing the weights costs."""
    sizes = (config.architecture.model_copy(update={"hidden_size": w}) for w in config.widths)
    return sum(width_work(config, architecture) for architecture in sizes)


def width_work(config: ParameterCountConfig, architecture: Architecture) -> float:
    """Of one width: two implementations, each over T steps and over 64 more."""
    token = multiply_accumulates(architecture, config.input_size)
    steps = config.sequence_length + 64
    drawn = DRAWING * count_parameters(architecture, config.input_size).core
    return 2 * (steps * (config.batch_size * token + STEP_OVERHEAD) + drawn)


def run_in_words(config: ParameterCountConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64 reading 64 features: 33,280 recurrent parameters, 4.00 times the plain RNN's …`."""
    kept = _known(summary["activation_mib"])
    keeps = "" if kept is None else f"; training over {config.sequence_length:,} steps keeps "
    keeps += "" if kept is None else f"{number(kept)} MiB of activations"
    return (
        f"{config.architecture.label} reading {config.input_size:,} features: "
        f"{summary['parameters']:,} recurrent parameters, {number(summary['over_rnn'])} times the "
        f"plain RNN's of this width; a state of {summary['state_bytes']:,} bytes; "
        f"{summary['multiply_accumulates']:,} multiply-accumulates per token{keeps}."
    )


def comparison_in_words(runs: pandas.DataFrame) -> str:
    """Who holds the fewest, how many times as many the others, and what training keeps."""
    if runs.empty:
        return "Nothing has been measured yet."
    named = named_runs(runs, ParameterCountConfig, UNNAMED)
    found = [{**columns, "name": name} for name, columns in named.items()]
    found.sort(key=lambda run: int(run["parameters"]))
    return " ".join([_sizes(found), *_growth(found), *_activations(found)])


def _sizes(runs: Sequence[Run]) -> str:
    smallest, *others = runs
    if others and _at_one_budget(runs):
        order = sorted(runs, key=lambda run: list(VARIANTS).index(run["variant"]))
        widths = [f"{variant_title(run['variant'])} {run['hidden_size']:,}" for run in order]
        budget = int(smallest["parameter_budget"])
        return f"About {budget:,} recurrent parameters buy these hidden sizes: {listed(widths)}."
    first = f"{smallest['name']} has {smallest['parameters']:,} recurrent parameters"
    if not others:
        return f"{first}, {number(smallest['over_rnn'])} times the plain RNN's of this width."
    times = [(run["name"], number(run["parameters"] / smallest["parameters"])) for run in others]
    told = [f"{times[0][0]} has {times[0][1]} times as many", *map(" ".join, times[1:])]
    return f"{first}, the fewest here; {listed(told)}."


def _at_one_budget(runs: Sequence[Run]) -> bool:
    """Whether one budget and nothing else but the variant decides every width."""
    budgets = {_known(run["parameter_budget"]) for run in runs}
    variants = {run["variant"] for run in runs}
    return len(budgets) == 1 and None not in budgets and len(variants) == len(runs)


def _growth(runs: Sequence[Run]) -> Iterator[str]:
    """How the count grows with the width, if the runs are of one width."""
    if len({run["hidden_size"] for run in runs}) > 1:
        return
    low, high = _ends([2 ** run["growth_exponent"] for run in runs])
    width = runs[0]["hidden_size"]
    yield f"Doubling the hidden size from {width:,} multiplies the count by {_span(low, high)}."


def _activations(runs: Sequence[Run]) -> Iterator[str]:
    """What training keeps, from the least to the most, if the runs have equally many steps."""
    kept = [(value, run) for run in runs if (value := _known(run["activation_mib"])) is not None]
    if not kept or len({tuple(run[name] for name in KEPT_OF) for run in runs}) > 1:
        return
    kept.sort(key=lambda pair: pair[0])
    (least, small), (most, large) = kept[0], kept[-1]
    steps = f"Training over {small['sequence_length']:,} steps keeps"
    if len(kept) == 1 or least == most:
        yield f"{steps} {number(least)} MiB of activations."
    else:
        yield (
            f"{steps} {number(least)} MiB of activations in {small['name']} and {number(most)} "
            f"MiB in {large['name']}."
        )


def _ends(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


def _span(low: float, high: float) -> str:
    """`3.2`, or `3.2 to 3.5`."""
    first, last = number(low, 2), number(high, 2)
    return first if first == last else f"{first} to {last}"


def _known(value: Any) -> float | None:
    return None if value is None or math.isnan(float(value)) else float(value)
