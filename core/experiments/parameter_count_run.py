"""How `parameter-count` is measured: formulas, real tensors and a real backward graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import nn

from core.activations import Kept, kept_for_backward
from core.architecture import Architecture
from core.device import device_sentence, resolve_device
from core.experiment import Event, Progress
from core.experiments.parameter_count import (
    ActivationRow,
    ParameterCountConfig,
    ParameterCountSummary,
    PartRow,
    WidthRow,
)
from core.experiments.parameter_count_words import run_work, width_work
from core.models.recurrent import Recurrent
from core.parameters import (
    DTYPE_BYTES,
    STATE_VECTORS,
    Parameters,
    count_parameters,
    gates,
    growth_exponent,
    multiply_accumulates,
    state_size,
)

MIB = 2**20


def measure(config: ParameterCountConfig) -> Iterator[Event]:
    """Every width from the smallest to the largest, then the summary."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, config.dtype)
    total, done = run_work(config), 0.0
    yield Progress(done, total, device_sentence(device))
    own: ActivationRow | None = None
    for width in config.widths:
        sized = config.architecture.model_copy(update={"hidden_size": width})
        yield width_row(config, sized)
        yield from part_rows(config, sized)
        for row in activation_rows(config, sized, device):
            yield row
            if width == config.architecture.hidden_size and row.implementation == "fused":
                own = row
        done += width_work(config, sized)
        yield Progress(done, total, f"hidden size {width}")
    yield summarise(config, own)


def counts(config: ParameterCountConfig, architecture: Architecture) -> Parameters:
    """By formula, with the config's embedding and head."""
    return count_parameters(
        architecture, config.input_size, vocabulary=config.vocabulary, outputs=config.outputs
    )


def tensors_total(config: ParameterCountConfig, architecture: Architecture) -> int:
    """Numbers in the tensors of torch.nn's own modules."""
    shape = architecture
    kinds: dict[str, Callable[..., nn.Module]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
    # On the meta device a tensor has its shape and no memory.
    with torch.device("meta"):
        modules = nn.ModuleList(
            [
                kinds[shape.cell](
                    config.input_size,
                    shape.hidden_size,
                    num_layers=shape.layers,
                    bidirectional=shape.bidirectional,
                )
            ]
        )
        if config.vocabulary:
            modules.append(nn.Embedding(config.vocabulary, config.input_size))
        if config.outputs:
            modules.append(nn.Linear(shape.directions * shape.hidden_size, config.outputs))
    return sum(parameter.numel() for parameter in modules.parameters())


def width_row(config: ParameterCountConfig, architecture: Architecture) -> WidthRow:
    """One width's cost."""
    found = counts(config, architecture)
    return WidthRow(
        hidden_size=architecture.hidden_size,
        parameters=found.core,
        effective_parameters=found.effective,
        parameters_total=found.total,
        tensors_total=tensors_total(config, architecture),
        over_rnn=found.core / plain_rnn(config, architecture).core,
        state_bytes=state_size(architecture) * DTYPE_BYTES[config.dtype],
        multiply_accumulates=multiply_accumulates(
            architecture, config.input_size, outputs=config.outputs
        ),
    )


def plain_rnn(config: ParameterCountConfig, architecture: Architecture) -> Parameters:
    """Of the one-directional plain RNN of the same width, depth and input."""
    plain = Architecture(hidden_size=architecture.hidden_size, layers=architecture.layers)
    return count_parameters(plain, config.input_size)


def part_rows(config: ParameterCountConfig, architecture: Architecture) -> Iterator[PartRow]:
    """One width's parameters by part; parts that the model does not have are left out."""
    for part, parameters in counts(config, architecture).parts.items():
        if parameters:
            yield PartRow(part, architecture.hidden_size, parameters)


def activation_rows(
    config: ParameterCountConfig, architecture: Architecture, device: torch.device
) -> Iterator[ActivationRow]:
    """One width's activation memory, by implementation; none where torch has no such kernel."""
    shape = (config.sequence_length, config.batch_size, config.input_size)
    x_TBI = torch.zeros(shape, dtype=getattr(torch, config.dtype), device=device)
    implementations: tuple[Literal["fused", "equations"], ...] = ("fused", "equations")
    for implementation in implementations:
        model = Recurrent(
            architecture, config.input_size, implementation=implementation, dtype=x_TBI.dtype
        ).to(device)
        try:
            kept = kept_for_backward(model, x_TBI)
        except NotImplementedError:
            continue
        yield activation_row(config, architecture.hidden_size, implementation, kept)


def activation_row(
    config: ParameterCountConfig,
    width: int,
    implementation: Literal["fused", "equations"],
    kept: Kept,
) -> ActivationRow:
    """In the units of the table."""
    grown = kept.per_step * config.sequence_length * config.batch_size
    return ActivationRow(implementation, width, grown / MIB, kept.per_step, kept.graph / MIB)


def summarise(
    config: ParameterCountConfig, activations: ActivationRow | None
) -> ParameterCountSummary:
    """At the config's own hidden size."""
    shape = config.architecture
    row = width_row(config, shape)
    return ParameterCountSummary(
        parameters=row.parameters,
        activation_mib=activations.activation_mib if activations else None,
        effective_parameters=row.effective_parameters,
        parameters_total=row.parameters_total,
        over_rnn=row.over_rnn,
        growth_exponent=growth_exponent(shape, config.input_size),
        gates=gates(shape),
        state_vectors=STATE_VECTORS[shape.cell],
        state_bytes=row.state_bytes,
        multiply_accumulates=row.multiply_accumulates,
    )
