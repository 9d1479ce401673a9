"""What training many seeds at once costs, against torch.nn's layers one seed after the other.

    python -m tests.bench memory

Ratios within one run: the contenders take turns, and medians are compared. One thread.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from rich.table import Table

from core.experiments.memory_span.declaration import MemorySpanConfig
from core.experiments.memory_span.training import LagTaskSetup, LagTraining
from core.measure.memory import keep_freed_memory
from core.models.recurrent import Recurrent
from core.models.registry import cell_kinds
from tests.bench.gradients import matrix_products, medians, row, table_of

LAG = 50

CPU = torch.device("cpu")


def tables() -> list[Table]:
    """Takes about a quarter of a minute."""
    torch.set_num_threads(1)
    with keep_freed_memory():
        return [training_table()]


def training_table() -> Table:
    """A whole training step of the default config against the bare layers."""
    title = (
        f"Memory span, training step of 5 seeds at lag {LAG}: sequences, networks, loss, clipping "
        "and Adam, over forward + backward of torch.nn's layers in a loop (aim: ≤ 1.2 ×)"
    )
    header = ("cell", "loop of torch.nn", "training step", "takes", "products alone", "over them")
    rows = []
    for cell in cell_kinds():
        seconds = medians(contenders(cell))
        rows.append(row(cell, seconds, seconds["ours"] / seconds["other"]))
    return table_of(title, header, rows)


def contenders(cell: str) -> dict[str, Callable[[], object]]:
    """The same sequences and widths for all of them."""
    config = MemorySpanConfig.from_flat({"cell": cell})
    setup = LagTaskSetup(config, CPU)
    training = LagTraining(setup, LAG, 1e-3)
    x_STBI, _ = setup.draw(setup.generators("training", LAG), LAG, config.batch_size)
    layers = [Recurrent(config.architecture, config.features) for _ in setup.seeds]
    gradient_BH = torch.randn(config.batch_size, config.architecture.hidden_size)

    def loop() -> object:
        return [
            torch.autograd.grad(layer(x_TBI)[0][-1], list(layer.parameters()), gradient_BH)
            for layer, x_TBI in zip(layers, x_STBI, strict=True)
        ]

    return {
        "other": loop,
        "ours": training.trainer.advance,
        "floor": matrix_products(training.networks.recurrent, x_STBI, weights=True),
    }
