"""How much memory does training keep between a forward and its backward pass?

Measured on the real graph: autograd hands over every tensor that it saves.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.models.recurrent import Recurrent


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
    """What training over x keeps, from the whole sequence and its first half (T ≥ 2)."""
    steps, batch, _ = x_TBI.shape
    half = steps // 2
    whole = saved_bytes(model, x_TBI)
    first = saved_bytes(model, x_TBI[:half].clone())
    return Kept(whole, (whole - first) / (steps - half) / batch)
