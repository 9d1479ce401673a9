"""A cell that is its step alone does what the same cell with an adjoint by hand does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from core.measure.gradients import measure_gradients
from core.measure.jacobians import LyapunovExponents, Spectrum
from core.models.architecture import Architecture
from core.models.layer import Parameters, State, StepCell
from core.models.recurrent import Recurrent
from core.models.registry import cell_kinds, gated_cells
from tests.core.made import every_cell


class _Gated(StepCell):
    """torch.nn's parameters."""

    blocks: ClassVar[int]

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        rows = self.blocks * width
        return {
            "weight_ih": (rows, inputs),
            "weight_hh": (rows, width),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }

    def sums(self, x: Tensor, h: Tensor, p: Parameters) -> tuple[list[Tensor], list[Tensor]]:
        of_x, of_h = x @ p.weight_ih.T + p.bias_ih, h @ p.weight_hh.T + p.bias_hh
        return [*of_x.chunk(self.blocks, -1)], [*of_h.chunk(self.blocks, -1)]


class Elman(_Gated):
    name, title, blocks = "step-rnn", "RNN by its step", 1

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        (of_x,), (of_h,) = self.sums(x, state[0], p)
        return ((of_x + of_h).tanh(),)


class Lstm(_Gated):
    name, title, blocks = "step-lstm", "LSTM by its step", 4

    def states(self, width: int) -> Mapping[str, int]:
        return {"h": width, "c": width}

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        h, c = state
        i, f, g, o = (a + b for a, b in zip(*self.sums(x, h, p), strict=True))
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class Gru(_Gated):
    name, title, blocks = "step-gru", "GRU by its step", 3

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        (h,) = state
        (r_x, z_x, n_x), (r_h, z_h, n_h) = self.sums(x, h, p)
        z = (z_x + z_h).sigmoid()
        n = (n_x + (r_x + r_h).sigmoid() * n_h).tanh()
        return ((1 - z) * n + z * h,)


BY_STEP: dict[str, StepCell] = {"rnn": Elman(), "lstm": Lstm(), "gru": Gru()}
SHAPES = [{"layers": layers, "bidirectional": both} for layers in (1, 2) for both in (False, True)]
Pair = tuple[Recurrent, Recurrent]


def pair(cell: str, seeds: int | None, **shape: object) -> Pair:
    """The same networks twice: with the adjoint by hand, and by their step alone."""
    architecture = Architecture.model_validate({"cell": cell, "hidden_size": 5, **shape})

    def generators() -> torch.Generator | list[torch.Generator]:
        if seeds is None:
            return torch.Generator().manual_seed(1)
        return [torch.Generator().manual_seed(seed) for seed in range(seeds)]

    by_hand, by_step = (
        Recurrent(
            architecture,
            3,
            implementation="equations",
            generators=generators(),
            cell=own,
            dtype=torch.float64,
        )
        for own in (None, BY_STEP[cell])
    )
    assert {*by_hand.state_dict()} == {*by_step.state_dict()}
    by_step.load_state_dict(by_hand.state_dict())
    return by_hand, by_step


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(9))


def test_the_three_cells_are_those_with_an_adjoint() -> None:
    assert {*BY_STEP} == {*gated_cells()}


@pytest.mark.parametrize("seeds", [None, 2])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cell", BY_STEP)
def test_outputs_states_and_gradients_are_equal(
    cell: str, shape: dict[str, object], seeds: int | None
) -> None:
    networks = pair(cell, seeds, **shape)
    x = normal(*([] if seeds is None else [seeds]), 7, 4, 3)
    found = []
    for network in networks:
        output, last = network(x)
        loss = (output * normal(*output.shape)).sum() + sum(part.sum() for part in last)
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        found.append([output, *last, *gradients])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cell", BY_STEP)
def test_gradients_by_distance_are_equal(cell: str, shape: dict[str, object]) -> None:
    both = bool(shape["bidirectional"])
    x, middle = normal(2, 9, 4, 3), 4 if both else None
    grad_loss = normal(2, 4, 10 if both else 5)
    ours, theirs = (
        measure_gradients(network, x, grad_loss, slice(None), middle)
        for network in pair(cell, 2, **shape)
    )
    for one, other in zip(ours, theirs, strict=True):
        assert (one.layer, one.side) == (other.layer, other.side)
        torch.testing.assert_close(one.input_SKB, other.input_SKB, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(one.state_SKB, other.state_SKB, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("cell", BY_STEP)
def test_jacobians_and_exponents_are_equal(cell: str) -> None:
    x = normal(2, 12, 1, 3)
    spectra = [Spectrum(network.traces(x)[0][0].cpu()) for network in pair(cell, 2)]
    ours, theirs = (list(spectrum.walk(3)) for spectrum in spectra)
    for one, other in zip(ours, theirs, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            for mine, same in zip(one[1:], other[1:], strict=True):
                torch.testing.assert_close(mine, same, rtol=1e-9, atol=1e-9)
    exponents = []
    for spectrum in spectra:
        lyapunov = LyapunovExponents(spectrum, lead_in=2, all_steps=6, leading_steps=3)
        assert len([*lyapunov.walk()]) == 11
        exponents.append((lyapunov.exponents_SN, lyapunov.running_SK))
    for mine, same in zip(*exponents, strict=True):
        torch.testing.assert_close(mine, same, rtol=1e-8, atol=1e-8)


# --- Every registered cell

STEP_CELLS = [kind.name for kind in cell_kinds().values() if kind.step_cell is not None]


def network(cell: str, seeds: int | None = None, **shape: object) -> Recurrent:
    architecture = Architecture.model_validate({"cell": cell, "hidden_size": 4, **shape})
    one = torch.Generator().manual_seed(3)
    several = [torch.Generator().manual_seed(3 + seed) for seed in range(seeds or 0)]
    return Recurrent(
        architecture,
        3,
        implementation="equations",
        generators=several if seeds else one,
        dtype=torch.float64,
    )


@pytest.mark.parametrize("cell", every_cell())
def test_seeds_side_by_side_are_the_networks_alone(cell: str) -> None:
    together, x = network(cell, 2), normal(2, 6, 3, 3)
    output, _ = together(x)
    for index, seed in enumerate((3, 4)):
        alone = Recurrent(
            together.architecture,
            3,
            implementation="equations",
            generators=torch.Generator().manual_seed(seed),
            dtype=torch.float64,
        )
        torch.testing.assert_close(output[index], alone(x[index])[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", every_cell())
def test_it_neither_looks_ahead_nor_at_other_sequences(cell: str) -> None:
    model, x = network(cell, layers=2), normal(6, 3, 3)
    output, _ = model(x)
    later = x.clone()
    later[4:] += 1.0
    torch.testing.assert_close(model(later)[0][:4], output[:4], rtol=0, atol=0)
    torch.testing.assert_close(model(x[:, 1:2])[0], output[:, 1:2], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", every_cell())
def test_it_goes_on_from_where_it_stopped(cell: str) -> None:
    model, x = network(cell, layers=2), normal(6, 3, 3)
    output, last = model(x)
    first, state = model(x[:2])
    second, end = model(x[2:], state)
    torch.testing.assert_close(torch.cat([first, second]), output, rtol=1e-12, atol=1e-12)
    for ours, theirs in zip(end, last, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", every_cell())
def test_gradients_pass_gradcheck(cell: str) -> None:
    model = network(cell)
    names = [name for name, _ in model.named_parameters()]

    def run(x: Tensor, *parameters: Tensor) -> Tensor:
        output: Tensor = torch.func.functional_call(
            model, dict(zip(names, parameters, strict=True)), (x,)
        )[0]
        return output

    x = normal(4, 2, 3).requires_grad_()
    assert torch.autograd.gradcheck(run, (x, *model.parameters()))


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("cell", STEP_CELLS)
def test_padding_is_never_read(cell: str, both: bool) -> None:
    model, x = network(cell, layers=2, bidirectional=both), normal(6, 3, 3)
    lengths = torch.tensor([6, 2, 4])
    output, last = model.forward_padded(x, lengths)
    for index, length in enumerate(lengths.tolist()):
        alone, end = model(x[:length, index : index + 1])
        torch.testing.assert_close(output[:length, index : index + 1], alone)
        assert not output[length:, index].any()
        for ours, theirs in zip(last, end, strict=True):
            torch.testing.assert_close(ours[:, index : index + 1], theirs)


SCANS = [k.name for k in cell_kinds().values() if k.step_cell is not None and k.step_cell.has_scan]


@pytest.mark.parametrize("seeds", [None, 2])
@pytest.mark.parametrize("cell", SCANS)
def test_all_steps_at_once_are_the_steps_one_by_one(cell: str, seeds: int | None) -> None:
    """Outputs, last states and every gradient, at lengths that stretches divide and others."""
    for steps in (1, 2, 9, 23):
        model = network(cell, seeds, layers=2, bidirectional=True)
        x = normal(*([] if seeds is None else [seeds]), steps, 3, 3)
        found = []
        for scan in (False, True):
            output, last = model.from_equations(x, scan=scan)
            loss = (output * normal(*output.shape)).sum() + sum(part.sum() for part in last)
            found.append([output, *last, *torch.autograd.grad(loss, list(model.parameters()))])
        for ours, theirs in zip(*found, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


class Operations(TorchDispatchMode):
    """What every operation makes, and whether another one reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[tuple[str, list[Tensor]]] = []
        self.read: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: object, args: Any = (), kwargs: Any = None
    ) -> object:
        self.read |= {id(leaf) for leaf in tree_leaves((args, kwargs))}
        result = func(*args, **(kwargs or {}))
        self.made.append((str(func), tree_leaves(result)))
        return result


@pytest.mark.parametrize("cell", [name for name, kind in cell_kinds().items() if kind.load])
def test_a_step_that_nobody_watches_computes_nothing_in_vain(cell: str) -> None:
    """Every operation is read by another one or returned: latencies are measured in steps."""
    one = cell_kinds()[cell].step_cell
    assert one is not None
    weights = one.initial(3, 4, torch.Generator().manual_seed(0))
    x, state = (
        torch.ones(1, 3).double(),
        tuple(torch.ones(1, size).double() for size in one.states(4).values()),
    )
    p = one.prepared(Parameters(weights))
    with torch.no_grad(), Operations() as counted:
        after = one.step(x, state, p)
        output = one.output(x, after, p)
    used = counted.read | {id(tensor) for tensor in (*after, output)}
    in_vain = [name for name, made in counted.made if not used & {id(part) for part in made}]
    assert in_vain == []
