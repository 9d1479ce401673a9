"""What `parameter-count` says of its results, beyond who holds the fewest. Counts are exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.analysis.comparison import Comparison
from core.experiments.parameter_count.declaration import ParameterCountConfig
from core.formatting import as_number, number


def run_sentence(config: ParameterCountConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64 reading 64 features: 33,280 recurrent parameters, 4.00 times the plain RNN's …`."""
    memory = as_number(summary["activation_mib"])
    keeps = (
        ""
        if memory is None
        else f"; training over {config.sequence_length:,} steps keeps {number(memory)} MiB of "
        "activations"
    )
    return (
        f"{config.architecture.label} reading {config.input_size:,} features: "
        f"{summary['parameters']:,} recurrent parameters, {number(summary['over_rnn'])} times the "
        f"plain RNN's of this width; a state of {summary['state_bytes']:,} bytes; "
        f"{summary['multiply_accumulates']:,} multiply-accumulates per token{keeps}."
    )


def remarks(comparison: Comparison) -> Iterator[str]:
    """How the count grows with the width, and what training keeps."""
    groups = comparison.groups
    widths = {run.settings["hidden_size"] for run in comparison.runs}
    if len(widths) == 1:
        factors = [2 ** float(str(s["growth_exponent"])) for s in comparison.summaries.values()]
        ends = dict.fromkeys(number(end, 2) for end in (min(factors), max(factors)))
        width = f"Doubling the hidden size from {widths.pop():,}"
        yield f"{width} multiplies the count by {' to '.join(ends)}."
    shapes = {
        tuple(run.settings[n] for n in ("sequence_length", "batch_size", "dtype", "input_size"))
        for run in comparison.runs
    }
    memory = {
        group.name: value
        for group in groups
        if (value := comparison.estimate(group.name, "activation_mib").value) is not None
    }
    if len(shapes) > 1 or not memory:
        return
    least, most = min(memory, key=memory.__getitem__), max(memory, key=memory.__getitem__)
    steps = f"Training over {groups[0].settings['sequence_length']:,} steps keeps"
    if memory[least] == memory[most]:
        yield f"{steps} {number(memory[least])} MiB of activations."
    else:
        yield (
            f"{steps} {number(memory[least])} MiB of activations in {least} and "
            f"{number(memory[most])} MiB in {most}."
        )
