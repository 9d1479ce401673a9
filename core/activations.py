"""How much memory does training keep between a forward and its backward pass?

Measured on the real graph: autograd hands over every tensor that it saves.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.models.recurrent import Recurrent

LENGTHS, BATCH = (8, 56), 16
"""Between which the slope is taken."""


@dataclass(frozen=True)
class Kept:
    """Bytes saved for the backward pass, parameters and input left out."""

    graph: int
    """All of them, for a sequence of T steps."""
    per_step: float
    """What each further step adds, of one sequence."""


def saved_bytes(model: Recurrent, x_TBI: Tensor) -> int:
    """Bytes of the tensors that a forward pass saves: each storage once, views included."""
    known = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), x_TBI)}
    found: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        graph = model(x_TBI)  # its name keeps it alive: no address is used twice
    del graph
    return sum(found.values())


def kept_for_backward(model: Recurrent, x_TBI: Tensor) -> Kept:
    """What training over x keeps, and what each step of a sequence adds.

    Some kernels round what they save up to whole pages (oneDNN's LSTM to 4 KiB), so the slope is
    taken between two lengths of a batch that saves many of them.
    """
    width = x_TBI.shape[-1]
    short, long = (saved_bytes(model, x_TBI.new_zeros(t, BATCH, width)) for t in LENGTHS)
    return Kept(saved_bytes(model, x_TBI), (long - short) / (LENGTHS[1] - LENGTHS[0]) / BATCH)
