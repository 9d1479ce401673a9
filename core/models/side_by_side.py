"""Networks side by side the fastest way: in one batched pass, or kernel by kernel.

From the equations all seeds go through each step together. On a CPU oneDNN has a whole LSTM in one
call, one network at a time, and is about twice as fast; of the other cells it has none in torch.

Shapes: S seeds, T time, B batch, I input, H hidden, D directions, L layers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from core.models.cells import LSTM
from core.models.recurrent import Recurrent


def read_side_by_side(recurrent: Recurrent, x_STBI: Tensor) -> Tensor:
    """Output of the top layer of every seed's network, STB(D·H), from zeros."""
    if has_kernel(recurrent, x_STBI):
        return read_by_kernel(recurrent, x_STBI)
    output_STBH: Tensor = recurrent(x_STBI)[0]
    return output_STBH


def has_kernel(recurrent: Recurrent, x_STBI: Tensor) -> bool:
    """Whether oneDNN has these networks in one call."""
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    plain = x_STBI.device.type == "cpu" and x_STBI.dtype == torch.float32
    return available and plain and isinstance(recurrent.cell, LSTM)


def read_by_kernel(recurrent: Recurrent, x_STBI: Tensor) -> Tensor:
    """An LSTM's output: parameters are registered in the order in which torch's kernel has them."""
    shape = recurrent.architecture
    first_LBH = x_STBI.new_zeros(
        shape.layers * shape.directions, x_STBI.shape[2], shape.hidden_size
    )
    networks = zip(*(parameter.unbind() for parameter in recurrent.parameters()), strict=True)
    return torch.stack(
        [
            torch.lstm(
                x_TBI,
                (first_LBH, first_LBH),
                list(weights),
                has_biases=True,
                num_layers=shape.layers,
                dropout=0.0,
                train=True,
                bidirectional=shape.bidirectional,
                batch_first=False,
            )[0]
            for x_TBI, weights in zip(x_STBI, networks, strict=True)
        ]
    )
