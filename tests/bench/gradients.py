"""How fast is the instrument, and how far is it from the time of its matrix products alone?

    python -m tests.bench gradients

Ratios within one run: the contenders take turns (A B C A B C), so that a noisy machine hits all of
them, and medians are compared. One thread.

Shapes: S seeds, T time, B batch, I input, H hidden, G = gates·H.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from rich.table import Table
from torch import Tensor

from core.measure.gradients import input_gradients, seed_blocks
from core.models.architecture import Architecture
from core.models.recurrent import Recurrent
from core.models.registry import gated_cells

ROUNDS = 15


def tables() -> list[Table]:
    """Both comparisons; takes about a minute."""
    torch.set_num_threads(1)
    return [seeds_table(), training_table()]


def seeds_table() -> Table:
    """All seeds in one pass against looping torch.nn's layer over them: the input gradient only."""
    title = "Input gradient of 32 seeds: 16 → 64, T = 100, 16 samples, float64 (aim: ≥ 2 × faster)"
    header = ("cell", "loop of torch.nn", "one pass", "faster by", "products alone", "over them")
    rows = []
    for cell in gated_cells():
        t = medians(seed_contenders(Architecture.model_validate({"cell": cell})))
        rows.append(row(cell, t, t["other"] / t["ours"]))
    return table_of(title, header, rows)


def training_table() -> Table:
    """Forward and all gradients: the equations against torch.nn."""
    title = "Forward + backward: 256 → 256, T = 128, batch 32, float32 (aim: ≤ 1.3 × torch.nn)"
    header = ("cell", "torch.nn", "equations", "takes", "products alone", "over them")
    rows = []
    for cell in gated_cells():
        architecture = Architecture.model_validate({"cell": cell, "hidden_size": 256})
        t = medians(training_contenders(architecture))
        rows.append(row(cell, t, t["ours"] / t["other"]))
    return table_of(title, header, rows)


def table_of(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """For a terminal; all columns but the first are numbers."""
    table = Table(*header, title=title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for cells in rows:
        table.add_row(*cells)
    return table


def row(cell: str, seconds: Mapping[str, float], ratio: float) -> tuple[str, ...]:
    """As the headers above name them."""
    other, ours, floor = (f"{1000 * seconds[name]:.1f} ms" for name in ("other", "ours", "floor"))
    return cell, other, ours, f"{ratio:.2f} ×", floor, f"{seconds['ours'] / seconds['floor']:.2f} ×"


def medians(contenders: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each, taking turns, after two rounds to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS + 2):
        for name, contender in contenders.items():
            start = time.perf_counter()
            contender()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(measured[2:]) for name, measured in seconds.items()}


def seed_contenders(architecture: Architecture) -> dict[str, Callable[[], object]]:
    """32 seeds; the loop asks autograd for ∂L/∂x only, and the weights need no gradient."""
    seeds, shape = 32, (100, 16, 16)
    generators = [torch.Generator().manual_seed(seed) for seed in range(seeds)]
    model = Recurrent(
        architecture,
        shape[-1],
        implementation="equations",
        generators=generators,
        dtype=torch.float64,
    )
    layers = [
        Recurrent(architecture, shape[-1], generators=generator, dtype=torch.float64)
        for generator in generators
    ]
    x_STBI = torch.randn(seeds, *shape, dtype=torch.float64)
    v_SBH = torch.randn(seeds, shape[1], architecture.hidden_size, dtype=torch.float64)

    def loop() -> Tensor:
        gradients: list[Tensor] = []
        for layer, x_TBI, v_BH in zip(layers, x_STBI, v_SBH, strict=True):
            read_TBI = x_TBI.detach().requires_grad_()
            last_BH = layer.requires_grad_(False)(read_TBI)[0][-1]
            gradients += torch.autograd.grad(last_BH, read_TBI, v_BH)
        return torch.stack(gradients)

    floors = [
        matrix_products(model, x_STBI[block], weights=False) for block in seed_blocks(model, x_STBI)
    ]
    return {
        "other": loop,
        "ours": lambda: input_gradients(model, x_STBI, v_SBH),
        "floor": lambda: [floor() for floor in floors],
    }


def training_contenders(architecture: Architecture) -> dict[str, Callable[[], object]]:
    """One network; the gradient of everything, for a loss that touches every output."""
    steps, batch, inputs = 128, 32, 256
    fused = Recurrent(architecture, inputs)
    equations = Recurrent(architecture, inputs, implementation="equations")
    x_TBI = torch.randn(steps, batch, inputs, requires_grad=True)
    grad_TBH = torch.randn(steps, batch, architecture.hidden_size)

    def forward_and_backward(model: Recurrent) -> object:
        return torch.autograd.grad(model(x_TBI)[0], [x_TBI, *model.parameters()], grad_TBH)

    return {
        "other": lambda: forward_and_backward(fused),
        "ours": lambda: forward_and_backward(equations),
        "floor": matrix_products(equations, x_TBI.detach()[None], weights=True),
    }


def matrix_products(model: Recurrent, x_STBI: Tensor, *, weights: bool) -> Callable[[], None]:
    """Nothing but the products of a pass and its adjoint, into memory that is there already."""
    seeds, steps, batch, inputs = x_STBI.shape
    width, rows = model.architecture.hidden_size, len(model.cell.weight_blocks)
    rows *= width
    x_SNI = x_STBI.flatten(1, 2)
    w_ih_SIG, w_hh_SHG = x_STBI.new_zeros(seeds, inputs, rows), x_STBI.new_zeros(seeds, width, rows)
    w_ih_SGI, w_hh_SGH = w_ih_SIG.mT.contiguous(), w_hh_SHG.mT.contiguous()
    all_SNG, all_SNH = (x_STBI.new_zeros(seeds, steps * batch, n) for n in (rows, width))
    h_SBH, a_SBG = (x_STBI.new_zeros(seeds, batch, n) for n in (width, rows))
    out_SNI, out_SGI, out_SGH = map(torch.empty_like, (x_SNI, w_ih_SGI, w_hh_SGH))

    def products() -> None:
        torch.bmm(x_SNI, w_ih_SIG, out=all_SNG)
        for _ in range(steps):
            torch.bmm(h_SBH, w_hh_SHG, out=a_SBG)
        for _ in range(steps):
            torch.bmm(a_SBG, w_hh_SGH, out=h_SBH)
        torch.bmm(all_SNG, w_ih_SGI, out=out_SNI)
        if weights:
            torch.bmm(all_SNG.mT, x_SNI, out=out_SGI)
            torch.bmm(all_SNG.mT, all_SNH, out=out_SGH)

    return products
