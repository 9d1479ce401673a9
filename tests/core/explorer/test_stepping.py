"""Every step against torch.nn's cells, autograd and numpy; calculations end in the value."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy
import pytest
import torch
from torch import Tensor, nn

from core.explorer.exploration import Exploration, ExplorerConfig
from core.explorer.networks import Networks, fresh_networks
from core.explorer.results import MAX_ROWS
from core.explorer.stepping import (
    MAX_JACOBIANS,
    SteppedCell,
    Term,
    calculation,
    calculations,
    number,
    symbol,
    without_brackets,
)
from core.models.layer import Equation

H, T, INPUTS = 4, 6, 3

CELLS: dict[str, dict[str, Any]] = {
    "tanh": {"cell": "rnn", "recurrent_gain": 1.3},
    "relu": {"cell": "rnn", "nonlinearity": "relu"},
    "lstm": {"cell": "lstm", "forget_bias": 1.0},
    "gru": {"cell": "gru", "update_bias": 0.5},
}


def networks(kind: str, **settings: Any) -> Networks:
    defaults = {"hidden_size": H, "sequence_length": T, "input_size": INPUTS, "seeds": 2, "seed": 3}
    return fresh_networks(
        Exploration(ExplorerConfig.from_flat({**defaults, **CELLS[kind], **settings}))
    )


def torchs(kind: str, of: Networks) -> nn.RNNCellBase:
    """torch.nn's cell with the weights of the first network."""
    constructors: dict[str, Any] = {
        "tanh": lambda: nn.RNNCell(INPUTS, H),
        "relu": lambda: nn.RNNCell(INPUTS, H, nonlinearity="relu"),
        "lstm": lambda: nn.LSTMCell(INPUTS, H),
        "gru": lambda: nn.GRUCell(INPUTS, H),
    }
    cell: nn.RNNCellBase = constructors[kind]().double()
    weights = {name.removesuffix("_l0"): w[0] for name, w in of.model.state_dict().items()}
    cell.load_state_dict(weights)
    return cell


def stepped_by(cell: nn.RNNCellBase, x_I: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """One step of vectors: (h,) or (h, c)."""
    given = state if isinstance(cell, nn.LSTMCell) else state[0]
    result = cell(x_I, given)
    return tuple(result) if isinstance(result, tuple) else (result,)


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
    nets, one = networks(kind), SteppedCell(networks(kind))
    expected = states_by(torchs(kind, nets), nets)
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
    nets, one = networks(kind), SteppedCell(networks(kind))
    cell, step, unit = torchs(kind, nets), 4, 2
    before = states_by(cell, nets)[step - 1][0]
    with torch.no_grad():
        of_x = (cell.weight_ih @ nets.x_STBI[0, step - 1, 0]).reshape(-1, H)[:, unit - 1]
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
    assert [t.symbol for t in SteppedCell(networks("lstm")).terms(1, 1)["f"]] == [
        "W_{f} x_t",
        "U_{f} h_{t-1}",
        "b_{f}",
    ]
    of_gru = SteppedCell(networks("gru")).terms(1, 1)
    assert [t.symbol for t in of_gru["m"]] == ["U_{m} h_{t-1}", "b_{m}"]
    assert [t.symbol for t in of_gru["n"]] == ["W_{n} x_t", "b_{n}"]


@pytest.mark.parametrize("kind", CELLS)
def test_gates_are_the_logistic_function_of_their_sums(kind: str) -> None:
    one = SteppedCell(networks(kind))
    for equation in one.equations:
        if equation.gate:
            sums = [[one.values(t, u)[f"a_{equation.makes}"] for u in (1, 2)] for t in (1, 2, 3)]
            expected = torch.tensor(sums, dtype=torch.float64).sigmoid()
            assert one.result(equation)[:3, :2] == pytest.approx(expected.numpy(), rel=0, abs=1e-12)


@pytest.mark.parametrize("kind", CELLS)
def test_singular_values_are_those_of_the_whole_states_jacobian(kind: str) -> None:
    nets, one = networks(kind), SteppedCell(networks(kind))
    cell = torchs(kind, nets)
    states = states_by(cell, nets)
    for step in (1, 3, T):
        x_I, count = nets.x_STBI[0, step - 1, 0], len(states[0])

        def flat_step(flat: Tensor, x_I: Tensor = x_I, count: int = count) -> Tensor:
            return torch.cat(stepped_by(cell, x_I, flat.chunk(count)))

        whole = torch.cat(states[step - 1])
        jacobian: Tensor = torch.autograd.functional.jacobian(flat_step, whole)  # type: ignore[no-untyped-call]
        expected = numpy.linalg.svd(jacobian.numpy(), compute_uv=False)
        rows = one.spectrum_rows(step)
        assert [row.singular_value for row in rows] == pytest.approx(expected.tolist(), abs=1e-12)
        assert [row.index for row in rows] == list(range(1, count * H + 1))


def test_the_largest_are_taken_at_every_step_of_a_short_sequence() -> None:
    one = SteppedCell(networks("lstm"))
    rows = one.largest_rows(always=2)
    assert [row.step for row in rows] == list(range(1, T + 1))
    for row in rows:
        assert row.largest_singular_value == one.spectrum_rows(row.step)[0].singular_value


@pytest.mark.parametrize("always", [1, 2, 57, 120])
def test_of_a_long_sequence_some_are_taken_and_always_the_one_looked_at(always: int) -> None:
    rows = SteppedCell(networks("gru", sequence_length=120, hidden_size=2)).largest_rows(always)
    steps = [row.step for row in rows]
    assert always in steps
    assert steps == sorted(set(steps))
    assert len(steps) <= MAX_JACOBIANS + 1
    assert set(steps) - {always} <= set(range(1, 121, 3))


def test_norms_and_values_are_those_of_every_equation() -> None:
    one = SteppedCell(networks("lstm"))
    norms, values = one.shown().norm_rows(), list(one.shown().value_rows())
    assert len(norms) == 6 * T
    assert len(values) == 6 * T * H
    for row in norms:
        mine = [v.value for v in values if (v.step, v.part) == (row.step, row.part)]
        assert row.norm == pytest.approx(float(numpy.linalg.norm(mine)), abs=1e-12)


def test_a_unit_that_the_map_leaves_out_has_its_numbers_all_the_same() -> None:
    units = MAX_ROWS + 2
    one = SteppedCell(networks("lstm", hidden_size=units, sequence_length=3))
    assert one.parts[0].values_TN.shape == (3, MAX_ROWS)
    assert one.parts[0].summary == f"numbers 1 to {MAX_ROWS} of {units}"
    assert one.values(2, units).keys() == one.values(2, 1).keys() >= {"f", "c", "c'", "h'", "a_f"}
    for line, equation in zip(calculations(one, 2, units), one.equations, strict=True):
        assert line.count("&=") > 2  # symbols, numbers, value
        value = without_brackets(number(float(one.result(equation)[1, units - 1])))
        assert line.endswith(rf"&= {value} \end{{aligned}}")
    rows = list(one.shown().value_rows())
    assert len(rows) == 6 * 3 * units
    assert {row.part for row in rows} == {equation.title for equation in one.equations}


def test_tokens_stand_beside_the_steps_that_read_them() -> None:
    config = ExplorerConfig.from_flat({"cell": "gru", "hidden_size": 1, "seeds": 1})
    one = SteppedCell(fresh_networks(Exploration(config, "ab a")))
    assert [row.token for row in one.shown().value_rows()][:4] == ["a", "b", "␣", "a"]
    assert one.steps == 4


@pytest.mark.parametrize("kind", ["tanh", "lstm", "gru"])
def test_every_calculation_ends_in_the_value_that_the_cell_made(kind: str) -> None:
    one = SteppedCell(networks(kind))
    for step in (1, 5):
        for unit in (1, 3):
            lines = list(calculations(one, step, unit))
            assert len(lines) == len(one.equations)
            for line, equation in zip(lines, one.equations, strict=True):
                value = float(one.result(equation)[step - 1, unit - 1])
                last = line.removesuffix(r" \end{aligned}").rsplit("&= ", 1)[1]
                assert float(last) == pytest.approx(value, abs=5e-4)
                assert line.startswith(rf"\begin{{aligned}} {equation.makes.rstrip(chr(39))}_t &= ")


@pytest.mark.parametrize("kind", ["tanh", "lstm", "gru"])
def test_the_numbers_of_a_calculation_come_to_its_value(kind: str) -> None:
    """The last line but one, evaluated by hand, to the three decimals that are shown."""
    one = SteppedCell(networks(kind))
    for line, equation in zip(calculations(one, 4, 2), one.equations, strict=True):
        text = line.removesuffix(r" \end{aligned}").rsplit("&= ", 2)[1].removesuffix(r" \\ ")
        text = re.sub(r"\\tanh", "tanh", text)
        text = re.sub(r"\\sigma", "sigma", text).replace(r"\cdot", "*")
        value = eval(  # our own arithmetic
            text, {"tanh": math.tanh, "sigma": lambda a: 1 / (1 + math.exp(-a))}
        )
        assert value == pytest.approx(float(one.result(equation)[3, 1]), abs=2e-3)


def test_a_calculation_goes_from_symbols_to_the_value() -> None:
    forget = Equation("f", r"\sigma({a_f})", "Forget gate", gate=True)
    terms = {"f": [Term("W_{f} x_t", 0.5), Term("U_{f} h_{t-1}", -0.25), Term("b_{f}", 0.25)]}
    values = {"f": 0.622459, "a_f": 0.5}
    assert calculation(forget, values, terms, ("h", "c")) == (
        r"\begin{aligned} f_t &= \sigma(W_{f} x_t + U_{f} h_{t-1} + b_{f})"
        r" \\ &= \sigma(0.500 - 0.250 + 0.250)"
        r" \\ &= \sigma(0.500)"
        r" \\ &= 0.622 \end{aligned}"
    )


def test_a_new_state_is_made_of_gates_and_the_old_state() -> None:
    cell = Equation("c'", r"{f} \odot {c} + {i} \odot {g}", "Cell state")
    values = {"f": 0.5, "c": -1.0, "i": 0.25, "g": -2.0, "c'": -1.0}
    assert calculation(cell, values, {}, ("h", "c")) == (
        r"\begin{aligned} c_t &= f_t \odot c_{t-1} + i_t \odot g_t"
        r" \\ &= 0.500 \cdot (-1.000) + 0.250 \cdot (-2.000)"
        r" \\ &= -1.000 \end{aligned}"
    )


def test_a_line_that_says_the_same_again_is_left_out() -> None:
    plain = Equation("m", "{a_m}", "Read")
    lines = calculation(plain, {"m": 0.5, "a_m": 0.5}, {"m": [Term("b_{m}", 0.5)]}, ("h",))
    assert lines == r"\begin{aligned} m_t &= b_{m} \\ &= 0.500 \end{aligned}"


@pytest.mark.parametrize(
    ("name", "latex"),
    [("f", "f_t"), ("h", "h_{t-1}"), ("h'", "h_t"), ("c", "c_{t-1}"), ("n", "n_t")],
)
def test_symbols_say_which_step(name: str, latex: str) -> None:
    assert symbol(name, ("h", "c")) == latex


@pytest.mark.parametrize(
    ("value", "latex"),
    [
        (0.0, "0.000"),
        (0.6274, "0.627"),
        (-0.6274, "(-0.627)"),
        (-0.00049, r"(-4.90 \cdot 10^{-4})"),
        (5e-4, "0.001"),
        (9999.0, "9999.000"),
        (12345.0, r"1.23 \cdot 10^{4}"),
        (1e-300, r"1.00 \cdot 10^{-300}"),
        (float("nan"), r"\mathrm{NaN}"),
        (float("inf"), r"\infty"),
        (float("-inf"), r"(-\infty)"),
    ],
)
def test_numbers_have_three_decimals_or_a_power_of_ten(value: float, latex: str) -> None:
    assert number(value) == latex


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("(-0.2)", "-0.2"),
        ("0.1 + (-0.2)", "0.1 - 0.2"),
        ("(-0.1) + (-0.2)", "-0.1 - 0.2"),
        (r"0.1 \cdot (-0.2)", r"0.1 \cdot (-0.2)"),
        (r"(-0.2) + (-0.1) \cdot (-0.3)", r"-0.2 - 0.1 \cdot (-0.3)"),
        (r"(1 - (-0.2)) \cdot 0.5", r"(1 - (-0.2)) \cdot 0.5"),
        (r"\tanh((-0.5))", r"\tanh(-0.5)"),
        (r"\sigma((-0.5) + (-0.25))", r"\sigma(-0.5 - 0.25)"),
        (r"0.5 + (-1.00 \cdot 10^{-4})", r"0.5 - 1.00 \cdot 10^{-4}"),
        (r"\tanh(0.5)", r"\tanh(0.5)"),
    ],
)
def test_brackets_stand_only_where_they_are_needed(text: str, shown: str) -> None:
    assert without_brackets(text) == shown
