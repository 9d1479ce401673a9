"""What `parameter-count` says of its results, beyond who holds the fewest. Counts are exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.analysis.comparison import Comparison
from core.experiments.parameter_count.declaration import ParameterCountConfig
from core.formatting import as_number, listed, number

KEPT_BY = {
    "equation_activation_mib": "by the equations",
    "activation_mib": "by torch.nn's fused kernel",
}
"""Column of the summary → by what. Only the first compares the cells."""


def run_sentence(config: ParameterCountConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64 reading 64 features: 33,280 recurrent parameters, 4.00 times the plain RNN's …`."""
    memory = {words: as_number(summary.get(column)) for column, words in KEPT_BY.items()}
    parts = [f"{number(mib)} MiB {words}" for words, mib in memory.items() if mib is not None]
    steps = f"; training over {config.sequence_length:,} steps keeps activations of"
    keeps = f"{steps} {listed(parts)}" if parts else ""
    over = f", {number(summary['over_rnn'])} times the plain RNN's of this width"
    return (
        f"{config.architecture.label} reading {config.input_size:,} features: "
        f"{summary['parameters']:,} recurrent parameters{over * (summary['over_rnn'] != 1)}; "
        f"a state of {summary['state_bytes']:,} bytes; "
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
    if len(shapes) > 1:
        return
    memory = {
        group.name: value
        for group in groups
        if (value := comparison.estimate(group.name, "equation_activation_mib").value) is not None
    }
    if not memory:
        return
    least, most = min(memory, key=memory.__getitem__), max(memory, key=memory.__getitem__)
    steps = f"Training over {groups[0].settings['sequence_length']:,} steps keeps"
    if memory[least] == memory[most]:
        yield f"{steps} {number(memory[least])} MiB of activations by the equations."
        return
    by_kernel = [comparison.estimate(name, "activation_mib").value for name in (least, most)]
    kernels = [number(value) for value in by_kernel if value is not None]
    beside = f", {listed(kernels)} MiB by torch.nn's fused kernels" if len(kernels) == 2 else ""
    yield (
        f"{steps} {number(memory[least])} MiB of activations in {least} and "
        f"{number(memory[most])} MiB in {most} by the equations{beside}."
    )
