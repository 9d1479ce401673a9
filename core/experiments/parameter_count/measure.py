"""How `parameter-count` is measured: formulas, real tensors and a real backward graph.

Shapes: T steps, B sequences, I features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import torch
from torch import nn

from core.device import device_sentence, resolve_device
from core.experiment import Event, Progress
from core.experiments.parameter_count.declaration import (
    ActivationRow,
    ParameterCountConfig,
    ParameterCountSummary,
    PartRow,
    WidthRow,
    width_work,
    work,
)
from core.machine_memory import MIB
from core.measure.memory import activation_bytes
from core.models.architecture import Architecture
from core.models.counting import (
    DTYPE_BYTES,
    count_parameters,
    gates,
    growth_exponent,
    multiply_accumulates,
    state_size,
)
from core.models.recurrent import Recurrent


def measure(config: ParameterCountConfig) -> Iterator[Event]:
    """Measure every width from the smallest to the largest; the summary comes last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, config.dtype)
    total, done = work(config), 0.0
    yield Progress(done, total, device_sentence(device))
    kept: dict[str, float] = {}
    for width in config.widths:
        architecture = config.architecture.model_copy(update={"hidden_size": width})
        yield width_row(config, architecture)
        counts = count_parameters(
            architecture, config.input_size, vocabulary=config.vocabulary, outputs=config.outputs
        )
        for part, parameters in counts.parts.items():
            if parameters:
                yield PartRow(part=part, hidden_size=width, parameters=parameters)
        for row in activation_rows(config, architecture, device):
            yield row
            if width == config.architecture.hidden_size:
                kept[row.implementation] = row.activation_mib
        done += width_work(config, width)
        yield Progress(done, total, f"hidden size {width}")
    yield summarise(config, kept)


def width_row(config: ParameterCountConfig, architecture: Architecture) -> WidthRow:
    """Count what one width costs."""
    counts = count_parameters(
        architecture, config.input_size, vocabulary=config.vocabulary, outputs=config.outputs
    )
    plain = Architecture(hidden_size=architecture.hidden_size, layers=architecture.layers)
    return WidthRow(
        hidden_size=architecture.hidden_size,
        parameters=counts.core,
        effective_parameters=counts.effective,
        parameters_total=counts.total,
        tensors_total=tensors_total(config, architecture),
        over_rnn=counts.core / count_parameters(plain, config.input_size).core,
        state_bytes=state_size(architecture) * DTYPE_BYTES[config.dtype],
        multiply_accumulates=multiply_accumulates(
            architecture, config.input_size, outputs=config.outputs
        ),
    )


def tensors_total(config: ParameterCountConfig, architecture: Architecture) -> int:
    """Count the numbers in the tensors of torch.nn's own modules, or of ours where it has none."""
    shape = architecture
    kinds: dict[str, Callable[..., nn.Module]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
    # On the meta device a tensor has its shape and no memory.
    with torch.device("meta"):
        if shape.cell in kinds:
            layers = kinds[shape.cell](
                config.input_size,
                shape.hidden_size,
                num_layers=shape.layers,
                bidirectional=shape.bidirectional,
            )
        else:
            layers = Recurrent(shape, config.input_size, implementation="equations")
        modules = nn.ModuleList([layers])
        if config.vocabulary:
            modules.append(nn.Embedding(config.vocabulary, config.input_size))
        if config.outputs:
            modules.append(nn.Linear(shape.directions * shape.hidden_size, config.outputs))
    return sum(parameter.numel() for parameter in modules.parameters())


def activation_rows(
    config: ParameterCountConfig, architecture: Architecture, device: torch.device
) -> Iterator[ActivationRow]:
    """Measure one width's activation memory, where torch has a kernel for it."""
    shape = (config.sequence_length, config.batch_size, config.input_size)
    x_TBI = torch.zeros(shape, dtype=getattr(torch, config.dtype), device=device)
    implementations: tuple[Literal["fused", "equations"], ...] = ("fused", "equations")
    for implementation in implementations:
        model = Recurrent(
            architecture, config.input_size, implementation=implementation, dtype=x_TBI.dtype
        ).to(device)
        try:
            activations = activation_bytes(model, x_TBI)
        except NotImplementedError:
            continue
        grown = activations.per_step * config.sequence_length * config.batch_size
        yield ActivationRow(
            implementation=implementation,
            hidden_size=architecture.hidden_size,
            activation_mib=grown / MIB,
            bytes_per_step=activations.per_step,
            graph_mib=activations.graph / MIB,
        )


def summarise(config: ParameterCountConfig, kept: Mapping[str, float]) -> ParameterCountSummary:
    """Summarise the config's own hidden size; `kept` is in MiB, by implementation."""
    shape = config.architecture
    row = width_row(config, shape)
    units = shape.layers * shape.directions * shape.hidden_size
    return ParameterCountSummary(
        parameters=row.parameters,
        equation_activation_mib=kept.get("equations"),
        activation_mib=kept.get("fused"),
        effective_parameters=row.effective_parameters,
        parameters_total=row.parameters_total,
        over_rnn=row.over_rnn,
        growth_exponent=growth_exponent(shape, config.input_size),
        gates=gates(shape),
        state_vectors=state_size(shape) // units,
        state_bytes=row.state_bytes,
        multiply_accumulates=row.multiply_accumulates,
    )
