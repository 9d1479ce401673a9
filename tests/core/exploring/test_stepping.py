"""What happens at every step, against torch.nn's cells, autograd and numpy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy
import pytest
import torch
from torch import Tensor, nn

from core.exploring.exploration import Exploration, ExplorerConfig, steps_taken
from core.exploring.networks import Networks, fresh
from core.exploring.stepping import MOST_JACOBIANS, Stepped

H, T, INPUTS = 4, 6, 3
CELLS: dict[str, dict[str, Any]] = {
    "tanh": {"cell": "rnn", "recurrent_gain": 1.3},
    "relu": {"cell": "rnn", "nonlinearity": "relu"},
    "lstm": {"cell": "lstm", "forget_bias": 1.0},
    "gru": {"cell": "gru", "update_bias": 0.5},
}


def networks(kind: str, **settings: Any) -> Networks:
    asked = {"hidden_size": H, "sequence_length": T, "input_size": INPUTS, "seeds": 2, "seed": 3}
    return fresh(Exploration(ExplorerConfig.from_flat({**asked, **CELLS[kind], **settings})))


def torchs(kind: str, of: Networks) -> nn.RNNCellBase:
    """torch.nn's cell with the weights of the first network."""
    made: dict[str, Any] = {
        "tanh": lambda: nn.RNNCell(INPUTS, H),
        "relu": lambda: nn.RNNCell(INPUTS, H, nonlinearity="relu"),
        "lstm": lambda: nn.LSTMCell(INPUTS, H),
        "gru": lambda: nn.GRUCell(INPUTS, H),
    }
    cell: nn.RNNCellBase = made[kind]().double()
    weights = {name.removesuffix("_l0"): w[0] for name, w in of.model.state_dict().items()}
    cell.load_state_dict(weights)
    return cell


def stepped_by(cell: nn.RNNCellBase, x_I: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """One step of vectors: (h,) or (h, c)."""
    given = state if isinstance(cell, nn.LSTMCell) else state[0]
    found = cell(x_I, given)
    return tuple(found) if isinstance(found, tuple) else (found,)


@torch.no_grad()
def states_by(cell: nn.RNNCellBase, of: Networks) -> list[tuple[Tensor, ...]]:
    """After every step, from zeros on; index 0 is before the first."""
    zeros = torch.zeros(H, dtype=torch.float64)
    states: list[tuple[Tensor, ...]] = [
        (zeros, zeros) if isinstance(cell, nn.LSTMCell) else (zeros,)
    ]
    for x_I in of.x_STBI[0, :, 0]:
        states.append(stepped_by(cell, x_I, states[-1]))
    return states


@pytest.mark.parametrize("kind", CELLS)
def test_states_are_those_of_torchs_cell(kind: str) -> None:
    found, one = networks(kind), Stepped(networks(kind))
    expected = states_by(torchs(kind, found), found)
    for name, place in (("h", 0), ("c", 1))[: len(expected[0])]:
        for step in range(1, T + 1):
            for unit in range(1, H + 1):
                values = one.values(step, unit)
                assert values[name] == pytest.approx(
                    float(expected[step - 1][place][unit - 1]), abs=1e-12
                )
                assert values[f"{name}'"] == pytest.approx(
                    float(expected[step][place][unit - 1]), abs=1e-12
                )


@pytest.mark.parametrize("kind", CELLS)
def test_each_sum_is_w_x_and_u_h_and_the_biases(kind: str) -> None:
    """Written out from torch.nn's weights; the GRU's candidate has its sums apart."""
    found, one = networks(kind), Stepped(networks(kind))
    cell, step, unit = torchs(kind, found), 4, 2
    before = states_by(cell, found)[step - 1][0]
    with torch.no_grad():
        of_x = (cell.weight_ih @ found.x_STBI[0, step - 1, 0]).reshape(-1, H)[:, unit - 1]
        of_h = (cell.weight_hh @ before).reshape(-1, H)[:, unit - 1]
        b_ih, b_hh = (b.detach().reshape(-1, H)[:, unit - 1] for b in (cell.bias_ih, cell.bias_hh))
    x, h, b_x, b_h = (part.tolist() for part in (of_x, of_h, b_ih, b_hh))
    both = [[x[n], h[n], b_x[n] + b_h[n]] for n in range(len(x))]
    expected = {"h": both[0]}
    if kind == "lstm":
        expected = dict(zip("ifgo", both, strict=True))
    if kind == "gru":
        expected = {"r": both[0], "z": both[1], "n": [x[2], b_x[2]], "m": [h[2], b_h[2]]}
    terms = one.terms(step, unit)
    assert set(terms) == set(expected)
    for block, parts in expected.items():
        assert [term.value for term in terms[block]] == pytest.approx(parts, abs=1e-12)
        assert one.values(step, unit)[f"a_{block}"] == pytest.approx(sum(parts), abs=1e-12)


def test_terms_are_named_for_their_block() -> None:
    assert [t.symbol for t in Stepped(networks("lstm")).terms(1, 1)["f"]] == [
        "W_{f} x_t",
        "U_{f} h_{t-1}",
        "b_{f}",
    ]
    of_gru = Stepped(networks("gru")).terms(1, 1)
    assert [t.symbol for t in of_gru["m"]] == ["U_{m} h_{t-1}", "b_{m}"]
    assert [t.symbol for t in of_gru["n"]] == ["W_{n} x_t", "b_{n}"]


@pytest.mark.parametrize("kind", CELLS)
def test_gates_are_the_logistic_function_of_their_sums(kind: str) -> None:
    one = Stepped(networks(kind))
    for equation in one.equations:
        if equation.gate:
            sums = [[one.values(t, u)[f"a_{equation.makes}"] for u in (1, 2)] for t in (1, 2, 3)]
            expected = torch.tensor(sums, dtype=torch.float64).sigmoid()
            torch.testing.assert_close(one.made(equation)[:3, :2], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", CELLS)
def test_singular_values_are_those_of_the_whole_states_jacobian(kind: str) -> None:
    found, one = networks(kind), Stepped(networks(kind))
    cell = torchs(kind, found)
    states = states_by(cell, found)
    for step in (1, 3, T):
        x_I, count = found.x_STBI[0, step - 1, 0], len(states[0])

        def flat_step(flat: Tensor, x_I: Tensor = x_I, count: int = count) -> Tensor:
            return torch.cat(stepped_by(cell, x_I, flat.chunk(count)))

        whole = torch.cat(states[step - 1])
        jacobian: Tensor = torch.autograd.functional.jacobian(flat_step, whole)  # type: ignore[no-untyped-call]
        expected = numpy.linalg.svd(jacobian.numpy(), compute_uv=False)
        rows = one.spectrum_rows(step)
        assert [row.singular_value for row in rows] == pytest.approx(expected.tolist(), abs=1e-12)
        assert [row.index for row in rows] == list(range(1, count * H + 1))


def test_the_largest_are_taken_at_every_step_of_a_short_sequence() -> None:
    one = Stepped(networks("lstm"))
    rows = one.largest_rows(always=2)
    assert [row.step for row in rows] == list(range(1, T + 1))
    for row in rows:
        assert row.largest_singular_value == one.spectrum_rows(row.step)[0].singular_value


@pytest.mark.parametrize("always", [1, 2, 57, 120])
def test_of_a_long_sequence_some_are_taken_and_always_the_one_looked_at(always: int) -> None:
    rows = Stepped(networks("gru", sequence_length=120, hidden_size=2)).largest_rows(always)
    steps = [row.step for row in rows]
    assert always in steps
    assert steps == sorted(set(steps))
    assert len(steps) <= MOST_JACOBIANS + 1
    assert set(steps) - {always} <= set(range(1, 121, 3))


def test_steps_are_spaced_evenly_and_never_more_than_asked() -> None:
    for steps in range(1, 130):
        found = list(steps_taken(steps, 50, 1))
        assert len(found) <= 50
        assert found[0] == 1
        assert len({b - a for a, b in itertools.pairwise(found)}) <= 1


def test_norms_and_values_are_those_of_every_equation() -> None:
    one = Stepped(networks("lstm"))
    norms, values = one.norm_rows(), list(one.value_rows())
    assert len(norms) == 6 * T
    assert len(values) == 6 * T * H
    for row in norms:
        mine = [v.value for v in values if (v.step, v.part) == (row.step, row.part)]
        assert row.norm == pytest.approx(float(numpy.linalg.norm(mine)), abs=1e-12)


def test_tokens_stand_beside_the_steps_that_read_them() -> None:
    config = ExplorerConfig.from_flat({"cell": "gru", "hidden_size": 1, "seeds": 1})
    one = Stepped(fresh(Exploration(config, "ab a")))
    assert [row.token for row in one.value_rows()][:4] == ["a", "b", "␣", "a"]
    assert one.steps == 4
