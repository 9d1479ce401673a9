"""What claims compute on the spot: shapes, Jacobians, a linear recurrence.

Everything is returned as plain numbers, lists and text. No other module of the
chapter needs torch.

Shapes: T time, B batch, I input, H hidden, S source steps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from core.chapter.basics import STEPS
from core.chapter.claim import Facts
from core.measure.gradients import measure_gradients
from core.models.architecture import Architecture
from core.models.cells import VanillaRNN
from core.models.recurrent import Recurrent
from core.models.seq2seq import Padded, Seq2Seq, Seq2SeqShape
from core.settings import BadSetting

LENGTHS = (5, 50, 500)

WIDTH = 8
"""Of the linear recurrence; any width gives the same result."""


def one_cell_for_any_length() -> Facts:
    """Parameters that a sequence's last output depends on, by length; five steps one by one."""
    model = Recurrent(Architecture(), 32, generators=torch.Generator().manual_seed(0))
    x_TBI = torch.randn(max(LENGTHS), 1, 32, generator=torch.Generator().manual_seed(1))
    counts = [[steps, _parameters_used(model, x_TBI[:steps])] for steps in LENGTHS]
    with torch.no_grad():
        whole_TBH, _ = model(x_TBI[: LENGTHS[0]])
        stepped, state = [], None
        for x_BI in x_TBI[: LENGTHS[0]]:
            h_TBH, state = model(x_BI[None], state)
            stepped.append(h_TBH)
        stepped_TBH = torch.cat(stepped)
    return {
        "parameters": counts,
        "hidden_norms": stepped_TBH[:, 0].norm(dim=-1).tolist(),
        "largest_difference": float((whole_TBH - stepped_TBH).abs().max()),
    }


def _parameters_used(model: Recurrent, x_TBI: Tensor) -> int:
    """Numbers in the parameters that the last output's gradient reaches."""
    output_TBH, _ = model(x_TBI)
    parameters = list(model.parameters())
    reached = torch.autograd.grad(output_TBH[-1].sum(), parameters, allow_unused=True)
    return sum(p.numel() for p, g in zip(parameters, reached, strict=True) if g is not None)


def jacobians() -> Facts:
    """Jacobians of the chapter's two functions at its points, by automatic differentiation."""

    def first(x: Tensor) -> Tensor:
        return torch.stack([x[0] ** 2 + x[1], 3 * x[0] * x[1]])

    def second(x: Tensor) -> Tensor:
        return torch.stack([2 * x[0] + 3 * x[1], x[0] ** 2])

    points = (first, [1.0, 2.0]), (second, [1.0, 1.0])
    return {
        "matrices": [
            torch.func.jacrev(f)(torch.tensor(x, dtype=torch.float64)).tolist() for f, x in points
        ]
    }


def hundred_steps() -> Facts:
    """The gradient's factor over 100 steps of linear recurrences with factors 0.9 and 1.1."""
    log10_factors = {rate: _log10_of_linear_recurrence(rate) for rate in (0.9, 1.1)}
    return {
        "log10_factors": {str(rate): factors for rate, factors in log10_factors.items()},
        "kept": 10 ** log10_factors[0.9][STEPS],
        "grown": 10 ** log10_factors[1.1][STEPS],
        "kept_by_arithmetic": 0.9**STEPS,
        "grown_by_arithmetic": 1.1**STEPS,
    }


def _log10_of_linear_recurrence(rate: float) -> list[float]:
    """log₁₀ of ‖∂L/∂h_(100 - k)‖ over ‖∂L/∂h_100‖ for each k, where W_hh is the rate times an
    orthogonal matrix."""
    draw = torch.Generator().manual_seed(0)
    shape = Architecture(hidden_size=WIDTH, initialisation="orthogonal", recurrent_gain=rate)
    model = Recurrent(
        shape,
        1,
        implementation="equations",
        generators=[draw],
        cell=VanillaRNN("identity"),
        dtype=torch.float64,
    )
    x_STBI = torch.zeros(1, STEPS + 1, 1, 1, dtype=torch.float64)
    grad_loss_SBH = torch.ones(1, 1, WIDTH, dtype=torch.float64)
    (layer,) = measure_gradients(model, x_STBI, grad_loss_SBH, slice(None))
    log10_K = layer.state_SKB[0, :, 0]
    return [float(value) for value in log10_K - log10_K[0]]


def bidirectional() -> Facts:
    """The output widths of one direction and two, and the refusal of a bidirectional decoder."""
    widths = []
    for both in (False, True):
        model = Recurrent(Architecture(bidirectional=both), 8)
        output_TBH, _ = model(torch.zeros(3, 1, 8))
        widths.append(output_TBH.shape[-1])
    both_ways = Architecture(bidirectional=True)
    try:
        Seq2Seq(Seq2SeqShape(Architecture(), both_ways, "none", 4, 4, 8))
        refusal = ""
    except BadSetting as error:
        refusal = str(error)
    return {"widths": widths, "refusal": refusal}


def what_the_decoder_receives() -> Facts:
    """Shapes in a real model for three tokens, without and with attention."""
    shape = Architecture(cell="lstm", hidden_size=128)
    source = Padded(torch.tensor([[4], [5], [6]]), torch.tensor([3]))
    facts = {}
    for attention in ("none", "dot"):
        model = Seq2Seq(Seq2SeqShape(shape, shape, attention, 8, 8, 16)).eval()
        with torch.no_grad():
            received = model.received(model.encode(source))
        facts[attention] = {name: list(sizes) for name, sizes in received.items()}
    return facts
