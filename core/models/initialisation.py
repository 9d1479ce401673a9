"""Initialisation of a recurrent network: each seed draws from its own generator alone.

Draws are made on the CPU in float64 and rounded afterwards, so that every device and precision
starts from the same numbers.

Shapes: H hidden, I input of the layer, G = gates·H.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from core.models.architecture import Architecture
from core.models.cells import Cell, Weights
from core.models.layer import StepCell

NAMES = Weights._fields
"""torch.nn's names of a layer's parameters."""


def parameter_names(names: Iterable[str], layer: int, direction: int) -> dict[str, str]:
    """A cell's name of a parameter → its name in a layer and direction (both from 0), as torch.nn
    makes them: `weight_ih_l0_reverse`."""
    suffix = f"l{layer}" + ("_reverse" if direction else "")
    return {name: f"{name}_{suffix}" for name in names}


def draw_parameters(
    architecture: Architecture,
    cell: Cell | StepCell,
    input_size: int,
    generators: torch.Generator | Sequence[torch.Generator],
) -> dict[str, Tensor]:
    """Every parameter by its name; with a sequence of generators, one seed from each."""
    if not isinstance(generators, torch.Generator):
        networks = [draw_parameters(architecture, cell, input_size, one) for one in generators]
        return {name: torch.stack([one[name] for one in networks]) for name in networks[0]}
    parameters: dict[str, Tensor] = {}
    for layer in range(architecture.layers):
        width = architecture.directions * architecture.hidden_size if layer else input_size
        for direction in range(architecture.directions):
            drawn = (
                cell.initial(width, architecture.hidden_size, generators)
                if isinstance(cell, StepCell)
                else _draw_layer(architecture, cell, width, generators)._asdict()
            )
            names = parameter_names(drawn, layer, direction)
            parameters.update({names[name]: tensor for name, tensor in drawn.items()})
    return parameters


def _draw_layer(
    architecture: Architecture, cell: Cell, input_size: int, generator: torch.Generator
) -> Weights:
    """PyTorch's U(−1/√H, 1/√H) for everything, then what the initialisation replaces.

    `orthogonal` replaces the recurrent weights only. `identity` also sets the biases to zero, as
    Le, Jaitly & Hinton (2015) do; their input weights are smaller, but without biases a relu
    network scales with its input, so the decay does not depend on that.
    """
    width, blocks = architecture.hidden_size, len(cell.weight_blocks)
    rows, bound = blocks * width, 1 / math.sqrt(width)
    weights = Weights(
        *(
            torch.empty(shape, dtype=torch.float64).uniform_(-bound, bound, generator=generator)
            for shape in ((rows, input_size), (rows, width), (rows,), (rows,))
        )
    )
    for block_HH in weights.weight_hh.chunk(blocks):
        if architecture.initialisation == "orthogonal":
            torch.nn.init.orthogonal_(block_HH, generator=generator)
        elif architecture.initialisation == "identity":
            torch.nn.init.eye_(block_HH)
    if architecture.initialisation == "identity":
        weights.bias_ih.zero_()
        weights.bias_hh.zero_()
    weights.weight_hh.mul_(architecture.recurrent_gain)
    # A gate bias of the architecture is the sum of both of torch's: the second one becomes zero.
    # PyTorch's update gate z multiplies the old state, so a larger value keeps more of it.
    for gate, value in (("forget", architecture.forget_bias), ("update", architecture.update_bias)):
        if value is not None and gate in cell.weight_blocks:
            block = cell.weight_blocks.index(gate)
            weights.bias_ih.view(blocks, -1)[block] = value
            weights.bias_hh.view(blocks, -1)[block] = 0.0
    return weights
