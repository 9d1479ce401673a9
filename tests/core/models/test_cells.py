"""Each cell's step and adjoint, against torch.nn's cells and against autograd."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import Tensor

from core.models.cells import GRU, LSTM, Cell, Gates, State, VanillaRNN, Weights, gates_of_steps
from core.models.recurrence import unroll

CELLS = (VanillaRNN("tanh"), VanillaRNN("relu"), VanillaRNN("identity"), LSTM(), GRU())

LEADS = ((), (3,), (2, 3))
"""No leading axis, seeds, and one axis more than any caller has."""

B, INPUTS, H = 2, 3, 7
"""Blocks of up to four columns would come out the same from a wrong number of chunks."""


def name(cell: Cell) -> str:
    return getattr(cell, "nonlinearity", type(cell).__name__)


def drawn_weights(cell: Cell, lead: tuple[int, ...]) -> Weights:
    rows = len(cell.weight_blocks) * H
    shapes = ((rows, INPUTS), (rows, H), (rows,), (rows,))
    return Weights(*(torch.randn(*lead, *shape, dtype=torch.float64) / 2 for shape in shapes))


def drawn_state(cell: Cell, lead: tuple[int, ...]) -> State:
    return tuple(torch.randn(*lead, B, H, dtype=torch.float64) for _ in cell.states)


def plain_step(cell: Cell, weights: Weights, x_BI: Tensor, state: State) -> State:
    """The papers' equations, written out of place so that autograd can follow."""
    w_ih, w_hh, b_ih, b_hh = (w.mT if n < 2 else w[..., None, :] for n, w in enumerate(weights))
    of_x, of_h = x_BI @ w_ih + b_ih, state[0] @ w_hh + b_hh
    if isinstance(cell, LSTM):
        i, f, g, o = (of_x + of_h).chunk(4, dim=-1)
        c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c
    if isinstance(cell, GRU):
        (x_r, x_z, x_n), (h_r, h_z, h_n) = of_x.chunk(3, dim=-1), of_h.chunk(3, dim=-1)
        r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
        return ((1 - z) * (x_n + r * h_n).tanh() + z * state[0],)
    assert isinstance(cell, VanillaRNN)
    functions = {"tanh": torch.tanh, "relu": torch.relu, "identity": torch.clone}
    return (functions[cell.nonlinearity](of_x + of_h),)


@pytest.mark.parametrize("lead", LEADS, ids=str)
@pytest.mark.parametrize("cell", CELLS, ids=name)
def test_step_and_adjoint_are_the_papers_equations_and_autograds_vjp(
    cell: Cell, lead: tuple[int, ...]
) -> None:
    weights, state, grads = (
        drawn_weights(cell, lead),
        drawn_state(cell, lead),
        drawn_state(cell, lead),
    )
    x_BI = torch.randn(*lead, B, INPUTS, dtype=torch.float64)
    next_state = unroll(cell, cell.pack(weights), x_BI.unsqueeze(-3), state).last
    of_paper, grads_of_paper = torch.autograd.functional.vjp(
        lambda *s: plain_step(cell, weights, x_BI, s), state, grads
    )
    ours, theirs = (
        (*next_state, *adjoint(cell, weights, x_BI, state, grads)),
        of_paper + grads_of_paper,
    )
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-14)


def adjoint(cell: Cell, weights: Weights, x_BI: Tensor, state: State, grads: State) -> State:
    trace = unroll(cell, cell.pack(weights), x_BI.unsqueeze(-3), state)
    (gates,) = gates_of_steps(cell, trace.a_TBA)
    room = torch.empty(
        *x_BI.shape[:-2], 1, grads[0].shape[-2], trace.a_TBA.shape[-1], dtype=x_BI.dtype
    )
    (grad_a,) = gates_of_steps(cell, room)
    return cell.adjoint(grads, gates, state, trace.last, trace.weights, grad_a)


@pytest.mark.parametrize("cell", CELLS, ids=name)
def test_the_adjoint_of_the_identity_is_the_step_jacobian(cell: Cell) -> None:
    weights = drawn_weights(cell, ())
    state = tuple(s[:1] for s in drawn_state(cell, ()))
    x_BI = torch.randn(1, INPUTS, dtype=torch.float64)
    rows = tuple(torch.eye(H * len(state), dtype=torch.float64).chunk(len(state), dim=-1))
    ours = torch.cat(adjoint(cell, weights, x_BI, state, rows), dim=-1)

    def flat_step(flat: Tensor) -> Tensor:
        state = tuple(part[None] for part in flat.chunk(len(cell.states)))
        return torch.cat(plain_step(cell, weights, x_BI, state), dim=-1)[0]

    expected = torch.autograd.functional.jacobian(flat_step, torch.cat(state, dim=-1)[0])
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("cell", CELLS, ids=name)
def test_gradients_may_overwrite_the_gates(cell: Cell) -> None:
    weights, state, grads = drawn_weights(cell, ()), drawn_state(cell, ()), drawn_state(cell, ())
    x_BI = torch.randn(B, INPUTS, dtype=torch.float64)
    trace = unroll(cell, cell.pack(weights), x_BI[None], state)
    (gates,) = gates_of_steps(cell, trace.a_TBA)
    (elsewhere,) = gates_of_steps(cell, torch.empty_like(trace.a_TBA))

    def run(grad_a: Gates) -> State:
        return cell.adjoint(grads, gates, state, trace.last, trace.weights, grad_a)

    apart, in_place = run(elsewhere), run(gates)
    assert all(map(torch.equal, apart, in_place))
    assert all(map(torch.equal, elsewhere.blocks, gates.blocks))


@pytest.mark.parametrize("cell", CELLS, ids=name)
def test_packing_the_weights_keeps_every_number(cell: Cell) -> None:
    weights = drawn_weights(cell, (3,))
    packed = cell.pack(weights)
    assert torch.equal(packed.hidden, packed.hidden_T.mT)
    back = cell.unpack_gradients(packed.input, packed.hidden, packed.bias)
    assert torch.equal(back.weight_ih, weights.weight_ih)
    assert torch.equal(back.weight_hh, weights.weight_hh)


TORCHS = {
    VanillaRNN("tanh"): torch.nn.RNNCell,
    VanillaRNN("relu"): functools.partial(torch.nn.RNNCell, nonlinearity="relu"),
    LSTM(): torch.nn.LSTMCell,
    GRU(): torch.nn.GRUCell,
}


@pytest.mark.parametrize("cell", TORCHS, ids=name)
def test_a_step_is_that_of_torchs_own_cell(cell: Cell) -> None:
    weights, state = drawn_weights(cell, ()), drawn_state(cell, ())
    x_BI = torch.randn(B, INPUTS, dtype=torch.float64)
    theirs = TORCHS[cell](INPUTS, H, dtype=torch.float64)
    theirs.load_state_dict(weights._asdict())
    expected = theirs(x_BI, state if len(state) > 1 else state[0])
    ours = unroll(cell, cell.pack(weights), x_BI[None], state).last
    for one, other in zip(ours, expected if len(state) > 1 else [expected], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-14)


def test_biases_are_packed_block_by_block() -> None:
    """b_ih of block k is k everywhere, b_hh is 10 k."""
    numbers = torch.arange(1.0, 5.0).repeat_interleave(H)
    shapes = torch.zeros(4 * H, INPUTS), torch.zeros(4 * H, H)
    packed = LSTM().pack(Weights(*shapes, numbers, 10 * numbers))
    assert packed.bias.view(4, H).unique(dim=1).flatten().tolist() == [11, 22, 33, 44]
    thirds = torch.arange(1.0, 4.0).repeat_interleave(H)
    shapes = torch.zeros(3 * H, INPUTS), torch.zeros(3 * H, H)
    packed = GRU().pack(Weights(*shapes, thirds, 10 * thirds))
    # m has b_hn alone, n has b_in alone.
    assert packed.bias.view(4, H).unique(dim=1).flatten().tolist() == [30, 11, 22, 3]
