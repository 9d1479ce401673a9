"""What does it cost that a cell is its step alone, and what does taking all steps at once gain?

    python -m tests.bench cells

Ratios within one run, in turns, as in `gradients.py`. One thread.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from rich.table import Table

from core.measure.gradients import measure_gradients
from core.models.architecture import Architecture
from core.models.recurrent import Recurrent
from core.models.registry import cell_kinds
from tests.bench.gradients import medians, table_of
from tests.core.models.test_stepping import BY_STEP

LENGTHS = (64, 256, 1024)


def tables() -> list[Table]:
    """Both; takes about three minutes."""
    torch.set_num_threads(1)
    return [step_table(), *map(scan_table, LENGTHS)]


def step_table() -> Table:
    """Gradients by distance of 8 seeds: by the step through autograd, over the adjoint by hand."""
    title = "Gradients by distance: 8 seeds, 16 → 64, T = 100, 8 samples, float64 (aim: ≤ 5 ×)"
    rows = []
    for cell in BY_STEP:
        t = medians(gradient_contenders(cell))
        times = (f"{1000 * t[name]:.0f} ms" for name in ("by hand", "by step"))
        rows.append((cell, *times, f"{t['by step'] / t['by hand']:.2f} ×"))
    return table_of(title, ("cell", "by hand", "by its step", "takes"), rows)


def gradient_contenders(cell: str) -> dict[str, Callable[[], object]]:
    architecture = Architecture.model_validate({"cell": cell})
    by_hand, by_step = (
        Recurrent(
            architecture,
            16,
            implementation="equations",
            generators=[torch.Generator().manual_seed(seed) for seed in range(8)],
            cell=own,
            dtype=torch.float64,
        )
        for own in (None, BY_STEP[cell])
    )
    x_STBI = torch.randn(8, 100, 8, 16, dtype=torch.float64)
    v_SBH = torch.randn(8, 8, 64, dtype=torch.float64)
    return {
        "by hand": lambda: measure_gradients(by_hand, x_STBI, v_SBH, slice(None)),
        "by step": lambda: measure_gradients(by_step, x_STBI, v_SBH, slice(None)),
    }


def scan_table(steps: int) -> Table:
    """Forward and all gradients of every cell that can take all steps at once."""
    title = f"Forward + backward: 64 → 64, T = {steps:,}, batch 8, float32 (aim at 1,024: ≥ 5 ×)"
    header = ("cell", "loop", "at once", "faster by", "torch.nn's GRU", "over it")
    rows = []
    for kind in cell_kinds().values():
        if kind.step_cell is None or not kind.step_cell.has_scan:
            continue
        t = medians(scan_contenders(kind.name, steps))
        loop, scan, gru = (f"{1000 * t[name]:.1f} ms" for name in ("loop", "scan", "gru"))
        ratios = (f"{t['loop'] / t['scan']:.1f} ×", f"{t['scan'] / t['gru']:.2f} ×")
        rows.append((kind.title, loop, scan, ratios[0], gru, ratios[1]))
    return table_of(title, header, rows)


def scan_contenders(cell: str, steps: int) -> dict[str, Callable[[], object]]:
    model = Recurrent(Architecture.model_validate({"cell": cell}), 64)
    gru = Recurrent(Architecture.model_validate({"cell": "gru"}), 64)
    x_TBI = torch.randn(steps, 8, 64, requires_grad=True)
    grad_TBH = torch.randn(steps, 8, 64)

    def forward_and_backward(model: Recurrent, *, scan: bool) -> object:
        output = model.from_equations(x_TBI, scan=scan) if model is not gru else model(x_TBI)
        return torch.autograd.grad(output[0], [x_TBI, *model.parameters()], grad_TBH)

    return {
        "loop": lambda: forward_and_backward(model, scan=False),
        "scan": lambda: forward_and_backward(model, scan=True),
        "gru": lambda: forward_and_backward(gru, scan=False),
    }
